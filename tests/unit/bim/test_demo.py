import re
from collections import Counter
from itertools import combinations

import ifcopenshell
import ifcopenshell.geom
import ifcopenshell.validate
import numpy as np
import pytest
from shapely.geometry import LineString, MultiPoint, Polygon, shape

from bim import demo
from bim.demo_ground import CENTRE, CRS
from bim.rules.findings import findings
from cim import crs

NAMES = ["光谷之星大厦", "光谷人家1号楼", "光谷广场停车楼", "南湖渠泵站"]
PRODUCTS_MAX = 5_000


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return demo.write_district(tmp_path_factory.mktemp("district"))


@pytest.fixture(scope="module")
def files(paths):
    return {m.name: ifcopenshell.open(str(p)) for m, p in zip(demo.district(), paths, strict=True)}


@pytest.fixture(scope="module")
def hulls(files):
    """Each building's outline in plan, in metres of EPSG:4547, and its lowest and highest z."""
    found = {}
    for model in demo.district():
        points = _points(files[model.name])
        (x, y), spec = model.spec.along, model.spec
        plan = points[:, :2] @ np.array([[x, y], [-y, x]]) + [spec.east_m, spec.north_m]
        found[model.name] = (MultiPoint(plan).convex_hull, points[:, 2].min(), points[:, 2].max())
    return found


def _points(file):
    settings = ifcopenshell.geom.settings()
    settings.set("use-world-coords", True)
    every = ifcopenshell.geom.iterator(
        settings, file, 1, exclude=["IfcOpeningElement"], geometry_library="cgal-simple"
    )
    assert every.initialize()
    chunks = []
    while True:
        chunks.append(np.array(every.get().geometry.verts).reshape(-1, 3))
        if not every.next():
            return np.vstack(chunks)


def test_the_district_holds_four_models_with_names_of_their_own():
    models = demo.district()
    assert [m.name for m in models] == NAMES
    assert len({m.project for m in models}) == len({m.file_name for m in models}) == 4


@pytest.mark.parametrize("number", range(4))
def test_two_runs_write_the_same_bytes(paths, tmp_path, number):
    again = tmp_path / "again.ifc"
    demo.district()[number].write(again)
    assert again.read_bytes() == paths[number].read_bytes()


def test_global_ids_stay_what_they_were_when_the_district_was_first_drawn(files):
    buildings = [file.by_type("IfcBuilding")[0].GlobalId for file in files.values()]
    spaces = {s.Name: s.GlobalId for s in files["光谷广场停车楼"].by_type("IfcSpace")}
    assert buildings == [
        "04OonD8ofNuhhChs350W$T",
        "3KoxvAaWnNKg0WNmDatcA9",
        "1QKjhETvXNSuZa3c0o5aX2",
        "1BXr8f44PTaQh$sbs3In$h",
    ]
    assert spaces["A-001"] == "0z0E5UJQHMevBLFl$pV$7f"


@pytest.mark.parametrize("name", NAMES)
def test_every_model_is_valid_ifc4(files, name):
    logger = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(files[name], logger)
    assert files[name].schema == "IFC4"
    assert logger.statements == []


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the library leaves its rule file open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the same, at exit
@pytest.mark.parametrize("name", NAMES)
def test_every_model_keeps_the_express_rules_too(files, name):
    logger = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(files[name], logger, express_rules=True)
    assert logger.statements == []


@pytest.mark.parametrize("name", NAMES)
def test_global_ids_are_unique_and_well_formed(files, name):
    guids = [rooted.GlobalId for rooted in files[name].by_type("IfcRoot")]
    assert len(set(guids)) == len(guids)
    assert all(re.fullmatch(r"[0-3][0-9A-Za-z_$]{21}", guid) for guid in guids)


def test_the_district_is_small_enough_to_import_in_seconds(files):
    assert sum(len(file.by_type("IfcProduct")) for file in files.values()) <= PRODUCTS_MAX


def test_the_tower_has_thirty_storeys_and_a_roof(files):
    storeys = files["光谷之星大厦"].by_type("IfcBuildingStorey")
    assert [s.Name for s in storeys] == [*(f"{n}层" for n in range(1, 31)), "屋面"]
    heights_m = [s.Elevation / 1000 for s in storeys]
    assert heights_m == pytest.approx([0, *(5.4 + 3.9 * n for n in range(30))])


def test_every_storey_of_the_tower_has_structure_envelope_rooms_and_doors(files):
    for storey in files["光谷之星大厦"].by_type("IfcBuildingStorey")[:30]:
        held = storey.ContainsElements[0].RelatedElements
        kinds = Counter(element.is_a() for element in held)
        wall = next(e for e in held if e.is_a("IfcCurtainWall"))
        spaces = storey.IsDecomposedBy[0].RelatedObjects
        assert (kinds["IfcSlab"], kinds["IfcColumn"], kinds["IfcDoor"]) == (1, 18, 10)
        assert len(wall.IsDecomposedBy[0].RelatedObjects) == 18
        assert len(spaces) == 17


def test_the_tower_is_as_high_as_its_storeys(hulls):
    _, low, high = hulls["光谷之星大厦"]
    assert (low, high) == pytest.approx((-0.15, 5.4 + 29 * 3.9 + 4.2), abs=0.01)


