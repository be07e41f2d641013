"""Cells that touch a cell by an edge or a corner: 8 in 2D, 26 in 3D, more or fewer at the edges.

The rule is symmetrical: b touches a exactly when a touches b. Cells touch across the equator, the
prime meridian and ±180°. At level 0 the two hemispheres touch. At 88° of latitude cells of level 1
and 2 touch the polar cells of Fig. 10 (a sector of 60° touches 122 cells of level 2 below it);
finer cells there would touch cells that the standard does not name and are refused.
"""

from itertools import product

from identity.grid_flat import Square, code_of, is_polar, span_of, square_of
from identity.grid_height import Layer, layer_exists, layer_of, layer_text
from identity.grid_pole import POLE_ZONE, pole_cells, pole_refused
from identity.grid_solid import is_3d, join, split
from identity.grid_tree import canonical
from identity.grid_units import DEGREE, LEGAL_CUTS, POLE, POLE_LEVEL_MAX, SIZES, Span

_ROUND = 360 * DEGREE


def neighbours(code: str) -> list[str]:
    """Return the codes of the cells that touch a cell, sorted; the cell itself is not one.

    A 3D cell has 26 of its own level (17 at the last height that has a code). Raises Invalid as
    ``decode``, Invalid("grid_pole") for cells finer than level 2 that touch 88° of latitude.
    """
    text = canonical(code)
    if not is_3d(text):
        return sorted(_around(text))
    flat, height = split(text)
    layer = layer_of(height)
    beside = [Layer(layer.level, layer.number + step) for step in (-1, 0, 1)]
    heights = [layer_text(one) for one in beside if layer_exists(one)]
    cells = {join(f, h) for f, h in product([flat, *_around(flat)], heights)}
    return sorted(cells - {text})


def _around(flat: str) -> set[str]:
    level = LEGAL_CUTS.index(len(flat))
    if level == 0:
        return {"S" if flat == "N" else "N"}
    if is_polar(flat):
        return _around_pole_cell(flat, level)
    _, column, row = square_of(flat)
    last = POLE // SIZES[level][1] - 1
    steps = product((-1, 0, 1), repeat=2)
    squares = [Square(level, column + east, row + north) for east, north in steps]
    inside = {code_of(square) for square in squares if -last - 1 <= square.row <= last}
    if row in (last, -last - 1):
        if level > POLE_LEVEL_MAX:
            raise pole_refused(level)
        inside |= _touching(flat, _polar(flat[0], level))
    return inside - {flat}


def _around_pole_cell(flat: str, level: int) -> set[str]:
    edge = POLE // SIZES[level][1] - 1
    row = edge if flat[0] == "N" else -edge - 1
    below = [code_of(Square(level, column, row)) for column in range(_ROUND // SIZES[level][0])]
    return _touching(flat, [*_polar(flat[0], level), *below])


def _polar(hemisphere: str, level: int) -> list[str]:
    return pole_cells(hemisphere) if level == POLE_LEVEL_MAX else [hemisphere + POLE_ZONE]


def _touching(flat: str, others: list[str]) -> set[str]:
    span = span_of(flat)
    return {other for other in others if other != flat and _touch(span, span_of(other))}


def _touch(a: Span, b: Span) -> bool:
    """Return whether two closed cells meet, on the round Earth."""
    meet = a.south <= b.south + b.high and b.south <= a.south + a.high
    return meet and ((b.west - a.west) % _ROUND <= a.wide or (a.west - b.west) % _ROUND <= b.wide)
