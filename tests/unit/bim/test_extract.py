"""One pass over a file gives rows: the tree, names, identity, placements, completeness."""

import pytest

from bim.extract import extract_file, load
from bim.rows import Role, Severity
from identity.errors import Invalid
from tests.parts.ifc_text import BUILDING, HOUSE, PROJECT, SITE, STOREY, WALL, ifc

ROOT = "0pROJECT00000000000001"


def guid(name):
    return f"0{name:0<21}"


def extracted(tmp_path, *lines, schema="IFC4"):
    source, out = tmp_path / "in.ifc", tmp_path / "out.rows"
    source.write_bytes(ifc(*lines, schema=schema))
    counts = extract_file(str(source), str(out))
    extract = load(out)
    assert counts["rows"] == len(extract.rows)
    guids = [row.guid for row in extract.rows]
    assert len(set(guids)) == len(guids)
    assert all(row.parent in guids for row in extract.rows[1:])
    return extract


def row_of(extract, name):
    return next(row for row in extract.rows if row.guid == name)


def codes(extract):
    return [finding.code for finding in extract.findings]


def test_a_house_gives_its_tree(tmp_path):
    extract = extracted(tmp_path, *HOUSE)
    assert [(row.guid, row.role, row.parent, row.storey) for row in extract.rows] == [
        (ROOT, Role.PROJECT, None, None),
        (SITE, Role.SITE, ROOT, None),
        (BUILDING, Role.BUILDING, SITE, None),
        (STOREY, Role.STOREY, BUILDING, None),
        (WALL, Role.ELEMENT, STOREY, STOREY),
    ]
    assert (extract.schema, extract.project_guid, extract.project_name) == ("IFC4", ROOT, "Demo")
    assert codes(extract) == ["ifc_no_position", "ifc_rule_grf003"]
    assert extract.header["name"] == "a.ifc"


def test_lengths_are_metres_whatever_the_file_counts_in(tmp_path):
    extract = extracted(tmp_path, *HOUSE)
    assert extract.length_unit_m == pytest.approx(0.001)
    assert row_of(extract, STOREY).elevation_m == pytest.approx(-1.5)
    assert row_of(extract, WALL).origin_m == pytest.approx((2.0, 3.0, 0.0))


def test_placements_are_composed_along_their_chain(tmp_path):
    """A quarter turn at (2, 3, 0): 1 m along its x lies at (2, 4, 0)."""
    extract = extracted(
        tmp_path,
        *HOUSE,
        f"#100=IFCDOOR('{guid('dOOR')}',$,'Door',$,$,#101,$,$,$,$,$,$,$);",
        "#101=IFCLOCALPLACEMENT(#102,#103);",
        "#102=IFCLOCALPLACEMENT(#6,#104);",
        "#103=IFCAXIS2PLACEMENT3D(#105,$,$);",
        "#104=IFCAXIS2PLACEMENT3D(#16,$,#106);",
        "#105=IFCCARTESIANPOINT((1000.,0.,0.));",
        "#106=IFCDIRECTION((0.,5.,0.));",
    )
    assert row_of(extract, guid("dOOR")).origin_m == pytest.approx((2.0, 4.0, 0.0))


def test_a_storey_without_elevation_has_its_placements_height(tmp_path):
    lines = [line.replace(".ELEMENT.,-1500.", ".ELEMENT.,$") for line in HOUSE]
    assert row_of(extracted(tmp_path, *lines), STOREY).elevation_m == pytest.approx(0.0)


def test_words_of_an_element_are_kept(tmp_path):
    wall = row_of(extracted(tmp_path, *HOUSE), WALL)
    words = (wall.name, wall.tag, wall.object_type, wall.predefined_type, wall.ifc_class)
    assert words == ("Wall 1", "T-1", "Brick", "SOLIDWALL", "IfcWall")
    assert wall.step_id == 13


def test_a_door_in_an_opening_hangs_on_the_wall_and_the_opening_is_no_row(tmp_path):
    door = guid("dOOR")
    extract = extracted(
        tmp_path,
        *HOUSE,
        f"#100=IFCOPENINGELEMENT('{guid('oPENING')}',$,$,$,$,#14,$,$,$);",
        f"#101=IFCDOOR('{door}',$,'Door',$,$,#14,$,$,$,$,$,$,$);",
        f"#102=IFCRELVOIDSELEMENT('{guid('rV')}',$,$,$,#13,#100);",
        f"#103=IFCRELFILLSELEMENT('{guid('rF')}',$,$,$,#100,#101);",
    )
    assert (row_of(extract, door).parent, row_of(extract, door).storey) == (WALL, STOREY)
    assert len(extract.rows) == 6


