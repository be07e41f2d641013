"""Names, property sets, materials and relations of a demo model, written the same way every time.

GlobalIds are UUIDv5 of the model's name and the thing's key; equal property sets and materials
are written once; relations are grouped and written at the end, in the order of first use.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

import ifcopenshell

from bim.demo_shapes import Entity
from identity import ifcguid

NAMESPACE = UUID("5f0c3a52-7c8e-5c0b-9a6d-77616e777531")  # ours, fixed for ever

Facts = Mapping[str, Mapping[str, Any]]
"""Set name → property → value; a quantity is ("Area" | "Length" | "Volume", value)."""

_MEASURES = {bool: "IfcBoolean", int: "IfcInteger", float: "IfcReal", str: "IfcLabel"}
_ENDS = {
    "IfcRelAggregates": ("RelatingObject", "RelatedObjects"),
    "IfcRelContainedInSpatialStructure": ("RelatingStructure", "RelatedElements"),
    "IfcRelDefinesByProperties": ("RelatingPropertyDefinition", "RelatedObjects"),
    "IfcRelDefinesByType": ("RelatingType", "RelatedObjects"),
    "IfcRelAssociatesMaterial": ("RelatingMaterial", "RelatedObjects"),
    "IfcRelVoidsElement": ("RelatingBuildingElement", "RelatedOpeningElement"),
    "IfcRelFillsElement": ("RelatingOpeningElement", "RelatedBuildingElement"),
}
_PAIRS = ("IfcRelVoidsElement", "IfcRelFillsElement")  # one to one, never grouped


class Book:
    """The book-keeping of one file; ``length_per_m`` turns lengths of quantities into its unit."""

    def __init__(self, file: ifcopenshell.file, model: str, length_per_m: float) -> None:
        self.file = file
        self._model = model
        self._per_m = length_per_m
        self._uses: dict[str, int] = {}
        self._sets: dict[str, Entity] = {}
        self._materials: dict[str, Entity] = {}
        self._relations: dict[tuple[str, int, int], tuple[Entity, list[Entity]]] = {}

    def rooted(self, kind: str, scope: str, name: str, **attributes: Any) -> Entity:
        """Return a new named thing; repeated (kind, scope, name) get GlobalIds of their own."""
        guid = self._guid(f"{kind}/{scope}/{name}")
        return self.file.create_entity(kind, GlobalId=guid, Name=name, **attributes)

    def relate(self, kind: str, one: Entity, other: Entity) -> None:
        """Note that ``one`` relates to ``other``; see ``_ENDS`` for the directions."""
        alone = other.id() if kind in _PAIRS else 0
        self._relations.setdefault((kind, one.id(), alone), (one, []))[1].append(other)

    def describe(
        self, product: Entity, facts: Facts | None, material: str | None, style: Entity | None
    ) -> None:
        """Give a product its sets, its material and its type."""
        for name, values in (facts or {}).items():
            self.relate("IfcRelDefinesByProperties", self.set(name, values), product)
        if material:
            self.relate("IfcRelAssociatesMaterial", self._material(material), product)
        if style is not None:
            self.relate("IfcRelDefinesByType", style, product)

    def set(self, name: str, values: Mapping[str, Any]) -> Entity:
        """Return the property or quantity set with these values, made once."""
        key = json.dumps([name, values], ensure_ascii=False)
        if key not in self._sets:
            quantities = all(isinstance(value, tuple) for value in values.values())
            make = self._quantity if quantities else self._property
            kind = "IfcElementQuantity" if quantities else "IfcPropertySet"
            ends = {"Quantities" if quantities else "HasProperties": self._all(make, values)}
            guid = self._guid(f"{kind}/{key}")
            self._sets[key] = self.file.create_entity(kind, GlobalId=guid, Name=name, **ends)
        return self._sets[key]

    def finish(self) -> None:
        """Write the relations noted so far."""
        for (kind, _, alone), (one, many) in self._relations.items():
            relating, related = _ENDS[kind]
            ends = {relating: one, related: many[0] if alone else many}
            anchor = getattr(one, "GlobalId", None) or one.Name
            guid = self._guid(f"{kind}/{anchor}/{many[0].GlobalId}")
            self.file.create_entity(kind, GlobalId=guid, **ends)
        self._relations.clear()

    def _all(self, make: Any, values: Mapping[str, Any]) -> list[Entity]:
        return [make(name, value) for name, value in values.items()]

    def _property(self, name: str, value: Any) -> Entity:
        measure = self.file.create_entity(_MEASURES[type(value)], value)
        return self.file.create_entity("IfcPropertySingleValue", Name=name, NominalValue=measure)

    def _quantity(self, name: str, value: tuple[str, float]) -> Entity:
        kind, number = value
        scaled = round(number * self._per_m, 6) if kind == "Length" else number
        return self.file.create_entity(
            f"IfcQuantity{kind}", Name=name, **{f"{kind}Value": float(scaled)}
        )

    def _material(self, name: str) -> Entity:
        if name not in self._materials:
            self._materials[name] = self.file.create_entity("IfcMaterial", name)
        return self._materials[name]

    def _guid(self, key: str) -> str:
        use = self._uses[key] = self._uses.get(key, 0) + 1
        return ifcguid.from_uuid(uuid5(NAMESPACE, f"{self._model}/{key}/{use}"))
