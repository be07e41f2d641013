"""Layers of heights, and heights of other datums."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import grid, grid_height
from identity.errors import Invalid
from identity.grid_height import Layer, layer_at, layer_exists, layer_of, layer_steps, layer_text

LEVELS = st.integers(0, 10)
STEPS = st.one_of(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(-20, 20))


@given(STEPS, LEVELS)
def test_a_step_of_height_lies_in_its_layer_and_the_layer_has_one_text(n, level):
    layer = layer_at(n, level)
    low, high = layer_steps(layer)
    assert low <= n < high
    assert layer_exists(layer)
    text = layer_text(layer)
    assert layer == layer_of(text)
    assert len(text) == grid_height.height_cut(level)
    assert (grid_height.height_m_of(low), grid_height.height_m_of(high)) == grid.decode_height(text)


@given(STEPS, st.integers(0, 9))
def test_layers_join_without_gap_and_each_ends_where_the_next_begins(n, level):
    layer = layer_at(n, level)
    above = Layer(level, layer.number + 1)
    assert layer_steps(layer)[1] == layer_steps(above)[0]
    low, high = layer_steps(layer)
    assert {layer} == {layer_at(low, level), layer_at(high - 1, level)}
    finer = layer_at(n, level + 1)
    assert low <= layer_steps(finer)[0] < layer_steps(finer)[1] <= high
    assert layer_text(finer).startswith(layer_text(layer))


@given(st.floats(-10_000, 500_000), LEVELS)
def test_a_height_is_cut_to_its_layer(height_m, level):
    text = grid.encode_height(height_m)
    cut = text[: grid_height.height_cut(level)]
    assert cut == layer_text(layer_at(grid_height.finest(height_m), level))


def test_below_the_ellipsoid_ends_at_it_and_minus_zero_is_no_cell():
    for cut in (1, 3, 4, 11):
        bottom_m, top_m = grid.decode_height("100000000000"[:cut])
        assert bottom_m < top_m == 0
    with pytest.raises(Invalid) as caught:
        grid.decode_height("100000000000")
    assert ("grid_shape", 12) == (caught.value.code, caught.value.facts["position"])
    bottom_m, top_m = grid.decode_height("100000000001")
    assert bottom_m < -0.01 < top_m == 0


def test_the_last_layers_have_neighbours_on_one_side_only():
    assert 17 == len(grid.neighbours("N050H63"))
    assert 17 == len(grid.neighbours("N150H63"))


@pytest.mark.parametrize(
    ("datum", "separation_m", "expected_m"),
    [("ellipsoidal", None, 25.0), ("ellipsoidal", -12.5, 25.0), ("1985", -12.5, 12.5),
     ("1956", -12.5, 12.471), ("local", 3.25, 28.25)],
)  # fmt: skip
def test_a_height_is_brought_to_the_ellipsoid(datum, separation_m, expected_m):
    for level in (1, 10):
        found = grid.ellipsoidal_height_m(25.0, datum, separation_m, level=level)
        assert (pytest.approx(expected_m), False) == found


@pytest.mark.parametrize("datum", ["1985", "1956", "local"])
def test_without_a_separation_a_height_is_uncertain_and_no_good_for_fine_cells(datum):
    assert (25.0, True) == grid.ellipsoidal_height_m(25.0, datum, None, level=6)
    assert (25.0, True) == grid.ellipsoidal_height_m(25.0, grid.Datum(datum), None)
    with pytest.raises(Invalid) as caught:
        grid.ellipsoidal_height_m(25.0, datum, None, level=7)
    assert "height_separation_unknown" == caught.value.code
    assert "geoid separation" in caught.value.text("en")[1]


@pytest.mark.parametrize(
    ("height_m", "datum", "separation_m", "level", "code"),
    [
        (1.0, "EGM96", None, 6, "height_datum"),
        (math.nan, "1985", 0.0, 6, "height_range"),
        (1.0, "1985", 151.0, 6, "height_separation_range"),
        (1.0, "1985", math.nan, 6, "height_separation_range"),
        (1.0, "1985", 0.0, 11, "grid_level"),
    ],
)
def test_heights_that_make_no_sense_are_refused(height_m, datum, separation_m, level, code):
    with pytest.raises(Invalid, match=code):
        grid.ellipsoidal_height_m(height_m, datum, separation_m, level=level)
