"""What things are classified as: IfcRelAssociatesClassification of products and types, in one pass.

A statement is {"system", "edition", "source", "code", "name", "location", "above"}: the code and
name of the reference, of the IfcClassification that its sources lead up to ("GB/T 51269", "2017"),
and the references between, nearest first. What the file does not say is absent. A reference that
leads to no system is of the one that IfcProject is associated with, if it is with one; then it says
{"system_from": "project"}. A thing may be associated with a system alone.
"""

from collections.abc import Mapping
from typing import Any

from bim.extract_entities import entities, entity
from bim.extract_materials import associated, text, told

Statement = Mapping[str, Any]
ABOVE_MAX = 64  # references between a code and its system; the tables of the trade have 4 or 5


class Classes:
    """Classifications by the step id of products; a system's codes override its type's."""

    def __init__(self, model: Any, project: int, type_of: Mapping[int, Any]) -> None:
        self._own = associated(model, "IfcRelAssociatesClassification")
        self._type_of = type_of
        self._known: dict[int, tuple[int, Statement]] = {}
        systems = {item.id(): item for item in map(_system, self._own.get(project, ())) if item}
        self._usual = next(iter(systems.values())) if len(systems) == 1 else None

    def of(self, step_id: int) -> tuple[Statement, ...]:
        """Return the product's classifications, then its type's of other systems."""
        own = self._told(self._own.get(step_id, ()))
        its_type = self._type_of.get(step_id)
        inherited = self._told(self._own.get(its_type.id(), ())) if its_type is not None else {}
        systems = {system for system, _ in own.values()}
        kept = {key: said for key, said in inherited.items() if said[0] not in systems}
        return tuple(statement for _, statement in (own | kept).values())

    def _told(self, items: Any) -> dict[int, tuple[int, Statement]]:
        """Return (step id of the system or 0, statement) by the step id of what is associated."""
        for item in items:
            if item.id() not in self._known:
                self._known[item.id()] = self._read(item)
        return {item.id(): self._known[item.id()] for item in items}

    def _read(self, item: Any) -> tuple[int, Statement]:
        above, system = _above(item)
        own = {} if item.is_a("IfcClassification") else _reference(item)
        chain = [told(_reference(reference)) for reference in above]
        if system is not None:
            return system.id(), told({**_of_system(system), **own, "above": chain})
        usual = {} if self._usual is None else _of_system(self._usual)
        lent = {**usual, "system_from": "project"} if usual else {}
        return 0, told({**lent, **own, "above": chain})


def _above(item: Any) -> tuple[list[Any], Any]:
    """Return the references above an item, nearest first, and the system (or None)."""
    above: list[Any] = []
    while item is not None and not item.is_a("IfcClassification"):
        source = getattr(item, "ReferencedSource", None)
        item = entity(source, "IfcClassification") or entity(source, "IfcClassificationReference")
        if item is not None and item.is_a("IfcClassificationReference"):
            above.append(item)
        if len(above) > ABOVE_MAX:
            return above[:ABOVE_MAX], None
    return above, item


def _system(item: Any) -> Any:
    return _above(item)[1]


def _of_system(system: Any) -> dict[str, Any]:
    """Source, Edition and Name stand at the same places in all schemas."""
    return {"system": text(system[3]), "edition": text(system[1]), "source": text(system[0])}


def _reference(item: Any) -> dict[str, Any]:
    """Return location, code and name (ItemReference in IFC2X3, Identification since IFC4)."""
    if not item.is_a("IfcClassificationReference"):  # IFC2X3: IfcClassificationNotation
        facets = entities(getattr(item, "NotationFacets", ()))
        return {"code": "".join(text(facet[0]) for facet in facets)}
    return {"location": text(item[0]), "code": text(item[1]), "name": text(item[2])}
