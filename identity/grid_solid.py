"""3D codes, GB/T 39409-2020 clause 6: each level's 2D characters, then its height characters."""

from typing import NamedTuple

from identity.grid_flat import Cell, decode, encode
from identity.grid_height import decode_height, encode_height, height_cut
from identity.grid_units import (
    LEGAL_CUTS,
    LEGAL_CUTS_3D,
    LEVEL_MAX,
    TEXT_READ,
    Degrees,
    cut_start,
    wrong,
)

_SOLID_CHARS_LONG = 7  # from here on the fourth character tells: a digit of the zone, or the band


class Box(NamedTuple):
    """Degrees (CGCS2000) and ellipsoidal metres; ``west > east`` across 180°, as in Cell."""

    west: float
    south: float
    east: float
    north: float
    bottom_m: float
    top_m: float


_PIECES = [
    (
        slice(cut_start(LEGAL_CUTS, level), LEGAL_CUTS[level]),
        slice(height_cut(level - 1) if level else 0, height_cut(level)),
    )
    for level in range(LEVEL_MAX + 1)
]
"""What each level takes of a 2D code and of height characters."""


def encode_3d(lon: Degrees, lat: Degrees, height_m: float, level: int = LEVEL_MAX) -> str:
    """Return the 3D code; ``height_m`` is ellipsoidal (not the 1985 height of drawings)."""
    return lifted(encode(lon, lat, level), height_m)


def lifted(flat: str, height_m: float) -> str:
    """Return the 3D code of a 2D code at an ellipsoidal height, of the same level."""
    return join(flat, encode_height(height_m))


def decode_3d(code: str) -> tuple[Cell, float, float]:
    """Return the cell of a 3D code and its bottom and top in ellipsoidal metres."""
    flat, height = split(code)
    bottom_m, top_m = decode_height(height)
    return decode(flat), bottom_m, top_m


def is_3d(code: str) -> bool:
    """Return whether a well-formed code is a 3D one.

    Some lengths are both a 2D and a 3D cut (7, 12, 18, 20): a 2D code has its band letter in the
    fourth place (or, at a pole, at most six characters), a 3D code a digit of its zone.
    """
    text = code[:TEXT_READ].strip()
    long = len(text) >= _SOLID_CHARS_LONG and len(text) in LEGAL_CUTS_3D
    return len(text) == LEGAL_CUTS_3D[0] or (long and text[3].isdigit())


def join(flat: str, height: str) -> str:
    """Return the 3D code of a 2D code and height characters of the same level."""
    pieces = _PIECES[: LEGAL_CUTS.index(len(flat)) + 1]
    return "".join([flat[wide] + height[high] for wide, high in pieces])


def split(code: str) -> tuple[str, str]:
    """Return the 2D code and the height characters of a 3D code; Invalid("grid_shape")."""
    text = code[:TEXT_READ].strip().upper()
    if len(text) not in LEGAL_CUTS_3D:
        raise wrong(text, len(text), f"{', '.join(map(str, LEGAL_CUTS_3D))} characters")
    flat = height = ""
    for at in range(LEGAL_CUTS_3D.index(len(text)) + 1):
        piece = text[cut_start(LEGAL_CUTS_3D, at) : LEGAL_CUTS_3D[at]]
        wide = LEGAL_CUTS[at] - cut_start(LEGAL_CUTS, at)
        flat, height = flat + piece[:wide], height + piece[wide:]
    return flat, height
