"""What a geometry kernel must not be given: endless or very deep structures kill the process."""

from collections.abc import Sequence
from typing import Any

import ifcopenshell.util.placement

PLACEMENT_DEPTH_MAX = 200  # the kernels follow placements by recursion; a cycle never ends
BOOLEAN_DEPTH_MAX = 100  # a chain of 200 cuts takes more than 20 s, one of 20,000 crashes
SOLIDS = ("IfcSweptAreaSolid", "IfcFacetedBrep")
SI_PREFIXES = {"KILO": 1e3, "DECI": 1e-1, "CENTI": 1e-2, "MILLI": 1e-3, "MICRO": 1e-6}
LINES = ("IfcCurve", "IfcPoint", "IfcGeometricCurveSet", "IfcTextLiteral", "IfcSegment")


def items_of(product: Any) -> list[Any]:
    """Return the items of the product's representations, those of mapped ones included."""
    found: list[Any] = []
    for representation in product.Representation.Representations or ():
        for item in representation.Items or ():
            if item.is_a("IfcMappedItem"):
                found += item.MappingSource.MappedRepresentation.Items or ()
            else:
                found.append(item)
    return found


def hazard(product: Any, items: Sequence[Any]) -> str:
    """Return why this product must not be given to a kernel: "placement_depth" …, or ""."""
    if _placement_depth(product) > PLACEMENT_DEPTH_MAX:
        return "placement_depth"
    if any(_boolean_depth(item) > BOOLEAN_DEPTH_MAX for item in items):
        return "boolean_depth"
    return ""


def only_lines(items: Sequence[Any]) -> bool:
    """Return whether none of a product's items can have a face."""
    return all(any(item.is_a(name) for name in LINES) for item in items)


def suitable(product: Any, items: Sequence[Any], kernels: Sequence[str]) -> list[str]:
    """Return the kernels to try for this product, in order.

    manifold is fast and right where solids are cut by solids (700 of 700 products of one file, in
    a fortieth of the time), but it leaves openings unclipped and half spaces come out wrong.
    """
    if "manifold" not in kernels or (_solids_cut_by_solids(items) and not _has_openings(product)):
        return list(kernels)
    return [kernel for kernel in kernels if kernel != "manifold"]


def placed_at(product: Any, unit_m: float) -> tuple[float, float, float] | None:
    """Return the origin of the product's placement in metres, local frame; None if unknown."""
    placement = product.ObjectPlacement
    if _placement_depth(product) > PLACEMENT_DEPTH_MAX:
        return None
    if placement is None or not placement.is_a("IfcLocalPlacement"):
        return None  # along a line or on a grid: only a kernel could tell
    x, y, z = ifcopenshell.util.placement.get_local_placement(placement)[:3, 3] * unit_m
    return float(x), float(y), float(z)


def length_unit_m(file: Any) -> float:
    """Return the metres of one length unit of the file; 1.0 where it declares none."""
    assignments = file.by_type("IfcUnitAssignment")
    for unit in assignments[0].Units if assignments else ():
        if getattr(unit, "UnitType", None) == "LENGTHUNIT":
            return _metres(unit)
    return 1.0


def _metres(unit: Any) -> float:
    if unit.is_a("IfcSIUnit"):
        return SI_PREFIXES.get(unit.Prefix, 1.0)
    factor = unit.ConversionFactor.ValueComponent
    value = float(getattr(factor, "wrappedValue", factor))  # some files write a bare number
    return value * _metres(unit.ConversionFactor.UnitComponent)


def _placement_depth(product: Any) -> int:
    depth, placement = 0, product.ObjectPlacement
    while placement is not None and depth <= PLACEMENT_DEPTH_MAX:
        placement = getattr(placement, "PlacementRelTo", None)
        depth += 1
    return depth


def _boolean_depth(item: Any) -> int:
    """Return how deep the tree of booleans under ``item`` is (given up beyond the limit)."""
    depth, level = 0, [item]
    while level and depth <= BOOLEAN_DEPTH_MAX:
        booleans = {each.id(): each for each in level if each.is_a("IfcBooleanResult")}
        level = [
            operand
            for each in booleans.values()
            for operand in (each.FirstOperand, each.SecondOperand)
        ]
        depth += 1
    return depth


def _solids_cut_by_solids(items: Sequence[Any]) -> bool:
    if not any(item.is_a("IfcBooleanResult") for item in items):
        return False
    leaves = [leaf for item in items for leaf in _leaves(item)]
    return all(any(leaf.is_a(name) for name in SOLIDS) for leaf in leaves)


def _has_openings(product: Any) -> bool:
    """Return whether it or a whole it is part of is voided: the whole's openings cut the parts."""
    for _ in range(PLACEMENT_DEPTH_MAX):
        if getattr(product, "HasOpenings", ()):
            return True
        wholes = getattr(product, "Decomposes", ())
        if not wholes:
            return False
        product = wholes[0].RelatingObject
    return True


def _leaves(item: Any) -> list[Any]:
    """Return the operands of a tree of booleans that are none themselves (the tree is shallow)."""
    leaves, open_ = [], [item]
    while open_:
        each = open_.pop()
        if each.is_a("IfcBooleanResult"):
            open_ += [each.FirstOperand, each.SecondOperand]
        else:
            leaves.append(each)
    return leaves
