"""The Beidou grid location code, GB/T 39409-2020: position to text and back, 2D and 3D.

2D codes are CGCS2000 longitude/latitude at levels 0-10 (a hemisphere … 1.5 cm); each level's code
is a prefix of the next one's, cut at ``LEGAL_CUTS``. 3D codes put each level's height characters
behind its 2D characters (``LEGAL_CUTS_3D``); heights are ellipsoidal metres.

All horizontal arithmetic is exact, in whole units of 1/2048″: a degree has 7,372,800 of them and
every cell size is a whole number. (Floats put 114.3° E into the wrong cell.)

Where the standard is silent we decide, and say so: exact zone edges in the western hemisphere and
longitude ±180° belong to the last cell before them; latitude 0 is north, longitude 0 east; heights
are binary with sign and magnitude. At the poles (|latitude| >= 88°) the text stops at level 2.
"""

import math
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import NamedTuple

from identity.errors import Invalid

LEGAL_CUTS = (1, 4, 6, 7, 9, 11, 12, 14, 16, 18, 20)
LEGAL_CUTS_3D = (2, 7, 10, 12, 15, 18, 20, 23, 26, 29, 32)
LEVEL_MAX = 10
POLE_LEVEL_MAX = 2

Degrees = float | int | str | Decimal

_TEXT_READ = 48  # characters looked at: the longest code and some blanks
_DEGREE = 3600 * 2048
_ZONE = 6 * _DEGREE
_BAND = 4 * _DEGREE
_POLE = 88 * _DEGREE
_SPLITS = ((12, 8), (2, 3), (15, 10), (15, 15), (2, 2), (8, 8), (8, 8), (8, 8), (8, 8))  # 2 … 10
_Z_ORDER = ((2, 3), (2, 2))  # these levels are written as one digit, 2b + a
_HEX = "0123456789ABCDEF"
_EXACT = Context(prec=400, traps=[Inexact, InvalidOperation])  # more than a double can need

_RINGS = ("10", "11", "20", "21", "31", "30")  # 60° sectors eastward, outer ring; inner is +2

_RADIUS_M = 6378137.0
_THETA0 = math.pi / 180
_FINEST = _DEGREE  # θ0 / θ, with θ = 1/2048″
_HEIGHT_BITS = (1, 6, 3, 1, 4, 4, 1, 3, 3, 3, 3)  # a level each; the first is the sign
_MAGNITUDE_BITS = 31


class Cell(NamedTuple):
    """Degrees; ``west > east`` where the cell crosses the 180° meridian (only near the poles)."""

    west: float
    south: float
    east: float
    north: float


