"""Covers of polygons and of boxes with heights."""

import itertools
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from identity import grid
from identity.errors import Invalid, TooLarge
from identity.grid_flat import span_of

DEGREE = 3600 * 2048
PLACES = [(114.3, 30.5), (0.0, 0.0), (-43.2, -22.9), (180.0, 10.0), (-0.001, 40.7), (6.0, -87.6)]
SQUARE = [(114.301, 30.541), (114.308, 30.541), (114.308, 30.547), (114.301, 30.547)]
HOLE = [(114.303, 30.543), (114.306, 30.543), (114.306, 30.545), (114.303, 30.545)]


@st.composite
def polygons(draw, size=0.02):
    """A star-shaped ring about a place, some with a hole: decimals of 10^-5 degrees or doubles."""
    lon, lat = draw(st.sampled_from(PLACES))
    rays = [(5, 0), (4, 3), (1, 5), (-3, 4), (-5, 1), (-4, -3), (-1, -5), (3, -4)]
    spokes = draw(st.lists(st.integers(20, 100), min_size=8, max_size=8))
    outer = [
        (_turned(lon + x * r * size / 500), lat + y * r * size / 500)
        for (x, y), r in zip(rays, spokes, strict=True)
    ]
    if draw(st.booleans()):
        outer = [(round(x, 5), round(y, 5)) for x, y in outer]
    if not draw(st.booleans()):
        return [outer]
    inner = [(_turned(lon + x * 5 * size / 500), lat + y * 5 * size / 500) for x, y in rays]
    return [outer, inner[::-1]]


@settings(deadline=None, max_examples=25)
@given(polygons(), st.integers(1, 5))
def test_a_cover_is_exactly_the_cells_that_hold_some_of_the_polygon(rings, level):
    found = grid.cover(rings, level=level)
    assert found == sorted(set(found))
    assert {grid.level(code) for code in found} == {level}
    around = {n for code in found for n in grid.neighbours(code)} | set(found)
    assert {code for code in around if _area_in(rings, code) > 0} == set(found)


@settings(deadline=None, max_examples=25)
@given(polygons(), st.integers(4, 200))
def test_a_cover_by_count_holds_the_polygon_with_no_cell_outside_or_twice(rings, max_count):
    found = grid.cover(rings, max_count=max_count)
    assert len(found) <= max_count
    assert found == sorted(found)
    assert not any(b.startswith(a) for a, b in pairwise(found))
    areas = [_area_in(rings, code) for code in found]
    assert min(areas) > 0
    assert sum(areas) == _area(rings)


@settings(deadline=None, max_examples=25)
@given(polygons(), st.integers(1, 6), st.lists(st.integers(0, 100), min_size=3, max_size=3))
def test_points_of_the_polygon_lie_in_a_cell_of_the_cover(rings, level, weights):
    assume(len(rings) == 1 and sum(weights))
    found = set(grid.cover(rings, level=level))
    ring = _exact(rings)[0]
    middle = (sum(x for x, _ in ring[:-1]) / 8, sum(y for _, y in ring[:-1]) / 8)
    corners = [ring[0], ring[1], middle]
    assume(_is_inside_star(ring, middle))
    x = sum(w * c[0] for w, c in zip(weights, corners, strict=True)) / sum(weights)
    y = sum(w * c[1] for w, c in zip(weights, corners, strict=True)) / sum(weights)
    assert any(_closed_holds(code, x, y) for code in found)


@settings(deadline=None, max_examples=25)
@given(polygons(), st.integers(2, 6))
def test_finer_covers_lie_in_coarser_ones(rings, level):
    coarse = grid.cover(rings, level=level - 1)
    assert sorted({grid.parent(code) for code in grid.cover(rings, level=level)}) == coarse


@pytest.mark.parametrize(
    "code",
    ["N31A", "N50H05", "S23F254", "N18K41221", "N50H0513548", "N50H05135483", "S56I234C1D6121",
     "N01CB41E0E0170", "N30A1020500000000000"],
)  # fmt: skip
def test_the_outline_of_a_cell_is_covered_by_the_cell_alone(code):
    ring = grid.ring(code)
    assert [code] == grid.cover([ring], level=grid.level(code))
    assert [code] == grid.cover([ring], max_count=500)
    if grid.level(code) < 10:
        assert grid.children(code) == grid.cover([ring], level=grid.level(code) + 1)


