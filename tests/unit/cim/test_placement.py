"""Where local boxes come to lie on the Earth."""

import math

import numpy as np
import pytest

from cim.placement import Placement, anchored, given, placement, positions
from identity.errors import Invalid

METRE_DEG = 1 / 111_000


def test_a_box_at_the_origin_lies_at_the_origin():
    where = given({"lon": 114.3, "lat": 30.5, "height_m": 20})
    (found,) = positions([(-1.0, -1.0, 0.0, 1.0, 1.0, 3.0)], where)
    assert (114.3, 30.5) == pytest.approx((found.lon, found.lat), abs=1e-9)
    assert 20 == pytest.approx(found.height_m, abs=1e-3)


def test_rotation_turns_the_x_axis_from_east_to_north():
    where = given({"lon": 114.3, "lat": 30.5, "rotation_deg": 90})
    (found,) = positions([(100.0, 0.0, 0.0, 100.0, 0.0, 0.0)], where)
    assert 30.5 + 100 * METRE_DEG == pytest.approx(found.lat, abs=2e-5)
    assert 114.3 == pytest.approx(found.lon, abs=1e-7)


def test_without_a_position_nothing_is_placed():
    assert [None] == positions([(0.0,) * 6], Placement())
    assert Placement().transform() is None


def test_what_a_person_gives_is_confirmed_and_survives_the_way_through_json():
    where = given({"lon": 114.3, "lat": 30.5})
    assert ("confirmed", "given") == (where.provenance, where.method)
    assert where == placement(where.as_dict())


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"lon": 114.3},
        {"lon": 514.3, "lat": 30.5},
        {"lon": "east", "lat": 30.5},
        {"lon": math.nan, "lat": 30.5},
        {"lon": 114.3, "lat": 30.5, "scale": 0},
        {"lon": 114.3, "lat": 30.5, "provenance": "declared"},
    ],
)
def test_a_wrong_placement_is_refused(fields):
    with pytest.raises(Invalid) as caught:
        given(fields)
    assert "placement_invalid" == caught.value.code


def test_a_model_drawn_in_map_coordinates_is_placed_by_its_middle():
    far = (500_000.0, 3_400_000.0, 10.0, 500_020.0, 3_400_010.0, 16.0)
    where = anchored(given({"lon": 114.3, "lat": 30.5, "height_m": 20}), [far])
    (found,) = positions([far], where)
    assert (114.3, 30.5) == pytest.approx((found.lon, found.lat), abs=1e-9)
    assert 20 == pytest.approx(found.height_m, abs=1e-3)
    assert where == placement(where.as_dict())
    matrix = np.array(where.transform()).reshape(4, 4)
    at_middle = np.array([500_010.0, 3_400_005.0, 10.0, 1.0]) @ matrix
    at_origin = np.array([*given({"lon": 114.3, "lat": 30.5, "height_m": 20}).transform()[12:]])
    assert at_origin == pytest.approx(at_middle, abs=1e-3)


def test_a_model_near_its_origin_is_placed_by_its_origin():
    where = given({"lon": 114.3, "lat": 30.5})
    assert where == anchored(where, [(0.0, 0.0, 0.0, 30.0, 20.0, 9.0), None])
