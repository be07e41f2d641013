"""Where a model lies, from what its file says; and the traps in it."""

import math
from dataclasses import replace

import pytest

from bim.extract import extract_file, load
from bim.georef import georeference
from bim.georef_facts import Conversion, Facts, degrees_of
from bim.rows import Provenance
from bim.translate import placement_of
from cim import crs
from tests.parts.ifc_text import HOUSE, ifc

# Wuhan in EPSG:4547 (CGCS2000 / 3-degree Gauss-Kruger CM 114E), from docs of the standard vectors.
EAST_M, NORTH_M, LON, LAT = 529299.860, 3385869.453, 114.3055, 30.5928
WUHAN = Conversion("IfcMapConversion", "EPSG:4547", EAST_M, NORTH_M, 23.5)


def located(**changes):
    georef, findings = georeference(Facts(**changes))
    return georef, [finding.code for finding in findings]


def near(georef, lon, lat):
    """Within a millimetre."""
    return (georef.lon, georef.lat) == pytest.approx((lon, lat), abs=1e-8)


def test_a_map_conversion_gives_position_height_and_true_rotation():
    georef, codes = located(conversion=WUHAN)
    assert near(georef, LON, LAT)
    assert (georef.height_m, georef.scale, georef.crs) == (23.5, 1.0, "EPSG:4547")
    assert (georef.provenance, georef.method) == (Provenance.DECLARED, "map_conversion")
    assert georef.rotation_deg == pytest.approx(-crs.convergence_deg("EPSG:4547", LON, LAT))
    assert georef.rotation_deg == pytest.approx(-0.1555, abs=1e-3)
    assert codes == []


def test_axes_turn_the_model_counter_clockwise():
    turned = replace(WUHAN, abscissa=math.cos(math.radians(30)), ordinate=0.5)
    straight, _ = located(conversion=WUHAN)
    georef, _ = located(conversion=turned)
    assert georef.rotation_deg == pytest.approx(straight.rotation_deg + 30)


def test_two_points_of_the_model_land_where_the_grid_says():
    """A local point 100 m along x and 50 m along y, checked through the projected system."""
    turned = replace(WUHAN, abscissa=0.6, ordinate=0.8)
    g, _ = located(conversion=turned)
    point = [[100.0, 50.0, 0.0]]
    frame = (g.lon, g.lat, g.height_m, g.rotation_deg, g.scale)
    lon, lat, _ = crs.local_to_lonlat(point, *frame)[0]
    e, n = crs.from_lonlat("EPSG:4547", lon, lat)
    expected = (EAST_M + 0.6 * 100 - 0.8 * 50, NORTH_M + 0.8 * 100 + 0.6 * 50)
    assert (e, n) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("scale", "length_unit_m", "map_unit_m", "factor", "expected"),
    [
        (None, 0.001, 1.0, 1, 1.0),  # left out: the units say it
        (1.0, 0.001, 1.0, 1, 1.0),  # meant as the survey factor
        (0.001, 0.001, 1.0, 1, 1.0),  # as the standard says: millimetres to metres
        (0.0009996, 0.001, 1.0, 1, 0.9996),
        (0.9996, 1.0, 1.0, 1, 0.9996),
        (1.0, 0.001, 0.001, 1000, 1.0),  # eastings in millimetres, MapUnit says so
    ],
)
def test_units_and_scale_come_out_as_the_survey_factor(
    scale, length_unit_m, map_unit_m, factor, expected
):
    conversion = replace(
        WUHAN,
        eastings=EAST_M * factor,
        northings=NORTH_M * factor,
        height=23.5 * factor,
        scale=scale,
        map_unit_m=map_unit_m,
    )
    georef, codes = located(conversion=conversion, length_unit_m=length_unit_m)
    assert georef.scale == pytest.approx(expected)
    assert near(georef, LON, LAT)
    assert georef.height_m == pytest.approx(23.5)
    assert codes == []


def test_millimetres_without_a_word_are_read_as_such_and_said():
    conversion = replace(WUHAN, eastings=EAST_M * 1000, northings=NORTH_M * 1000, height=23500.0)
    georef, codes = located(conversion=conversion, length_unit_m=0.001)
    assert near(georef, LON, LAT)
    assert georef.height_m == pytest.approx(23.5)
    assert codes == ["ifc_map_unit"]


def test_an_easting_with_its_zone_in_front_is_in_metres():
    conversion = Conversion("IfcMapConversion", "EPSG:4526", 38_000_000 + EAST_M, NORTH_M)
    georef, codes = located(conversion=conversion)
    assert near(georef, LON, LAT)
    assert codes == []


@pytest.mark.parametrize("name", ["", "武汉2000", "EPSG:999999"])
def test_an_unknown_system_is_said_and_the_site_counts(name):
    site = {"site_lon": LON, "site_lat": LAT}
    georef, codes = located(conversion=replace(WUHAN, crs=name), **site)
    assert (georef.method, codes) == ("site", ["ifc_crs"])


