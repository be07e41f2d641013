"""An open file as the rules see it: instances by class, relations from the child's side.

Relations are read once and kept by name: asking each element for its inverse attributes costs 140
microseconds an element, most of it for attributes that its class has not (measured, 1,978 windows).
"""

from functools import cached_property
from typing import Any

from bim.extract_entities import MALFORMED, entities

Links = dict[int, list[Any]]

# The inverse attribute: relation, its child's side, its other side.
_LINKS = {
    "Decomposes": ("IfcRelAggregates", "RelatedObjects", "RelatingObject"),
    "Nests": ("IfcRelNests", "RelatedObjects", "RelatingObject"),
    "ContainedInStructure": (
        *("IfcRelContainedInSpatialStructure", "RelatedElements", "RelatingStructure"),
    ),
    "ReferencedInStructures": (
        *("IfcRelReferencedInSpatialStructure", "RelatedElements", "RelatingStructure"),
    ),
    "AdheresToElement": ("IfcRelAdheresToElement", "RelatedSurfaceFeatures", "RelatingElement"),
    "VoidsElements": (*("IfcRelVoidsElement", "RelatedOpeningElement", "RelatingBuildingElement"),),
    "ProjectsElements": ("IfcRelProjectsElement", "RelatedFeatureElement", "RelatingElement"),
    "PositionedRelativeTo": ("IfcRelPositions", "RelatedProducts", "RelatingPositioningElement"),
}


class Case:
    """An open file and the schema its header declared (before an alias was set, where one was)."""

    def __init__(self, model: Any, declared_schema: str) -> None:
        self.model = model
        self.declared_schema = declared_schema
        self._links: dict[str, Links] = {}

    @cached_property
    def family(self) -> str:
        """Return IFC2X3, IFC4 or IFC4X3, whatever the addendum; "" for another."""
        schema = str(self.model.schema_identifier).upper()
        return next((f for f in ("IFC2X3", "IFC4X3", "IFC4") if schema.startswith(f)), "")

    def all(self, ifc_class: str, *, exactly: bool = False) -> list[Any]:
        """Return the instances of a class and those below it; [] where the schema has none."""
        try:
            return list(self.model.by_type(ifc_class, include_subtypes=not exactly))
        except RuntimeError:
            return []

    def links(self, name: str) -> Links:
        """Return child's step id → what it is related to, by the inverse attribute's name.

        In IFC2X3 Decomposes is nesting, too, and Nests is not there.
        """
        if name not in self._links:
            relation, child, other = _LINKS[name]
            if self.family == "IFC2X3" and name in {"Decomposes", "Nests"}:
                relation = "IfcRelDecomposes" if name == "Decomposes" else ""
            self._links[name] = self._read(relation, child, other) if relation else {}
        return self._links[name]

    def linked(self, entity: Any, name: str) -> list[Any]:
        """Return what one instance is related to by the inverse attribute's name."""
        return self.links(name).get(entity.id(), [])

    def _read(self, relation: str, child: str, other: str) -> Links:
        links: Links = {}
        for rel in self.all(relation):
            # A relation to what is no entity is one: the place it names is only of no use.
            others = entities(_attribute(rel, other)) or [rel]
            for entity in entities(_attribute(rel, child)):
                links.setdefault(entity.id(), []).extend(others)
        return links


def _attribute(rel: Any, name: str) -> Any:
    try:
        return getattr(rel, name)
    except MALFORMED:
        return None
