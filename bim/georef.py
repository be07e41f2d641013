"""Where a model lies on the Earth, from the plain values of ``bim.georef_facts``.

Order: a map conversion (IfcMapConversion, else ePSet_MapConversion as IFC2X3 files carry it), else
the site's RefLatitude/RefLongitude, else nothing. The result is ``rows.Georef``; what is odd
becomes findings. Traps (FIELD-NOTES, IFC): values in millimetres, offsets in the
WorldCoordinateSystem, models that are georeferenced twice, exporters' default cities, and
TrueNorth, which counts only where no map conversion gives the direction.
"""

import math
from dataclasses import replace

import numpy as np

from bim.georef_facts import ZERO, Conversion, Facts, Triple
from bim.rows import Finding, Georef, Provenance, Severity
from cim import crs, heights
from identity.errors import Invalid

FAR_M = 1e5  # local coordinates beyond are map coordinates: a building's own are below 10 km
EARTH_M = 1e8  # a map coordinate beyond (zone prefix included: 38,500,000) can't be in metres
DISAGREE_M = 10_000.0
SCALE_SLACK = 0.05  # survey scale factors differ from 1 by far less
METRES_A_DEGREE = 111_320.0
_DEFAULTS = (  # exporters' default cities, with the half width of a box around them in degrees
    ("Abu Dhabi", 54.37, 24.47, 0.3),
    ("Boston", -71.0603, 42.3583, 0.02),
    ("Boston", -71.2583, 42.4149, 0.02),
    ("Chicago", -87.6399, 41.8744, 0.01),
    ("London", -0.1275, 51.5072, 0.02),
    ("Greenwich, Equator", 0.0, 0.0, 0.001),
)


def georeference(facts: Facts) -> tuple[Georef, list[Finding]]:
    """Return how the local frame lies on the Earth, and what is odd about it."""
    findings: list[Finding] = []
    by_site = _by_site(facts, findings)
    by_map = _by_conversion(facts, findings) if facts.conversion else None
    if by_map and by_site:
        _compare(by_map, by_site, findings)
    chosen = by_map or by_site or Georef(Provenance.NONE)
    if chosen is by_site:
        _flag_default_city(chosen, findings)
    if facts.middle_m and _reach(facts.middle_m) > FAR_M:
        facts_said = {"distance_km": _km(_reach(facts.middle_m)), "declared": bool(by_map)}
        findings.append(Finding("ifc_far_from_origin", Severity.WARNING, facts_said))
    if chosen.provenance is Provenance.NONE:
        findings.append(Finding("ifc_no_position", Severity.WARNING))
    return chosen, findings


def _by_conversion(facts: Facts, findings: list[Finding]) -> Georef | None:
    conversion = facts.conversion
    if conversion is None or not _usable(conversion, findings):
        return None
    try:
        datum = _height_datum(conversion.vertical_datum, findings)
        return replace(_converted(conversion, facts, findings), height_datum=datum)
    except Invalid as refusal:
        what = {"crs": conversion.crs, "reason": refusal.code}
        findings.append(Finding("ifc_crs", Severity.WARNING, what))
        return None


def _usable(conversion: Conversion, findings: list[Finding]) -> bool:
    """Tell whether it says anything: without a system, or all zeros, it does not."""
    if conversion.crs.strip():
        if conversion.eastings or conversion.northings:
            return True
        findings.append(Finding("ifc_conversion_zero", Severity.WARNING, {"crs": conversion.crs}))
        return False
    findings.append(Finding("ifc_crs", Severity.WARNING, {"crs": "", "reason": "crs_unknown"}))
    return False


