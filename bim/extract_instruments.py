"""What an IFC file says its sensors, controllers, actuators and alarms are for: relations only.

In IFC2X3 an occurrence is a plain IfcDistributionControlElement and its type (IfcSensorType …)
tells which it is. Ports (IfcRelConnectsPorts…) are not followed: they say what signals go where,
not what is observed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from bim.extract_entities import MALFORMED, entities, entity
from bim.extract_tree import Tree
from bim.rows import Instrument

CONTROL = "IfcDistributionControlElement"
# Relation, position of what is served or referenced in, position of the control elements.
_SERVES = (("IfcRelFlowControlElements", 5, 4), ("IfcRelAssignsToProduct", 6, 4))
_SEEN_IN = (("IfcRelReferencedInSpatialStructure", 5, 4),)


def instruments(
    model: Any, guids: Mapping[int, str], tree: Tree, type_of: Mapping[int, Any]
) -> list[Instrument]:
    """Return the control elements by step id; ``guids`` of the rows, ``type_of`` by step id."""
    found = sorted(i.id() for i in model.by_type(CONTROL) if i.id() in guids)
    if not found:
        return []
    serves, seen_in = _ends(model, _SERVES, guids), _ends(model, _SEEN_IN, guids)
    loose = set(tree.loose)
    return [
        Instrument(
            guids[step_id],
            sort_of(model.by_id(step_id), type_of.get(step_id)),
            _point(model.by_id(step_id)),
            tuple(serves[step_id]),
            tuple(seen_in[step_id]),
            None if step_id in loose else _guid(tree.parent(step_id), guids),
        )
        for step_id in found
    ]


def sort_of(thing: Any, its_type: Any) -> str:
    """Return the class of a control element, said by its type where its own says nothing."""
    own = str(thing.is_a())
    if own != CONTROL or its_type is None:
        return own
    return str(its_type.is_a()).removesuffix("Type")


def _guid(step_id: int | None, guids: Mapping[int, str]) -> str | None:
    return None if step_id is None else guids[step_id]


def _point(thing: Any) -> str:
    """Return ControlElementId, which only IFC2X3 has; of the wrong type it is none."""
    try:
        value = thing.ControlElementId
    except MALFORMED:
        return ""
    return value.strip() if isinstance(value, str) else ""


def _ends(
    model: Any, relations: Iterable[tuple[str, int, int]], guids: Mapping[int, str]
) -> dict[int, list[str]]:
    """Return the GUIDs that relations lead to, by the control element's step id, each once."""
    found: dict[int, list[str]] = defaultdict(list)
    for name, whole, parts in relations:
        for relation in model.by_type(name):
            end = entity(relation[whole])
            guid = guids.get(end.id()) if end is not None else None
            for part in entities(relation[parts]) if guid is not None else ():
                if guid not in found[part.id()]:
                    found[part.id()].append(str(guid))
    return found
