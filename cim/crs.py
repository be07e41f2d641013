"""Coordinates: projected to CGCS2000 and back, local model frames on the Earth, GCJ-02.

The only user of pyproj. Longitude/latitude are CGCS2000 degrees (EPSG:4490) in that order;
projected coordinates are easting, northing in that order and in the system's own unit, whatever
axis order the authority names (EPSG:4547 says northing first). Heights are ellipsoidal metres.
WGS 84 and CGCS2000 are one within centimetres, and PROJ transforms between them by nothing.
"""

import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyproj
from pyproj.exceptions import CRSError, ProjError

from identity.errors import Invalid

GEOGRAPHIC = "EPSG:4490"
TRANSFORMERS_KEPT = 64
REGISTERED_KEPT = 256

_EPSG = re.compile(r"EPSG:([0-9]{1,9})")

_A = 6378137.0  # CGCS2000 (GB 22021): semi-major axis, metres
_F = 1 / 298.257222101
_B = _A * (1 - _F)
_E2 = _F * (2 - _F)

Floats = npt.NDArray[np.float64]


def to_lonlat(crs: str, e: float, n: float) -> tuple[float, float]:
    """Return CGCS2000 (lon, lat) of easting/northing; ``crs`` is EPSG:…, WKT or a PROJ string.

    Raises Invalid("crs_unknown"), Invalid("crs_outside") where the point has no image.
    """
    return _transformed(crs, e, n, inverse=False)


def from_lonlat(crs: str, lon: float, lat: float) -> tuple[float, float]:
    """Return easting, northing in ``crs`` of a CGCS2000 position; errors as ``to_lonlat``."""
    return _transformed(crs, lon, lat, inverse=True)


def horizontal_unit_m(crs: str) -> float:
    """Return the metres of one unit of a projected system; Invalid("crs_not_projected")."""
    return float(_projected(crs).axis_info[0].unit_conversion_factor)


@dataclass(frozen=True, slots=True)
class Registered:
    """A coordinate reference system of the EPSG dataset; ``unit_m``: metres of its plane axes."""

    code: int
    deprecated: bool
    has_height: bool
    unit_m: float | None


@lru_cache(maxsize=REGISTERED_KEPT)
def registered(name: str) -> Registered | None:
    """Return what the EPSG dataset (the copy in PROJ) says of "EPSG:n"; None: no such system.

    ``has_height``: a vertical system, or a compound one. ``unit_m`` is None where the axes are
    angles or no plane axes are there.
    """
    found = _EPSG.fullmatch(name)
    if found is None:
        return None
    try:
        crs = pyproj.CRS.from_epsg(int(found[1]))
    except CRSError:
        return None
    plane = [part for part in (crs.sub_crs_list if crs.is_compound else [crs]) if part.is_projected]
    unit_m = float(plane[0].axis_info[0].unit_conversion_factor) if plane else None
    height = bool(crs.is_vertical or crs.is_compound)
    return Registered(int(found[1]), bool(crs.is_deprecated), height, unit_m)


def convergence_deg(crs: str, lon: float, lat: float) -> float:
    """Return by how many degrees grid north lies clockwise (east) of true north at a position.

    Positive east of the central meridian in the northern hemisphere; a grid direction that is
    ``a`` counter-clockwise from grid east is ``a - convergence`` counter-clockwise from true east.
    Raises Invalid("crs_not_projected"), Invalid("crs_outside").
    """
    _projected(crs)
    e, n = from_lonlat(crs, lon, lat)
    step_deg = 1e-4
    e_up, n_up = from_lonlat(crs, lon, min(lat + step_deg, 90.0))
    e_down, n_down = from_lonlat(crs, lon, max(lat - step_deg, -90.0))
    if not math.hypot(e - e_up, n - n_up):
        raise Invalid("crs_outside", crs=_short(crs), x=lon, y=lat)
    return -math.degrees(math.atan2(e_up - e_down, n_up - n_down))