def test_parts_of_an_assembly_hang_on_it_and_stand_in_its_storey(tmp_path):
    part = guid("pART")
    extract = extracted(
        tmp_path,
        *HOUSE,
        f"#100=IFCPLATE('{part}',$,'Plate',$,$,#14,$,$,$);",
        f"#101=IFCRELAGGREGATES('{guid('rA')}',$,$,$,#13,(#100));",
    )
    assert (row_of(extract, part).parent, row_of(extract, part).storey) == (WALL, STOREY)


def test_loose_rows_hang_on_the_next_whole_and_one_finding_names_them(tmp_path):
    extract = extracted(
        tmp_path,
        *HOUSE,
        f"#100=IFCSLAB('{guid('sLAB')}',$,'Slab',$,$,#14,$,$,$);",
        f"#101=IFCPLATE('{guid('pLATE')}',$,'Plate',$,$,#14,$,$,$);",
    )
    assert row_of(extract, guid("sLAB")).parent == BUILDING
    loose = next(finding for finding in extract.findings if finding.code == "ifc_loose")
    assert (loose.guid, loose.step_id, loose.facts["count"]) == (guid("sLAB"), 100, 2)


def test_without_a_building_loose_rows_hang_on_the_project(tmp_path):
    slab = f"#100=IFCSLAB('{guid('sLAB')}',$,'Slab',$,$,#6,$,$,$);"
    extract = extracted(tmp_path, *PROJECT, slab)
    assert row_of(extract, guid("sLAB")).parent == ROOT
    ours = ["ifc_no_building", "ifc_loose", "ifc_no_position"]
    assert codes(extract) == [*ours, "ifc_rule_sps005", "ifc_rule_sps007"]


def test_of_two_places_in_the_tree_the_first_counts_and_the_other_is_said(tmp_path):
    again = f"#100=IFCRELCONTAINEDINSPATIALSTRUCTURE('{guid('rC')}',$,$,$,(#13),#11);"
    extract = extracted(tmp_path, *HOUSE, again)
    assert row_of(extract, WALL).parent == STOREY
    assert "ifc_parent_twice" in codes(extract)


def test_a_road_and_its_parts_are_facilities(tmp_path):
    lines = [
        *PROJECT,
        f"#100=IFCROAD('{guid('rOAD')}',$,'Road',$,$,#6,$,$,$,$);",
        f"#101=IFCROADPART('{guid('pART')}',$,'Lane',$,$,#6,$,$,$,.LATERAL.,$);",
        f"#102=IFCSURFACEFEATURE('{guid('mARK')}',$,'Marking',$,$,#6,$,$,$);",
        f"#103=IFCALIGNMENT('{guid('aXIS')}',$,'Axis',$,$,#6,$,$);",
        f"#104=IFCRELAGGREGATES('{guid('rA')}',$,$,$,#1,(#100));",
        f"#105=IFCRELAGGREGATES('{guid('rB')}',$,$,$,#100,(#101));",
        f"#106=IFCRELCONTAINEDINSPATIALSTRUCTURE('{guid('rC')}',$,$,$,(#102),#101);",
        f"#107=IFCBUILDING('{guid('bUILD')}',$,'House',$,$,#6,$,$,$,$,$,$);",
        f"#108=IFCRELAGGREGATES('{guid('rD')}',$,$,$,#1,(#107));",
    ]
    extract = extracted(tmp_path, *lines, schema="IFC4X3_ADD2")
    assert [(row.name, row.role, row.parent) for row in extract.rows[1:]] == [
        ("Road", Role.FACILITY, ROOT),
        ("Lane", Role.FACILITY, guid("rOAD")),
        ("Marking", Role.ELEMENT, guid("pART")),
        ("House", Role.BUILDING, ROOT),
    ]


def test_a_repeated_guid_stays_with_the_first_and_each_other_is_numbered(tmp_path):
    twins = [f"#{i}=IFCSLAB('{WALL}',$,'Slab',$,$,#14,$,$,$);" for i in (100, 101)]
    extract = extracted(tmp_path, *HOUSE, *twins)
    numbered = [(row.guid, row.step_id) for row in extract.rows if row.guid.startswith(WALL)]
    assert numbered == [(WALL, 13), (f"{WALL}#2", 100), (f"{WALL}#3", 101)]
    repeated = [f.step_id for f in extract.findings if f.code == "ifc_guid_repeated"]
    assert repeated == [100, 101]


