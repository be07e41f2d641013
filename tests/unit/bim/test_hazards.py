"""Small files that kill a parser or a kernel are refused by a scan of their bytes."""

import pytest

from bim import hazards
from bim.normalise import normalise
from identity.errors import Invalid
from tests.parts.ifc_text import HOUSE, ifc


def scan(tmp_path, *lines):
    source, target = tmp_path / "in.ifc", tmp_path / "safe.ifc"
    source.write_bytes(ifc(*lines))
    normalise(source, target)
    return hazards.check(target)


def refused(tmp_path, *lines):
    with pytest.raises(Invalid) as refusal:
        scan(tmp_path, *HOUSE, *lines)
    error = refusal.value
    assert error.code == "ifc_hazard"
    assert "{" not in error.text("en")[0] + error.text("zh")[0]
    return error.facts["kind"], error.facts["step_id"]


def chain(count, line):
    """Return ``count`` statements, each naming the one before."""
    return [line.format(this=100 + i, last=99 + i if i else 6) for i in range(count)]


def test_a_sound_file_passes_whole(tmp_path):
    found = scan(tmp_path, *HOUSE)
    assert (found.statements, found.repeated_count, found.unresolved_count) == (len(HOUSE), 0, 0)


@pytest.mark.parametrize(
    ("lines", "kind", "step_ids"),
    [
        (["#100=IFCLOCALPLACEMENT(#100,#4);"], "placement_cycle", {100}),
        (
            ["#100=IFCLOCALPLACEMENT(#101,#4);", "#101=IFCLOCALPLACEMENT(#100,#4);"],
            "placement_cycle",
            {100, 101},
        ),
        (["#100=IFCBOOLEANRESULT(.UNION.,#100,#5);"], "geometry_cycle", {100}),
        (["#100 = IFCBOOLEANCLIPPINGRESULT\n(.DIFFERENCE.,#5, #100 );"], "geometry_cycle", {100}),
        (
            [
                "#100=IFCMAPPEDITEM(#101,$);",
                "#101=IFCREPRESENTATIONMAP(#4,#102);",
                "#102=IFCSHAPEREPRESENTATION(#2,'Body','MappedRepresentation',(#100));",
            ],
            "geometry_cycle",
            {100, 101, 102},
        ),
        (["#100=IFCCOMPLEXPROPERTY('a',$,'b',(#100));"], "property_cycle", {100}),
        (["#100=IFCRELAGGREGATES('x',$,$,$,#11,(#10));"], "decomposition_cycle", {10, 11}),
        (["#100=IFCRELNESTS('x',$,$,$,#13,(#13));"], "decomposition_cycle", {13}),
        (
            ["#100=IFCRELCONTAINEDINSPATIALSTRUCTURE('x',$,$,$,(#10),#12);"],
            "decomposition_cycle",
            {10, 11, 12},
        ),
    ],
)
def test_a_structure_that_holds_itself_is_refused_at_its_line(tmp_path, lines, kind, step_ids):
    found, step_id = refused(tmp_path, *lines)
    assert found == kind
    assert step_id in step_ids


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("#{this}=IFCLOCALPLACEMENT(#{last},#4);", "placement_depth"),
        ("#{this}=IFCBOOLEANRESULT(.UNION.,#{last},#5);", "geometry_depth"),
    ],
)
def test_an_absurdly_deep_chain_is_refused_without_recursion(tmp_path, line, kind):
    assert refused(tmp_path, *chain(20_000, line))[0] == kind
    assert refused(tmp_path, *reversed(chain(20_000, line)))[0] == kind


def test_a_deep_but_sane_chain_passes(tmp_path):
    lines = chain(200, "#{this}=IFCBOOLEANRESULT(.UNION.,#{last},#5);")
    assert scan(tmp_path, *HOUSE, *lines).statements == len(HOUSE) + 200


def test_parentheses_without_end_are_refused(tmp_path):
    opened = "#100=IFCCARTESIANPOINT(" + "(" * 5_000 + "0." + ")" * 5_000 + ");"
    assert refused(tmp_path, opened) == ("parentheses_depth", None)


def test_what_stands_in_a_text_is_no_structure(tmp_path):
    text = "#5=IFCLOCALPLACEMENT(#5,#4);" + "(" * 500 + " see #999 /*"
    found = scan(tmp_path, *HOUSE, f"#100=IFCMATERIAL('it''s {text}',$,$);")
    assert (found.statements, found.unresolved_count) == (len(HOUSE) + 1, 0)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("#{this}=IFCBOOLEANRESULT(.UNION.,#{next},#{next});", "geometry_paths"),
        ("#{this}=IFCCOMPLEXPROPERTY('a',$,'b',(#{next},#{next}));", "property_paths"),
    ],
)
def test_shared_parts_are_walked_once_and_refused_where_they_unfold(tmp_path, line, kind):
    """Forty levels that each name the next twice: 2^40 paths, forty nodes."""
    lines = [line.format(this=100 + i, next=101 + i) for i in range(40)]
    assert refused(tmp_path, *lines) == (kind, 100)
    assert scan(tmp_path, *HOUSE, *lines[:15]).unresolved == (115,)


def test_wide_levels_unfold_too(tmp_path):
    lines = [f"#{100 + i}=IFCCOMPOSITECURVE(({','.join([f'#{101 + i}'] * 20)}));" for i in range(6)]
    assert refused(tmp_path, *lines) == ("geometry_paths", 100)


@pytest.mark.parametrize(
    "lines",
    [
        ["#100=IFCCLASSIFICATIONREFERENCE($,'a','b',#100,$,$);"],
        ["#100=IFCPRESENTATIONSTYLEASSIGNMENT((#101));", "#101=IFCSURFACESTYLE($,.BOTH.,(#100));"],
        ["#100=IfcSectionedSpine(#101,(),());", "#101=ifcEdgeCurve(#102);", "#102=IFCPOINT(#100);"],
    ],
)
def test_any_other_cycle_is_refused(tmp_path, lines):
    kind, step_id = refused(tmp_path, *lines)
    assert kind == "reference_cycle"
    assert step_id in range(100, 100 + len(lines))


def test_any_other_absurd_depth_is_refused(tmp_path):
    lines = chain(4_100, "#{this}=IFCCLASSIFICATIONREFERENCE($,'a','b',#{last},$,$);")
    assert refused(tmp_path, *lines)[0] == "reference_depth"


def test_a_site_that_is_its_own_address_is_no_hazard(tmp_path):
    found = scan(tmp_path, *HOUSE, "#100=IFCSITE('x',$,$,$,$,#6,$,$,$,$,$,$,$,#100);")
    assert found.statements == len(HOUSE) + 1


def test_a_class_in_small_letters_is_the_same_class(tmp_path):
    assert refused(tmp_path, "#100=IfcLocalPlacement(#100,#4);") == ("placement_cycle", 100)


def test_more_references_than_a_statement_may_hold_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hazards, "FAN_OUT_MAX", 50)
    line = f"#100=IFCCLOSEDSHELL(({','.join(['#5'] * 51)}));"
    assert refused(tmp_path, line) == ("fan_out", 100)


def test_missing_and_repeated_ids_are_counted(tmp_path):
    found = scan(tmp_path, *HOUSE, "#13=IFCWALL($,$,#777,#778,$,$,$,$,$);")
    assert (found.repeated, found.repeated_count) == ((13,), 1)
    assert (found.unresolved, found.unresolved_count) == ((777, 778), 2)
