"""The ground of the demo district: streets, water, greens and squares, our own drawing.

Made up for the demonstration, plausible for the place, copied from no map. Drawn in metres of
EPSG:4547 relative to ``CENTRE``; ``ground`` turns it into CGCS2000 longitude/latitude.
"""

import math
from typing import Any

from cim import crs

CRS = "EPSG:4547"
CENTRE = (114.398, 30.506)

Point2 = tuple[float, float]

STREETS: tuple[tuple[str, str, float, tuple[Point2, ...]], ...] = (
    ("珞喻路", "Luoyu Road", 40.0, ((-340, 0), (340, 0))),
    ("民族大道", "Minzu Avenue", 34.0, ((0, -320), (0, 0))),
    ("鲁磨路", "Lumo Road", 30.0, ((0, 0), (0, 320))),
    ("星光路", "Xingguang Road", 18.0, ((-340, 168), (-110, 162), (110, 168), (340, 168))),
    ("南湖渠路", "Nanhuqu Road", 18.0, ((-340, -185), (340, -185))),
    ("学府路", "Xuefu Road", 20.0, ((-192, -320), (-192, 320))),
    ("示范街", "Shifan Street", 20.0, ((192, -320), (192, 60), (198, 320))),
    ("停车楼支路", "Car park lane", 8.0, ((-192, 46), (-72, 46), (-72, 162))),
    ("人家路", "Renjia Lane", 9.0, ((0, -150), (140, -150), (192, -142))),
)
"""Name in Chinese and English, width in metres, line."""

_LAKE = (
    (-335, -125),
    (-300, -150),
    (-250, -146),
    (-222, -112),
    (-220, -70),
    (-255, -36),
    (-320, -44),
)
_CANAL = (
    (-224, -95),
    (-190, -92),
    (-60, -70),
    (-40, -70),
    (-40, -54),
    (-62, -54),
    (-190, -74),
    (-222, -77),
)

AREAS: tuple[tuple[str, str, str, tuple[Point2, ...]], ...] = (
    ("water", "示范湖", "Demo Lake", _LAKE),
    ("water", "南湖渠", "Nanhu Canal", _CANAL),
    ("green", "街心公园", "Pocket Park", ((-176, 116), (-84, 116), (-84, 146), (-176, 146))),
    ("green", "人家公园", "Renjia Park", ((140, -132), (178, -128), (178, -40), (140, -40))),
    ("green", "人家路绿地", "Renjia Verge", ((30, -173), (178, -173), (178, -158), (30, -158))),
    ("green", "星光绿地", "Xingguang Green", ((40, 128), (176, 128), (176, 152), (40, 152))),
    (
        "green",
        "渠畔绿带",
        "Canal Greenway",
        ((-176, -170), (-130, -170), (-130, -112), (-176, -112)),
    ),
    ("green", "珞喻绿带", "Luoyu Greenway", ((-176, -62), (-60, -46), (-60, -26), (-176, -26))),
    ("square", "光谷之星广场", "Guanggu Star Plaza", ((78, 28), (172, 28), (172, 122), (78, 122))),
    ("square", "光谷人家小区", "Residence court", ((44, -140), (134, -140), (134, -92), (44, -92))),
    ("square", "停车楼前区", "Car park court", ((-158, 56), (-90, 56), (-90, 112), (-158, 112))),
    (
        "square",
        "泵站场地",
        "Pump station yard",
        ((-120, -108), (-86, -108), (-86, -80), (-120, -86)),
    ),
)
"""Class, name in Chinese and English, outline (either way round)."""

ROUNDABOUT_M = 52.0


def ground() -> dict[str, Any]:
    """Return a GeoJSON FeatureCollection (RFC 7946) in CGCS2000 degrees.

    Properties: ``class`` road | water | green | square, ``name``, ``name_en``, for roads
    ``width_m``. Areas come first, so that a drawing in order puts streets on top.
    """
    features = [_area(kind, name, english, outline) for kind, name, english, outline in AREAS]
    features.append(_area("square", "光谷广场", "Guanggu Square", _circle(ROUNDABOUT_M)))
    features += [_street(*street) for street in STREETS]
    return {"type": "FeatureCollection", "name": "光谷示范街区", "features": features}


def to_map(x_m: float, y_m: float) -> tuple[float, float]:
    """Return easting and northing in EPSG:4547 of metres from the district's centre."""
    east_m, north_m = crs.from_lonlat(CRS, *CENTRE)
    return east_m + x_m, north_m + y_m


def _street(name: str, english: str, width_m: float, line: tuple[Point2, ...]) -> dict[str, Any]:
    properties = {"class": "road", "name": name, "name_en": english, "width_m": width_m}
    return _feature(properties, "LineString", [_lonlat(p) for p in line])


def _area(kind: str, name: str, english: str, outline: tuple[Point2, ...]) -> dict[str, Any]:
    ring = [_lonlat(p) for p in (*outline, outline[0])]
    if _signed_area(outline) < 0:
        ring.reverse()  # RFC 7946: outer rings run counter-clockwise
    return _feature({"class": kind, "name": name, "name_en": english}, "Polygon", [ring])


def _feature(properties: dict[str, Any], kind: str, coordinates: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _lonlat(point: Point2) -> list[float]:
    lon, lat = crs.to_lonlat(CRS, *to_map(*point))
    return [round(lon, 8), round(lat, 8)]


def _circle(radius_m: float, sides: int = 48) -> tuple[Point2, ...]:
    turns = [2 * math.pi * n / sides for n in range(sides)]
    return tuple((radius_m * math.cos(a), radius_m * math.sin(a)) for a in turns)


def _signed_area(outline: tuple[Point2, ...]) -> float:
    pairs = zip(outline, (*outline[1:], outline[0]), strict=True)
    return sum(x * y2 - x2 * y for (x, y), (x2, y2) in pairs) / 2
