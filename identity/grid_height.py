"""Heights of 3D codes, GB/T 39409-2020 clause 6 and Annex C: ellipsoidal metres to text and back.

The standard leaves two things open. Groups of bits are binary (not 0-E as clause 6 prints them);
both readings agree below 1.84 km. Heights below the ellipsoid are sign and magnitude, each finest
cell named by its lower bound; "minus zero" is no cell.
"""

import math
from typing import NamedTuple

from identity.errors import Invalid
from identity.grid_units import DEGREE, HEX, LEGAL_CUTS, LEGAL_CUTS_3D, wrong

BITS = (1, 6, 3, 1, 4, 4, 1, 3, 3, 3, 3)  # a level each; the first is the sign
_RADIUS_M = 6378137.0
_THETA0 = math.pi / 180
_FINEST = DEGREE  # θ0 / θ, with θ = 1/2048″
_MAGNITUDE_BITS = 31
_TWO_DIGITS = 6  # bits of level 1, written 00-63


class Layer(NamedTuple):
    """A step of heights at a level: ``number`` 0 is the first above the ellipsoid, -1 below it."""

    level: int
    number: int


def encode_height(height_m: float) -> str:
    """Return the 12 height characters: sign, then 31 bits in level groups."""
    n = finest(height_m)
    return _characters(n < 0, abs(n), BITS[1:])


def decode_height(code: str) -> tuple[float, float]:
    """Return bottom and top in metres of height characters cut at any level."""
    low, high = layer_steps(layer_of(code))
    return height_m_of(low), height_m_of(high)


def finest(height_m: float) -> int:
    """Return the finest step that holds an ellipsoidal height; Invalid("height_range")."""
    if not (math.isfinite(height_m) and height_m > -_RADIUS_M):
        raise Invalid("height_range", height_m=str(height_m))
    n = math.floor(_FINEST * math.log1p(height_m / _RADIUS_M) / math.log1p(_THETA0))
    if abs(n) >= 1 << _MAGNITUDE_BITS:
        raise Invalid("height_range", height_m=str(height_m))
    return n


def height_m_of(n: int) -> float:
    """Return H = (1 + θ0)^(n θ/θ0) r0 - r0 (formula C.13): the bottom of the finest step ``n``."""
    return _RADIUS_M * math.expm1(n / _FINEST * math.log1p(_THETA0))


def layer_at(n: int, level: int) -> Layer:
    """Return the layer of ``level`` that holds the finest step ``n``."""
    left = _left(level)
    return Layer(level, n >> left) if n >= 0 or not left else Layer(level, -(-n >> left) - 1)


def layer_steps(layer: Layer) -> tuple[int, int]:
    """Return the finest steps [low, high) of a layer.

    Below the ellipsoid a layer of magnitude m holds the steps whose magnitude starts with m: the
    first one is one step shorter (no minus zero), the others begin one step lower.
    """
    level, number = layer
    left = _left(level)
    if number >= 0 or not left:
        return number << left, number + 1 << left
    magnitude = -number - 1
    return 1 - (magnitude + 1 << left), min(0, 1 - (magnitude << left))


def layer_exists(layer: Layer) -> bool:
    """Return whether a layer has a code."""
    low, high = layer_steps(layer)
    return low > -1 << _MAGNITUDE_BITS and high <= 1 << _MAGNITUDE_BITS


def layer_of(code: str) -> Layer:
    """Return the layer of height characters; Invalid("grid_shape")."""
    level, magnitude = _read(code)
    if code[0] == "0":
        return Layer(level, magnitude)
    if not _left(level):
        if not magnitude:
            raise wrong(code, len(code) - 1, "1-7")
        return Layer(level, -magnitude)
    return Layer(level, -magnitude - 1)


def layer_text(layer: Layer) -> str:
    """Return the height characters of a layer."""
    level, number = layer
    magnitude = -number - 1 if number < 0 and _left(level) else abs(number)
    return _characters(number < 0, magnitude, BITS[1 : level + 1])


def height_cut(level: int) -> int:
    """Return how many height characters a code of a level has."""
    return LEGAL_CUTS_3D[level] - LEGAL_CUTS[level]


def _characters(below: bool, magnitude: int, groups: tuple[int, ...]) -> str:  # noqa: FBT001 - the sign is a bit of the code
    text, left = "1" if below else "0", sum(groups)
    for bits in groups:
        left -= bits
        value = magnitude >> left & (1 << bits) - 1
        text += f"{value:02d}" if bits == _TWO_DIGITS else HEX[value]
    return text


def _read(code: str) -> tuple[int, int]:
    """Return the level and the leading bits of |n|."""
    at, magnitude, level = 1, 0, 0
    if code[:1] not in {"0", "1"}:
        raise wrong(code, 0, "0, 1")
    for bits in BITS[1:]:
        if at == len(code):
            break
        wide, base = (2, 10) if bits == _TWO_DIGITS else (1, 16)
        piece = code[at : at + wide]
        value = int(piece, base) if len(piece) == wide and set(piece) <= set(HEX[:base]) else -1
        if not 0 <= value < 1 << bits:
            raise wrong(code, at, f"0-{(1 << bits) - 1}")
        magnitude, level, at = magnitude << bits | value, level + 1, at + wide
    if at != len(code):
        raise wrong(code, at, "12 characters at most")
    return level, magnitude


def _left(level: int) -> int:
    """Return how many bits are finer than a level."""
    return sum(BITS[level + 1 :])
