"""Prefixes, parents, children, neighbours and outlines of cells, 2D and 3D."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import grid, grid_units
from identity.errors import Invalid, TooLarge
from identity.grid_flat import Square, code_of, span_of, square_of

WUHAN = "N50H0513548370124463"
WUHAN_3D = "N050H000501035048030703122440636"
DEGREE = 3600 * 2048
# Columns and rows of level 1-10 that lie at 0°, ±180°, the equator, ±88° or anywhere.
EDGES = st.sampled_from([0, -1, 1, "first", "last"])


@st.composite
def squares(draw, least=1, *, rim=True):
    level = draw(st.integers(least, 10))
    wide, high = grid_units.SIZES[level]
    columns, rows = 180 * DEGREE // wide, 88 * DEGREE // high
    inset = 0 if rim else 1
    column = draw(st.one_of(EDGES, st.integers(-columns, columns - 1)))
    row = draw(st.one_of(EDGES, st.integers(-rows + inset, rows - 1 - inset)))
    ends = {"first": (-columns, -rows + inset), "last": (columns - 1, rows - 1 - inset)}
    return Square(level, ends.get(column, (column,))[0], ends.get(row, (0, row))[1])


flat_codes = squares(rim=False).map(code_of)
heights_m = st.one_of(st.floats(-10_000, 100_000), st.floats(-2, 2), st.sampled_from([0.0, -0.0]))


@st.composite
def solid_codes(draw, most=10):
    edges = st.sampled_from([0.0, -0.0, 6.0, -6.0, 179.9999999])
    lon = draw(st.one_of(edges, st.floats(-180, 180)))
    lat = draw(st.one_of(edges.filter(lambda d: d < 80), st.floats(-80, 80)))
    return grid.encode_3d(lon, lat, draw(heights_m), draw(st.integers(1, most)))


@given(squares())
def test_a_square_and_its_code_are_one_to_one(square):
    code = code_of(square)
    assert square == square_of(code)
    assert square.level == grid.level(code) == grid.level_of(code)
    wide, high = grid_units.SIZES[square.level]
    assert span_of(code) == (square.column * wide, square.row * high, wide, high)


@given(st.one_of(flat_codes, solid_codes()))
def test_prefixes_are_the_legal_cuts_and_end_with_the_code(code):
    cuts = grid.LEGAL_CUTS_3D if grid.is_3d(code) else grid.LEGAL_CUTS
    found = grid.prefixes(code)
    assert [len(text) for text in found] == list(cuts[: grid.level(code) + 1])
    assert found[-1] == code
    assert all(code.startswith(text) and grid.is_legal_prefix(text) for text in found)
    assert grid.ancestors(code) == found[-2::-1]
    assert grid.parent(code) == found[-2]


@given(flat_codes, heights_m)
def test_two_and_three_dimensions_are_told_apart_at_every_length(code, height_m):
    cell = grid.decode(code)
    lon, lat = (cell.west + cell.east) / 2, (cell.south + cell.north) / 2
    solid = grid.encode_3d(lon, lat, height_m)
    assert not any(grid.is_3d(code[:cut]) for cut in grid.LEGAL_CUTS)
    assert all(grid.is_3d(solid[:cut]) for cut in grid.LEGAL_CUTS_3D)


@pytest.mark.parametrize(
    "text", ["", "N5", "N50", "N50H0", "N50H056", "N05", "N050H0", "N050H64", "X", "N000101", "N2"]
)
def test_other_cuts_and_illegal_characters_are_no_prefix(text):
    assert not grid.is_legal_prefix(text)


@pytest.mark.parametrize("text", ["N", "s", "N50H", "N0", "S1", "N000", "N00013", "N000000", WUHAN])
def test_whole_cells_are_prefixes(text):
    assert grid.is_legal_prefix(text)


@settings(deadline=None, max_examples=20)
@given(st.one_of(squares().map(code_of), solid_codes(9)))
def test_children_know_their_parent_and_fill_it(code):
    if grid.level(code) == 10:
        with pytest.raises(Invalid, match="grid_level"):
            grid.children(code)
        return
    children = grid.children(code)
    assert children == sorted(set(children))
    assert {grid.parent(child) for child in children} == {code}
    assert {grid.level(child) for child in children} == {grid.level(code) + 1}
    assert _volume(code) == sum(_volume(child) for child in children)


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("N", 1321),
        ("N50H", 96),
        ("N50H0513", None),
        ("S000", 16),
        ("N050H00", 768),
        (WUHAN_3D[:15], 3600),
    ],
)
def test_the_numbers_of_children_are_those_of_the_standard(code, count):
    if count is None:
        with pytest.raises(Invalid, match="grid_shape"):
            grid.children(code)
    else:
        assert count == len(grid.children(code)) == len(set(grid.children(code)))


def test_children_without_end_are_refused():
    with pytest.raises(TooLarge) as caught:
        grid.children("N0")
    assert ("grid_children_limit", 1321 * 64) == (caught.value.code, caught.value.facts["count"])
    with pytest.raises(Invalid, match="grid_pole"):
        grid.children("N00010")
    assert grid.parent("N") is None
    assert grid.parent("N1") is None


@settings(deadline=None)
@given(squares(rim=False))
def test_a_square_has_eight_neighbours_and_is_theirs(square):
    code = code_of(square)
    around = grid.neighbours(code)
    assert len(around) == 8
    assert around == sorted(set(around) - {code})
    assert all(_touch(code, other) for other in around)
    rim = grid_units.POLE // grid_units.SIZES[square.level][1] - 1
    for other in around:
        if square.level <= 2 or -rim - 1 < square_of(other).row < rim:
            assert code in grid.neighbours(other)


@settings(deadline=None, max_examples=30)
@given(solid_codes())
def test_a_solid_cell_has_26_neighbours_and_is_theirs(code):
    around = grid.neighbours(code)
    assert len(around) == 26
    assert around == sorted(set(around) - {code})
    bottom_m, top_m = grid.decode_3d(code)[1:]
    for other in around:
        assert code in grid.neighbours(other)
        low_m, high_m = grid.decode_3d(other)[1:]
        assert low_m <= top_m
        assert high_m >= bottom_m


@pytest.mark.parametrize("level", [1, 2])
def test_polar_neighbours_touch_both_ways(level):
    polar = ["N000", "S000"] if level == 1 else [*grid.children("N000"), *grid.children("S000")]
    for code in polar:
        for other in grid.neighbours(code):
            assert _touch(code, other), (code, other)
            assert code in grid.neighbours(other), (code, other)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("N", ["S"]),
        ("N00000", ["N00001", "N00002", "N00003"]),
        ("N31A", ["N30A", "N30B", "N31B", "N32A", "N32B", "S30A", "S31A", "S32A"]),
        ("N60C", ["N01B", "N01C", "N01D", "N59B", "N59C", "N59D", "N60B", "N60D"]),
        ("S31V", ["S000", "S30U", "S30V", "S31U", "S32U", "S32V"]),
    ],
)
def test_neighbours_across_the_edges_of_the_world(code, expected):
    assert expected == grid.neighbours(code)


def test_a_sector_at_88_degrees_touches_all_cells_below_it():
    around = grid.neighbours("N00010")
    assert 122 == sum(1 for code in around if code[3] == "V")
    assert ["N00011", "N00012", "N00013", "N00030", "N00032"] == [c for c in around if c[3] != "V"]


def test_fine_cells_at_88_degrees_have_no_named_neighbours():
    with pytest.raises(Invalid, match="grid_pole"):
        grid.neighbours(grid.encode(10, "87.9999999", 10))


@given(flat_codes)
def test_the_outline_of_a_cell_leads_back_to_it(code):
    outline = grid.ring(code)
    west, south, east, north = grid.decode(code)
    assert outline[0] == outline[-1] == (west, south)
    assert outline[2] == (east, north)
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(outline))
    assert grid.level(code) > 7 or area > 0  # counter-clockwise; doubles are too coarse below
    assert code == grid.from_ring(outline) == grid.from_box(west, south, east, north)


@pytest.mark.parametrize("code", ["N", "S", "N000", "S00000", "N00002", "S00013", "N00021"])
def test_the_outline_of_a_polar_cell_leads_back_to_it(code):
    assert code == grid.from_box(*grid.decode(code)) == grid.from_ring(grid.ring(code))


@pytest.mark.parametrize(
    "edges",
    [(0, 0, 6, 5), (1, 0, 7, 4), (0, 1, 6, 5), (114.3, 30.5, 114.31, 30.51), (0, 86, 6, 90)],
)
def test_other_boxes_are_no_cell(edges):
    with pytest.raises(Invalid, match="grid_no_cell"):
        grid.from_box(*edges)


def test_other_rings_are_no_cell():
    with pytest.raises(Invalid, match="grid_no_cell"):
        grid.from_ring([(0, 0), (6, 0), (0, 4), (0, 0)])


@given(solid_codes())
def test_a_solid_box_is_the_footprint_with_its_heights(code):
    box = grid.box_3d(code)
    assert box == grid.box(code)
    assert (box[:4], box.bottom_m, box.top_m) == grid.decode_3d(code)
    assert box.bottom_m < box.top_m
    assert grid.ring(code)[2] == (box.east, box.north)


def _volume(code: str) -> Fraction:
    """Units² and finest steps of height."""
    if not grid.is_3d(code):
        span = span_of(code)
        return Fraction(span.wide * span.high)
    from identity.grid_height import layer_of, layer_steps
    from identity.grid_solid import split

    flat, height = split(code)
    low, high = layer_steps(layer_of(height))
    return _volume(flat) * (high - low)


def _touch(a: str, b: str) -> bool:
    one, two = span_of(a), span_of(b)
    meet_lat = one.south <= two.south + two.high and two.south <= one.south + one.high
    turns = (-360 * DEGREE, 0, 360 * DEGREE)
    meets = [
        one.west <= two.west + t + two.wide and two.west + t <= one.west + one.wide for t in turns
    ]
    return meet_lat and any(meets)
