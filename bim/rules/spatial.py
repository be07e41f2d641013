"""SPS: how elements stand in the spatial structure (IFC4.3, 4.1.5 object connectivity)."""

from collections.abc import Iterator
from typing import Any

from bim.extract_entities import entities
from bim.rules.verdict import (
    Case,
    Fault,
    empty,
    fault,
    is_any,
    parts,
    value,
    verdict_on,
    wholes,
)

FACILITIES = ("IfcBridge", "IfcMarineFacility", "IfcRailway", "IfcRoad")
_TOP = ("IfcProject", "IfcSite")
# IFC4.3 ADD2, Spatial Composition: what each spatial element may be aggregated into.
COMPOSITION: dict[str, tuple[str, ...]] = {
    "IfcSite": _TOP,
    "IfcBuilding": (*_TOP, "IfcBuilding"),
    "IfcBuildingStorey": ("IfcBuilding", "IfcBuildingStorey"),
    "IfcExternalSpatialElement": (*_TOP, "IfcExternalSpatialElement"),
    "IfcFacility": (*_TOP, "IfcFacility"),
    **{name: (*_TOP, name) for name in FACILITIES},
    "IfcFacilityPartCommon": ("IfcFacility", "IfcFacilityPartCommon"),
    "IfcBridgePart": ("IfcBridge", "IfcBridgePart"),
    "IfcMarinePart": ("IfcMarineFacility", "IfcMarinePart"),
    "IfcRailwayPart": ("IfcRailway", "IfcRailwayPart"),
    "IfcRoadPart": ("IfcRoad", "IfcRoadPart"),
    "IfcSpace": (
        *(*_TOP, "IfcBuilding", "IfcBuildingStorey", "IfcSpace", "IfcFacility"),
        *("IfcFacilityPartCommon", "IfcBridgePart", "IfcMarinePart", "IfcRailwayPart"),
        "IfcRoadPart",
    ),
}
_HOSTS = ("Decomposes", "Nests", "ContainedInStructure", "AdheresToElement", "VoidsElements")
_HOST_OF_ADDITION = "ProjectsElements"  # as a hole has a host, so has a projection
_VIEW = "COORDINATIONVIEW_V2.0"
_CHAIN_MAX = 100  # storeys to project are four steps; a cycle ends here


def sps001(case: Case) -> Iterator[Fault | None]:
    """Check for one site at most and one building at least, each below the site or the project."""
    if _VIEW not in str(case.model.header.file_description.description).upper():
        return
    sites, buildings = case.all("IfcSite"), case.all("IfcBuilding")
    yield None
    yield from (fault(site, f"{len(sites)} IfcSite") for site in sites[1:])
    if not buildings:
        yield Fault("0 IfcBuilding")
    top = "IfcSite" if sites else "IfcProject"
    for building in buildings:
        yield verdict_on(building, right=_below(building, top), seen=f"IfcBuilding - {top}")


def sps002(case: Case) -> Iterator[Fault | None]:
    """Check that spatial elements are aggregated as the composition table allows."""
    for element in case.all("IfcSpatialElement"):
        allowed = COMPOSITION.get(element.is_a())
        if allowed is None:
            continue
        above = wholes(element)
        right = bool(above) and all(is_any(whole, allowed) for whole in above)
        yield verdict_on(element, right=right, seen=_classes(above) or "Decomposes = ()")
    for project in case.all("IfcProject"):
        yield None
        yield from (fault(part, "IfcProject") for part in parts(project) if not _may_be_top(part))


def sps003(case: Case) -> Iterator[Fault | None]:
    """Check that an element that is part of another is not contained itself."""
    for element in case.all("IfcElement"):
        if not empty(element, "Decomposes"):
            yield _uncontained(element)


def sps004(case: Case) -> Iterator[Fault | None]:
    """Check that a product is contained in a structure or positioned along something, not both."""
    for product in case.all("IfcProduct"):
        contained = not empty(product, "ContainedInStructure")
        positioned = not empty(product, "PositionedRelativeTo")
        if contained or positioned:
            seen = "ContainedInStructure + PositionedRelativeTo"
            yield verdict_on(product, right=not (contained and positioned), seen=seen)


def sps005(case: Case) -> Iterator[Fault | None]:
    """Check that an element has exactly one place: whole, host, structure or what it voids."""
    for element in case.all("IfcElement"):
        held = [name for name in (*_HOSTS, _HOST_OF_ADDITION) if not empty(element, name)]
        yield verdict_on(element, right=len(held) == 1, seen=" + ".join(held) or "()")


def sps006(case: Case) -> Iterator[Fault | None]:
    """Check that an element positioned along something is referenced in a structure."""
    for element in case.all("IfcElement"):
        right = empty(element, "PositionedRelativeTo") or not empty(
            element, "ReferencedInStructures"
        )
        yield verdict_on(element, right=right, seen="ReferencedInStructures = ()")


def sps007(case: Case) -> Iterator[Fault | None]:
    """Check that grids, annotations and free elements are contained, and nothing else is."""
    for product in case.all("IfcProduct"):
        if is_any(product, ("IfcGrid", "IfcAnnotation")):
            yield _contained(product)
        elif not is_any(product, ("IfcElement",)):
            yield _uncontained(product)
        elif empty(product, "Decomposes"):
            is_feature = is_any(product, ("IfcFeatureElement",))
            yield None if is_feature else _contained(product)
        elif any(is_any(whole, ("IfcElement",)) for whole in wholes(product)):
            yield _uncontained(product)
        else:
            yield None


def sps008(case: Case) -> Iterator[Fault | None]:
    """Check that storeys, sites and facilities have no shape of their own."""
    shapeless = ["IfcBuildingStorey"]
    if case.family != "IFC2X3":
        shapeless.append("IfcSite")
    if case.family == "IFC4X3":
        shapeless.extend(FACILITIES)
    for ifc_class in shapeless:
        for structure in case.all(ifc_class):
            right = empty(structure, "Representation")
            yield verdict_on(structure, right=right, seen="Representation")


def _may_be_top(part: Any) -> bool:
    """Tell whether a project may have this part: an alignment, or what the table says."""
    return part.is_a("IfcAlignment") or "IfcProject" in COMPOSITION.get(part.is_a(), ())


def _below(element: Any, ifc_class: str) -> bool:
    """Tell whether one of the wholes above an element is of a class; a cycle ends."""
    level, seen = [element], set[int]()
    for _ in range(_CHAIN_MAX):
        level = [whole for part in level for whole in wholes(part) if whole.id() not in seen]
        if any(whole.is_a(ifc_class) for whole in level):
            return True
        seen.update(whole.id() for whole in level)
    return False


def _contained(product: Any) -> Fault | None:
    """Check that a structure contains it, or that what it is nested into has a place for it."""
    rels = entities(value(product, "ContainedInStructure"))
    structures = [s for rel in rels for s in entities(value(rel, "RelatingStructure"))]
    spatial = ("IfcSpatialElement", "IfcSpatialStructureElement")
    right = any(is_any(s, spatial) for s in structures) or not empty(product, "Nests")
    return verdict_on(product, right=right, seen="ContainedInStructure = ()")


def _uncontained(product: Any) -> Fault | None:
    right = empty(product, "ContainedInStructure")
    return verdict_on(product, right=right, seen="ContainedInStructure")


def _classes(found: list[Any]) -> str:
    return " + ".join(sorted({entity.is_a() for entity in found}))
