"""Real files, and their real faults: what is read, what is refused, and why."""

import re
from collections import Counter

import ifcopenshell
import pytest

from bim.extract import extract_file, load
from bim.normalise import normalise, product_guids
from bim.rows import Provenance, Role
from identity.errors import Invalid

pytestmark = pytest.mark.corpus

DUPLEX = "Duplex_A_20110907_georeferenced.ifc"
# What is a product but no row: holes and helpers (bim.extract_rows).
PARTS = ("Lining", "Panel")
NO_ROWS = ("IfcFeatureElementSubtraction", "IfcVirtualElement", "IfcGrid", "IfcAnnotation")
FILES = {  # file: (rows without the project, findings)
    DUPLEX: (245, ["ifc_positions_disagree"]),
    "LINDEN_-_Kozijnen.ifc": (1985, ["ifc_no_position"]),
    "PR-Twin-Branch-PavementElements.ifc": (
        21,
        [
            "ifc_no_length_unit",
            "ifc_crs",
            "ifc_far_from_origin",
            "ifc_no_position",
            "ifc_rule_sps008",
        ],
    ),
    "ROOT-houten_kozijnen.ifc": (170, []),
    "ROOT-kalkzandsteen.ifc": (142, []),
    "ROOT-kapconstructie_dakkapellen_platdak.ifc": (147, []),
    "RumbleStrip-INDOT.ifc": (
        26,
        ["ifc_schema_alias", "ifc_far_from_origin", "ifc_no_position", "ifc_rule_grf003"],
    ),
    "infra-bridge.ifc": (77, ["ifc_rule_grf005"]),
    "pcert-building-architecture.ifc": (22, ["ifc_rule_grf005"]),
    "xbim_DoubleBackSlashName.ifc": (
        1,
        [
            "ifc_no_building",
            "ifc_loose",
            "ifc_no_position",
            "ifc_rule_sps001",
            "ifc_rule_sps005",
            "ifc_rule_sps007",
        ],
    ),
    "xbim_House.ifc": (156, ["ifc_no_position"]),
    "xbim_NewlinesInStrings.ifc": (
        1,
        [
            "ifc_no_building",
            "ifc_loose",
            "ifc_no_position",
            "ifc_rule_sps001",
            "ifc_rule_sps005",
            "ifc_rule_sps007",
        ],
    ),
    "xbim_geographic-referencing-gk.ifc": (4, ["ifc_rule_ifc102", "ifc_rule_grf005"]),
    "xbim_geographic-referencing-rigid-operation.ifc": (3, ["ifc_no_building"]),
    "xbim_geographic-referencing-utm.ifc": (4, ["ifc_rule_ifc102", "ifc_rule_grf005"]),
}
PREDEFINED = [f"Ifc{thing}{part}Properties" for thing in ("Door", "Window") for part in PARTS]
VALUES = {DUPLEX: 12_600, "LINDEN_-_Kozijnen.ifc": 101_000, "ROOT-houten_kozijnen.ifc": 49_000}
BROKEN = {  # nothing but a project inside; what else is wrong is said by a finding
    "xbim_InvalidMultiByte.ifc": ["ifc_text_escape"] * 3,  # one for each damaged statement
    "xbim_Wrongly1251Encoded.ifc": ["ifc_header", "ifc_text_code_page"],
}


def read(source, tmp_path):
    target, out = tmp_path / "safe.ifc", tmp_path / "rows"
    said = normalise(source, target)
    extract_file(str(target), str(out))
    extract = load(out)
    return extract, [finding.code for finding in [*said.findings, *extract.findings]], target


@pytest.mark.parametrize("name", FILES)
def test_every_product_of_a_real_file_is_a_row_or_a_helper(shared_dir, tmp_path, name):
    extract, codes, target = read(shared_dir / "ifc" / name, tmp_path)
    model = ifcopenshell.open(str(target))
    products = model.by_type("IfcProduct")
    things = [p for p in products if not any(p.is_a(name) for name in NO_ROWS)]
    assert sorted(row.step_id for row in extract.rows[1:]) == sorted(p.id() for p in things)
    assert (len(extract.rows) - 1, codes) == FILES[name]
    check_tree(extract)


def check_tree(extract):
    """Every way up ends at the project, and what is called a storey is one."""
    rows = {row.guid: row for row in extract.rows}
    for start in extract.rows[1:]:
        row, steps = start, 0
        while row.parent is not None:
            row, steps = rows[row.parent], steps + 1
            assert steps < 20
        assert row.role is Role.PROJECT
    storeys = {row.storey for row in extract.rows} - {None}
    assert all(rows[storey].role is Role.STOREY for storey in storeys)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_for_what_it_lacks(shared_dir, tmp_path, name):
    target = tmp_path / "safe.ifc"
    said = normalise(shared_dir / "ifc" / name, target)
    assert [finding.code for finding in said.findings] == BROKEN[name]
    with pytest.raises(Invalid) as refusal:
        extract_file(str(target), str(tmp_path / "rows"))
    assert refusal.value.code == "ifc_no_products"