def encode(lon: Degrees, lat: Degrees, level: int = LEVEL_MAX) -> str:
    """Return the 2D code of a position. A float counts as its shortest decimal form.

    Raises Invalid("position_range"), Invalid("grid_level"), Invalid("grid_pole").
    """
    if not 0 <= level <= LEVEL_MAX:
        raise Invalid("grid_level", level=level, largest=LEVEL_MAX)
    west, x, x_exact = _units("lon", lon, 180)
    south, y, _ = _units("lat", lat, 90)
    hemisphere = "S" if south else "N"
    if y >= _POLE:
        return _encode_pole(hemisphere, _eastward(x, west=west, exact=x_exact), y, level)
    zone, x = divmod(x, _ZONE)
    if x == 0 and zone and ((west and x_exact) or zone == 180 // 6):
        zone, x = zone - 1, _ZONE - 1
    band, y = divmod(y, _BAND)
    number = 30 - zone if west else 31 + zone
    text = f"{hemisphere}{number:02d}{chr(ord('A') + band)}"
    return (text + _digits(x, y))[: LEGAL_CUTS[level]]


def decode(code: str) -> Cell:
    """Return the cell of a 2D code; Invalid("grid_shape") names the first wrong position."""
    text = code[:_TEXT_READ].strip().upper()
    if len(text) not in LEGAL_CUTS:
        raise _wrong(text, len(text), f"{', '.join(map(str, LEGAL_CUTS))} characters")
    if text[0] not in "NS":
        raise _wrong(text, 0, "N, S")
    if len(text) == 1:
        return _cell(-180 * _DEGREE, 360 * _DEGREE, 0, 90 * _DEGREE, south=text == "S")
    if text[1:4] == "000":
        return _decode_pole(text)
    return _decode_zone(text)


def level_of(code: str) -> int:
    """Return the level of a 2D code by its length; Invalid("grid_shape")."""
    if len(code) not in LEGAL_CUTS:
        raise _wrong(code[:_TEXT_READ], len(code), f"{', '.join(map(str, LEGAL_CUTS))} characters")
    return LEGAL_CUTS.index(len(code))


def encode_3d(lon: Degrees, lat: Degrees, height_m: float, level: int = LEVEL_MAX) -> str:
    """Return the 3D code; ``height_m`` is ellipsoidal (not the 1985 height of drawings)."""
    flat, height = encode(lon, lat, level), encode_height(height_m)
    text = ""
    for at in range(level + 1):
        text += flat[_start(LEGAL_CUTS, at) : LEGAL_CUTS[at]]
        text += height[_height_cut(at - 1) : _height_cut(at)]
    return text


def decode_3d(code: str) -> tuple[Cell, float, float]:
    """Return the cell of a 3D code and its bottom and top in ellipsoidal metres."""
    text = code[:_TEXT_READ].strip().upper()
    if len(text) not in LEGAL_CUTS_3D:
        raise _wrong(text, len(text), f"{', '.join(map(str, LEGAL_CUTS_3D))} characters")
    flat = height = ""
    for at in range(LEGAL_CUTS_3D.index(len(text)) + 1):
        piece = text[_start(LEGAL_CUTS_3D, at) : LEGAL_CUTS_3D[at]]
        wide = LEGAL_CUTS[at] - _start(LEGAL_CUTS, at)
        flat, height = flat + piece[:wide], height + piece[wide:]
    bottom_m, top_m = decode_height(height)
    return decode(flat), bottom_m, top_m


def encode_height(height_m: float) -> str:
    """Return the 12 height characters (clause 6, Annex C): sign, then 31 bits in level groups."""
    if not (math.isfinite(height_m) and height_m > -_RADIUS_M):
        raise Invalid("height_range", height_m=str(height_m))
    n = math.floor(_FINEST * math.log1p(height_m / _RADIUS_M) / math.log1p(_THETA0))
    if abs(n) >= 1 << _MAGNITUDE_BITS:
        raise Invalid("height_range", height_m=str(height_m))
    text, left = "1" if n < 0 else "0", _MAGNITUDE_BITS
    for bits in _HEIGHT_BITS[1:]:
        left -= bits
        value = abs(n) >> left & (1 << bits) - 1
        text += f"{value:02d}" if bits == 6 else _HEX[value]  # noqa: PLR2004 - level 1: 00-63
    return text


def decode_height(code: str) -> tuple[float, float]:
    """Return bottom and top in metres of height characters cut at any level.

    Below ground a cell is named by its lower bound, so groups of cells are shifted by one finest
    cell (Annex C is silent; sign and magnitude is our reading).
    """
    magnitude, left = _magnitude(code)
    low, high = magnitude << left, (magnitude + 1) << left
    if code[0] == "1":
        low, high = 1 - high, 1 - low
    return _height_m(low), _height_m(high)


def _units(axis: str, value: Degrees, largest: int) -> tuple[bool, int, bool]:
    """Return (negative, whole 1/2048″ towards zero, whether that was exact)."""
    try:
        degrees = Decimal(repr(float(value)) if isinstance(value, float) else value)
        if not (degrees.is_finite() and abs(degrees) <= largest):
            raise Invalid("position_range", axis=axis, value=str(value), largest=largest)
        scaled = _EXACT.multiply(_EXACT.abs(degrees), Decimal(_DEGREE))
    except (InvalidOperation, Inexact):
        raise Invalid("position_range", axis=axis, value=str(value), largest=largest) from None
    whole = int(scaled)
    return degrees < 0, whole, scaled == whole


def _digits(x: int, y: int) -> str:
    """Return the characters of levels 2-10 for an offset in the zone, away from 0/0."""
    text, wide, high = "", _ZONE, _BAND
    for split in _SPLITS:
        wide, high = wide // split[0], high // split[1]
        a, x = divmod(x, wide)
        b, y = divmod(y, high)
        text += _HEX[2 * b + a] if split in _Z_ORDER else _HEX[a] + _HEX[b]
    return text


def _decode_zone(text: str) -> Cell:
    zone = int(text[1:3]) if text[1:3].isascii() and text[1:3].isdigit() else 0
    if not 1 <= zone <= 360 // 6:
        raise _wrong(text, 1, "01-60")
    if not "A" <= text[3] <= "V":
        raise _wrong(text, 3, "A-V")
    west = zone <= 30  # noqa: PLR2004 - zones 01-30 lie west of Greenwich
    x = (30 - zone if west else zone - 31) * _ZONE
    y = (ord(text[3]) - ord("A")) * _BAND
    a, b, wide, high = _offsets(text)
    x, y = x + a, y + b
    return _cell(-x - wide if west else x, wide, y, high, south=text[0] == "S")


def _offsets(text: str) -> tuple[int, int, int, int]:
    """Return (x, y, width, height) in units of the cell inside its zone, away from 0/0."""
    x, y, wide, high = 0, 0, _ZONE, _BAND
    for level, (columns, rows) in enumerate(_SPLITS, start=2):
        if LEGAL_CUTS[level] > len(text):
            break
        at = LEGAL_CUTS[level - 1]
        if (columns, rows) in _Z_ORDER:
            b, a = divmod(_digit(text, at, columns * rows), columns)
        else:
            a, b = _digit(text, at, columns), _digit(text, at + 1, rows)
        wide, high = wide // columns, high // rows
        x, y = x + a * wide, y + b * high
    return x, y, wide, high


def _digit(text: str, at: int, count: int) -> int:
    value = _HEX.find(text[at])
    if not 0 <= value < count:
        raise _wrong(text, at, f"0-{_HEX[count - 1]}")
    return value


def _eastward(x: int, *, west: bool, exact: bool) -> int:
    """Return units east of Greenwich, 0 … 360°."""
    return (360 * _DEGREE - x - (not exact)) % (360 * _DEGREE) if west else x


def _encode_pole(hemisphere: str, east: int, y: int, level: int) -> str:
    """Fig. 10: a cap, three 120° cells, and two rings of six 60° cells."""
    if level > POLE_LEVEL_MAX:
        raise Invalid("grid_pole", level=level, largest=POLE_LEVEL_MAX)
    half = (y - _POLE) // (_DEGREE // 2)  # half degrees above 88°: 0, 1, 2, 3 (and 4 at 90°)
    if half <= 1:
        ring = _RINGS[east // (60 * _DEGREE)]
        cell = f"{ring[0]}{int(ring[1]) + 2 * half}"
    else:
        cell = f"0{1 + east // (120 * _DEGREE)}" if half == 2 else "00"  # noqa: PLR2004 - Fig. 10
    return f"{hemisphere}000{cell}"[: LEGAL_CUTS[level]]


def _decode_pole(text: str) -> Cell:
    if len(text) > LEGAL_CUTS[POLE_LEVEL_MAX]:
        raise Invalid("grid_pole", level=LEGAL_CUTS.index(len(text)), largest=POLE_LEVEL_MAX)
    cells = _pole_cells()
    if text[4:] not in cells:
        raise _wrong(text, 4, "00-03, 10-13, 20-23, 30-33")
    west, wide, low, high = cells[text[4:]]
    half = _DEGREE // 2
    west_units = (west if west <= 180 else west - 360) * _DEGREE  # noqa: PLR2004 - half the circle
    south = text[0] == "S"
    return _cell(west_units, wide * _DEGREE, _POLE + low * half, high * half, south=south)


def _pole_cells() -> dict[str, tuple[int, int, int, int]]:
    """Return level-2 digits → (west°, width°, half degrees above 88°, height in half degrees)."""
    cells = {"": (-180, 360, 0, 4), "00": (-180, 360, 3, 1)}
    cells |= {f"0{1 + at}": (120 * at, 120, 2, 1) for at in range(3)}
    for at, ring in enumerate(_RINGS):
        for inner in (0, 1):
            cells[f"{ring[0]}{int(ring[1]) + 2 * inner}"] = (60 * at, 60, inner, 1)
    return cells


def _cell(west: int, wide: int, y: int, high: int, *, south: bool) -> Cell:
    """Turn units into degrees; ``y`` counts away from the equator."""
    bottom = -y - high if south else y
    east = west + wide
    if east > 180 * _DEGREE:
        east -= 360 * _DEGREE
    top = bottom + high
    return Cell(west / _DEGREE, bottom / _DEGREE, east / _DEGREE, top / _DEGREE)


def _magnitude(code: str) -> tuple[int, int]:
    """Return the leading bits of |n| and how many finer bits are left."""
    at, magnitude, left = 1, 0, _MAGNITUDE_BITS
    if code[:1] not in {"0", "1"}:
        raise _wrong(code, 0, "0, 1")
    for bits in _HEIGHT_BITS[1:]:
        if at == len(code):
            break
        wide = 2 if bits == 6 else 1  # noqa: PLR2004 - level 1 is written 00-63
        piece = code[at : at + wide]
        base = 10 if wide == 2 else 16  # noqa: PLR2004 - as above
        digits = _HEX[:base]
        value = int(piece, base) if len(piece) == wide and set(piece) <= set(digits) else -1
        if not 0 <= value < 1 << bits:
            raise _wrong(code, at, f"0-{(1 << bits) - 1}")
        magnitude, left, at = magnitude << bits | value, left - bits, at + wide
    if at != len(code):
        raise _wrong(code, at, "12 characters at most")
    return magnitude, left


def _height_m(n: int) -> float:
    """Return H = (1 + θ0)^(n θ/θ0) r0 - r0 (formula C.13)."""
    return _RADIUS_M * math.expm1(n / _FINEST * math.log1p(_THETA0))


def _height_cut(level: int) -> int:
    return 0 if level < 0 else LEGAL_CUTS_3D[level] - LEGAL_CUTS[level]


def _start(cuts: tuple[int, ...], level: int) -> int:
    return cuts[level - 1] if level else 0


def _wrong(text: str, at: int, expected: str) -> Invalid:
    return Invalid("grid_shape", text=text, position=at + 1, expected=expected)
