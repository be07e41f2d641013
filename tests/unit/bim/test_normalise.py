"""Uploaded bytes become a safe IFC file, or are refused with the reason."""

import ifcopenshell
import pytest

from bim.normalise import normalise, product_guids
from bim.normalise_guids import guids, is_row_class
from bim.rows import Severity
from identity.errors import Invalid, TooLarge
from tests.parts.ifc_text import BUILDING, HOUSE, SITE, STOREY, WALL, ifc, named

SMALL_CHUNK_BYTES = 7  # every token is cut somewhere


def write(tmp_path, data):
    source = tmp_path / "in.ifc"
    source.write_bytes(data)
    return source


def run(tmp_path, data, **options):
    target = tmp_path / "out.ifc"
    said = normalise(write(tmp_path, data), target, **options)
    return said, target


def refused(tmp_path, data, kind=Invalid, **options):
    with pytest.raises(kind) as refusal:
        run(tmp_path, data, **options)
    assert all(refusal.value.text(lang)[0] for lang in ("en", "zh"))
    assert "{" not in refusal.value.text("en")[0]
    return refusal.value


def test_a_clean_file_is_kept_and_counted(tmp_path):
    said, target = run(tmp_path, ifc(*HOUSE))
    assert target.read_bytes() == ifc(*HOUSE)
    assert (said.schema, said.declared, said.products) == ("IFC4", len(HOUSE), 4)
    assert said.findings == []
    assert said.encoding == "ascii"


def test_an_empty_file_is_refused(tmp_path):
    assert refused(tmp_path, b"").code == "ifc_empty"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<!DOCTYPE html><html></html>", "html"),
        (b"<html><body>Sign in</body></html>", "html"),
        (b'<?xml version="1.0"?><ifcXML xmlns="http://x"/>', "ifcxml"),
        (b'<?xml version="1.0"?><ex:iso_10303_28/>', "ifcxml"),
        (b'<?xml version="1.0"?><svg/>', "xml"),
        (b'{"type": "CityJSON"}', "json"),
        (b"\xff\xfeI\x00S\x00O\x00", "utf16"),
        (b"\x00" * 100, "zeros"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "revit"),
        (b"AC1032", "dwg"),
        (b"%PDF-1.7", "pdf"),
        (b"\x1f\x8b\x08", "archive"),
        (b"hello", "unknown"),
    ],
)
def test_what_is_no_ifc_is_refused_by_what_it_is(tmp_path, data, kind):
    error = refused(tmp_path, data)
    assert (error.code, error.facts["kind"]) == ("ifc_not_ifc", kind)


@pytest.mark.parametrize("cut", ["ENDSEC;\nEND-ISO", "#13=", "#14=IFCLOCAL", "END-ISO-10303-21;\n"])
def test_a_file_that_stops_early_is_refused_with_what_it_declared(tmp_path, cut):
    data = ifc(*HOUSE)
    data = data[: data.index(cut.encode()) + 9]
    error = refused(tmp_path, data)
    assert error.code == "ifc_truncated"
    assert error.facts["declared"] == data.count(b"=")


def test_a_file_that_stops_inside_a_text_is_truncated(tmp_path):
    data = ifc(*HOUSE)
    assert refused(tmp_path, data[: data.index(b"Wall 1") + 3]).code == "ifc_truncated"


def test_a_file_that_stops_in_the_header_is_truncated(tmp_path):
    assert refused(tmp_path, b"ISO-10303-21;\nHEADER;\nFILE_DESC").code == "ifc_truncated"


@pytest.mark.parametrize("schema", ["IFC4X1", "IFC2X2_FINAL", "CONFIG_CONTROL_DESIGN", "", "IFC5"])
def test_an_unreadable_schema_is_refused_by_name(tmp_path, schema):
    error = refused(tmp_path, ifc(*HOUSE, schema=schema))
    assert (error.code, error.facts["declared"]) == ("ifc_schema", schema)


@pytest.mark.parametrize(
    ("declared", "schema", "codes"),
    [
        ("ifc4", "IFC4", []),
        ("IFC4X3", "IFC4X3_ADD2", []),
        ("IFC2X3", "IFC2X3", []),
        ("IFC2X_FINAL", "IFC2X3", ["ifc_schema_alias"]),
        ("IFC4X3_RC4", "IFC4X3_ADD2", ["ifc_schema_alias"]),
    ],
)
def test_a_schema_alias_is_read_as_what_it_became(tmp_path, declared, schema, codes):
    said, target = run(tmp_path, ifc(*HOUSE[:9], schema=declared))
    assert (said.schema, said.declared_schema) == (schema, declared.upper())
    assert [finding.code for finding in said.findings] == codes
    assert f"FILE_SCHEMA(('{schema}'))".encode() in target.read_bytes()


