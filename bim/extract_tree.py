"""Which product hangs on which: one pass over the relations of an IFC file.

A parent is, in this order: what a part is aggregated or nested in, the spatial structure that
contains it, the element whose opening it fills or on which it lies. Products that are no rows
(openings …) are walked through, so a row's parent is always a row.
"""

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import ifcopenshell

from bim.extract_entities import entities, entity
from bim.normalise_guids import is_row_class
from bim.rows import Role

# Relation, position of the whole, position of the part or parts; earlier ones win.
_RELATIONS = (
    ("IfcRelAggregates", 4, 5),
    ("IfcRelNests", 4, 5),
    ("IfcRelContainedInSpatialStructure", 5, 4),
    ("IfcRelVoidsElement", 4, 5),
    ("IfcRelFillsElement", 4, 5),
    ("IfcRelAdheresToElement", 4, 5),
)
_ROLES = (  # the first class that a product is one of tells its role
    ("IfcProject", Role.PROJECT),
    ("IfcSite", Role.SITE),
    ("IfcBuildingStorey", Role.STOREY),
    ("IfcBuilding", Role.BUILDING),  # before IfcFacility: in IFC4X3 it is one
    ("IfcSpace", Role.SPACE),
    ("IfcSpatialZone", Role.SPACE),
    ("IfcExternalSpatialStructureElement", Role.SPACE),
    ("IfcFacility", Role.FACILITY),
    ("IfcFacilityPart", Role.FACILITY),
    ("IfcProduct", Role.ELEMENT),
)
_WHOLES = (Role.SITE, Role.BUILDING, Role.FACILITY, Role.STOREY)


@cache
def role_of(schema: str, ifc_class: str) -> Role | None:
    """Return the role of a class, None for what is no row (openings, grids, ports …)."""
    if not is_row_class(ifc_class) and ifc_class != "IfcProject":
        return None
    declaration: Any = ifcopenshell.schema_by_name(schema).declaration_by_name(ifc_class)
    above = set()
    while declaration is not None:
        above.add(declaration.name())
        declaration = declaration.supertype()
    return next((role for name, role in _ROLES if name in above), None)


class Tree:
    """Parents and storeys by step id. ``roles`` holds every row; the project is ``root``."""

    def __init__(self, model: Any, root: int, roles: Mapping[int, Role]) -> None:
        self._roles = roles
        self._root = root
        self._above: dict[int, int] = {}
        self.twice: list[int] = []
        self.loose: list[int] = []
        for name, whole, parts in _RELATIONS:
            self._read(model, name, whole, parts)
        self._hooks = self._make_hooks()
        self._parents: dict[int, int | None] = {root: None}

    def parent(self, step_id: int) -> int | None:
        """Return the row above; a loose one hangs on the building, else site, else project."""
        if step_id not in self._parents:
            above = self._row_above(step_id)
            if above is None:
                above = self._hook(self._roles[step_id])
                self.loose.append(step_id)
            self._parents[step_id] = above
        return self._parents[step_id]

    def storey(self, step_id: int) -> int | None:
        """Return the nearest storey above (not itself)."""
        seen = {step_id}
        above = self.parent(step_id)
        while above is not None and above not in seen:
            if self._roles[above] is Role.STOREY:
                return above
            seen.add(above)
            above = self.parent(above)
        return None

    def _read(self, model: Any, name: str, whole: int, parts: int) -> None:
        try:
            relations = model.by_type(name, include_subtypes=False)
        except RuntimeError:  # this schema has no such relation
            return
        found: dict[int, int] = {}
        for relation in relations:
            above = entity(relation[whole])
            if above is None:
                continue
            for part in entities(relation[parts]):
                if found.setdefault(part.id(), above.id()) != above.id():
                    self.twice.append(part.id())
        self._above = found | self._above

    def _row_above(self, step_id: int) -> int | None:
        seen = {step_id}
        above = self._above.get(step_id)
        while above is not None and above not in seen:
            if above in self._roles:
                return above
            seen.add(above)
            above = self._above.get(above)
        return None

    def _make_hooks(self) -> dict[Role, int]:
        """Return for each role the one row that has it; several are no hook."""
        count = Counter(self._roles.values())
        return {
            role: step_id
            for step_id, role in self._roles.items()
            if role in _WHOLES and count[role] == 1
        }

    def _hook(self, role: Role) -> int:
        """Return what a loose row of ``role`` hangs on: never a row of its own rank or below."""
        ranks = {
            Role.SITE: (),
            Role.BUILDING: (Role.SITE,),
            Role.FACILITY: (Role.SITE,),
        }.get(role, (Role.BUILDING, Role.FACILITY, Role.SITE))
        return next((self._hooks[rank] for rank in ranks if rank in self._hooks), self._root)
