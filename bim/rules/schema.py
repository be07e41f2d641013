"""IFC: the schema itself: its version, what it deprecates, and resources that nothing uses."""

from collections.abc import Iterator
from typing import Any

from bim.extract_entities import MALFORMED, entities
from bim.rules.deprecated_names import ATTRIBUTES, ENTITIES, VALUES
from bim.rules.verdict import Case, Fault, empty, fault, value, verdict_on

OFFICIAL = ("IFC2X3", "IFC4", "IFC4X3_ADD2")
# The relations between resources that stand at the user, not at the used.
_INVERSES = (
    *("StyledByItem", "HasCoordinateOperation", "LayerAssignments", "LayerAssignment"),
    *("HasSubContexts", "HasProperties", "HasRepresentation", "HasColours", "HasTextures"),
    *("HasShapeAspects", "WellKnownText"),
)


def ifc101(case: Case) -> Iterator[Fault | None]:
    """Check that the file declares an official version of the schema."""
    declared = case.declared_schema.upper()
    yield None if declared in OFFICIAL else Fault(f"FILE_SCHEMA = {case.declared_schema}")


def ifc102(case: Case) -> Iterator[Fault | None]:
    """Check that nothing that the schema deprecates is used: entities, attributes, values."""
    yield None
    for ifc_class in ENTITIES[case.family]:
        yield from (fault(used, ifc_class) for used in case.all(ifc_class, exactly=True))
    for ifc_class, names in ATTRIBUTES[case.family].items():
        for used in case.all(ifc_class):
            yield from (fault(used, name) for name in names if not empty(used, name))
    for (ifc_class, name), values in VALUES[case.family].items():
        for used in case.all(ifc_class):
            given = value(used, name)
            right = not isinstance(given, str) or given not in values
            yield verdict_on(used, right=right, seen=f"{name} = {given}")


def ifc105(case: Case) -> Iterator[Fault | None]:
    """Check that every resource is used, directly or not, by something that has a GUID."""
    reached = _reached(case)
    for used in case.model:
        if not used.is_a("IfcRoot"):
            right = used.id() in reached or _relates(used, reached)
            yield verdict_on(used, right=right, seen=used.is_a())


def _reached(case: Case) -> set[int]:
    """Return the ids that rooted instances lead to; each is visited once, so cycles end."""
    open_ends = case.all("IfcRoot")
    reached = {end.id() for end in open_ends}
    while open_ends:
        for found in _neighbours(open_ends.pop()):
            if found.id() not in reached:
                reached.add(found.id())
                open_ends.append(found)
    return reached


def _relates(used: Any, reached: set[int]) -> bool:
    """Tell whether it is a relation of resources (nothing points at one) between reached ones."""
    if not used.is_a().endswith("Relationship"):
        return False
    return all(found.id() in reached for item in _given(used) for found in _inside(item))


def _neighbours(used: Any) -> Iterator[Any]:
    for item in _given(used):
        yield from _inside(item)
    if not used.is_a("IfcRoot"):
        for name in _INVERSES:
            yield from entities(value(used, name))


def _given(used: Any) -> list[Any]:
    try:
        return list(used)
    except MALFORMED:
        return []


def _inside(item: Any) -> Iterator[Any]:
    """Yield the entities in a value: lists of lists end where the schema's do."""
    stack = [item]
    while stack:
        top = stack.pop()
        if isinstance(top, tuple | list):
            stack.extend(top)
        else:
            yield from entities(top)
