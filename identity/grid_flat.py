"""2D codes: position to text and back, GB/T 39409-2020 clause 5. Exact, in units of 1/2048″."""

from typing import NamedTuple

from identity.errors import Invalid
from identity.grid_pole import POLE_ZONE, encode_pole, pole_refused, pole_span
from identity.grid_units import (
    BAND,
    DEGREE,
    HEX,
    LEGAL_CUTS,
    LEVEL_MAX,
    POLE,
    SIZES,
    SPLITS,
    TEXT_READ,
    Z_ORDER,
    ZONE,
    Degrees,
    Span,
    units,
    wrong,
)

_ROUND = 360 * DEGREE


class Cell(NamedTuple):
    """Degrees; ``west > east`` where the cell crosses the 180° meridian (only near the poles)."""

    west: float
    south: float
    east: float
    north: float


class Square(NamedTuple):
    """A cell by whole steps of its level's size east of Greenwich and north of the equator.

    Cells do not overlap 0° or the equator, so column -1 is the first west of Greenwich and row -1
    the first south of the equator. Polar cells and hemispheres are no squares.
    """

    level: int
    column: int
    row: int


def encode(lon: Degrees, lat: Degrees, level: int = LEVEL_MAX) -> str:
    """Return the 2D code of a position. A float counts as its shortest decimal form.

    Raises Invalid("position_range"), Invalid("grid_level"), Invalid("grid_pole").
    """
    check_level(level)
    west, x, x_exact = units("lon", lon, 180)
    south, y, _ = units("lat", lat, 90)
    if y >= POLE:
        return encode_pole("S" if south else "N", _eastward(x, west=west, exact=x_exact), y, level)
    if x_exact and x and x % ZONE == 0 and (west or x == 180 * DEGREE):
        x -= 1  # an exact zone edge belongs to the last cell before it
    return _text(x, y, west=west, south=south, level=level)


def decode(code: str) -> Cell:
    """Return the cell of a 2D code; Invalid("grid_shape") names the first wrong position."""
    span = span_of(code)
    east = span.west + span.wide
    if east > 180 * DEGREE:
        east -= _ROUND
    north = span.south + span.high
    return Cell(span.west / DEGREE, span.south / DEGREE, east / DEGREE, north / DEGREE)


def level_of(code: str) -> int:
    """Return the level of a 2D code by its length; Invalid("grid_shape")."""
    if len(code) not in LEGAL_CUTS:
        raise wrong(code[:TEXT_READ], len(code), f"{', '.join(map(str, LEGAL_CUTS))} characters")
    return LEGAL_CUTS.index(len(code))


def span_of(code: str) -> Span:
    """Return the cell of a 2D code in units; Invalid("grid_shape"), Invalid("grid_pole")."""
    text = code[:TEXT_READ].strip().upper()
    level_of(text)
    if text[0] not in "NS":
        raise wrong(text, 0, "N, S")
    if len(text) == 1:
        return Span(-180 * DEGREE, -90 * DEGREE if text == "S" else 0, _ROUND, 90 * DEGREE)
    if text[1:4] == POLE_ZONE:
        return pole_span(text)
    return _zone_span(text)


def is_polar(code: str) -> bool:
    """Return whether a well-formed 2D code lies beyond 88° of latitude."""
    return code[1:4] == POLE_ZONE


def square_of(code: str) -> Square:
    """Return the square of a 2D code of level 1 … 10; Invalid("grid_pole") for a polar one."""
    span, level = span_of(code), level_of(code.strip())
    if is_polar(code.strip()):
        raise pole_refused(level)
    return Square(level, span.west // span.wide, span.south // span.high)


def code_of(square: Square) -> str:
    """Return the code of a square; columns wrap at ±180°, rows end with Invalid("grid_pole")."""
    level, column, row = square
    wide, high = SIZES[level]
    half = 180 * DEGREE // wide
    column = (column + half) % (2 * half) - half
    west, south = column < 0, row < 0
    x, y = (-column - 1 if west else column) * wide, (-row - 1 if south else row) * high
    if y >= POLE:
        raise pole_refused(level)
    return _text(x, y, west=west, south=south, level=level)


def check_level(level: int, least: int = 0) -> None:
    """Raise Invalid("grid_level") for a level outside ``least`` … 10."""
    if not least <= level <= LEVEL_MAX:
        raise Invalid("grid_level", level=level, smallest=least, largest=LEVEL_MAX)


def _text(x: int, y: int, *, west: bool, south: bool, level: int) -> str:
    """Return the code at units away from Greenwich and the equator."""
    zone, x = divmod(x, ZONE)
    band, y = divmod(y, BAND)
    number = 30 - zone if west else 31 + zone
    text = f"{'S' if south else 'N'}{number:02d}{chr(65 + band)}"
    for at in range(2, level + 1):
        wide, high = SIZES[at]
        a, x = divmod(x, wide)
        b, y = divmod(y, high)
        text += HEX[2 * b + a] if SPLITS[at - 2] in Z_ORDER else HEX[a] + HEX[b]
    return text if level else text[0]


def _zone_span(text: str) -> Span:
    zone = int(text[1:3]) if text[1:3].isascii() and text[1:3].isdigit() else 0
    if not 1 <= zone <= 360 // 6:
        raise wrong(text, 1, "01-60")
    if not "A" <= text[3] <= "V":
        raise wrong(text, 3, "A-V")
    west = zone <= 30  # noqa: PLR2004 - zones 01-30 lie west of Greenwich
    x = (30 - zone if west else zone - 31) * ZONE
    y = (ord(text[3]) - ord("A")) * BAND
    a, b, wide, high = _offsets(text)
    x, y = x + a, y + b
    return Span(-x - wide if west else x, -y - high if text[0] == "S" else y, wide, high)


def _offsets(text: str) -> tuple[int, int, int, int]:
    """Return (x, y, width, height) in units of the cell inside its zone, away from 0/0."""
    x, y, wide, high = 0, 0, ZONE, BAND
    for level, (columns, rows) in enumerate(SPLITS, start=2):
        if LEGAL_CUTS[level] > len(text):
            break
        at = LEGAL_CUTS[level - 1]
        if (columns, rows) in Z_ORDER:
            b, a = divmod(_digit(text, at, columns * rows), columns)
        else:
            a, b = _digit(text, at, columns), _digit(text, at + 1, rows)
        wide, high = SIZES[level]
        x, y = x + a * wide, y + b * high
    return x, y, wide, high


def _digit(text: str, at: int, count: int) -> int:
    value = HEX.find(text[at])
    if not 0 <= value < count:
        raise wrong(text, at, f"0-{HEX[count - 1]}")
    return value


def _eastward(x: int, *, west: bool, exact: bool) -> int:
    """Return units east of Greenwich, 0 … 360°."""
    return (_ROUND - x - (not exact)) % _ROUND if west else x
