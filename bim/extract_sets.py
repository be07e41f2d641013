"""Property sets and quantities of every product in one pass over the relations.

Each definition is read once and shared. What a type says holds for its occurrences unless they say
it themselves (IfcTypeObject.HasPropertySets; the occurrence's own value wins, name by name).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ifcopenshell import entity_instance

from bim.extract_entities import entities, entity
from bim.extract_units import Units
from bim.extract_values import plain, properties, quantities

Sets = Mapping[str, Mapping[str, Any]]
_FIRST_OWN_ATTRIBUTE = 4  # of IfcPropertySetDefinition, behind the four of IfcRoot


@dataclass(frozen=True, slots=True)
class Definitions:
    """What is said of one product, or of one type."""

    psets: Sets = field(default_factory=dict)
    quantities: Sets = field(default_factory=dict)


class SetsReader:
    """Property sets by product step id."""

    def __init__(self, model: Any, units: Units) -> None:
        self._units = units
        self._definitions: dict[int, tuple[bool, str, dict[str, Any]]] = {}
        self._types: dict[int, Definitions] = {}
        self._own: dict[int, list[Any]] = defaultdict(list)
        self.type_of: dict[int, Any] = {}
        for relation in model.by_type("IfcRelDefinesByProperties"):
            definitions = _flat(relation[5])
            for thing in entities(relation[4]):
                self._own[thing.id()].extend(definitions)
        for relation in model.by_type("IfcRelDefinesByType"):
            its_type = entity(relation[5], "IfcTypeObject")
            for thing in entities(relation[4]) if its_type is not None else ():
                self.type_of[thing.id()] = its_type

    def of(self, step_id: int) -> Definitions:
        """Return the sets of a product with those of its type."""
        own = self._collected(self._own.get(step_id, ()))
        its_type = self.type_of.get(step_id)
        if its_type is None:
            return own
        inherited = self._of_type(its_type)
        return Definitions(
            _overlaid(inherited.psets, own.psets),
            _overlaid(inherited.quantities, own.quantities),
        )

    def _of_type(self, its_type: Any) -> Definitions:
        key = its_type.id()
        if key not in self._types:
            self._types[key] = self._collected(entities(its_type[5]))
        return self._types[key]

    def _collected(self, definitions: Iterable[Any]) -> Definitions:
        psets: dict[str, Mapping[str, Any]] = {}
        measured: dict[str, Mapping[str, Any]] = {}
        for definition in definitions:
            is_quantity, name, values = self._read(definition)
            target = measured if is_quantity else psets
            target[name] = {**target[name], **values} if name in target else values
        return Definitions(psets, measured)

    def _read(self, definition: Any) -> tuple[bool, str, dict[str, Any]]:
        key = definition.id()
        if key not in self._definitions:
            self._definitions[key] = self._read_once(definition)
        return self._definitions[key]

    def _read_once(self, definition: Any) -> tuple[bool, str, dict[str, Any]]:
        name = str(definition[2] or definition.is_a())
        if definition.is_a("IfcPropertySet"):
            return False, name, properties(definition[4], self._units)
        if definition.is_a("IfcElementQuantity"):
            return True, name, quantities(definition[5], self._units)
        # IfcDoorLiningProperties and the like: fixed attributes instead of properties.
        own = range(_FIRST_OWN_ATTRIBUTE, len(definition))
        values = {definition.attribute_name(i): plain(definition[i]) for i in own}
        return False, definition.is_a(), {k: v for k, v in values.items() if v is not None}


def _flat(definition: Any) -> list[Any]:
    """Return the definitions of IfcPropertySetDefinitionSelect (IFC4 allows a set of them)."""
    if not isinstance(definition, entity_instance):
        return []
    found = [definition] if definition.id() else entities(definition[0])
    return [item for item in found if item.is_a("IfcPropertySetDefinition")]


def _overlaid(below: Sets, above: Sets) -> Sets:
    if not below:
        return above
    merged = dict(below)
    for name, values in above.items():
        merged[name] = {**merged[name], **values} if name in merged else values
    return merged
