"""3D cells that cover a box of longitude, latitude and height."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import NamedTuple

from identity.errors import Invalid
from identity.grid_flat import Cell, Square, check_level, code_of
from identity.grid_height import Layer, finest, height_m_of, layer_at, layer_steps, layer_text
from identity.grid_pole import pole_refused
from identity.grid_refine import COVER_CELLS_MAX, Node, by_count, check_choice, too_many
from identity.grid_solid import join
from identity.grid_units import DEGREE, POLE, POLE_LEVEL_MAX, SIZES, Degrees, snapped


class _Steps(NamedTuple):
    """A box in whole units of 1/2048″ and finest steps of height, ends not included."""

    west: int
    south: int
    east: int
    north: int
    low: int
    high: int


def cover_box_3d(
    box: Cell | tuple[Degrees, Degrees, Degrees, Degrees],
    bottom_m: float,
    top_m: float,
    *,
    level: int | None = None,
    max_count: int | None = None,
) -> list[str]:
    """Return the 3D codes, sorted, of the cells that cover a box.

    ``box``: west, south, east, north in degrees (CGCS2000), west > east across ±180°, latitude
    within ±88°; heights in ellipsoidal metres. ``level`` or ``max_count`` as in ``cover``. A flat
    box (a floor, a wall, a point) is covered by the cells that hold it. Raises
    TooLarge("grid_cover_limit"), Invalid("grid_cover_choice"), Invalid("grid_box"),
    Invalid("position_range"), Invalid("height_range"), Invalid("grid_pole"), Invalid("grid_level").
    """
    check_choice(level, max_count)
    steps = _steps(box, bottom_m, top_m)
    if max_count is not None:
        roots = list(_nodes(steps, 1, steps, max_count))
        return by_count(roots, partial(_split, steps), partial(_count, steps), max_count)
    check_level(level or 0)
    if not level:
        flats = ["N"] * (steps.north > 0) + ["S"] * (steps.south < 0)
        return sorted(join(flat, layer_text(at)) for flat in flats for at in _layers(steps, 0))
    return sorted({node.code for node in _nodes(steps, level, steps, COVER_CELLS_MAX)})


def _steps(
    box: Cell | tuple[Degrees, Degrees, Degrees, Degrees], bottom_m: float, top_m: float
) -> _Steps:
    west, south = _whole("lon", box[0], 180)[0], _whole("lat", box[1], 90)[0]
    east, north = _whole("lon", box[2], 180)[1], _whole("lat", box[3], 90)[1]
    if float(box[0]) > float(box[2]):
        east += 360 * DEGREE
    if float(box[1]) > float(box[3]) or bottom_m > top_m:
        raise Invalid("grid_box", box=[str(v) for v in box], bottom_m=bottom_m, top_m=top_m)
    if south < -POLE or north > POLE:
        raise pole_refused(level=POLE_LEVEL_MAX + 1)
    low, high = finest(bottom_m), finest(top_m)
    low += height_m_of(low + 1) <= bottom_m  # the logarithm may fall just below a layer's own edge
    high += height_m_of(high) < top_m
    return _Steps(west, south, max(east, west + 1), max(north, south + 1), low, max(high, low + 1))


def _whole(axis: str, value: Degrees, largest: int) -> tuple[int, int]:
    """Return the whole units below and above a coordinate."""
    exact = snapped(axis, value, largest)
    return math.floor(exact), math.ceil(exact)


def _nodes(shape: _Steps, level: int, within: _Steps, limit: int) -> Iterator[Node]:
    """Yield the cells of a level that hold some of the shape and of ``within``."""
    columns, rows, layers = _ranges(within, level)
    count = len(columns) * len(rows) * len(layers)
    if count > limit:
        raise too_many(count, limit)
    for column, row in product(columns, rows):
        flat = code_of(Square(level, column, row))
        for layer in layers:
            cell = _cell(Square(level, column, row), layer)
            whole = _inside(cell, shape)
            yield Node(level, join(flat, layer_text(layer)), whole=whole, part=cell)


def _split(shape: _Steps, node: Node) -> list[Node]:
    """Return the cells of the next level in a cell that hold some of the shape."""
    return list(_nodes(shape, node.level + 1, _common(shape, node.part), COVER_CELLS_MAX))


def _count(shape: _Steps, node: Node) -> int:
    """Return how many cells ``_split`` would return."""
    columns, rows, layers = _ranges(_common(shape, node.part), node.level + 1)
    return len(columns) * len(rows) * len(layers)


def _ranges(within: _Steps, level: int) -> tuple[range, range, list[Layer]]:
    """Return the columns, rows and layers that hold some of a box."""
    wide, high = SIZES[level]
    columns = range(within.west // wide, -(-within.east // wide))
    rows = range(within.south // high, -(-within.north // high))
    return columns, rows, _layers(within, level)


def _layers(steps: _Steps, level: int) -> list[Layer]:
    first, last = layer_at(steps.low, level), layer_at(steps.high - 1, level)
    return [Layer(level, number) for number in range(first.number, last.number + 1)]


def _cell(square: Square, layer: Layer) -> _Steps:
    wide, high = SIZES[square.level]
    west, south = square.column * wide, square.row * high
    bottom, top = layer_steps(layer)
    return _Steps(west, south, west + wide, south + high, bottom, top)


def _common(a: _Steps, b: _Steps) -> _Steps:
    return _Steps(
        max(a.west, b.west),
        max(a.south, b.south),
        min(a.east, b.east),
        min(a.north, b.north),
        max(a.low, b.low),
        min(a.high, b.high),
    )


def _inside(cell: _Steps, shape: _Steps) -> bool:
    return cell == _common(cell, shape)
