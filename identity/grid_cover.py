"""Cells that cover a polygon with holes: all of one level, or a bounded number of mixed levels.

A cell is in the cover when some area of the polygon lies in it; touching is not enough, so a cell's
own outline is covered by the cell alone. All comparisons are exact.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import NamedTuple

from identity.grid_flat import Square, check_level, code_of
from identity.grid_polygon import Edge, Outline, Points, Window, crosses, holds, outline
from identity.grid_refine import Node, at_level, by_count, check_choice
from identity.grid_units import SIZES, SPLITS


class _Part(NamedTuple):
    """A cell, the sides that cross it, and all sides in its range of latitude."""

    square: Square
    crossing: tuple[Edge, ...]
    band: tuple[Edge, ...]


def cover(
    rings: Sequence[Points], *, level: int | None = None, max_count: int | None = None
) -> list[str]:
    """Return the 2D codes, sorted, of the cells that cover a polygon (outer ring, then holes).

    Give ``level`` for all cells of that level (0 … 10) or ``max_count`` for at most so many cells,
    coarse inside and fine at the edge. Degrees (CGCS2000), latitude within ±88°; the polygon may
    cross 0°, the equator and ±180°. Even-odd rule. Raises TooLarge("grid_cover_limit"),
    Invalid("grid_cover_choice"), Invalid("grid_level") and what ``outline`` raises.
    """
    check_choice(level, max_count)
    shape = outline(rings)
    split = partial(_split, shape.scale)
    if max_count is not None:
        return by_count(_roots(shape), split, lambda node: sum(1 for _ in split(node)), max_count)
    check_level(level or 0)
    if not level:
        return sorted({code[0] for code in at_level(_roots(shape), split, 1)})
    return at_level(_roots(shape), split, level)


def _roots(shape: Outline) -> list[Node]:
    """Return the cells of level 1 that hold some of the polygon."""
    wide, high = (size * shape.scale for size in SIZES[1])
    west, east = min(e.x1 for e in _both(shape)), max(e.x1 for e in _both(shape))
    south, north = min(e.y1 for e in shape.edges), max(e.y2 for e in shape.edges)
    columns = range(west // wide, -(-east // wide))
    rows = range(south // high, -(-north // high))
    return list(_nodes(shape.scale, 1, columns, rows, (shape.edges, shape.edges)))


def _both(shape: Outline) -> Iterator[Edge]:
    """Yield each side, and turned round."""
    for edge in shape.edges:
        yield edge
        yield Edge(edge.x2, edge.y2, edge.x1, edge.y1)


def _split(scale: int, node: Node) -> Iterable[Node]:
    """Yield the cells of the next level that hold some of the polygon."""
    part: _Part = node.part
    level, column, row = part.square
    across, up = SPLITS[level - 1]
    columns = range(column * across, (column + 1) * across)
    rows = range(row * up, (row + 1) * up)
    if not node.whole:
        return _nodes(scale, level + 1, columns, rows, (part.crossing, part.band))
    squares = (Square(level + 1, *at) for at in product(columns, rows))
    return (Node(level + 1, code_of(at), whole=True, part=_Part(at, (), ())) for at in squares)


def _nodes(
    scale: int,
    level: int,
    columns: range,
    rows: range,
    sides: tuple[tuple[Edge, ...], tuple[Edge, ...]],
) -> Iterator[Node]:
    wide, high = (size * scale for size in SIZES[level])
    for row in rows:
        south, north = row * high, (row + 1) * high
        near, band = (tuple(e for e in es if e.y1 <= north and e.y2 >= south) for es in sides)
        for column in columns:
            window = Window(column * wide, south, (column + 1) * wide, north)
            crossing = tuple(edge for edge in near if crosses(edge, window))
            if crossing or holds(band, (window.west + window.east) // 2, (south + north) // 2):
                part = _Part(Square(level, column, row), crossing, band)
                yield Node(level, code_of(part.square), whole=not crossing, part=part)
