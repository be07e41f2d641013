"""What an IFC file says about its position, as the plain values of ``bim.georef_facts``."""

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from bim.extract_entities import entity, number, numbers
from bim.extract_placement import Placements, axis_matrix
from bim.extract_sets import SetsReader
from bim.extract_units import Units, factor
from bim.georef_facts import Conversion, Facts, degrees_of

_METRE_NAMES = {"m": 1.0, "metre": 1.0, "meter": 1.0, "mm": 0.001, "millimetre": 0.001}
_METRE_NAMES |= {"millimeter": 0.001, "metres": 1.0, "meters": 1.0, "米": 1.0, "毫米": 0.001}


def georef_facts(
    model: Any,
    units: Units,
    sets: SetsReader,
    placements: Placements,
    origins_m: Iterable[tuple[float, float, float]],
) -> Facts:
    """Return the position facts of an open model; ``origins_m`` are the products' origins."""
    site = next(iter(_with_position(model)), None)
    context = _context(model)
    wcs = axis_matrix(context[4], units.length_m) if context is not None else None
    return Facts(
        length_unit_m=units.length_m,
        conversion=_conversion(model, units) or _from_sets(model, sets),
        site_lon=degrees_of(numbers(site[10])) if site is not None else None,
        site_lat=degrees_of(numbers(site[9])) if site is not None else None,
        site_height_m=_height(site, units),
        site_m=placements.origin_m(site.ObjectPlacement) if site is not None else None,
        true_north=_ratios(context[5]) if context is not None else None,
        wcs_m=_translation(wcs),
        wcs_deg=0.0 if wcs is None else math.degrees(math.atan2(wcs[1, 0], wcs[0, 0])),
        middle_m=_middle(list(origins_m)),
    )


def _with_position(model: Any) -> list[Any]:
    return [s for s in model.by_type("IfcSite") if numbers(s[9]) and numbers(s[10])]


def _context(model: Any) -> Any:
    """Return the 3D model context, else the first one."""
    kind = "IfcGeometricRepresentationContext"
    contexts = model.by_type(kind, include_subtypes=False)
    whole = [context for context in contexts if context.ContextType == "Model"]
    return next(iter(whole or contexts), None)


def _conversion(model: Any, units: Units) -> Conversion | None:
    for name in ("IfcMapConversion", "IfcRigidOperation"):
        try:
            found = model.by_type(name)
        except RuntimeError:  # not in this schema
            continue
        if found:
            return _of_entity(found[0], units)
    return None


def _of_entity(operation: Any, units: Units) -> Conversion:
    target = entity(operation.TargetCRS)
    geographic = target is not None and target.is_a("IfcGeographicCRS")
    unit = getattr(target, "MapUnit", None)
    common = {
        "source": operation.is_a(),
        "crs": str(getattr(target, "Name", None) or ""),
        "geographic": geographic,
        "map_unit_m": factor(unit) if unit is not None else None,
        "vertical_datum": str(getattr(target, "VerticalDatum", None) or ""),
    }
    if operation.is_a("IfcMapConversion"):
        return Conversion(
            eastings=number(operation.Eastings) or 0.0,
            northings=number(operation.Northings) or 0.0,
            height=number(operation.OrthogonalHeight) or 0.0,
            abscissa=number(operation.XAxisAbscissa),
            ordinate=number(operation.XAxisOrdinate),
            scale=number(operation.Scale),
            **common,
        )
    first, second = (number(operation[i]) or 0.0 for i in (2, 3))
    if geographic:
        unit = getattr(target, "AngleUnit", None)
        to_degrees = math.degrees(factor(unit) if unit is not None else units.angle_rad)
        first, second = first * to_degrees, second * to_degrees
        common["map_unit_m"] = units.length_m
    height = number(operation.Height) or 0.0
    return Conversion(eastings=first, northings=second, height=height, **common)


def _from_sets(model: Any, sets: SetsReader) -> Conversion | None:
    """Return ePSet_MapConversion with ePSet_ProjectedCRS (buildingSMART's way for IFC2X3)."""
    for thing in [*model.by_type("IfcSite"), *model.by_type("IfcProject")]:
        psets = {name.lower(): values for name, values in sets.of(thing.id()).psets.items()}
        values = psets.get("epset_mapconversion")
        if values:
            return _of_values(values, psets.get("epset_projectedcrs", {}))
    return None


def _of_values(values: Mapping[str, Any], target: Mapping[str, Any]) -> Conversion:
    unit = target.get("MapUnit") or target.get("MapUnits")
    return Conversion(
        source="ePSet_MapConversion",
        crs=str(_bare(target.get("Name")) or _bare(values.get("TargetCRS")) or ""),
        eastings=_number(values.get("Eastings")) or 0.0,
        northings=_number(values.get("Northings")) or 0.0,
        height=_number(values.get("OrthogonalHeight")) or 0.0,
        abscissa=_number(values.get("XAxisAbscissa")),
        ordinate=_number(values.get("XAxisOrdinate")),
        scale=_number(values.get("Scale")),
        map_unit_m=_METRE_NAMES.get(str(_bare(unit)).lower()),
        vertical_datum=str(_bare(target.get("VerticalDatum")) or ""),
    )


def _bare(value: Any) -> Any:
    return value.get("value") if isinstance(value, Mapping) else value


def _number(value: Any) -> float | None:
    try:
        number = float(_bare(value))
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _height(site: Any, units: Units) -> float | None:
    """RefElevation is a length of the file (20000. is 20 m in millimetres)."""
    elevation = number(site.RefElevation) if site is not None else None
    return None if elevation is None else elevation * units.length_m


def _ratios(direction: Any) -> tuple[float, float] | None:
    given = entity(direction, "IfcDirection")
    ratios = numbers(given[0]) if given is not None else ()
    return (ratios[0], ratios[1]) if len(ratios) > 1 else None


def _translation(matrix: Any) -> tuple[float, float, float]:
    if matrix is None:
        return 0.0, 0.0, 0.0
    x, y, z = (float(value) for value in matrix[:3, 3])
    return x, y, z


def _middle(points: list[tuple[float, float, float]]) -> tuple[float, float, float] | None:
    """Return the median point: a few strays do not move it."""
    if not points:
        return None
    x, y, z = (statistics.median(axis) for axis in zip(*points, strict=True))
    return x, y, z