def enu_to_ecef(
    lon: float, lat: float, height_m: float, rotation_deg: float, scale: float
) -> tuple[float, ...]:
    """Return the column-major 4x4 matrix from a local frame (metres, z up) to ECEF metres.

    The local origin lies at lon/lat (CGCS2000 degrees) and ``height_m``; the local x axis points
    ``rotation_deg`` counter-clockwise from true east; ``scale`` multiplies local lengths.
    """
    return tuple(float(v) for v in _frame(lon, lat, height_m, rotation_deg, scale).T.ravel())


def local_to_lonlat(  # noqa: PLR0917 - the five numbers of a frame, in one order everywhere
    points: Floats, lon: float, lat: float, height_m: float, rotation_deg: float, scale: float
) -> Floats:
    """Return (n,3) CGCS2000 lon, lat (degrees) and ellipsoidal height (m) of (n,3) local metres.

    The frame is that of ``enu_to_ecef``: a plane tangent to the ellipsoid at the origin.
    """
    matrix = _frame(lon, lat, height_m, rotation_deg, scale)
    local = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    return _geodetic(local @ matrix[:3, :3].T + matrix[:3, 3])


def to_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """Return the GCJ-02 position of a CGCS2000 one (outside China's box: the same).

    Only for showing our data on maps that are drawn in GCJ-02; never store the result.
    """
    if not _in_china(lon, lat):
        return lon, lat
    d_lon, d_lat = _gcj_offset(lon, lat)
    return lon + d_lon, lat + d_lat


def from_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """Return the CGCS2000 position of a GCJ-02 one, by iteration (below 1e-10 degrees)."""
    return _inverted(to_gcj02, lon, lat)


def to_bd09(lon: float, lat: float) -> tuple[float, float]:
    """Return the BD-09 position of a CGCS2000 one: GCJ-02 with a second distortion."""
    x, y = to_gcj02(lon, lat)
    radius = math.hypot(x, y) + 0.00002 * math.sin(y * _BD)
    angle = math.atan2(y, x) + 0.000003 * math.cos(x * _BD)
    return radius * math.cos(angle) + 0.0065, radius * math.sin(angle) + 0.006


def from_bd09(lon: float, lat: float) -> tuple[float, float]:
    """Return the CGCS2000 position of a BD-09 one, by iteration."""
    return _inverted(to_bd09, lon, lat)


def _transformed(crs: str, x: float, y: float, *, inverse: bool) -> tuple[float, float]:
    transformer = _transformer(crs, threading.get_ident())
    direction = "INVERSE" if inverse else "FORWARD"
    try:
        a, b = transformer.transform(x, y, direction=direction, errcheck=True)
    except ProjError as error:
        raise Invalid("crs_outside", crs=_short(crs), x=x, y=y) from error
    if not (math.isfinite(a) and math.isfinite(b)):
        raise Invalid("crs_outside", crs=_short(crs), x=x, y=y)
    return float(a), float(b)


@lru_cache(maxsize=TRANSFORMERS_KEPT)
def _transformer(crs: str, _thread: int) -> pyproj.Transformer:
    """One a thread: PROJ's objects are not safe to share between threads."""
    return pyproj.Transformer.from_crs(_system(crs), GEOGRAPHIC, always_xy=True)


@lru_cache(maxsize=TRANSFORMERS_KEPT)
def _system(crs: str) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(crs)
    except CRSError as error:
        raise Invalid("crs_unknown", crs=_short(crs)) from error


def _projected(crs: str) -> pyproj.CRS:
    system = _system(crs)
    if not system.is_projected or not system.axis_info:
        raise Invalid("crs_not_projected", crs=_short(crs))
    return system


def _short(crs: str) -> str:
    return crs if len(crs) <= 80 else crs[:77] + "..."  # noqa: PLR2004 - a WKT fills pages