def test_a_hole_is_left_out_and_a_hole_of_one_cell_leaves_its_neighbours():
    middle = "N50H0513548"
    west, south = grid.decode("N50H0513537")[:2]
    east, north = grid.decode("N50H0513559")[2:]
    ring = [(west, south), (east, south), (east, north), (west, north)]
    assert grid.neighbours(middle) == grid.cover([ring, grid.ring(middle)], level=5)
    assert grid.neighbours(middle) == grid.cover([ring, grid.ring(middle)], max_count=8)
    assert sorted([middle, *grid.neighbours(middle)]) == grid.cover([ring], max_count=9)


def test_exact_text_is_taken_as_it_stands():
    """A billionth of a billionth of a degree into the next cell is in the next cell."""
    sliver = Decimal("6.000000000000000001")
    ring = [(5, 1), (sliver, 1), (sliver, 2), (5, 2)]
    assert ["N31A", "N32A"] == grid.cover([ring], level=1)
    assert ["N31A"] == grid.cover([[(5, 1), (6, 1), (6, 2), (5, 2)]], level=1)


def test_a_side_through_a_corner_of_a_cell_does_not_reach_into_it():
    assert ["N31A", "N31B", "N32A"] == grid.cover([[(0, 0), (12, 0), (0, 8)]], level=1)
    assert ["N30A", "N30B", "N31A"] == grid.cover([[(6, 0), (-6, 0), (-6, 8)]], level=1)


def test_a_corner_level_with_the_middle_of_a_cell_leaves_the_cell_inside():
    """The ray from the middle of N33A to the east meets the corner at 20, 2 and counts it once."""
    ring = [(10, -1), (19, -1), (20, 2), (19, 5), (10, 5)]
    assert "N33A" in grid.cover([ring], level=1)
    assert "N33A" in grid.cover([ring[::-1]], max_count=100)


def test_more_cells_fit_more_closely():
    areas = []
    for max_count in (1, 10, 100, 1000):
        cells = grid.cover([SQUARE, HOLE], max_count=max_count)
        areas.append(sum(span_of(c).wide * span_of(c).high for c in cells))
    assert areas == sorted(areas, reverse=True)
    assert areas[-1] < 1.1 * _area([SQUARE, HOLE])


def test_polygons_across_the_edges_of_the_world_are_covered():
    ring = [(179.5, 1), (-179.5, 1), (-179.5, -1), (179.5, -1)]
    assert ["N01A", "N60A", "S01A", "S60A"] == grid.cover([ring], level=1)
    hole = [(-179.6, 0.5), (-179.9, 0.5), (-179.9, -0.5), (-179.6, -0.5)]
    assert _area([ring, hole]) == _area([ring]) - _area([hole])
    assert ["N01A", "N60A", "S01A", "S60A"] == grid.cover([ring, hole], level=1)
    assert ["N", "S"] == grid.cover([ring], level=0)
    assert ["N30A", "N31A", "S30A", "S31A"] == grid.cover(
        [[(1, 1), (-1, 1), (-1, -1), (1, -1)]], max_count=4
    )


def test_the_way_a_ring_is_written_does_not_matter():
    closed, turned, solid = [*SQUARE, SQUARE[0]], SQUARE[::-1], [(*p, 30.0) for p in SQUARE]
    expected = grid.cover([SQUARE], level=6)
    assert [expected] * 3 == [grid.cover([r], level=6) for r in (closed, turned, solid)]
    doubled = [p for p in SQUARE for _ in (1, 2)]
    spike = [*SQUARE[:2], (114.4, 30.6), *SQUARE[1:]]
    assert [expected] * 2 == [grid.cover([r], level=6) for r in (doubled, spike)]


@pytest.mark.parametrize(
    ("rings", "code"),
    [
        ([], "grid_polygon_empty"),
        ([[]], "grid_polygon_empty"),
        ([[(1, 1), (2, 2)]], "grid_polygon_empty"),
        ([[(1, 1), (2, 2), (3, 3)]], "grid_polygon_empty"),
        ([[(1, 1), (2, 2), (3,)]], "grid_polygon_point"),
        ([[(0, 10), (120, 10), (-120, 10)]], "grid_polygon_wide"),
        ([SQUARE, [(1, 1), (2, 1), (2, 2)]], "grid_polygon_hole"),
        ([[(Decimal("1e-400"), 1), (2, 1), (2, 2)]], "grid_polygon_decimals"),
        ([[(-178, 1), (0, 1), (178, 1), (178, 9), (0, 9), (-178, 9)]], "grid_polygon_wide"),
        ([[(1, 1), (2, 1), (2, None)]], "position_range"),
        ([[(1, 1), (2, 1), (2, 88.1)]], "grid_pole"),
        ([[(1, 1), (200, 1), (2, 8)]], "position_range"),
        ([[(1, 1), (float("nan"), 1), (2, 8)]], "position_range"),
    ],
)
def test_what_is_no_polygon_is_refused(rings, code):
    with pytest.raises(Invalid, match=code):
        grid.cover(rings, level=4)