def _converted(conversion: Conversion, facts: Facts, findings: list[Finding]) -> Georef:
    offset_m, turn_deg = _world_system(facts, findings)
    if conversion.geographic:
        return _geographic(conversion, facts)
    unit_m = _map_unit(conversion, facts, findings)
    scale = _scale(conversion, facts, unit_m)
    grid_deg = _grid_angle(conversion)
    anchor_m = facts.middle_m if facts.middle_m and _reach(facts.middle_m) > FAR_M else ZERO
    turned = _turned(anchor_m[0], anchor_m[1], turn_deg)
    x_m, y_m = offset_m[0] + turned[0], offset_m[1] + turned[1]
    east_m, north_m = _turned(x_m * scale, y_m * scale, grid_deg)
    system_unit_m = crs.horizontal_unit_m(conversion.crs)
    base = _base_m(conversion, unit_m, anchor_m)
    e, n = (base[0] + east_m) / system_unit_m, (base[1] + north_m) / system_unit_m
    lon, lat = crs.to_lonlat(conversion.crs, e, n)
    rotation = grid_deg + turn_deg - crs.convergence_deg(conversion.crs, lon, lat)
    return Georef(
        Provenance.DECLARED,
        "map_conversion",
        lon,
        lat,
        base[2] + (offset_m[2] + anchor_m[2]) * scale,
        _half_turn(rotation),
        scale,
        conversion.crs,
        anchor_m,
    )


def _height_datum(text: str, findings: list[Finding]) -> str:
    """Return the datum of heights that the file names, "" where none or an unknown one."""
    known = heights.named(text)
    if text.strip() and known is None:
        findings.append(Finding("ifc_vertical_datum", Severity.WARNING, {"datum": text[:80]}))
    return known.value if known else ""


def _base_m(conversion: Conversion, unit_m: float, anchor_m: Triple) -> Triple:
    """Return what the conversion adds, in metres: nothing where the products bear it already.

    They do when they lie in map coordinates themselves, near the conversion's own.
    """
    added = (
        conversion.eastings * unit_m,
        conversion.northings * unit_m,
        conversion.height * unit_m,
    )
    apart_m = math.hypot(added[0] - anchor_m[0], added[1] - anchor_m[1])
    if not any(anchor_m) or apart_m > FAR_M:
        return added
    return 0.0, 0.0, 0.0 if anchor_m[2] else added[2]


def _geographic(conversion: Conversion, facts: Facts) -> Georef:
    """IfcRigidOperation to a geographic system: no rotation but what TrueNorth hints."""
    lon, lat = conversion.eastings, conversion.northings
    if abs(lat) > 90 >= abs(lon):  # noqa: PLR2004 - degrees; the file gives latitude first
        lon, lat = lat, lon
    if abs(lat) > 90 or abs(lon) > 180:  # noqa: PLR2004 - degrees
        raise Invalid("crs_outside", crs=conversion.crs, x=lon, y=lat)
    lon, lat = crs.to_lonlat(conversion.crs, lon, lat)
    return Georef(
        Provenance.DECLARED,
        "map_conversion",
        lon,
        lat,
        conversion.height * (conversion.map_unit_m or 1.0),
        _true_north_rotation(facts),
        1.0,
        conversion.crs,
    )


def _by_site(facts: Facts, findings: list[Finding]) -> Georef | None:
    lon, lat = facts.site_lon, facts.site_lat
    if lon is None or lat is None:
        return None
    if abs(lat) > 90 or abs(lon) > 180 or (lon == 0 and lat == 0):  # noqa: PLR2004 - degrees
        findings.append(Finding("ifc_site_position", Severity.WARNING, {"lon": lon, "lat": lat}))
        return None
    rotation = _true_north_rotation(facts)
    at_site = Georef(
        Provenance.DECLARED, "site", lon, lat, facts.site_height_m or 0.0, rotation, 1.0, ""
    )
    site = facts.site_m or ZERO
    if _reach(site) > FAR_M:
        return replace(at_site, anchor_m=site)
    if not any(site):
        return at_site
    return _moved(at_site, (-site[0], -site[1], -site[2]))


def _moved(frame: Georef, local_m: Triple) -> Georef:
    """Return ``frame`` with its origin moved to the local point: the site's origin need not be 0.

    The change of the vertical over the distance (below 100 km) is neglected, the height kept flat.
    """
    assert frame.lon is not None
    assert frame.lat is not None
    points = np.array([(local_m[0], local_m[1], 0.0)])
    moved = crs.local_to_lonlat(
        points, frame.lon, frame.lat, frame.height_m, frame.rotation_deg, frame.scale
    )[0]
    height_m = frame.height_m + local_m[2]
    return replace(frame, lon=float(moved[0]), lat=float(moved[1]), height_m=height_m)