def test_rooms_flats_and_parking_spaces_carry_the_numbers_people_use(files):
    rooms = {s.Name for s in files["光谷之星大厦"].by_type("IfcSpace")}
    flats = {s.Name for s in files["光谷人家1号楼"].by_type("IfcSpace")}
    assert {"1202开放办公区", "1207大会议室", "12层电梯厅", "102大堂"} <= rooms
    assert sum(name.endswith("室") and "单元" in name for name in flats) == 96
    assert {"1单元1203室", "2单元101室", "1单元16层楼梯间"} <= flats


def test_the_car_park_has_144_numbered_parking_spaces(files):
    spaces = files["光谷广场停车楼"].by_type("IfcSpace")
    assert {s.PredefinedType for s in spaces} == {"PARKING"}
    expected = [f"{deck}-{n:03d}" for deck in "ABC" for n in range(1, 49)]
    assert [s.Name for s in spaces] == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_building_has_its_address_its_sets_and_its_place(files, name):
    file = files[name]
    (building,) = file.by_type("IfcBuilding")
    address = building.BuildingAddress
    (conversion,) = file.by_type("IfcMapConversion")
    (length,) = [
        u for u in file.by_type("IfcUnitAssignment")[0].Units if u.UnitType == "LENGTHUNIT"
    ]
    assert (address.Region, address.Town) == ("湖北省", "武汉市洪山区")
    assert "号" in address.AddressLines[0]
    assert {"Pset_BuildingCommon", "建设信息"} == {
        r.RelatingPropertyDefinition.Name for r in building.IsDefinedBy
    }
    assert conversion.TargetCRS.Name == "EPSG:4547"
    assert conversion.Scale == (0.001 if length.Prefix == "MILLI" else 1.0)


def test_millimetres_and_metres_are_mixed(files):
    prefixes = [file.by_type("IfcSIUnit")[0].Prefix for file in files.values()]
    assert sorted(p or "" for p in prefixes) == ["", "", "MILLI", "MILLI"]


@pytest.mark.parametrize("name", NAMES)
def test_the_site_and_the_map_conversion_name_the_same_place(files, name):
    (site,) = files[name].by_type("IfcSite")
    (conversion,) = files[name].by_type("IfcMapConversion")
    lon, lat = crs.to_lonlat(CRS, conversion.Eastings, conversion.Northings)
    parts = (1, 60, 3600, 3_600_000_000)
    site_lon, site_lat = (
        sum(v / per for v, per in zip(angle, parts, strict=True))
        for angle in (site.RefLongitude, site.RefLatitude)
    )
    assert (site_lon, site_lat) == pytest.approx((lon, lat), abs=1e-7)
    assert (lon, lat) == pytest.approx(CENTRE, abs=0.003)


def test_types_materials_and_colours_are_there(files):
    tower = files["光谷之星大厦"]
    doors = tower.by_type("IfcDoor")
    assert {d.IsTypedBy[0].RelatingType.Name for d in doors} == {"M1022"}
    assert {m.Name for m in tower.by_type("IfcMaterial")} >= {"C60混凝土", "C35混凝土"}
    solids = tower.by_type("IfcExtrudedAreaSolid")
    assert all(solid.StyledByItem for solid in solids)


def test_buildings_keep_clear_of_each_other(hulls):
    for (a, _, _), (b, _, _) in combinations(hulls.values(), 2):
        assert a.distance(b) > 20


def test_buildings_keep_clear_of_streets_water_and_greens(hulls):
    kept = [f for f in demo.ground()["features"] if f["properties"]["class"] != "square"]
    for feature in kept:
        area = _on_the_map(feature)
        for name, (hull, _, _) in hulls.items():
            assert hull.distance(area) > 3, (name, feature["properties"]["name"])


def test_the_ground_is_geojson_with_streets_water_greens_and_squares():
    ground = demo.ground()
    kinds = Counter(f["properties"]["class"] for f in ground["features"])
    assert ground["type"] == "FeatureCollection"
    assert set(kinds) == {"road", "water", "green", "square"}
    assert kinds["road"] >= 8
    for feature in ground["features"]:
        figure, properties = shape(feature["geometry"]), feature["properties"]
        assert figure.is_valid
        assert properties["name"]
        assert properties["name_en"]
        assert ("width_m" in properties) == (properties["class"] == "road")
        if figure.geom_type == "Polygon":
            assert figure.exterior.is_ccw
        assert figure.centroid.distance(shape({"type": "Point", "coordinates": CENTRE})) < 0.006


def _on_the_map(feature):
    points = feature["geometry"]["coordinates"]
    if feature["geometry"]["type"] == "LineString":
        line = LineString([crs.from_lonlat(CRS, *p) for p in points])
        return line.buffer(feature["properties"]["width_m"] / 2, cap_style="flat")
    return Polygon([crs.from_lonlat(CRS, *p) for p in points[0]])


def test_no_rule_of_buildingsmart_that_the_intake_asks_is_broken(files):
    assert {} == {name: said for name, model in files.items() if (said := findings(model))}
