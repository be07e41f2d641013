"""IFC: the schema itself: its version, what it deprecates, and resources that nothing uses."""

import re
from collections.abc import Iterator
from typing import Any

from bim.extract_entities import entities
from bim.rules.case import Case
from bim.rules.deprecated_names import ATTRIBUTES, ENTITIES, VALUES
from bim.rules.verdict import Fault, empty, fault, value, verdict_on

OFFICIAL = ("IFC2X3", "IFC4", "IFC4X3_ADD2")
# Resources that point at what they belong to: class and attribute (an inverse attribute there).
_BELONGING = (
    ("IfcStyledItem", "Item"),
    ("IfcCoordinateOperation", "SourceCRS"),
    ("IfcPresentationLayerAssignment", "AssignedItems"),
    ("IfcGeometricRepresentationSubContext", "ParentContext"),
    ("IfcMaterialProperties", "Material"),
    ("IfcProfileProperties", "ProfileDefinition"),
    ("IfcMaterialDefinitionRepresentation", "RepresentedMaterial"),
    ("IfcIndexedColourMap", "MappedTo"),
    ("IfcTextureMap", "MappedTo"),
    ("IfcIndexedTextureMap", "MappedTo"),
    ("IfcShapeAspect", "PartOfProductDefinitionShape"),
    ("IfcWellKnownText", "CoordinateReferenceSystem"),
)
_REFERENCE = re.compile(r"'(?:[^']|'')*+'|#(\d++)")


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
    rooted = {used.id() for used in case.all("IfcRoot")}
    names = {used.id(): _references(used) for used in case.model}
    reached = _reached(rooted, names, _belonging(case))
    for number in sorted(names.keys() - reached):
        used = case.model.by_id(number)
        relates = used.is_a().endswith("Relationship") and reached.issuperset(names[number])
        yield verdict_on(used, right=relates, seen=used.is_a())
    if len(names) > len(rooted):
        yield None


def _references(used: Any) -> list[int]:
    """Return what an instance names, by its own line: much faster than by its attributes."""
    line = used.to_string()
    return [int(n) for n in _REFERENCE.findall(line[line.index("=") :]) if n]


def _belonging(case: Case) -> dict[int, list[int]]:
    """Return step id → the resources that belong to it by pointing at it."""
    owned: dict[int, list[int]] = {}
    for ifc_class, name in _BELONGING:
        for used in case.all(ifc_class):
            for owner in entities(value(used, name)):
                owned.setdefault(owner.id(), []).append(used.id())
    return owned


def _reached(
    rooted: set[int], names: dict[int, list[int]], belonging: dict[int, list[int]]
) -> set[int]:
    """Return the ids that rooted instances lead to; each is visited once, so cycles end."""
    reached, open_ends = set(rooted), list(rooted)
    while open_ends:
        number = open_ends.pop()
        for found in (*names.get(number, ()), *belonging.get(number, ())):
            if found not in reached:
                reached.add(found)
                open_ends.append(found)
    return reached