def test_the_schema_is_found_behind_comments_and_look_alike_texts(tmp_path):
    header = (
        "/* FILE_SCHEMA(('IFC9')); ENDSEC; */ FILE_DESCRIPTION(('FILE_SCHEMA((''X''));'),'2;1');\n"
        "FILE_NAME('ENDSEC;','',(''),(''),'','','');"
    )
    data = ifc(*HOUSE, header=header).replace(
        b"FILE_SCHEMA(('IFC4'))", b"FILE_SCHEMA ( ( 'IFC4' ) )"
    )
    said, target = run(tmp_path, data)
    assert said.schema == "IFC4"
    assert ifcopenshell.open(str(target)).schema == "IFC4"


def test_a_missing_header_entity_is_put_in_and_said(tmp_path):
    said, target = run(tmp_path, ifc(*HOUSE, header="FILE_DESCRIPTION((''),'2;1');"))
    assert [(f.code, f.facts) for f in said.findings] == [
        ("ifc_header", {"missing": ["FILE_NAME"]})
    ]
    assert len(ifcopenshell.open(str(target)).by_type("IfcWall")) == 1


def test_a_byte_order_mark_is_taken_off_and_said(tmp_path):
    said, target = run(tmp_path, b"\xef\xbb\xbf" + ifc(*HOUSE))
    assert [(f.code, f.severity) for f in said.findings] == [("ifc_bom", Severity.INFO)]
    assert target.read_bytes().startswith(b"ISO-10303-21;")


def test_comments_are_left_out_and_texts_that_look_like_them_stay(tmp_path):
    lines = [*HOUSE, "/* it's #99= a 'comment; */ #100=IFCMATERIAL('a/*b*/ #7=c;''',/*x*/$,$);"]
    said, target = run(tmp_path, ifc(*lines), chunk_bytes=SMALL_CHUNK_BYTES)
    model = ifcopenshell.open(str(target))
    assert [material.Name for material in model.by_type("IfcMaterial")] == ["a/*b*/ #7=c;'"]
    assert said.declared == len(HOUSE) + 1
    assert b"comment" not in target.read_bytes()


def test_what_follows_the_end_is_left_out(tmp_path):
    said, target = run(tmp_path, ifc(*HOUSE) + b"\x00" * 50 + b"#900=IFCWALL();")
    assert said.declared == len(HOUSE)
    assert target.read_bytes() == ifc(*HOUSE)


@pytest.mark.parametrize("chunk_bytes", [SMALL_CHUNK_BYTES, 64, 4096])
def test_the_result_does_not_depend_on_where_chunks_end(tmp_path, chunk_bytes):
    data = named("外墙''/*;-000", encoding="gb18030")
    whole, target = run(tmp_path, data)
    expected = target.read_bytes()
    said, target = run(tmp_path, data, chunk_bytes=chunk_bytes)
    assert target.read_bytes() == expected
    assert said == whole


def test_a_file_over_the_limit_is_refused(tmp_path):
    error = refused(tmp_path, ifc(*HOUSE), TooLarge, limit_bytes=100)
    assert (error.code, error.facts["limit"]) == ("ifc_size", 100)


def test_product_guids_are_elements_and_spaces_not_what_templates_repeat(tmp_path):
    opening = "#101=IFCOPENINGELEMENT('0oPENING00000000000001',$,$,$,$,$,$,$,$);"
    split = "#102= IFCSPACE\n( '0sPACE0000000000000001',$,'1',$,$,$,$,$,$,$,$);"
    source = write(tmp_path, ifc(*HOUSE, opening, split))
    assert product_guids(source) == {WALL, "0sPACE0000000000000001"}
    assert guids(source).spatial == {SITE, BUILDING, STOREY}


@pytest.mark.parametrize("schema", ["IFC2X3", "IFC4", "IFC4X3_ADD2"])
def test_the_rule_of_row_classes_agrees_with_the_published_schema(schema):
    """Every class with a GlobalId that the rule takes is a product, and no thing is left out."""
    helpers = ("IfcFeatureElement", "IfcVirtualElement", "IfcPort", "IfcStructuralActivity")
    helpers += ("IfcStructuralItem", "IfcGrid", "IfcAnnotation", "IfcPositioningElement")
    helpers += ("IfcLinearElement",)
    for declaration in ifcopenshell.schema_by_name(schema).entities():
        above, step = [], declaration
        while step is not None:
            above.append(step.name())
            step = step.supertype()
        if "IfcRoot" not in above or declaration.is_abstract():
            continue
        helper = any(name in helpers for name in above) and above[0] != "IfcSurfaceFeature"
        expected = "IfcProduct" in above and not helper
        assert (above[0], is_row_class(above[0])) == (above[0], expected)
