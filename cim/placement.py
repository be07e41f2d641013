"""How a local model frame lies on the Earth, and where its boxes come to lie."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from cim import crs
from cim.model import Box
from identity.errors import Invalid

Box3 = tuple[float, float, float, float, float, float]
"""xmin, ymin, zmin, xmax, ymax, zmax in metres of the local frame."""

ORIGIN_REACH_M = 1_000.0  # a model farther from its own origin is placed by its middle
SCALE_MIN, SCALE_MAX = 0.1, 10.0  # a unit mistake is 1000 or 0.001; survey scales are near 1


@dataclass(frozen=True, slots=True)
class Placement:
    """The local origin at lon/lat (CGCS2000 degrees) and ``height_m``; x axis ``rotation_deg``
    counter-clockwise from east. ``provenance``: declared | confirmed | none. ``method``:
    map_conversion | site | given | none. ``anchor_m`` is the local point that lies there: the
    origin, but for models drawn in map coordinates.
    """  # noqa: D205 - one sentence says it

    provenance: str = "none"
    method: str = "none"
    lon: float | None = None
    lat: float | None = None
    height_m: float = 0.0
    rotation_deg: float = 0.0
    scale: float = 1.0
    crs: str = ""
    anchor_m: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def known(self) -> bool:
        """Whether there is a position at all."""
        return self.lon is not None and self.lat is not None

    def transform(self) -> tuple[float, ...] | None:
        """Return the column-major 4x4 matrix local frame -> ECEF, or None without a position."""
        if self.lon is None or self.lat is None:
            return None
        frame = np.array(
            crs.enu_to_ecef(self.lon, self.lat, self.height_m, self.rotation_deg, self.scale)
        ).reshape(4, 4)
        frame[3] -= np.array([*self.anchor_m, 0.0]) @ frame
        return tuple(float(value) for value in frame.ravel())

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values; ``placement(p.as_dict()) == p``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a box lies: its centre, the height of its bottom, and its lon/lat rectangle."""

    lon: float
    lat: float
    height_m: float
    box: Box


def placement(fields: Mapping[str, Any]) -> Placement:
    """Build a placement from JSON values. Raises Invalid("placement_invalid") naming the field."""
    unknown = set(fields) - set(Placement.__dataclass_fields__)
    if unknown:
        raise Invalid("placement_invalid", field=min(unknown), value=None)
    numbers = {k: _number(k, v) for k, v in fields.items() if k in _RANGES and v is not None}
    words = {k: str(v) for k, v in fields.items() if k not in {*_RANGES, "anchor_m"}}
    said: dict[str, Any] = words | numbers
    if fields.get("anchor_m"):
        x, y, z = map(float, fields["anchor_m"])
        said["anchor_m"] = (x, y, z)
    made = Placement(**said)
    if (made.lon is None) != (made.lat is None):
        raise Invalid("placement_invalid", field="lon, lat", value=None)
    return made


def given(fields: Mapping[str, Any]) -> Placement:
    """Build what a person gave: lon and lat are required, the provenance is "confirmed"."""
    plain = {k: v for k, v in fields.items() if k in _RANGES or k == "crs"}
    wrong = [*(set(fields) - set(plain)), *(k for k in ("lon", "lat") if plain.get(k) is None)]
    if wrong:
        raise Invalid("placement_invalid", field=min(wrong), value=str(fields.get(min(wrong), "-")))
    return placement({**plain, "provenance": "confirmed", "method": "given"})


def anchored(where: Placement, boxes: Sequence[Box3 | None]) -> Placement:
    """Anchor a placement given by hand in the model's middle where its origin is far away."""
    present = np.array([box for box in boxes if box is not None], dtype=np.float64).reshape(-1, 6)
    if where.method != "given" or not len(present):
        return where
    low, high = present[:, :3].min(axis=0), present[:, 3:].max(axis=0)
    middle = (low + high) / 2
    if float(np.hypot(middle[0], middle[1])) <= ORIGIN_REACH_M:
        return replace(where, anchor_m=(0.0, 0.0, 0.0))
    return replace(where, anchor_m=(float(middle[0]), float(middle[1]), float(low[2])))


def positions(boxes: Sequence[Box3 | None], where: Placement) -> list[Position | None]:
    """Return the position of each local box (None where the box or the placement is unknown)."""
    present = [box for box in boxes if box is not None]
    if where.lon is None or where.lat is None or not present:
        return [None] * len(boxes)
    flat = np.array(present, dtype=np.float64)
    corners = flat[:, _CORNERS].reshape(-1, 3) - where.anchor_m
    lonlat = crs.local_to_lonlat(
        corners, where.lon, where.lat, where.height_m, where.rotation_deg, where.scale
    )
    found = iter(_position(c) for c in lonlat.reshape(-1, 4, 3))
    return [None if box is None else next(found) for box in boxes]


_CORNERS = [0, 1, 2, 3, 1, 2, 3, 4, 2, 0, 4, 2]  # the four bottom corners of a Box3
_RANGES = {
    "lon": (-180.0, 180.0),
    "lat": (-90.0, 90.0),
    "height_m": (-12_000.0, 12_000.0),
    "rotation_deg": (-360.0, 360.0),
    "scale": (SCALE_MIN, SCALE_MAX),
}


def _position(corners: np.ndarray) -> Position:
    """``corners`` (4, 3): lon, lat, height_m of the bottom of a box."""
    west, south, bottom = corners.min(axis=0)
    east, north, _ = corners.max(axis=0)
    lon, lat, _ = corners.mean(axis=0)
    box = (float(west), float(south), float(east), float(north))
    return Position(float(lon), float(lat), float(bottom), box)


def _number(name: str, value: Any) -> float:
    low, high = _RANGES[name]
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise Invalid("placement_invalid", field=name, value=str(value)) from error
    if not low <= number <= high:  # also refuses NaN
        raise Invalid("placement_invalid", field=name, value=str(value))
    return number
