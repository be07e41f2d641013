import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim import crs
from identity.errors import Invalid

WUHAN = (114.3055, 30.5928)
NEAR_WUHAN = (st.floats(112, 116), st.floats(28, 33))


@pytest.fixture(scope="session")
def crs_vectors(shared_dir):
    return json.loads((shared_dir / "standards/vectors/crs.json").read_text(encoding="utf-8"))


def test_wuhan_has_its_gauss_krueger_coordinates():
    e, n = crs.from_lonlat("EPSG:4547", *WUHAN)
    assert (round(e, 4), round(n, 4)) == (529299.8603, 3385869.4534)


@pytest.mark.corpus
def test_every_golden_projection_holds_both_ways(crs_vectors):
    for row in crs_vectors["proj"]:
        there = crs.from_lonlat(row["to"], row["lon"], row["lat"])
        back = crs.to_lonlat(row["to"], row["E"], row["N"])
        assert there == pytest.approx((row["E"], row["N"]), abs=1e-4)
        assert back == pytest.approx((row["lon"], row["lat"]), abs=crs_vectors["tol_deg"])


@pytest.mark.corpus
def test_every_golden_gcj02_and_bd09_position_holds_both_ways(crs_vectors):
    tolerance = crs_vectors["tol_deg"]
    for row in crs_vectors["gcj02"]:
        assert crs.to_gcj02(*row["wgs"]) == pytest.approx(row["gcj"], abs=tolerance)
        assert crs.from_gcj02(*row["gcj"]) == pytest.approx(row["wgs"], abs=tolerance)
        if "bd" in row:
            assert crs.to_bd09(*row["wgs"]) == pytest.approx(row["bd"], abs=tolerance)
            assert crs.from_bd09(*row["bd"]) == pytest.approx(row["wgs"], abs=tolerance)


def test_wuhan_has_its_gcj02_position_and_tokyo_has_none():
    assert crs.to_gcj02(*WUHAN) == pytest.approx((114.31094488843175, 30.590390564305725))
    assert crs.to_gcj02(139.7671, 35.6812) == (139.7671, 35.6812)


@settings(deadline=None)
@given(*NEAR_WUHAN)
def test_gcj02_is_undone_by_its_inverse(lon, lat):
    assert crs.from_gcj02(*crs.to_gcj02(lon, lat)) == pytest.approx((lon, lat), abs=1e-10)


@settings(deadline=None)
@given(*NEAR_WUHAN, st.floats(-180, 180), st.floats(0.9, 1.1))
def test_a_direction_on_the_grid_is_turned_by_the_convergence(lon, lat, angle_deg, scale):
    e, n = crs.from_lonlat("EPSG:4547", lon, lat)
    x, y = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    expected = crs.to_lonlat("EPSG:4547", e + 10 * scale * x, n + 10 * scale * y)
    turn_deg = angle_deg - crs.convergence_deg("EPSG:4547", lon, lat)
    point = np.array([[10.0, 0.0, 0.0]])
    found = crs.local_to_lonlat(point, lon, lat, 0.0, turn_deg, scale)[0]
    # 1e-8 degrees is 1 mm; the projection itself scales by up to 0.5 mm in 10 m here
    assert tuple(found[:2]) == pytest.approx(expected, abs=7e-8)


def test_the_convergence_is_positive_east_of_the_central_meridian():
    east, west = (crs.convergence_deg("EPSG:4547", lon, 30.6) for lon in (115.1, 113.7))
    assert round(east, 2) == 0.56
    assert round(west, 2) == -0.15


def test_the_matrix_puts_the_local_axes_east_north_and_up():
    matrix = np.array(crs.enu_to_ecef(0.0, 0.0, 100.0, 0.0, 1.0)).reshape(4, 4).T
    assert matrix[:3, 3] == pytest.approx([6378237.0, 0, 0])
    assert matrix[:3, :3] == pytest.approx(np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]))
    turned = np.array(crs.enu_to_ecef(0.0, 0.0, 0.0, 90.0, 2.0)).reshape(4, 4).T
    assert turned[:3, 0] == pytest.approx([0, 0, 2])


@settings(deadline=None)
@given(
    st.floats(-180, 180),
    st.floats(-89, 89),
    st.floats(-400, 9000),
    st.floats(-360, 360),
)
def test_the_local_origin_lies_at_the_position_given(lon, lat, height_m, rotation_deg):
    found = crs.local_to_lonlat(np.zeros((1, 3)), lon, lat, height_m, rotation_deg, 1.0)[0]
    assert found[1:] == pytest.approx([lat, height_m], abs=1e-6)
    assert np.cos(np.radians(found[0] - lon)) == pytest.approx(1.0, abs=1e-15)


def test_heights_go_up_and_points_keep_their_order():
    points = np.array([[0.0, 0, 10], [100, 0, 0], [0, 100, 0]])
    up, east, north = crs.local_to_lonlat(points, *WUHAN, 20.0, 0.0, 1.0)
    assert up == pytest.approx([*WUHAN, 30.0])
    assert (east[0] > WUHAN[0], north[1] > WUHAN[1]) == (True, True)
    assert east[2] == pytest.approx(20.0, abs=1e-2)


def test_units_of_projected_systems_are_metres_or_feet():
    assert crs.horizontal_unit_m("EPSG:4547") == 1.0
    assert crs.horizontal_unit_m("EPSG:2263") == pytest.approx(0.3048006096)


@pytest.mark.parametrize("name", ["EPSG:99999999", "nonsense", ""])
def test_unknown_systems_are_refused(name):
    with pytest.raises(Invalid, match="crs_unknown"):
        crs.to_lonlat(name, 0, 0)


def test_geographic_systems_have_no_unit_and_no_convergence():
    with pytest.raises(Invalid, match="crs_not_projected"):
        crs.horizontal_unit_m("EPSG:4490")
    with pytest.raises(Invalid, match="crs_not_projected"):
        crs.convergence_deg("EPSG:4490", *WUHAN)


@pytest.mark.parametrize("point", [(1e12, 1e12), (float("nan"), 0.0), (float("inf"), 0.0)])
def test_points_without_a_position_are_refused(point):
    with pytest.raises(Invalid, match="crs_outside"):
        crs.to_lonlat("EPSG:4547", *point)


@pytest.mark.parametrize(
    "frame", [(0, 91, 0, 0, 1), (0, 0, 0, 0, 0), (float("nan"), 0, 0, 0, 1), (0, 0, 0, 0, -1)]
)
def test_impossible_frames_are_refused(frame):
    with pytest.raises(Invalid, match="frame_range"):
        crs.enu_to_ecef(*frame)


@pytest.mark.parametrize(
    ("name", "deprecated", "has_height", "unit_m"),
    [
        ("EPSG:4547", False, False, 1.0),
        ("EPSG:4490", False, False, None),
        ("EPSG:5703", False, True, None),
        ("EPSG:5704", True, True, None),
        ("EPSG:5834", True, True, 1.0),
    ],
)
def test_a_registered_system_tells_its_heights_and_its_unit(name, deprecated, has_height, unit_m):
    code = int(name.removeprefix("EPSG:"))
    assert crs.Registered(code, deprecated, has_height, unit_m) == crs.registered(name)


@pytest.mark.parametrize("name", ["EPSG:1234", "EPSG:", "4547", "epsg:4547", "EPSG:4547 ", ""])
def test_what_the_dataset_does_not_know_is_not_registered(name):
    assert crs.registered(name) is None