def _world_system(facts: Facts, findings: list[Finding]) -> tuple[Triple, float]:
    """Return the offset (m) and turn (degrees) that the WorldCoordinateSystem adds.

    Where the products themselves lie as far out as it does, it is said twice and does not count.
    """
    if not any(facts.wcs_m) and not facts.wcs_deg:
        return ZERO, 0.0
    twice = facts.middle_m is not None and max(FAR_M, _reach(facts.wcs_m) / 2) < _reach(
        facts.middle_m
    )
    what = {"offset_m": [round(value, 3) for value in facts.wcs_m], "applied": not twice}
    findings.append(Finding("ifc_world_system", Severity.WARNING, what))
    return (ZERO, 0.0) if twice else (facts.wcs_m, facts.wcs_deg)


def _map_unit(conversion: Conversion, facts: Facts, findings: list[Finding]) -> float:
    """Return metres a map unit: declared, else the system's, else (beyond the Earth) the file's."""
    declared = conversion.map_unit_m
    unit_m = declared or crs.horizontal_unit_m(conversion.crs)
    largest = max(abs(conversion.eastings), abs(conversion.northings))
    if largest * unit_m <= EARTH_M:
        return unit_m
    candidates = [u for u in (facts.length_unit_m, 0.001) if largest * u <= EARTH_M]
    if not candidates:
        raise Invalid("crs_outside", crs=conversion.crs, x=conversion.eastings, y=largest)
    what = {"declared_m": declared, "read_as_m": candidates[0]}
    findings.append(Finding("ifc_map_unit", Severity.WARNING, what))
    return candidates[0]


def _scale(conversion: Conversion, facts: Facts, map_unit_m: float) -> float:
    """Return what multiplies local metres.

    Scale turns file units into map units (IFC4, 8.18.3.6): 0.001 from mm to m. Many exporters
    leave it at 1 there and mean the metre alone; both come out as the survey factor near 1.
    """
    declared = conversion.scale or 1.0
    whole = declared * map_unit_m / facts.length_unit_m
    near = [value for value in (whole, declared) if abs(value - 1) <= SCALE_SLACK]
    return near[0] if near else 1.0


def _grid_angle(conversion: Conversion) -> float:
    """Return how the local x axis lies in the grid, degrees counter-clockwise from grid east."""
    x, y = conversion.abscissa, conversion.ordinate
    if x is None or y is None or (x == 0 and y == 0):
        return 0.0
    return math.degrees(math.atan2(y, x))


def _true_north_rotation(facts: Facts) -> float:
    """Return the rotation that turns the local TrueNorth to the north; 0 without one."""
    x, y = facts.true_north or (0.0, 1.0)
    return 0.0 if x == 0 and y == 0 else _half_turn(90.0 - math.degrees(math.atan2(y, x)))


def _turned(x: float, y: float, angle_deg: float) -> tuple[float, float]:
    angle = math.radians(angle_deg)
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * x - sin * y, sin * x + cos * y


def _half_turn(angle_deg: float) -> float:
    """Return the angle within (-180, 180]."""
    return 180.0 - (180.0 - angle_deg) % 360.0


def _reach(point_m: Triple) -> float:
    return math.hypot(point_m[0], point_m[1])


def _km(distance_m: float) -> int:
    """Return whole kilometres to show; absurd distances are cut to what any reader can hold."""
    return round(min(distance_m / 1000, 1e9))


def _compare(by_map: Georef, by_site: Georef, findings: list[Finding]) -> None:
    assert by_map.lon is not None
    assert by_map.lat is not None
    assert by_site.lon is not None
    assert by_site.lat is not None
    east = (by_map.lon - by_site.lon) * math.cos(math.radians(by_map.lat))
    apart_m = math.hypot(east, by_map.lat - by_site.lat) * METRES_A_DEGREE
    if apart_m > DISAGREE_M:
        what = {"distance_km": _km(apart_m), "chosen": "map_conversion"}
        findings.append(Finding("ifc_positions_disagree", Severity.WARNING, what))


def _flag_default_city(georef: Georef, findings: list[Finding]) -> None:
    for city, lon, lat, width in _DEFAULTS:
        here = georef.lon is not None and georef.lat is not None
        if here and abs(georef.lon - lon) < width and abs(georef.lat - lat) < width:  # type: ignore[operator]  # checked by ``here``
            findings.append(Finding("ifc_default_position", Severity.WARNING, {"city": city}))
