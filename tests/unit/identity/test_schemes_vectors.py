"""Every golden vector of the corpus, through recognise: the right scheme, or what is wrong."""

from uuid import UUID

import pytest

from identity.errors import Invalid
from identity.schemes import read_as, recognise, refuse
from identity.schemes.parcels import bridge

pytestmark = pytest.mark.corpus


def surest(text):
    return recognise(text)[0]


def test_every_right_credit_code_is_recognised(vectors):
    rows = vectors("checks")["uscc"]
    assert len(rows) == 6
    assert [("uscc", text, True, "held") for text in rows] == [
        (r.scheme, r.canonical, r.valid, r.check) for r in map(surest, rows)
    ]


def test_every_wrong_credit_code_is_said_to_be_wrong_and_where(vectors):
    told = [surest(text) for text in vectors("checks")["uscc_bad"]]
    assert [
        ("uscc", "scheme_check", 18, "L"),
        ("uscc", "scheme_character", 18, "0-9 A-Z, not I O S V Z"),
        ("uscc", "scheme_length", 17, "18"),
    ] == [
        (r.scheme, r.problems[0].code, r.problems[0].position, r.problems[0].expected) for r in told
    ]


def test_every_right_identity_number_is_refused_and_no_wrong_one(vectors):
    for number in vectors("checks")["ric"]:
        with pytest.raises(Invalid, match="identity_number_refused"):
            refuse(number)
        assert recognise(number) == []
    for number in vectors("checks")["ric_bad"]:
        refuse(number)


def test_every_real_estate_unit_is_taken_apart_and_bridged(vectors):
    rows = vectors("checks")["bdcdy"]
    told = [surest(text) for text in rows]
    assert [("bdcdy28", text, True) for text in rows] == [
        (r.scheme, r.canonical, r.valid) for r in told
    ]
    first = [segment.text for segment in told[0].segments]
    assert first == ["370105", "012", "002", "G", "B", "00001", "F", "0001", "0751"]
    assert bridge(rows[0]) == {
        "standard": "37010501200201000010017514",
        "vendor": "37010501200201000010017519",
    }


def test_every_computed_house_code_holds_its_check(vectors):
    rows = vectors("checks")["jgj246_style_computed"]
    assert len(rows) == 5
    assert [("jgj246", True, "held")] * 5 == [
        (r.scheme, r.valid, r.check) for r in map(surest, rows)
    ]


def test_every_item_number_becomes_fourteen_digits(vectors):
    for text in vectors("checks")["ean13"]:
        assert (surest(text).scheme, surest(text).canonical) == ("gs1dl", f"01/{text.zfill(14)}")


def test_every_own_code_is_ours(vectors):
    golden = vectors("checks")["uic21_proposal"] + vectors("checks")["uic_part_proposal"]
    assert [("uic", text, "held") for text in golden] == [
        (r.scheme, r.canonical, r.check) for r in map(surest, golden)
    ]


def test_every_guid_leads_to_its_uuid_and_back(vectors):
    for uuid, guid in vectors("checks")["ifc_guid"]:
        by_uuid, by_guid = surest(uuid), read_as("ifc_guid", guid)
        assert (by_uuid.scheme, by_uuid.canonical) == ("ifc_guid", guid)
        assert UUID(by_guid.segments[0].text) == UUID(uuid)


def test_every_golden_cell_is_recognised(vectors):
    book = vectors("beidou")
    rows = [row[field] for row in book["points"] for field in ("code2d", "code3d")]
    rows += [row[field] for row in book["wuhan_by_level"] for field in ("code2d", "code3d_h25")]
    rows += book["poles_level2_from_text"].values()
    assert len(rows) > 60
    assert [("beidou", text, True) for text in rows] == [
        (r.scheme, r.canonical, r.valid) for r in map(surest, rows)
    ]


def test_every_cell_that_does_not_exist_is_refused_with_a_position(vectors):
    rows = vectors("beidou")["invalid"]
    assert len(rows) == 8
    for text in rows:
        told = read_as("beidou", text)
        assert not told.valid
        assert told.problems[0].position in range(1, len(text) + 1)
