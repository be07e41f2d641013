import re
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import grid, grid_height
from identity.errors import Invalid

WUHAN = "N50H0513548370124463"
LONS = st.one_of(
    st.floats(-180, 180),
    st.decimals(-180, 180, allow_nan=False, places=9),
    st.integers(-180, 180),
    st.integers(-720, 720).map(lambda half_minutes: half_minutes / 4),
)
LATS = st.one_of(
    st.floats(-87.9999, 87.9999),
    st.decimals("-87.9999", "87.9999", allow_nan=False, places=9),
    st.integers(-87, 87),
)


@pytest.mark.parametrize(
    ("lon", "lat", "expected"),
    [
        ("114.3055", "30.5928", WUHAN),
        (114.3, 30.6, "N50H0513600000000000"),
        ("142.2", "11.35", "N54C864C100000000000"),
        (151.2152, -33.8568, "S56I234C1D6121770227"),
        (-43.2105, -22.9519, "S23F254C791273124760"),
        (-74.0445, 40.6892, "N18K41221A5004633615"),
        (0, 0, "N31A0000000000000000"),
        (180, 10, "N60CB41E0E0170707070"),
        (-180, 10, "N01CB41E0E0170707070"),
        (-6, 10, "N30CB41E0E0170707070"),
    ],
)
def test_known_points_have_their_codes(lon, lat, expected):
    assert grid.encode(lon, lat) == expected


@pytest.mark.corpus
def test_every_golden_point_holds_in_2d_in_height_and_in_3d(vectors):
    points = vectors("beidou")["points"]
    assert len(points) == 19
    for p in points:
        height_m = float(p["h_ellipsoidal_m"])
        codes = (
            grid.encode(p["lon"], p["lat"]),
            grid.encode(float(p["lon"]), float(p["lat"])),
            grid.encode_height(height_m),
            grid.encode_3d(p["lon"], p["lat"], height_m),
        )
        assert codes == (p["code2d"], p["code2d"], p["height"], p["code3d"]), p["name"]


@pytest.mark.corpus
def test_the_examples_printed_in_the_standard_hold(vectors):
    book = vectors("beidou")
    annex = book["annex_B2"]
    lon, lat = _degrees(annex["lon"]), _degrees(annex["lat"])
    levels = [(row["level"], row["code"]) for row in annex["levels"]]
    assert [(n, grid.encode(lon, lat, n)) for n, _ in levels] == levels
    assert grid.encode(lon, lat) == annex["level10"].split()[0]
    clause = [(_degrees(r["lon"]), _degrees(r["lat"]), r["level"]) for r in book["clause8"]]
    assert [grid.encode(*row) for row in clause] == [r["code"] for r in book["clause8"]]


@pytest.mark.corpus
def test_wuhan_holds_at_every_level(vectors):
    rows = vectors("beidou")["wuhan_by_level"]
    assert len(rows) == 10
    flat = [grid.encode("114.3055", "30.5928", r["level"]) for r in rows]
    solid = [grid.encode_3d("114.3055", "30.5928", 25, r["level"]) for r in rows]
    assert flat == [r["code2d"] for r in rows]
    assert solid == [r["code3d_h25"] for r in rows]


@pytest.mark.corpus
def test_golden_heights_and_the_constants_of_annex_c_hold(vectors):
    rows = vectors("beidou")["heights"]
    assert [grid.encode_height(r["h"]) for r in rows] == [r["code"] for r in rows]
    constants = vectors("beidou")["C13_constants_km"]
    finest = 7_372_800
    computed = [grid_height.height_m_of(n * finest) / 1000 for n in (-256, 255, 256)]
    assert computed == pytest.approx(list(constants.values()), rel=1e-12)


@pytest.mark.corpus
def test_the_poles_have_the_cells_of_the_text(vectors):
    rows = vectors("beidou")["poles_level2_from_text"]
    assert {k: grid.encode(*_pole(k), 2) for k in rows} == rows


@pytest.mark.corpus
def test_every_illegal_golden_code_is_refused(vectors):
    for code in vectors("beidou")["invalid"]:
        with pytest.raises(Invalid, match="grid_shape"):
            grid.decode(code)


@settings(deadline=None)
@given(LONS, LATS, st.integers(0, 10))
def test_the_cell_of_a_point_holds_the_point(lon, lat, level):
    cell = grid.decode(grid.encode(lon, lat, level))
    assert cell.west <= float(lon) <= cell.east
    assert cell.south <= float(lat) <= cell.north


