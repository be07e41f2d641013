"""2D codes of many positions at once, equal to ``encode`` one by one.

A double times 7,372,800 is computed for all at once; where the product is too near a whole number
to be sure of its floor, and at the poles, the position goes through ``encode`` itself.
"""

from typing import TYPE_CHECKING

from identity.errors import Invalid
from identity.grid_flat import check_level, encode
from identity.grid_units import (
    BAND,
    DEGREE,
    DOUBT,
    HEX,
    LAT_MAX_DEG,
    LEGAL_CUTS,
    LEVEL_MAX,
    POLE,
    POLE_LEVEL_MAX,
    SIZES,
    SPLITS,
    Z_ORDER,
    ZONE,
    Degrees,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]
    Floats = NDArray[np.float64]

BLOCK = 65_536  # positions a round: bounds the memory to some 20 MB


def encode_many(
    lons: "Sequence[Degrees] | Floats", lats: "Sequence[Degrees] | Floats", level: int = LEVEL_MAX
) -> list[str]:
    """Return the 2D codes of positions in degrees, as ``[encode(lon, lat, level), …]``.

    Fast for floats (lists or arrays of float64); text and Decimal go one by one. Raises as encode
    and Invalid("grid_lengths") where the two differ in length.
    """
    import numpy as np

    check_level(level)
    if len(lons) != len(lats):
        raise Invalid("grid_lengths", lons=len(lons), lats=len(lats))
    if not (_all_floats(lons) and _all_floats(lats)):
        return [encode(lon, lat, level) for lon, lat in zip(lons, lats, strict=True)]
    x, y = np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64)
    codes: list[str] = []
    for at in range(0, len(x), BLOCK):
        codes += _block(x[at : at + BLOCK], y[at : at + BLOCK], level)
    return codes


def finest_many(
    lons: "Sequence[Degrees] | Floats", lats: "Sequence[Degrees] | Floats"
) -> list[str]:
    """Return the finest code of each position: level 10, beyond 88° of latitude level 2.

    Raises as ``encode_many``.
    """
    if len(lons) != len(lats):
        raise Invalid("grid_lengths", lons=len(lons), lats=len(lats))
    polar = [abs(lat) >= LAT_MAX_DEG for lat in map(float, lats)]
    codes = iter(encode_many(*_picked(lons, lats, polar, wanted=False)))
    caps = iter(encode_many(*_picked(lons, lats, polar, wanted=True), POLE_LEVEL_MAX))
    return [next(caps) if is_cap else next(codes) for is_cap in polar]


def _picked(
    lons: "Sequence[Degrees] | Floats",
    lats: "Sequence[Degrees] | Floats",
    polar: "Sequence[bool]",
    *,
    wanted: bool,
) -> "tuple[list[Degrees], list[Degrees]]":
    pairs = zip(lons, lats, polar, strict=True)
    both = [(lon, lat) for lon, lat, is_cap in pairs if is_cap is wanted]
    return [lon for lon, _ in both], [lat for _, lat in both]


def _all_floats(values: "Iterable[Degrees] | Floats") -> bool:
    dtype = getattr(values, "dtype", None)
    return dtype == "float64" if dtype is not None else set(map(type, values)) <= {float}


def _block(lons: "Floats", lats: "Floats", level: int) -> list[str]:
    import numpy as np

    with np.errstate(over="ignore"):  # an infinite product is not sure
        scaled_x, scaled_y = np.abs(lons) * DEGREE, np.abs(lats) * DEGREE
    sure = _sure(scaled_x, 180 * DEGREE) & _sure(scaled_y, POLE)
    x = np.where(sure, scaled_x, 0).astype(np.int64)
    y = np.where(sure, scaled_y, 0).astype(np.int64)
    codes = _texts(x, y, lons < 0, lats < 0, level)
    for at in np.flatnonzero(~sure).tolist():
        codes[at] = encode(float(lons[at]), float(lats[at]), level)
    return codes


def _sure(scaled: "Floats", end: int) -> "NDArray[np.bool_]":
    import numpy as np

    with np.errstate(invalid="ignore"):  # infinite and not-a-number are not sure
        apart = scaled - np.floor(scaled)
    return (scaled < end) & (apart > DOUBT) & (apart < 1 - DOUBT)


def _texts(
    x: "Whole", y: "Whole", west: "NDArray[np.bool_]", south: "NDArray[np.bool_]", level: int
) -> list[str]:
    """Return the codes as text: each character is a column of code points."""
    import numpy as np

    wide = LEGAL_CUTS[level]
    points = np.empty((len(x), LEGAL_CUTS[max(level, 1)]), dtype=np.uint32)
    zone, x = np.divmod(x, ZONE)
    band, y = np.divmod(y, BAND)
    number = np.where(west, 30 - zone, 31 + zone)
    points[:, 0] = np.where(south, ord("S"), ord("N"))
    points[:, 1], points[:, 2] = ord("0") + number // 10, ord("0") + number % 10
    points[:, 3] = ord("A") + band
    _digits(points, x, y, level)
    text = np.ascontiguousarray(points[:, :wide]).view(f"U{wide}")
    codes: list[str] = text.ravel().tolist()
    return codes


def _digits(points: "NDArray[np.uint32]", x: "Whole", y: "Whole", level: int) -> None:
    """Write the code points of levels 2 … ``level`` into their columns."""
    import numpy as np

    hexes = np.frombuffer(HEX.encode("ascii"), dtype=np.uint8).astype(np.uint32)
    for at in range(2, level + 1):
        wide, high = SIZES[at]
        a, x = np.divmod(x, wide)
        b, y = np.divmod(y, high)
        column = LEGAL_CUTS[at - 1]
        if SPLITS[at - 2] in Z_ORDER:
            points[:, column] = hexes[2 * b + a]
        else:
            points[:, column], points[:, column + 1] = hexes[a], hexes[b]
