"""Covers of boxes with heights."""

from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import grid
from identity.errors import Invalid, TooLarge

HOUSE = (114.3001, 30.5401, 114.3004, 30.5403)
PLACES = [(114.3, 30.5), (0.0, 0.0), (-43.2, -22.9), (179.9999, 10.0), (-0.0001, -0.0001)]


@st.composite
def boxes(draw):
    lon, lat = draw(st.sampled_from(PLACES))
    wide, high = draw(st.integers(0, 40)), draw(st.integers(0, 40))
    east = lon + wide / 100_000
    bottom_m = draw(st.floats(-50, 100))
    top_m = bottom_m + draw(st.floats(0, 60))
    return (lon, lat, east - 360 if east > 180 else east, lat + high / 100_000), bottom_m, top_m


@settings(deadline=None, max_examples=60)
@given(boxes(), st.integers(0, 6), st.tuples(*[st.integers(0, 10)] * 3))
def test_every_point_of_a_box_lies_in_its_cover_and_no_cell_lies_outside(given_box, level, tenths):
    box, bottom_m, top_m = given_box
    found = grid.cover_box_3d(box, bottom_m, top_m, level=level)
    assert found == sorted(set(found))
    assert {level} == {grid.level(code) for code in found}
    east = box[2] + 360 if box[0] > box[2] else box[2]
    lon = min(box[0] + (east - box[0]) * tenths[0] / 10, east)
    lat = min(box[1] + (box[3] - box[1]) * tenths[1] / 10, box[3])
    height_m = min(bottom_m + (top_m - bottom_m) * tenths[2] / 10, top_m)
    cells = [grid.box_3d(code) for code in found]
    assert any(_holds(cell, lon, lat, height_m) for cell in cells)
    assert all(_meets(cell, (box[0], box[1], east, box[3]), bottom_m, top_m) for cell in cells)


@settings(deadline=None, max_examples=30)
@given(boxes(), st.integers(16, 150))
def test_a_cover_by_count_holds_the_same_points_with_no_cell_twice(given_box, max_count):
    box, bottom_m, top_m = given_box
    found = grid.cover_box_3d(box, bottom_m, top_m, max_count=max_count)
    assert len(found) <= max_count
    assert found == sorted(found)
    assert not any(b.startswith(a) for a, b in pairwise(found))
    for code in grid.cover_box_3d(box, bottom_m, top_m, level=5):
        assert any(code.startswith(a) or a.startswith(code) for a in found)
    coarse = {code for code in found if grid.level(code) <= 6}
    finer = {grid.prefixes(code)[6] for code in found if grid.level(code) > 6}
    for code in grid.cover_box_3d(box, bottom_m, top_m, level=6):
        assert code in finer or coarse.intersection(grid.prefixes(code))


@pytest.mark.parametrize("height_m", [-30.0, -0.01, 0.0, 3.0, 25.0, 61.85, 475.0, 1855.0])
@pytest.mark.parametrize("level", [1, 5, 7, 10])
def test_the_box_of_a_cell_is_covered_by_the_cell_alone(level, height_m):
    for lon, lat in [(114.3055, 30.5928), (-43.2105, -22.9519), (-179.9999999, 0.1)]:
        code = grid.encode_3d(lon, lat, height_m, level)
        box = grid.box_3d(code)
        assert [code] == grid.cover_box_3d(box[:4], box.bottom_m, box.top_m, level=level)
        assert [code] == grid.cover_box_3d(box[:4], box.bottom_m, box.top_m, max_count=4)


def test_a_house_with_a_cellar_has_cells_above_and_below_the_ellipsoid():
    found = grid.cover_box_3d(HOUSE, -5, 40, level=6)
    flats = grid.cover(
        [[HOUSE[:2], (HOUSE[2], HOUSE[1]), HOUSE[2:], (HOUSE[0], HOUSE[3])]], level=6
    )
    signs = {code[1] for code in found}
    assert ({"0", "1"}, 2 * len(flats)) == (signs, len(found))
    assert ["N0", "N1"] == grid.cover_box_3d(HOUSE, -5, 40, level=0)
    assert ["N0", "S0"] == grid.cover_box_3d((1, -1, 2, 1), 0, 40, level=0)


def test_flat_boxes_and_points_are_held():
    lon, lat = 114.3055, 30.5928
    assert [grid.encode_3d(lon, lat, 25.0)] == grid.cover_box_3d(
        (lon, lat, lon, lat), 25.0, 25.0, level=10
    )
    assert ["N031A00"] == grid.cover_box_3d((0, 0, 0, 0), 0, 0, level=1)


def test_more_cells_fit_more_closely():
    sizes = []
    for max_count in (8, 60, 500, 2000):
        cells = [grid.box_3d(c) for c in grid.cover_box_3d(HOUSE, 12, 40, max_count=max_count)]
        sizes.append(
            sum((c.east - c.west) * (c.north - c.south) * (c.top_m - c.bottom_m) for c in cells)
        )
    assert sizes == sorted(sizes, reverse=True)
    least = (HOUSE[2] - HOUSE[0]) * (HOUSE[3] - HOUSE[1]) * 28
    assert least < sizes[-1] < 2 * least


@pytest.mark.parametrize(
    ("box", "heights", "asked", "code"),
    [
        ((1, 2, 2, 1), (0, 1), {"level": 5}, "grid_box"),
        (HOUSE, (1, 0), {"level": 5}, "grid_box"),
        ((1, 1, 2, 88.5), (0, 1), {"level": 5}, "grid_pole"),
        ((1, 1, 181, 2), (0, 1), {"level": 5}, "position_range"),
        (HOUSE, (float("nan"), 1), {"level": 5}, "height_range"),
        (HOUSE, (0, float("inf")), {"level": 5}, "height_range"),
        (HOUSE, (0, 1), {}, "grid_cover_choice"),
        (HOUSE, (0, 1), {"level": 12}, "grid_level"),
    ],
)
def test_what_is_no_box_is_refused(box, heights, asked, code):
    with pytest.raises(Invalid, match=code):
        grid.cover_box_3d(box, *heights, **asked)


@pytest.mark.parametrize("asked", [{"level": 10}, {"max_count": 1}, {"max_count": 10_001}])
def test_limits_are_named(asked):
    with pytest.raises(TooLarge, match="grid_cover_limit"):
        grid.cover_box_3d((-1, -1, 1, 1), -5, 5, **asked)


def _holds(cell, lon, lat, height_m) -> bool:
    near = 1e-9  # degrees: the points were computed in doubles
    inside_lon = any(cell.west - near <= lon + t <= cell.east + near for t in (-360, 0))
    inside_lat = cell.south - near <= lat <= cell.north + near
    return inside_lon and inside_lat and cell.bottom_m - 1e-6 <= height_m <= cell.top_m + 1e-6


def _meets(cell, box, bottom_m, top_m) -> bool:
    west, south, east, north = box
    lon = any(cell.west + t <= east and west <= cell.east + t for t in (0, 360))
    lat = cell.south <= north and south <= cell.north
    return lon and lat and cell.bottom_m <= top_m + 1e-6 and bottom_m <= cell.top_m + 1e-6


def test_all_corners_of_a_box_are_held():
    for lon, lat, height_m in product(HOUSE[::2], HOUSE[1::2], (12.0, 40.0)):
        code = grid.encode_3d(lon, lat, height_m, 7)
        around = {code, *grid.neighbours(code)}
        assert around.intersection(grid.cover_box_3d(HOUSE, 12, 40, level=7))
