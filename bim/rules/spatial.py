"""SPS: how elements stand in the spatial structure (IFC4.3, 4.1.5 object connectivity)."""

from collections.abc import Iterator
from typing import Any

from bim.rules.case import Case
from bim.rules.verdict import Fault, empty, fault, is_any, verdict_on

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
_HOSTS = (  # as a hole has its place in what it is cut from, so has a projection in its wall
    *("Decomposes", "Nests", "ContainedInStructure", "AdheresToElement", "VoidsElements"),
    "ProjectsElements",
)
_SPATIAL = ("IfcSpatialElement", "IfcSpatialStructureElement")  # the latter of IFC2X3
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
        yield verdict_on(building, right=_below(case, building, top), seen=f"IfcBuilding - {top}")


def sps002(case: Case) -> Iterator[Fault | None]:
    """Check that spatial elements are aggregated as the composition table allows."""
    for element in case.all("IfcSpatialElement"):
        allowed = COMPOSITION.get(element.is_a())
        if allowed is not None:
            above = case.linked(element, "Decomposes")
            right = bool(above) and all(is_any(whole, allowed) for whole in above)
            yield verdict_on(element, right=right, seen=_classes(above) or "Decomposes = ()")
    if case.all("IfcProject"):
        yield None
    for part in case.all("IfcObjectDefinition"):
        in_project = any(w.is_a("IfcProject") for w in case.linked(part, "Decomposes"))
        if in_project and part.is_a() not in COMPOSITION and not part.is_a("IfcAlignment"):
            yield fault(part, "IfcProject")


def sps003(case: Case) -> Iterator[Fault | None]:
    """Check that an element that is part of another is not contained itself."""
    for element in case.all("IfcElement"):
        if case.linked(element, "Decomposes"):
            yield _uncontained(case, element)


def sps004(case: Case) -> Iterator[Fault | None]:
    """Check that a product is contained in a structure or positioned along something, not both."""
    for product in case.all("IfcProduct"):
        contained = bool(case.linked(product, "ContainedInStructure"))
        positioned = bool(case.linked(product, "PositionedRelativeTo"))
        if contained or positioned:
            seen = "ContainedInStructure + PositionedRelativeTo"
            yield verdict_on(product, right=not (contained and positioned), seen=seen)


def sps005(case: Case) -> Iterator[Fault | None]:
    """Check that an element has exactly one place: whole, host, structure or what it voids."""
    for element in case.all("IfcElement"):
        held = [name for name in _HOSTS if case.linked(element, name)]
        yield verdict_on(element, right=len(held) == 1, seen=" + ".join(held) or "()")


def sps006(case: Case) -> Iterator[Fault | None]:
    """Check that an element positioned along something is referenced in a structure."""
    for element in case.all("IfcElement"):
        positioned = case.linked(element, "PositionedRelativeTo")
        right = not positioned or bool(case.linked(element, "ReferencedInStructures"))
        yield verdict_on(element, right=right, seen="ReferencedInStructures = ()")


def sps007(case: Case) -> Iterator[Fault | None]:
    """Check that grids, annotations and free elements are contained, and nothing else is."""
    for product in case.all("IfcProduct"):
        above = case.linked(product, "Decomposes")
        if is_any(product, ("IfcGrid", "IfcAnnotation")):
            yield _contained(case, product)
        elif not product.is_a("IfcElement"):
            # Spatial elements have no ContainedInStructure: to name one there breaks the schema.
            yield None if is_any(product, _SPATIAL) else _uncontained(case, product)
        elif not above:
            yield None if product.is_a("IfcFeatureElement") else _contained(case, product)
        elif any(whole.is_a("IfcElement") for whole in above):
            yield _uncontained(case, product)
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


def _below(case: Case, element: Any, ifc_class: str) -> bool:
    """Tell whether one of the wholes above an element is of a class; a cycle ends."""
    level, seen = [element], set[int]()
    for _ in range(_CHAIN_MAX):
        wholes = [whole for part in level for whole in case.linked(part, "Decomposes")]
        if any(whole.is_a(ifc_class) for whole in wholes):
            return True
        level = [whole for whole in wholes if whole.id() not in seen]
        seen.update(whole.id() for whole in level)
    return False


def _contained(case: Case, product: Any) -> Fault | None:
    """Check that a structure contains it, or that what it is nested into has a place for it."""
    structures = case.linked(product, "ContainedInStructure")
    contained = any(is_any(structure, _SPATIAL) for structure in structures)
    right = contained or bool(case.linked(product, "Nests"))
    return verdict_on(product, right=right, seen="ContainedInStructure = ()")


def _uncontained(case: Case, product: Any) -> Fault | None:
    right = not case.linked(product, "ContainedInStructure")
    return verdict_on(product, right=right, seen="ContainedInStructure")


def _classes(found: list[Any]) -> str:
    return " + ".join(sorted({entity.is_a() for entity in found}))
