"""Many codes at once are the codes one by one; and both are exact."""

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import grid
from identity.errors import Invalid

TENTHS = [n / 10 for n in range(-1799, 1800)]
EDGE_LONS = [0.0, -0.0, -6.0, 6.0, 180.0, -180.0, 114.3, 142.2, 1e-300, -1e-300, 5e-324]
LONS = st.one_of(
    st.floats(-180, 180),
    st.sampled_from(EDGE_LONS),
    st.integers(-1_800_000, 1_800_000).map(lambda n: n / 10_000),
    st.integers(-180 * 900, 180 * 900).map(lambda n: n / 900),
)
LATS = st.one_of(
    st.floats(-87.9999, 87.9999),
    st.sampled_from([0.0, -0.0, 30.6, 11.35, -4.0, 4.0]),
    st.integers(-879_999, 879_999).map(lambda n: n / 10_000),
    st.integers(-87 * 900, 87 * 900).map(lambda n: n / 900),
)


@settings(deadline=None)
@given(st.lists(st.tuples(LONS, LATS), max_size=30), st.integers(0, 10))
def test_many_codes_are_the_codes_one_by_one(points, level):
    lons, lats = [p[0] for p in points], [p[1] for p in points]
    expected = [grid.encode(lon, lat, level) for lon, lat in points]
    assert expected == grid.encode_many(lons, lats, level)
    assert expected == grid.encode_many(np.array(lons), np.array(lats), level)


@given(LONS, LATS)
def test_a_float_has_the_code_of_its_shortest_decimal(lon, lat):
    assert grid.encode(Decimal(repr(lon)), Decimal(repr(lat))) == grid.encode(lon, lat)


def test_decimal_edges_fall_into_the_cell_they_begin():
    lats = [n / 10 for n in range(-879, 880)]
    codes = grid.encode_many(TENTHS, [30.6] * len(TENTHS))
    assert [grid.encode(Decimal(repr(lon)), "30.6") for lon in TENTHS] == codes
    codes = grid.encode_many([114.3] * len(lats), lats)
    assert [grid.encode("114.3", Decimal(repr(lat))) for lat in lats] == codes
    assert "N50H0513600000000000" == grid.encode_many([114.3], [30.6])[0]


@given(st.integers(-180 * 7_372_800 + 1, 180 * 7_372_800 - 1), st.sampled_from([-1, 0, 1]))
def test_the_doubles_next_to_a_cell_edge_are_placed_exactly(edge, step):
    lon = float(Fraction(edge, 7_372_800))
    lon = float(np.nextafter(lon, 180 * step)) if step else lon
    assert grid.encode(Decimal(repr(lon)), 10) == grid.encode(lon, 10)
    assert [grid.encode(lon, 10)] == grid.encode_many([lon], [10.0])


def test_text_decimals_and_whole_numbers_go_one_by_one():
    mixed = ["114.3", Decimal("114.3"), 114, 114.3]
    expected = [grid.encode(lon, 30) for lon in mixed]
    assert expected == grid.encode_many(mixed, [30] * 4)
    assert expected[3:] == grid.encode_many([np.float64(114.3)], [30])
    assert [] == grid.encode_many([], [])


def test_more_than_a_block_keeps_its_order(monkeypatch):
    monkeypatch.setattr("identity.grid_many.BLOCK", 7)
    expected = [grid.encode(lon, 30.6) for lon in TENTHS[:50]]
    assert expected == grid.encode_many(TENTHS[:50], [30.6] * 50)


def test_the_poles_stop_at_level_two_here_too():
    assert ["N00010", "S00000"] == grid.encode_many([10.0, 20.0], [88.1, -90.0], 2)
    with pytest.raises(Invalid, match="grid_pole"):
        grid.encode_many([10.0], [88.1], 3)


def test_the_finest_cell_is_of_level_ten_and_of_level_two_at_the_poles():
    places = [(114.3, 30.6), (10.0, 88.1), (-6.0, 10.0), (20.0, -90.0), (0.0, 87.999999)]
    wanted = [grid.encode(x, y, 10 if abs(y) < grid.LAT_MAX_DEG else 2) for x, y in places]
    assert wanted == grid.finest_many([x for x, _ in places], [y for _, y in places])
    with pytest.raises(Invalid, match="grid_lengths"):
        grid.finest_many([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("lons", "lats", "code"),
    [
        ([1.0], [1.0, 2.0], "grid_lengths"),
        ([float("nan")], [1.0], "position_range"),
        ([float("inf")], [1.0], "position_range"),
        ([1e308], [1.0], "position_range"),
        ([180.1], [1.0], "position_range"),
        ([1.0], [-90.1], "position_range"),
    ],
)
def test_what_one_by_one_refuses_many_refuse(lons, lats, code):
    with pytest.raises(Invalid, match=code):
        grid.encode_many(lons, lats)


def test_a_level_outside_the_standard_is_refused_even_for_none():
    with pytest.raises(Invalid, match="grid_level"):
        grid.encode_many([], [], 11)


def test_the_grid_is_imported_without_numpy():
    asked = "import sys, identity.grid; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert "False" == done.stdout.strip()