def test_limits_are_named():
    for asked in ({"level": 8}, {"max_count": 100_000}):
        with pytest.raises(TooLarge, match="grid_cover_limit"):
            grid.cover([SQUARE], **asked)
    with pytest.raises(TooLarge, match="grid_cover_limit"):
        grid.cover([[(-1, -1), (1, -1), (1, 1), (-1, 1)]], max_count=3)
    with pytest.raises(TooLarge, match="grid_polygon_limit"):
        grid.cover([SQUARE * 2501], level=1)
    for asked in ({}, {"level": 3, "max_count": 3}, {"max_count": 0}):
        with pytest.raises(Invalid, match="grid_cover_choice"):
            grid.cover([SQUARE], **asked)
    with pytest.raises(Invalid, match="grid_level"):
        grid.cover([SQUARE], level=11)


def _turned(lon: float) -> float:
    return lon - 360 if lon > 180 else lon + 360 if lon < -180 else lon


def _exact(rings):
    return _exact_of(tuple(tuple(map(tuple, ring)) for ring in rings))


@cache
def _exact_of(rings):
    """Closed rings in units, as the product reads them: unwound from the first point."""
    first = rings[0][0][0]
    exact = []
    for ring in rings:
        points = []
        for lon, lat in ring:
            turn = 360 if float(lon) - float(first) < -180 else -360
            turn = turn if abs(float(lon) - float(first)) > 180 else 0
            points.append((_unit(lon) + turn * DEGREE, _unit(lat)))
        exact.append([*points, points[0]])
    return exact


def _unit(value) -> Fraction:
    unit = Fraction(Decimal(repr(value)) if isinstance(value, float) else value) * DEGREE
    return Fraction(round(unit)) if abs(unit - round(unit)) <= Fraction("0.000002") else unit


def _ring_area(ring) -> Fraction:
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise([*ring, ring[0]]))) / 2


def _area(rings) -> Fraction:
    outer, *holes = [_ring_area(ring) for ring in _exact(rings)]
    return outer - sum(holes)


def _area_in(rings, code) -> Fraction:
    """Area of the polygon in a cell, by clipping (Sutherland and Hodgman) with fractions."""
    span, total = span_of(code), Fraction(0)
    for turn, (at, ring) in itertools.product((-1, 0, 1), enumerate(_exact(rings))):
        west, south = span.west + turn * 360 * DEGREE, span.south
        if max(x for x, _ in ring) <= west or min(x for x, _ in ring) >= west + span.wide:
            continue
        clipped = ring[:-1]
        sides = [(0, 1, west), (0, -1, west + span.wide), (1, 1, south), (1, -1, south + span.high)]
        for axis, sign, limit in sides:
            clipped = _clip(clipped, axis, sign, limit)
        area = _ring_area(clipped) if clipped else 0
        total += -area if at else area
    return total


def _clip(ring, axis, sign, limit):
    kept = []
    for a, b in pairwise([*ring, *ring[:1]]):
        a_in, b_in = sign * (a[axis] - limit) >= 0, sign * (b[axis] - limit) >= 0
        if a_in:
            kept.append(a)
        if a_in != b_in:
            t = (limit - a[axis]) / (b[axis] - a[axis])
            kept.append(tuple(p + t * (q - p) for p, q in zip(a, b, strict=True)))
    return kept


def _is_inside_star(ring, point) -> bool:
    """Whether all sides are seen from the point in the same sense."""
    x, y = point
    turns = [(ax - x) * (by - y) - (bx - x) * (ay - y) for (ax, ay), (bx, by) in pairwise(ring)]
    return min(turns) > 0 or max(turns) < 0


def _closed_holds(code, x, y) -> bool:
    span = span_of(code)
    turns = (-360 * DEGREE, 0, 360 * DEGREE)
    inside_lon = any(span.west + t <= x <= span.west + t + span.wide for t in turns)
    return inside_lon and span.south <= y <= span.south + span.high


def test_the_tests_own_clipping_agrees_with_plain_rectangles():
    code = "N50H0513548"
    assert _area_in([grid.ring(code)], code) == (4 * 2048) ** 2
    assert _area_in([SQUARE], "N31A") == 0