@settings(deadline=None)
@given(LONS, LATS)
def test_each_level_is_a_prefix_of_the_next_and_its_cell_holds_it(lon, lat):
    codes = [grid.encode(lon, lat, level) for level in range(11)]
    assert tuple(len(code) for code in codes) == grid.LEGAL_CUTS
    for coarse, fine in pairwise(codes):
        outer, inner = grid.decode(coarse), grid.decode(fine)
        assert fine.startswith(coarse)
        assert outer.west <= inner.west < inner.east <= outer.east
        assert outer.south <= inner.south < inner.north <= outer.north


@settings(deadline=None)
@given(LONS, LATS, st.integers(1, 10))
def test_the_middle_of_a_cell_has_the_code_of_the_cell(lon, lat, level):
    code = grid.encode(lon, lat, level)
    cell = grid.decode(code)
    middle = (Decimal(cell.west) + Decimal(cell.east)) / 2
    assert grid.encode(middle, (Decimal(cell.south) + Decimal(cell.north)) / 2, level) == code


@settings(deadline=None)
@given(st.floats(-180, 180), st.floats(88, 90), st.sampled_from([1, -1]), st.integers(1, 2))
def test_polar_cells_hold_their_points(lon, lat, sign, level):
    cell = grid.decode(grid.encode(lon, sign * lat, level))
    assert cell.south <= sign * lat <= cell.north
    if cell.west < cell.east:
        assert any(cell.west <= same <= cell.east for same in (lon, lon - 360))  # 180 is -180
    else:
        assert lon >= cell.west or lon <= cell.east


@settings(deadline=None)
@given(LONS, LATS, st.floats(-10_000, 100_000), st.integers(0, 10))
def test_the_3d_cell_holds_the_point_and_its_height(lon, lat, height_m, level):
    code = grid.encode_3d(lon, lat, height_m, level)
    cell, bottom_m, top_m = grid.decode_3d(code)
    assert len(code) == grid.LEGAL_CUTS_3D[level]
    assert cell == grid.decode(grid.encode(lon, lat, level))
    assert bottom_m - 1e-6 <= height_m <= top_m + 1e-6


@pytest.mark.parametrize("level", [3, 10])
def test_polar_codes_stop_at_level_two(level):
    with pytest.raises(Invalid, match="grid_pole"):
        grid.encode(10, 89, level)
    with pytest.raises(Invalid, match="grid_pole"):
        grid.decode("N000101")


@pytest.mark.parametrize("level", [-1, 11])
def test_levels_outside_the_standard_are_refused(level):
    with pytest.raises(Invalid, match="grid_level"):
        grid.encode(0, 0, level)


@pytest.mark.parametrize(
    ("lon", "lat"), [(180.1, 0), (0, -90.5), (float("nan"), 0), ("inf", 0), ("east", 0)]
)
def test_positions_off_the_earth_are_refused(lon, lat):
    with pytest.raises(Invalid, match="position_range"):
        grid.encode(lon, lat)


@pytest.mark.parametrize("height_m", [float("nan"), float("inf"), -6_378_137.0, 1e12])
def test_heights_without_a_code_are_refused(height_m):
    with pytest.raises(Invalid, match="height_range"):
        grid.encode_height(height_m)


@pytest.mark.parametrize(
    ("code", "position"),
    [
        ("N61H00", 2),
        ("N50W00", 4),
        ("N50H08", 6),
        ("N50H056", 7),
        ("N50H051350F", 11),
        ("X50H05", 1),
        ("N50H0", 6),
        ("", 1),
        ("N00004", 5),
    ],
)
def test_the_first_wrong_position_of_a_grid_code_is_named(code, position):
    with pytest.raises(Invalid) as caught:
        grid.decode(code)
    assert (caught.value.code, caught.value.facts["position"]) == ("grid_shape", position)


@pytest.mark.parametrize("code", ["", "2", "099", "0008", "0000000000000"])
def test_malformed_heights_are_refused(code):
    with pytest.raises(Invalid, match="grid_shape"):
        grid.decode_height(code)


def test_lower_case_is_understood_and_a_length_names_its_level():
    assert grid.decode(f" {WUHAN.lower()} ") == grid.decode(WUHAN)
    assert [grid.level_of(WUHAN[:cut]) for cut in grid.LEGAL_CUTS] == list(range(11))


def _degrees(text: str) -> Decimal:
    d, m, s = re.findall(r"[\d.]+", text)
    return Decimal(d) + Decimal(m) / 60 + Decimal(s) / 3600


def _pole(text: str) -> tuple[str, str]:
    lat, lon = [*text.split(), "0E"][:2] if "any" not in text else ("90N", "0E")
    sign = {"N": "", "E": "", "S": "-", "W": "-"}
    return sign[lon[-1]] + lon[:-1], sign[lat[-1]] + lat[:-1]
