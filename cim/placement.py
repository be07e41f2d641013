"""How a local model frame lies on the Earth, and where its boxes come to lie."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cim import crs, heights
from cim.heights import CityHeights
from cim.model import Box
from identity import grid
from identity.errors import Invalid
from identity.grid_datum import SEPARATION_M_MAX, check_datum

Floats = npt.NDArray[np.float64]
Box3 = tuple[float, float, float, float, float, float]
"""xmin, ymin, zmin, xmax, ymax, zmax in metres of the local frame."""

ORIGIN_REACH_M = 1_000.0  # a model farther from its own origin is placed by its middle
SCALE_MIN, SCALE_MAX = 0.1, 10.0  # a unit mistake is 1000 or 0.001; survey scales are near 1


@dataclass(frozen=True, slots=True)
class Placement:
    """The local origin at lon/lat (CGCS2000 degrees) and ``height_m``; x axis ``rotation_deg``
    counter-clockwise from east. ``provenance``: declared | confirmed | none. ``method``:
    map_conversion | site | given | none. ``anchor_m`` is the local point that lies there: the
    origin, but for models drawn in map coordinates. ``height_m`` counts from ``height_datum``
    (``cim.heights``; "": from before datums were kept), known by ``height_provenance``.
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
    height_datum: str = ""
    height_provenance: str = ""
    geoid_separation_m: float | None = None

    @property
    def known(self) -> bool:
        """Whether there is a position at all."""
        return self.lon is not None and self.lat is not None

    def transform(self) -> tuple[float, ...] | None:
        """Return the column-major 4x4 matrix local frame -> ECEF, or None without a position."""
        if self.lon is None or self.lat is None:
            return None
        height = heights.ellipsoidal(self.height_m, self.height_datum, self.geoid_separation_m)
        frame = np.array(
            crs.enu_to_ecef(self.lon, self.lat, height.height_m, self.rotation_deg, self.scale)
        ).reshape(4, 4)
        frame[3] -= np.array([*self.anchor_m, 0.0]) @ frame
        return tuple(float(value) for value in frame.ravel())

    def heights(self) -> dict[str, Any]:
        """Return what is kept with every height that comes from here, as properties."""
        said = {
            heights.DATUM: self.height_datum,
            heights.PROVENANCE: self.height_provenance,
            heights.SEPARATION: self.geoid_separation_m,
        }
        return {name: value for name, value in said.items() if value not in {"", None}}

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values; ``placement(p.as_dict()) == p``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a box lies: its centre, the height of its bottom, its lon/lat rectangle, its cell."""

    lon: float
    lat: float
    height_m: float
    box: Box
    grid2d: str


def placement(fields: Mapping[str, Any]) -> Placement:
    """Build a placement from JSON values.

    Raises Invalid("placement_invalid") naming the field, Invalid("height_datum").
    """
    unknown = set(fields) - set(Placement.__dataclass_fields__)
    if unknown:
        raise Invalid("placement_invalid", field=min(unknown), value=None)
    numbers = {k: _number(k, v) for k, v in fields.items() if k in _RANGES and v is not None}
    words = {k: str(v) for k, v in fields.items() if k not in {*_RANGES, "anchor_m"} and v}
    said: dict[str, Any] = words | numbers
    if fields.get("anchor_m"):
        x, y, z = map(float, fields["anchor_m"])
        said["anchor_m"] = (x, y, z)
    made = Placement(**said)
    if made.height_datum:
        check_datum(made.height_datum)
    if (made.lon is None) != (made.lat is None):
        raise Invalid("placement_invalid", field="lon, lat", value=None)
    return made


def given(fields: Mapping[str, Any]) -> Placement:
    """Build what a person gave: lon and lat are required, the provenance is "confirmed"."""
    plain = {k: v for k, v in fields.items() if k in _RANGES or k in {"crs", "height_datum"}}
    wrong = [*(set(fields) - set(plain)), *(k for k in ("lon", "lat") if plain.get(k) is None)]
    if wrong:
        raise Invalid("placement_invalid", field=min(wrong), value=str(fields.get(min(wrong), "-")))
    by = heights.CONFIRMED if plain.get("height_datum") else ""
    return placement(
        {**plain, "provenance": "confirmed", "method": "given", "height_provenance": by}
    )


def counted(where: Placement, city: CityHeights) -> Placement:
    """Return the placement with the city's datum where nobody named one, and its separation.

    To be asked once, where a height comes in; what is kept already keeps what it was read as.
    """
    if not where.known:
        return where
    datum = where.height_datum or city.datum.value
    separation_m = where.geoid_separation_m
    return replace(
        where,
        height_datum=datum,
        height_provenance=where.height_provenance or heights.ASSUMED,
        geoid_separation_m=city.separation_of(datum) if separation_m is None else separation_m,
    )


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
    found = iter(_positions(lonlat.reshape(-1, 4, 3)))
    return [None if box is None else next(found) for box in boxes]


_CORNERS = [0, 1, 2, 3, 1, 2, 3, 4, 2, 0, 4, 2]  # the four bottom corners of a Box3
_RANGES = {
    "lon": (-180.0, 180.0),
    "lat": (-90.0, 90.0),
    "height_m": (-12_000.0, 12_000.0),
    "rotation_deg": (-360.0, 360.0),
    "scale": (SCALE_MIN, SCALE_MAX),
    "geoid_separation_m": (-SEPARATION_M_MAX, SEPARATION_M_MAX),
}


def _positions(corners: Floats) -> list[Position]:
    """``corners`` (n, 4, 3): lon, lat, height_m of the bottoms of boxes."""
    low, high = corners.min(axis=1), corners.max(axis=1)
    middle = corners.mean(axis=1)
    cells = grid.finest_many(middle[:, 0].tolist(), middle[:, 1].tolist())
    boxes = np.column_stack([low[:, :2], high[:, :2]]).tolist()
    points = np.column_stack([middle[:, :2], low[:, 2]]).tolist()
    return [
        Position(lon, lat, bottom, (west, south, east, north), cell)
        for (lon, lat, bottom), (west, south, east, north), cell in zip(
            points, boxes, cells, strict=True
        )
    ]


def _number(name: str, value: Any) -> float:
    low, high = _RANGES[name]
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise Invalid("placement_invalid", field=name, value=str(value)) from error
    if not low <= number <= high:  # also refuses NaN
        raise Invalid("placement_invalid", field=name, value=str(value))
    return number