@pytest.mark.parametrize(
    ("said", "datum", "found"),
    [("1985国家高程基准", "1985", []), ("", "", []), ("NAP", "", ["ifc_vertical_datum"])],
)
def test_the_datum_of_heights_is_what_the_file_names_or_nothing(said, datum, found):
    georef, codes = located(conversion=replace(WUHAN, vertical_datum=said))
    assert (georef.height_datum, codes) == (datum, found)
    assert placement_of(georef).height_provenance == ("declared" if datum else "")


def test_a_geographic_name_in_a_map_conversion_is_no_projected_system():
    georef, codes = located(conversion=replace(WUHAN, crs="EPSG:4490"))
    assert georef.provenance is Provenance.NONE
    assert codes == ["ifc_crs", "ifc_no_position"]


def test_a_conversion_of_zeros_says_nothing():
    georef, codes = located(conversion=replace(WUHAN, eastings=0.0, northings=0.0))
    assert georef.provenance is Provenance.NONE
    assert codes == ["ifc_conversion_zero", "ifc_no_position"]


def test_the_site_gives_position_and_true_north_the_rotation():
    """TrueNorth 30 degrees east of the local y axis: the model is turned 30 degrees to the left."""
    north = (math.sin(math.radians(30)), math.cos(math.radians(30)))
    georef, codes = located(site_lon=LON, site_lat=LAT, site_height_m=20.0, true_north=north)
    assert (georef.lon, georef.lat, georef.height_m) == (LON, LAT, 20.0)
    assert georef.rotation_deg == pytest.approx(30.0)
    assert (georef.method, codes) == ("site", [])


def test_the_sites_position_is_that_of_its_placement_not_of_the_local_origin():
    georef, _ = located(site_lon=LON, site_lat=LAT, site_height_m=20.0, site_m=(0.0, 1000.0, 5.0))
    assert georef.lat == pytest.approx(LAT - 1000 / 110_860, abs=1e-5)
    assert georef.height_m == pytest.approx(15.0)


def test_true_north_does_not_turn_what_a_map_conversion_turned():
    georef, _ = located(conversion=WUHAN, true_north=(1.0, 1.0))
    assert abs(georef.rotation_deg) < 1


def test_a_site_far_from_the_map_conversion_is_said():
    georef, codes = located(conversion=WUHAN, site_lon=-87.6, site_lat=41.9)
    assert (georef.method, codes) == ("map_conversion", ["ifc_positions_disagree"])


@pytest.mark.parametrize("position", [(54.4, 24.45), (-71.0603, 42.3583), (-87.6399, 41.8744)])
def test_an_exporters_default_city_is_said(position):
    georef, codes = located(site_lon=position[0], site_lat=position[1])
    assert (georef.provenance, codes) == (Provenance.DECLARED, ["ifc_default_position"])


@pytest.mark.parametrize("position", [(0.0, 0.0), (200.0, 10.0), (10.0, 95.0)])
def test_an_impossible_site_is_no_position(position):
    georef, codes = located(site_lon=position[0], site_lat=position[1])
    assert georef.provenance is Provenance.NONE
    assert codes == ["ifc_site_position", "ifc_no_position"]


def test_an_offset_in_the_world_system_counts():
    """The map conversion is for the world system: its offset moves the local origin."""
    georef, codes = located(conversion=WUHAN, wcs_m=(100.0, 0.0, 3.0), wcs_deg=90.0)
    e, n = crs.from_lonlat("EPSG:4547", georef.lon, georef.lat)
    assert (e, n) == pytest.approx((EAST_M + 100, NORTH_M), abs=1e-3)
    assert georef.height_m == pytest.approx(26.5)
    assert georef.rotation_deg == pytest.approx(90 - 0.1555, abs=1e-3)
    assert codes == ["ifc_world_system"]


def test_an_offset_that_the_products_bear_too_counts_once():
    far = (EAST_M, NORTH_M, 0.0)
    georef, codes = located(conversion=WUHAN, wcs_m=far, middle_m=far)
    assert near(georef, LON, LAT)
    assert (georef.anchor_m, georef.height_m) == (far, 23.5)
    assert codes == ["ifc_world_system", "ifc_far_from_origin"]


def test_products_in_map_coordinates_are_said_and_anchored_where_they_are():
    """The conversion moves by 10 m only: the products bear the map coordinates themselves."""
    little = replace(WUHAN, eastings=10.0, northings=0.0, height=0.0)
    georef, codes = located(conversion=little, middle_m=(EAST_M - 10.0, NORTH_M, 23.5))
    assert near(georef, LON, LAT)
    assert (georef.height_m, georef.anchor_m) == (23.5, (EAST_M - 10.0, NORTH_M, 23.5))
    assert codes == ["ifc_far_from_origin"]