@pytest.mark.parametrize(
    ("name", "lon", "lat"),
    [
        # The site's own longitude and latitude in that file say the same place.
        ("xbim_geographic-referencing-utm.ifc", 8.43367981, 49.09555103),
        ("xbim_geographic-referencing-rigid-operation.ifc", 14.0902217, 46.3623297),
        ("infra-bridge.ifc", 179.080129, -8.46249),  # millimetres, and MapUnit says so
    ],
)
def test_declared_positions_are_found(shared_dir, tmp_path, name, lon, lat):
    extract, _, _ = read(shared_dir / "ifc" / name, tmp_path)
    assert extract.georef.provenance is Provenance.DECLARED
    assert (extract.georef.lon, extract.georef.lat) == pytest.approx((lon, lat), abs=1e-6)


@pytest.mark.parametrize("name", FILES)
def test_sets_agree_with_the_librarys_own_slow_way(shared_dir, tmp_path, name):
    """Every property set of every row, with those of its type, against util.element.

    Ours has two kinds more: attributes worth a property, and the predefined sets of doors and
    windows.
    """
    from ifcopenshell.util.element import get_psets

    extract, _, target = read(shared_dir / "ifc" / name, tmp_path)
    model = ifcopenshell.open(str(target))
    compared = 0
    for row in extract.rows:
        theirs = get_psets(model.by_id(row.step_id), psets_only=True)
        more = row.psets.keys() - theirs.keys() - {"Attributes"}
        assert all(set_name in PREDEFINED for set_name in more), more
        for set_name, values in theirs.items():
            ours = {key: plain(value) for key, value in row.psets[set_name].items()}
            assert ours == {key: value for key, value in values.items() if key != "id"}
            compared += len(ours)
    print(f"{name}: {compared} values of {len(extract.rows)} rows")
    assert compared >= VALUES.get(name, 0)


def plain(value):
    """Return a value without the unit that it is told with."""
    return value["value"] if isinstance(value, dict) and "value" in value else value


def test_placements_agree_with_the_librarys_own_slow_way(shared_dir, tmp_path):
    from ifcopenshell.util.placement import get_local_placement

    extract, _, target = read(shared_dir / "ifc" / "ROOT-kalkzandsteen.ifc", tmp_path)
    model = ifcopenshell.open(str(target))
    for row in extract.rows[1:]:
        matrix = get_local_placement(model.by_id(row.step_id).ObjectPlacement)
        expected = tuple(matrix[:3, 3] * extract.length_unit_m)
        assert row.origin_m == pytest.approx(expected, abs=1e-9)


def chinese(count):
    """Names that use every Han character of the block U+4E00–U+9FA5 once or more."""
    han = [chr(point) for point in range(0x4E00, 0x9FA6)]
    width = len(han) // count + 1
    return ["外墙-" + "".join(han[i * width : (i + 1) * width]) for i in range(count)]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_chinese_names_in_raw_bytes_arrive_whole(shared_dir, tmp_path, encoding):
    data = (shared_dir / "ifc" / DUPLEX).read_bytes()
    product = re.compile(
        rb"(=IFC(?:SPACE|WALLSTANDARDCASE|DOOR|WINDOW|SLAB)\('[^']+',#\d+,)'[^']*'"
    )
    names = chinese(len(product.findall(data)))
    following = iter(names)
    raw = product.sub(lambda m: m[1] + b"'" + next(following).encode(encoding) + b"'", data)
    source = tmp_path / "raw.ifc"
    source.write_bytes(raw)
    extract, codes, target = read(source, tmp_path)
    assert target.read_bytes().isascii()
    read_names = Counter(row.name for row in extract.rows if row.name.startswith("外墙-"))
    assert read_names == Counter(names)
    assert len(set("".join(read_names))) > 20_900
    assert codes == ["ifc_text_raw", "ifc_positions_disagree"]


def test_the_byte_scan_names_the_rows_without_a_parser(shared_dir, tmp_path):
    whole = (Role.PROJECT, Role.SITE, Role.BUILDING, Role.STOREY, Role.FACILITY)
    for name in (DUPLEX, "ROOT-kalkzandsteen.ifc", "RumbleStrip-INDOT.ifc"):
        extract, _, _ = read(shared_dir / "ifc" / name, tmp_path)
        expected = {row.guid for row in extract.rows if row.role not in whole}
        assert product_guids(shared_dir / "ifc" / name) == expected
