"""Each scheme: what a code is told to be, and at which position a wrong one is wrong."""

import json

import pytest

from identity.errors import Invalid
from identity.schemes import SCHEMES, opaque, read_as, recognise
from identity.schemes.buildings import methods
from identity.schemes.parcels import bridge, unbridge
from identity.schemes.values import LANGUAGES

BUILDING = "420106990101000000011"
UNIT = "370105012002GB00001F00010751"
HOUSE = "42010601200200800000100010"


def places(read):
    return [(p.code, p.position, p.expected) for p in read.problems]


def meanings(read):
    return {segment.name: segment.meaning.en for segment in read.segments if segment.meaning.en}


@pytest.mark.parametrize(
    ("text", "scheme", "canonical"),
    [
        (BUILDING, "uic", BUILDING),
        (f"urn:uic:cn:{BUILDING}-s00000013", "uic", f"{BUILDING}-S00000013"),
        ("420106 990101 000000011", "uic", BUILDING),
        ("91110000600037341l", "uscc", "91110000600037341L"),
        ("９１１１００００６０００３７３４１Ｌ", "uscc", "91110000600037341L"),
        (HOUSE, "jgj246", HOUSE),
        (UNIT.lower(), "bdcdy28", UNIT),
        ("370105012002 GB00001 F00010751", "bdcdy28", UNIT),
        ("420106201903150101", "permit18", "420106201903150101"),
        ("420106", "gb2260", "420106"),
        ("420106007", "gb10114", "420106007"),
        ("420106011003", "stat12", "420106011003"),
        ("600037341", "org_code", "600037341"),
        ("1hfxWGdQqHqO2q0C1Fr338", "ifc_guid", "1hfxWGdQqHqO2q0C1Fr338"),
        ("{6BA7B810-9DAD-11D1-80B4-00C04FD430C8}", "ifc_guid", "1hfxWGdQqHqO2q0C1Fr338"),
        ("urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", "ifc_guid", "1hfxWGdQqHqO2q0C1Fr338"),
        ("urn:oid:1.2.156.10197.1", "oid", "1.2.156.10197.1"),
        ("OID.2.999.3", "oid", "2.999.3"),
        ("doi:10.1000/ABC(1)", "handle", "10.1000/abc(1)"),
        ("https://doi.org/10.1000/182", "handle", "10.1000/182"),
        ("hdl:86.1000.12/Pump", "handle", "86.1000.12/Pump"),
        ("ecode:1ABC", "ecode", "1ABC"),
        ("6901234567892", "gs1dl", "01/06901234567892"),
        ("(01)06901234567892(21)A/1", "gs1dl", "01/06901234567892/21/A%2F1"),
        ("https://id.example.cn/p/01/6901234567892/21/A1?17=1", "gs1dl", "01/06901234567892/21/A1"),
        ("(8004)6901234ABC", "gs1dl", "8004/6901234ABC"),
        ("n50h0513548", "beidou", "N50H0513548"),
        ("jgj496:任意 编码", "jgj496", "任意 编码"),
        ("STAT12:420106011003", "stat12", "420106011003"),
    ],
)
def test_a_text_is_recognised_and_made_canonical(text, scheme, canonical):
    first = recognise(text)[0]
    assert (first.scheme, first.canonical, first.valid) == (scheme, canonical, True)