def test_a_site_in_map_coordinates_is_anchored_at_its_placement():
    far = (EAST_M, NORTH_M, 0.0)
    georef, codes = located(middle_m=far, site_m=far, site_lon=LON, site_lat=LAT)
    assert (georef.lon, georef.lat, georef.anchor_m) == (LON, LAT, far)
    assert codes == ["ifc_far_from_origin"]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((30, 35, 34, 80000), 30.5928),
        ((-87, -38, -21, -839999), -87.639399),
        ((-87, 38, 21), -87.639167),
        ((0, -30, 0), -0.5),
        ((114,), 114.0),
        (None, None),
        ((), None),
    ],
)
def test_angles_in_parts_become_degrees(parts, expected):
    assert degrees_of(parts) == (expected and pytest.approx(expected, abs=1e-5))


def read(tmp_path, *lines, house=HOUSE, schema="IFC4"):
    source, out = tmp_path / "in.ifc", tmp_path / "out.rows"
    source.write_bytes(ifc(*house, *lines, schema=schema))
    extract_file(str(source), str(out))
    extract = load(out)
    codes = [finding.code for finding in extract.findings]
    return extract.georef, [code for code in codes if not code.startswith("ifc_rule_")]


def test_a_file_with_a_map_conversion_in_millimetres_is_read(tmp_path):
    georef, codes = read(
        tmp_path,
        "#100=IFCPROJECTEDCRS('EPSG:4547',$,$,'EPSG:5737',$,$,#7);",
        f"#101=IFCMAPCONVERSION(#2,#100,{EAST_M * 1000},{NORTH_M * 1000},23500.,1.,0.,1.);",
    )
    assert near(georef, LON, LAT)
    assert (georef.height_m, georef.height_datum, codes) == (pytest.approx(23.5), "1985", [])


def test_property_sets_of_an_ifc2x3_site_are_a_map_conversion(tmp_path):
    def value(i, name, text):
        return f"#{i}=IFCPROPERTYSINGLEVALUE('{name}',$,{text},$);"

    house = [line for line in HOUSE if not line.startswith(("#13=", "#20="))]
    georef, codes = read(
        tmp_path,
        value(100, "Eastings", f"IFCLENGTHMEASURE({EAST_M})"),
        value(101, "Northings", f"IFCLENGTHMEASURE({NORTH_M})"),
        value(102, "OrthogonalHeight", "IFCREAL(23.5)"),
        value(103, "Name", "IFCLABEL('EPSG:4547')"),
        value(109, "VerticalDatum", "IFCLABEL('1956')"),
        "#104=IFCPROPERTYSET('0pS0000000000000000001',$,'ePSet_MapConversion',$,(#100,#101,#102));",
        "#105=IFCPROPERTYSET('0pS0000000000000000002',$,'ePSet_ProjectedCRS',$,(#103,#109));",
        "#106=IFCRELDEFINESBYPROPERTIES('0rS0000000000000000001',$,$,$,(#10),#104);",
        "#107=IFCRELDEFINESBYPROPERTIES('0rS0000000000000000002',$,$,$,(#10),#105);",
        house=house,
        schema="IFC2X3",
    )
    assert near(georef, LON, LAT)
    assert (georef.height_m, georef.method, codes) == (23.5, "map_conversion", [])
    assert georef.height_datum == "1956"


def test_the_site_of_a_file_is_read_in_its_units(tmp_path):
    position = "(30,35,34,80000),(114,18,19,800000),20000.,$,$);"
    house = [line.replace(".ELEMENT.,$,$,$,$,$);", ".ELEMENT.," + position) for line in HOUSE]
    georef, codes = read(tmp_path, house=house)
    assert near(georef, LON, LAT)
    assert (georef.height_m, codes) == (pytest.approx(20.0), [])


def test_a_rigid_operation_to_a_geographic_system_is_read(tmp_path):
    lines = [
        "#100=IFCGEOGRAPHICCRS('EPSG:4490',$,$,$,#101,#104);",
        "#101=IFCCONVERSIONBASEDUNIT(#103,.PLANEANGLEUNIT.,'degree',#102);",
        "#102=IFCMEASUREWITHUNIT(IFCPLANEANGLEMEASURE(0.017453292519943295),#9);",
        "#103=IFCDIMENSIONALEXPONENTS(0,0,0,0,0,0,0);",
        "#104=IFCSIUNIT(*,.LENGTHUNIT.,$,.METRE.);",
        f"#105=IFCRIGIDOPERATION(#2,#100,IFCPLANEANGLEMEASURE({LON}),IFCPLANEANGLEMEASURE({LAT}),23500.);",
    ]  # fmt: skip
    georef, codes = read(tmp_path, *lines, schema="IFC4X3_ADD2")
    assert near(georef, LON, LAT)
    assert (georef.height_m, codes) == (pytest.approx(23.5), [])
