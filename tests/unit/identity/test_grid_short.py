"""Reference codes C0-MN and short codes place-MN."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import grid, grid_units
from identity.errors import Invalid
from identity.grid_flat import Square, code_of, square_of

ANCHOR = "N50J475491E"
STEPS = st.integers(-7, 7)


@st.composite
def anchors(draw):
    level = draw(st.integers(5, 10))
    wide, high = grid_units.SIZES[level]
    columns, rows = 180 * grid_units.DEGREE // wide, grid_units.POLE // high - 9
    near = st.sampled_from([0, -1, 3, -4])
    column = draw(st.one_of(near, st.integers(-columns, columns - 1), st.just(columns - 1)))
    return code_of(Square(level, column, draw(st.one_of(near, st.integers(-rows, rows)))))


@pytest.mark.corpus
def test_the_examples_of_clause_8_hold(vectors):
    rows = vectors("beidou")["short"]
    assert len(rows) == 3
    for row in rows:
        reference = grid.reference_code(row["anchor"], row["target"])
        short = grid.short_code("求是塔", row["anchor"], row["target"])
        assert (row["anchor"] + row["short"], "求是塔" + row["short"]) == (reference, short)
        assert row["target"] == grid.resolve_reference(reference)
        assert row["target"] == grid.resolve_short(short, row["anchor"])


@given(anchors(), STEPS, STEPS)
def test_what_is_in_range_is_told_and_found_again(anchor, east, north):
    level, column, row = square_of(anchor)
    target = code_of(Square(level, column + east, row + north))
    reference = grid.reference_code(anchor, target)
    assert (anchor, east, north) == grid.parse_short(reference)
    assert target == grid.resolve_reference(reference.lower())
    assert target == grid.resolve_short(grid.short_code("Tower-1", anchor, target), anchor)
    cell, around = grid.decode(target), grid.reference_range(anchor)
    assert around.south <= cell.south < cell.north <= around.north
    wide = grid_units.SIZES[level][0] / grid_units.DEGREE
    assert (cell.west - around.west + wide / 2) % 360 < 15 * wide


@given(anchors(), st.sampled_from([(8, 0), (-8, 0), (0, 8), (0, -8)]))
def test_what_is_out_of_range_is_refused_with_the_distance(anchor, steps):
    level, column, row = square_of(anchor)
    target = code_of(Square(level, column + steps[0], row + steps[1]))
    with pytest.raises(Invalid) as caught:
        grid.reference_code(anchor, target)
    assert "grid_reference_range" == caught.value.code
    assert steps == (caught.value.facts["east"], caught.value.facts["north"])


def test_directions_are_those_on_the_ground_in_every_hemisphere():
    for lon, lat in [(114.3004, 30.5004), (-43.2004, -22.9004), (-74.0004, 40.7004)]:
        here, east = grid.encode(lon, lat, 5), grid.encode(lon + 0.0012, lat, 5)
        north = grid.encode(lon, lat + 0.0012, 5)
        assert f"{here}-10" == grid.reference_code(here, east)
        assert f"{here}-01" == grid.reference_code(here, north)
        assert f"{east}-A0" == grid.reference_code(east, here)


def test_the_range_is_fifteen_cells_and_crosses_180_degrees():
    around = grid.reference_range(grid.encode(180, 10, 5))
    assert (around.west, around.east) == (180 - 8 * 4 / 3600, -180 + 7 * 4 / 3600)
    assert around.north - around.south == pytest.approx(15 * 4 / 3600)


@pytest.mark.parametrize(
    ("text", "position"),
    [("", 1), ("-20", 1), ("20", 1), ("A-2", 4), ("A-", 3), ("A-208", 5), ("A-80", 3), ("A-0H", 4)],
)
def test_the_first_wrong_position_of_a_short_code_is_named(text, position):
    with pytest.raises(Invalid) as caught:
        grid.parse_short(text)
    assert ("grid_short_shape", position) == (caught.value.code, caught.value.facts["position"])


def test_levels_that_do_not_suit_are_refused():
    with pytest.raises(Invalid, match="grid_reference_level"):
        grid.reference_code("N50J47549", "N50J47549")
    with pytest.raises(Invalid, match="grid_reference_level"):
        grid.reference_code(ANCHOR, ANCHOR + "0")
    with pytest.raises(Invalid, match="grid_short_shape"):
        grid.short_code(" ", ANCHOR, ANCHOR)
    with pytest.raises(Invalid, match="grid_pole"):
        grid.resolve_reference(grid.encode(10, "87.9999", 5) + "-07")