@pytest.mark.parametrize("broken", ["$", "''", "'short'", "'9vALID0000000000000000'"])
def test_a_row_without_a_valid_guid_is_known_by_its_line(tmp_path, broken):
    extract = extracted(tmp_path, *HOUSE, f"#100=IFCSLAB({broken},$,'Slab',$,$,#14,$,$,$);")
    assert row_of(extract, "#100").name == "Slab"
    assert "ifc_guid_invalid" in codes(extract)


def test_guids_differ_by_case(tmp_path):
    slab = f"#100=IFCSLAB('{WALL.upper()}',$,'Slab',$,$,#14,$,$,$);"
    extract = extracted(tmp_path, *HOUSE, slab)
    assert row_of(extract, WALL.upper()).name == "Slab"
    assert "ifc_guid_repeated" not in codes(extract)


def test_missing_and_repeated_lines_are_said(tmp_path):
    extract = extracted(
        tmp_path, *HOUSE, f"#100=IFCSLAB('{guid('sLAB')}',#999,'Slab',$,$,#14,$,$,$);"
    )
    unresolved = next(f for f in extract.findings if f.code == "ifc_unresolved")
    assert unresolved.facts == {"count": 1, "samples": [999]}
    assert unresolved.severity is Severity.WARNING


def test_a_statement_of_an_unknown_class_is_missed_and_said(tmp_path):
    extract = extracted(tmp_path, *HOUSE, "#100=IFCNOSUCHTHING('x');")
    missed = next(f for f in extract.findings if f.code == "ifc_incomplete")
    assert missed.facts == {"declared": len(HOUSE) + 1, "read": len(HOUSE)}


def test_names_with_line_breaks_become_one_line(tmp_path):
    lines = [line.replace("Wall 1", "L4x4x3/8\nB") for line in HOUSE]
    assert row_of(extracted(tmp_path, *lines), WALL).name == "L4x4x3/8 B"


def test_a_file_without_a_project_or_without_products_is_refused(tmp_path):
    with pytest.raises(Invalid) as refusal:
        extracted(tmp_path, *HOUSE[1:9])
    assert refusal.value.code == "ifc_no_project"
    with pytest.raises(Invalid) as refusal:
        extracted(tmp_path, *PROJECT)
    assert (refusal.value.code, refusal.value.facts) == ("ifc_no_products", {"project": "Demo"})


def test_a_hazard_is_refused_before_the_parser_sees_it(tmp_path):
    with pytest.raises(Invalid) as refusal:
        extracted(tmp_path, *HOUSE, "#100=IFCLOCALPLACEMENT(#100,#4);")
    assert refusal.value.code == "ifc_hazard"


def test_without_a_unit_of_length_metres_are_taken_and_said(tmp_path):
    lines = [line.replace("(#7,#8,#9)", "(#8,#9)") for line in HOUSE]
    extract = extracted(tmp_path, *lines)
    assert extract.length_unit_m == pytest.approx(1.0)
    assert "ifc_no_length_unit" in codes(extract)


@pytest.mark.parametrize(
    "line",
    [
        f"#13=IFCWALL('{WALL}',$,(1,2),$,'Brick',#14,$,'T-1',.SOLIDWALL.);",
        f"#13=IFCWALL('{WALL}',$,'Wall 1',$,'Brick',#16,$,'T-1',.SOLIDWALL.);",
        f"#13=IFCWALL('{WALL}',$,'Wall 1',$,'Brick',3.,$,'T-1',.SOLIDWALL.);",
        f"#13=IFCWALL('{WALL}');",
    ],
)
def test_attributes_of_the_wrong_type_cost_no_row(tmp_path, line):
    house = [line if old.startswith("#13=") else old for old in HOUSE]
    extract = extracted(tmp_path, *house)
    assert row_of(extract, WALL).parent == STOREY


def test_a_relation_to_a_number_is_none(tmp_path):
    broken = f"#100=IFCRELAGGREGATES('{guid('rA')}',$,$,$,7,(#13,'x',3.));"
    assert row_of(extracted(tmp_path, *HOUSE, broken), WALL).parent == STOREY