@pytest.mark.parametrize(
    ("scheme", "text", "expected"),
    [
        ("uic", BUILDING[:-1] + "2", ("scheme_check", 21, "1")),
        ("uic", f"{BUILDING}-S00000014", ("scheme_check", 31, "3")),
        ("uic", f"{BUILDING}-X00000013", ("scheme_character", 23, "SRE")),
        ("uic", BUILDING[:20], ("scheme_length", 21, "21 / 31 characters")),
        ("uscc", "9111000060003734", ("scheme_length", 17, "18")),
        ("uscc", "91110000600037341LL", ("scheme_length", 19, "18")),
        ("jgj246", HOUSE[:-1] + "1", ("scheme_check", 26, "0")),
        ("jgj246", "99" + HOUSE[2:], ("scheme_region", 1, None)),
        ("jgj246", "420106012*0200800000100010", ("scheme_value", 11, "*")),
        ("jgj246", "4201060122*0100000100010", ("scheme_length", 25, "26")),
        ("bdcdy28", UNIT[:12] + "X" + UNIT[13:], ("scheme_character", 13, "G J Z")),
        ("bdcdy28", UNIT[:19] + "W00010000", ("scheme_value", 24, "0")),
        ("bdcdy26", "37010501200201000010017510", ("scheme_check", 26, "4 / 9")),
        ("bdcdy26", "37010501200271000010017514", ("scheme_value", 13, "0-2")),
        ("permit18", "420106198903150101", ("scheme_date", 7, "1990-2099")),
        ("permit18", "420106201913150101", ("scheme_date", 11, "01-12")),
        ("permit18", "420106201902290101", ("scheme_date", 13, "01-28")),
        ("permit18", "420106201903150001", ("scheme_value", 15, "01-99")),
        ("permit18", "420106201903150120", ("scheme_value", 17, "01-19")),
        ("gb2260", "990106", ("scheme_region", 1, None)),
        ("gb2260", "420006", ("scheme_value", 3, "01-90")),
        ("gb10114", "420106600", ("scheme_value", 7, "000-599")),
        ("stat12", "420106000003", ("scheme_value", 7, "001-599")),
        ("ifc_guid", "4hfxWGdQqHqO2q0C1Fr338", ("scheme_character", 1, "0-3")),
        ("ifc_guid", "1hfxWGdQqHqO2q0C1Fr33!", ("scheme_character", 22, None)),
        ("ifc_guid", "1hfxWGdQqHqO2q0C1Fr33", ("scheme_length", 22, "22")),
        ("ifc_guid", "6ba7b81g-9dad-11d1-80b4-00c04fd430c8", ("scheme_character", 8, "0-9 a-f")),
        ("ifc_guid", "6ba7b810-9dad-11d1-80b4-00c04fd430c", ("scheme_length", 36, "36")),
        ("oid", "3.2.1", ("scheme_value", 1, "0-2")),
        ("oid", "1.40.1", ("scheme_value", 3, "0-39")),
        ("oid", "1.2.056", ("scheme_character", 5, "1-9")),
        ("oid", "1.2.1a6", ("scheme_character", 6, "0-9")),
        ("oid", "1.2..6", ("scheme_character", 5, "0-9")),
        ("handle", "no handle", ("scheme_shape", None, "10.1000/182")),
        ("ecode", "ecode:A1", ("scheme_character", 1, "0-9")),
        ("gs1dl", "6901234567893", ("scheme_check", 13, "2")),
        ("gs1dl", "(01)06901234567893", ("scheme_check", 17, "2")),
        ("gs1dl", "01/06901234567", ("scheme_length", 15, "14")),
        ("gs1dl", "https://x.cn/01/06901234567892/99/A", ("scheme_value", 19, None)),
        ("gs1dl", "anything", ("scheme_shape", None, "01/06901234567892")),
        ("beidou", "N50H056", ("scheme_character", 7, "0-5")),
        ("beidou", "N50H0", ("scheme_length", 6, None)),
        ("beidou", "N050H000501035048030703129440636", ("scheme_character", 26, None)),
        ("beidou", "N050H0005010350480307031224406Z6", ("scheme_character", 31, None)),
        ("beidou", "N050H64", ("scheme_character", 6, None)),
        ("beidou", "N50H05²", ("scheme_character", 7, "0-9 A-Z")),
        ("beidou", "N00000010010", ("scheme_length", 11, "10")),
        ("jgj496", "", ("scheme_length", 1, "1-128")),
    ],
)
def test_a_wrong_code_says_where_it_is_wrong_and_what_belongs_there(scheme, text, expected):
    told = places(read_as(scheme, text))
    code, position, wanted = told[0]
    assert (code, position) == expected[:2]
    assert expected[2] in {None, wanted}
    assert wanted


def test_every_reason_is_told_in_both_languages():
    (problem,) = read_as("permit18", "420106201913150101").told()["problems"]
    assert problem["zh"] == "permit18：第 11 位起为 13，日期此处应为 01-12。"
    assert problem["en"] == "permit18: position 11 is 13, a date has 01-12 there."


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_names_itself_in_both_languages(scheme):
    told = read_as(scheme, "1").told()
    assert all(told["name"][lang] for lang in LANGUAGES)
    assert all(s["label"][lang] for s in told["segments"] for lang in LANGUAGES)
    assert json.loads(json.dumps(told)) == told


def test_the_pieces_are_told_in_words():
    assert meanings(read_as("bdcdy28", UNIT)) == {
        "region": "Shandong",
        "ownership": "state",
        "fixture": "building",
    }
    assert meanings(read_as("stat12", "420106011003")) == {
        "region": "Hubei, Wuhan, Wuchang",
        "sub_county": "sub-district",
        "village": "residents' committee (community)",
    }
    assert meanings(read_as("uic", f"{BUILDING}-S00000013")) == {
        "region": "Hubei, Wuhan, Wuchang",
        "class": "building",
        "part": "storey",
    }
    assert meanings(read_as("uscc", "91110000600037341L"))["department"] == "market regulation"
    assert meanings(read_as("permit18", "420106201903150218"))["specialty"] == "bridges"


