"""Reference codes ``C0-MN`` and short codes ``place-MN``, GB/T 39409-2020 clauses 7 and 8.

A cell near a reference cell C0 (level 5 or finer, the same level) is told by how many cells it
lies to the east (M) and to the north (N): 0-7 count east and north, A-G one to seven west and
south. Directions are those on the ground in every hemisphere. A short code says the name of a
place instead of C0; which cell the name stands for is for the caller to know.
"""

from typing import NamedTuple

from identity.errors import Invalid
from identity.grid_flat import Cell, Square, code_of, square_of
from identity.grid_units import DEGREE, POLE, SIZES

REFERENCE_LEVEL_MIN = 5
REACH = 7  # cells in each direction
PLACE_CHARS_MAX = 100
_STEPS = "01234567"
_BACK = "ABCDEFG"
_SEPARATOR = "-"


class Short(NamedTuple):
    """What a reference or short code says: a place's name or C0, cells east and north."""

    place: str
    east: int
    north: int


def reference_code(anchor: str, target: str) -> str:
    """Return ``C0-MN``: where ``target`` lies as seen from ``anchor``, 2D codes of one level >= 5.

    Raises Invalid("grid_reference_level"), Invalid("grid_reference_range").
    """
    return _upper(anchor) + _offset(anchor, target)


def short_code(place: str, anchor: str, target: str) -> str:
    """Return ``place-MN`` for a place whose cell is ``anchor``; errors as reference_code."""
    name = place.strip()
    if not name or len(name) > PLACE_CHARS_MAX:
        raise Invalid("grid_short_shape", text=name[:PLACE_CHARS_MAX], position=1)
    return name + _offset(anchor, target)


def parse_short(text: str) -> Short:
    """Return the parts of ``C0-MN`` or ``place-MN``; Invalid("grid_short_shape") with position."""
    said = text.strip()
    place, separator, steps = said.rpartition(_SEPARATOR)
    if not (separator and place.strip()) or len(place) > PLACE_CHARS_MAX:
        raise Invalid("grid_short_shape", text=said[:PLACE_CHARS_MAX], position=1)
    known = _STEPS + _BACK
    found = [known.find(character) for character in steps.upper()]
    if len(found) != 2 or -1 in found:  # noqa: PLR2004 - one for east, one for north
        at = found.index(-1) if -1 in found else min(len(found), 2)
        position = len(place) + 2 + at
        raise Invalid("grid_short_shape", text=said[:PLACE_CHARS_MAX], position=position)
    east, north = (at if at <= REACH else REACH - at for at in found)
    return Short(place.strip(), east, north)


def resolve_reference(text: str) -> str:
    """Return the code of the cell that ``C0-MN`` means."""
    said = parse_short(text)
    return _moved(said.place, said.east, said.north)


def resolve_short(text: str, anchor: str) -> str:
    """Return the code of the cell that ``place-MN`` means, with ``anchor`` the place's cell."""
    said = parse_short(text)
    return _moved(anchor, said.east, said.north)


def reference_range(anchor: str) -> Cell:
    """Return the box of all cells that can be told from ``anchor`` (15 by 15; cut at 88°)."""
    level, column, row = _anchor(anchor)
    wide, high = SIZES[level]
    half = 180 * DEGREE // wide
    west = (column - REACH + half) % (2 * half) - half
    east = (column + REACH + half) % (2 * half) - half + 1
    south, north = max((row - REACH) * high, -POLE), min((row + REACH + 1) * high, POLE)
    return Cell(west * wide / DEGREE, south / DEGREE, east * wide / DEGREE, north / DEGREE)


def _offset(anchor: str, target: str) -> str:
    here, there = _anchor(anchor), square_of(_upper(target))
    if there.level != here.level:
        raise Invalid("grid_reference_level", level=there.level, smallest=here.level)
    half = 180 * DEGREE // SIZES[here.level][0]
    east = (there.column - here.column + half) % (2 * half) - half
    north = there.row - here.row
    if max(abs(east), abs(north)) > REACH:
        raise Invalid("grid_reference_range", east=east, north=north, largest=REACH)
    return _SEPARATOR + _step(east) + _step(north)


def _moved(anchor: str, east: int, north: int) -> str:
    level, column, row = _anchor(anchor)
    return code_of(Square(level, column + east, row + north))


def _anchor(anchor: str) -> Square:
    square = square_of(_upper(anchor))
    if square.level < REFERENCE_LEVEL_MIN:
        raise Invalid("grid_reference_level", level=square.level, smallest=REFERENCE_LEVEL_MIN)
    return square


def _upper(code: str) -> str:
    return code.strip().upper()


def _step(count: int) -> str:
    return _STEPS[count] if count >= 0 else _BACK[-count - 1]