def _frame(lon: float, lat: float, height_m: float, rotation_deg: float, scale: float) -> Floats:
    """Return the 4x4 matrix whose columns are the local axes and the origin in ECEF."""
    values = (lon, lat, height_m, rotation_deg, scale)
    if not all(map(math.isfinite, values)) or abs(lat) > 90 or scale <= 0:  # noqa: PLR2004 - a pole
        raise Invalid("frame_range", values=[str(v) for v in values])
    l, p, turn = math.radians(lon), math.radians(lat), math.radians(rotation_deg)  # noqa: E741 - λ
    east = np.array([-math.sin(l), math.cos(l), 0.0])
    north = np.array([-math.sin(p) * math.cos(l), -math.sin(p) * math.sin(l), math.cos(p)])
    up = np.array([math.cos(p) * math.cos(l), math.cos(p) * math.sin(l), math.sin(p)])
    normal_m = _A / math.sqrt(1 - _E2 * math.sin(p) ** 2)
    matrix = np.eye(4)
    matrix[:3, 0] = scale * (math.cos(turn) * east + math.sin(turn) * north)
    matrix[:3, 1] = scale * (math.cos(turn) * north - math.sin(turn) * east)
    matrix[:3, 2] = scale * up
    matrix[:3, 3] = (normal_m + height_m) * up
    matrix[2, 3] -= _E2 * normal_m * math.sin(p)
    return matrix


def _geodetic(ecef: Floats) -> Floats:
    """Return lon, lat, height of (n,3) ECEF metres (Bowring 1985; three rounds reach 1e-13 rad)."""
    x, y, z = ecef[:, 0], ecef[:, 1], ecef[:, 2]
    radius = np.hypot(x, y)
    reduced = np.arctan2(z, (1 - _F) * radius)
    ep2 = _E2 / (1 - _E2)
    for _ in range(3):
        lat = np.arctan2(
            z + ep2 * _B * np.sin(reduced) ** 3, radius - _E2 * _A * np.cos(reduced) ** 3
        )
        reduced = np.arctan2((1 - _F) * np.sin(lat), np.cos(lat))
    normal_m = _A / np.sqrt(1 - _E2 * np.sin(lat) ** 2)
    height_m = radius * np.cos(lat) + z * np.sin(lat) - _A * _A / normal_m
    return np.column_stack([np.degrees(np.arctan2(y, x)), np.degrees(lat), height_m])


# GCJ-02 and BD-09 as the public libraries compute them (they agree to 1e-11 degrees); the
# constants are Krasovsky's ellipsoid and the published coefficients.
_GCJ_A = 6378245.0
_GCJ_E2 = 0.00669342162296594323
_BD = math.pi * 3000 / 180


def _in_china(lon: float, lat: float) -> bool:
    return 72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271  # noqa: PLR2004 - the public box


def _gcj_offset(lon: float, lat: float) -> tuple[float, float]:
    x, y = lon - 105.0, lat - 35.0
    common = (20 * math.sin(6 * x * math.pi) + 20 * math.sin(2 * x * math.pi)) * 2 / 3
    root = math.sqrt(abs(x))
    d_lat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    d_lat += _waves(y, ((20, 1), (40, 1 / 3))) + _waves(y, ((160, 1 / 12), (320, 1 / 30)))
    d_lon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    d_lon += _waves(x, ((20, 1), (40, 1 / 3))) + _waves(x, ((150, 1 / 12), (300, 1 / 30)))
    magic = 1 - _GCJ_E2 * math.sin(math.radians(lat)) ** 2
    north_m = _GCJ_A * (1 - _GCJ_E2) / (magic * math.sqrt(magic))
    east_m = _GCJ_A / math.sqrt(magic) * math.cos(math.radians(lat))
    return math.degrees(d_lon / east_m), math.degrees(d_lat / north_m)


def _waves(value: float, terms: tuple[tuple[float, float], ...]) -> float:
    return sum(size * math.sin(value * math.pi * pace) for size, pace in terms) * 2 / 3


def _inverted(
    forward: Callable[[float, float], tuple[float, float]], lon: float, lat: float
) -> tuple[float, float]:
    """Return the position that ``forward`` sends to lon/lat: the distortion is nearly constant."""
    x, y = lon, lat
    for _ in range(8):
        a, b = forward(x, y)
        x, y = x + lon - a, y + lat - b
    return x, y