@pytest.mark.parametrize(
    ("three", "said"),
    [("000", "the county itself"), ("099", "sub-district"), ("100", "town"), ("200", "township")],
)
def test_the_class_of_a_sub_county_division_is_told(three, said):
    assert meanings(read_as("gb10114", f"420106{three}"))["sub_county"] == said


def test_a_park_is_accepted_and_said_to_lie_outside_the_standard():
    told = read_as("gb10114", "420106400")
    assert told.valid
    assert "not in GB/T 10114" in meanings(told)["sub_county"]


def test_the_methods_that_may_have_made_a_house_code_are_told():
    assert [m.en for m in methods("201903000001")] == [
        "completion time",
        "parcel",
        "map sheet",
        "coordinates",
    ]
    assert [m.en for m in methods("010200000000")] == ["coordinates"]
    assert [m.en for m in methods("2019**000001")] == ["completion time"]


def test_the_check_of_a_house_with_an_unknown_month_is_not_verified():
    told = read_as("jgj246", "4201060122019**00000100010")
    assert (told.valid, told.check) == (True, "unverified")


@pytest.mark.parametrize(
    ("text", "position"),
    [("4201060122*19**00000100010", 12), ("4201060122019**0000*100010", 20)],
)
def test_unknown_digits_stand_only_at_the_end_of_the_month(text, position):
    assert [p.position for p in read_as("jgj246", text).problems] == [position]


def test_the_bridge_from_28_to_26_takes_both_check_digits_and_says_which():
    standard = read_as("bdcdy26", "37010501200201000010017514")
    vendor = read_as("bdcdy26", "37010501200201000010017519")

    assert bridge(UNIT) == {"standard": standard.canonical, "vendor": vendor.canonical}
    assert (standard.valid, vendor.valid) == (True, True)
    assert standard.note.en == "check digit after MOD 11,10"
    assert vendor.note.en == "check digit computed the vendor's way"
    assert standard.also == (("bdcdy28", UNIT), ("bdcdy26", vendor.canonical))
    assert vendor.also == (("bdcdy28", UNIT), ("bdcdy26", standard.canonical))
    assert unbridge(vendor.canonical) == UNIT


@pytest.mark.parametrize("at", [(19, "L"), (20, "1"), (24, "1"), (13, "H")])
def test_what_the_bridge_cannot_say_has_no_26(at):
    place, char = at
    assert bridge(UNIT[:place] + char + UNIT[place + 1 :]) == {}


def test_an_official_code_without_our_check_is_accepted_and_flagged():
    told = recognise("420111010203000000011")[0]
    assert (told.scheme, told.valid, told.check) == ("uic", True, "none")
    assert told.note.en == "an official code without our check digit"


def test_a_class_of_ours_must_carry_our_check():
    told = recognise("420106990101000000012")[0]
    assert (told.valid, told.check, places(told)) == (False, "failed", [("scheme_check", 21, "1")])


def test_a_guid_keeps_its_case():
    first, second = "1hfxWGdQqHqO2q0C1Fr338", "1HfxWGdQqHqO2q0C1Fr338"
    assert recognise(first)[0].canonical != recognise(second)[0].canonical


def test_26_digits_may_be_a_house_or_a_bridged_unit():
    told = recognise("37010501200201000010017514")
    assert [(r.scheme, r.valid) for r in told] == [("jgj246", True), ("bdcdy26", True)]


@pytest.mark.parametrize("text", ["", "   ", "nothing here", "T1", "d-1", "3.14", "1/2", "项目"])
def test_plain_words_are_no_identifiers(text):
    assert recognise(text) == []


def test_a_scheme_nobody_knows_is_refused_with_those_known():
    with pytest.raises(Invalid) as refused:
        read_as("nonsense", "1")
    assert refused.value.code == "scheme_unknown"
    assert {"uscc", "jgj496", "beidou"} <= set(refused.value.facts["known"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"scheme": "ab", "zh": "甲"}, "no text in en"),
        ({"scheme": "ab", "zh": "甲", "en": "a", "pattern": "("}, "missing )"),
        ({"scheme": "ab", "zh": "甲", "en": "a", "pattern": "x" * 201}, "pattern: text to 200"),
    ],
)
def test_a_table_of_opaque_schemes_names_its_wrong_row(row, reason):
    with pytest.raises(Invalid) as refused:
        opaque.table([row])
    assert refused.value.facts["row"] == 1
    assert reason in refused.value.facts["reason"]


def test_a_table_that_names_a_scheme_twice_is_refused(tmp_path):
    row = {"scheme": "ab", "zh": "甲", "en": "a", "pattern": "A[0-9]+"}
    path = tmp_path / "schemes.json"
    path.write_text(json.dumps([row]), encoding="utf-8")
    assert recognise("A12", opaque=opaque.load(path))[0].scheme == "ab"
    with pytest.raises(Invalid, match="stands twice"):
        opaque.table([row, row])
