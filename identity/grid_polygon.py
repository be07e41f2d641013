"""A polygon with holes in whole numbers, and how a cell lies to it: all exact.

Coordinates are decimals of units (1/2048″); multiplied by 2 · 10^digits they and all edges and
middles of cells are whole numbers, so no comparison here can round.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from identity.errors import Invalid, TooLarge
from identity.grid_pole import pole_refused
from identity.grid_units import DEGREE, EXACT, POLE, POLE_LEVEL_MAX, Degrees, snapped

Points = Sequence[Sequence[Degrees]]  # (lon, lat) each; a third value (height) is not read
POLYGON_POINTS_MAX = 10_000
_DECIMALS_MAX = 350  # of a unit; the smallest double has 324
_WIDE_MAX = 354 * DEGREE  # wider ones would meet themselves in a zone


class Edge(NamedTuple):
    """A side of the polygon, from its lower to its upper end."""

    x1: int
    y1: int
    x2: int
    y2: int


class Outline(NamedTuple):
    """All sides of a polygon in whole numbers; ``scale`` is how many of them make a unit."""

    edges: tuple[Edge, ...]
    scale: int


class Window(NamedTuple):
    """An open box in the whole numbers of an outline."""

    west: int
    south: int
    east: int
    north: int


def outline(rings: Sequence[Points]) -> Outline:
    """Return the sides of a polygon: the outer ring first, then holes; closed or not.

    Sides run the shorter way round the Earth, so a polygon may cross ±180°. Raises
    Invalid("grid_polygon_empty"), Invalid("grid_polygon_point"), Invalid("grid_polygon_decimals"),
    Invalid("grid_polygon_wide"), Invalid("grid_polygon_hole"), Invalid("position_range"),
    Invalid("grid_pole"), TooLarge("grid_polygon_limit").
    """
    if not rings:
        raise Invalid("grid_polygon_empty")
    count = sum(len(points) for points in rings)
    if count > POLYGON_POINTS_MAX:
        raise TooLarge("grid_polygon_limit", count=count, limit=POLYGON_POINTS_MAX)
    exact = [[_point(point) for point in points] for points in rings]
    digits = max((_digits(v) for points in exact for point in points for v in point), default=0)
    scale = 2 * 10**digits
    whole = [[(_whole(x, scale), _whole(y, scale)) for x, y in points] for points in exact]
    closed = _joined([_unwound(points, 360 * DEGREE * scale) for points in whole], scale)
    sides = Counter(edge for ring in closed for edge in _edges(ring))
    edges = tuple(sorted(edge for edge, times in sides.items() if times % 2))
    return Outline(edges, scale)


def crosses(edge: Edge, window: Window) -> bool:
    """Return whether a side passes through an open box (touching its edge is not enough)."""
    x1, y1, x2, y2 = edge
    west, south, east, north = window
    if max(x1, x2) <= west or min(x1, x2) >= east or y2 <= south or y1 >= north:
        return False
    dx, dy = x2 - x1, y2 - y1
    base = dx * y1 - dy * x1
    sides = [dx * y - dy * x - base for x in (west, east) for y in (south, north)]
    return min(sides) < 0 < max(sides)


def holds(edges: Iterable[Edge], x: int, y: int) -> bool:
    """Return whether a point that is on no side lies inside (even-odd rule)."""
    inside = False
    for x1, y1, x2, y2 in edges:
        if y1 <= y < y2 and (x2 - x1) * (y - y1) > (x - x1) * (y2 - y1):
            inside = not inside
    return inside


def _point(point: Sequence[Degrees]) -> tuple[Decimal, Decimal]:
    if len(point) not in (2, 3):
        raise Invalid("grid_polygon_point", found=len(point))
    y = snapped("lat", point[1], 90)
    if not -POLE <= y <= POLE:
        raise pole_refused(level=POLE_LEVEL_MAX + 1)
    return snapped("lon", point[0], 180), y


def _digits(value: Decimal) -> int:
    """Return the decimals of a coordinate; more than a double can have are refused."""
    exponent = value.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    if digits > _DECIMALS_MAX:
        raise Invalid("grid_polygon_decimals", found=digits, limit=_DECIMALS_MAX)
    return max(0, digits)


def _whole(value: Decimal, scale: int) -> int:
    return int(EXACT.multiply(value, Decimal(scale)))


def _unwound(points: list[tuple[int, int]], turn: int) -> list[tuple[int, int]]:
    """Return a closed ring whose sides take the shorter way round."""
    closed = points if points[:1] == points[-1:] else [*points, *points[:1]]
    ring, shift = closed[:1], 0
    for (before, _), (x, y) in pairwise(closed):
        shift += (before - x > turn // 2) * turn - (x - before > turn // 2) * turn
        ring.append((x + shift, y))
    if shift:
        raise Invalid("grid_polygon_wide")
    if len(set(ring)) < 3:  # noqa: PLR2004 - a triangle
        raise Invalid("grid_polygon_empty")
    return ring


def _joined(rings: list[list[tuple[int, int]]], scale: int) -> list[list[tuple[int, int]]]:
    """Return the rings with each hole on the same turn of longitude as the outer ring."""
    outer, turn = rings[0], 360 * DEGREE * scale
    if sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairwise(outer)) == 0:
        raise Invalid("grid_polygon_empty")
    west, east = min(x for x, _ in outer), max(x for x, _ in outer)
    if east - west > _WIDE_MAX * scale:
        raise Invalid("grid_polygon_wide")
    joined = [outer]
    for ring in rings[1:]:
        low, high = min(x for x, _ in ring), max(x for x, _ in ring)
        shifts = (s for s in (0, turn, -turn) if west <= low + s and high + s <= east)
        shift = next(shifts, None)
        if shift is None:
            raise Invalid("grid_polygon_hole")
        joined.append([(x + shift, y) for x, y in ring])
    return joined


def _edges(ring: list[tuple[int, int]]) -> list[Edge]:
    """Return the sides, lower end first; those that are a point are left out."""
    sides = [(a, b) if (a[1], a[0]) <= (b[1], b[0]) else (b, a) for a, b in pairwise(ring)]
    return [Edge(*a, *b) for a, b in sides if a != b]
