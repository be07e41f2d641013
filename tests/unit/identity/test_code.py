import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model import Kind
from identity import classes, code
from identity.checks import ALPHANUMERIC, DIGITS
from identity.errors import Invalid

BUILDING = "420106990101000000011"
ENTITIES = st.builds(
    code.format_code, st.from_regex(r"[0-9]{12}", fullmatch=True), st.integers(1, code.SERIAL_MAX)
)
PARTS = st.builds(
    lambda root, letter, serial: code.format_part(code.part_prefix(root, letter), serial),
    ENTITIES,
    st.sampled_from(sorted(code.PART_LETTERS.values())),
    st.integers(1, code.PART_SERIAL_MAX),
)


def test_a_building_of_the_first_serial_has_the_golden_code():
    assert code.format_code(code.prefix("420106", "Building"), 1) == BUILDING


@pytest.mark.parametrize(
    ("letter", "serial", "expected"),
    [("S", 1, "S00000013"), ("R", 1, "R0000001Z"), ("R", 33, "R0000011X"), ("E", 1, "E0000001W")],
)
def test_parts_have_the_golden_codes(letter, serial, expected):
    issued = code.issue(code.part_prefix(BUILDING, letter), serial)
    assert issued == f"{BUILDING}-{expected}"


@pytest.mark.corpus
def test_every_golden_code_parses_and_is_issued_again(vectors):
    golden = vectors("checks")["uic21_proposal"] + vectors("checks")["uic_part_proposal"]
    parsed = [code.parse(text) for text in golden]
    prefixes = [f"{c.root}-{c.part}" if c.part else c.text[:12] for c in parsed]
    again = [code.issue(p, c.serial) for p, c in zip(prefixes, parsed, strict=True)]
    assert len(golden) == 10
    assert again == golden


@settings(deadline=None)
@given(ENTITIES)
def test_an_entity_code_parses_to_what_it_was_issued_from(text):
    parsed = code.parse(text)
    assert code.issue(parsed.region + parsed.class_code, parsed.serial) == text
    assert (parsed.root, parsed.part, parsed.checked) == (text, None, True)


@settings(deadline=None)
@given(PARTS)
def test_a_part_code_parses_to_what_it_was_issued_from(text):
    parsed = code.parse(text)
    assert len(text) == 31
    assert code.issue(f"{parsed.root}-{parsed.part}", parsed.serial) == text
    assert code.root_of(text) == parsed.root == text[:21]
    assert parsed.kind in code.PART_LETTERS


@settings(deadline=None)
@given(text=st.one_of(ENTITIES, PARTS), data=st.data())
def test_every_single_wrong_character_is_caught(text, data):
    at = data.draw(st.integers(0, len(text) - 1))
    same = {"0": "O", "1": "IL"}.get(text[at], "") if 23 <= at < 30 else ""
    others = [c for c in ALPHANUMERIC + "-" if c != text[at] and c not in same]
    wrong = text[:at] + data.draw(st.sampled_from(others)) + text[at + 1 :]
    with pytest.raises(Invalid):
        code.parse(wrong)


@settings(deadline=None)
@given(ENTITIES, st.integers(0, 20), st.sampled_from(DIGITS))
def test_a_wrong_digit_is_refused_with_the_digit_expected(text, at, digit):
    wrong = text[:at] + digit + text[at + 1 :]
    if wrong == text:
        return
    with pytest.raises(Invalid) as caught:
        code.parse(wrong)
    facts = caught.value.facts
    assert (caught.value.code, facts["position"]) == ("code_check", 21)
    assert code.parse(wrong[:20] + facts["expected"]).text == wrong[:20] + facts["expected"]


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 1),
        ("42010699010100000001", 21),
        ("4201069901010000000A1", 20),
        (BUILDING + "0", 22),
        (BUILDING + "-X0000001Z", 23),
        (BUILDING + "-R000U001Z", 27),
        (BUILDING + "-R0000001", 31),
        (BUILDING + "-R0000001Z7", 32),
    ],
)
def test_the_first_wrong_position_is_named(text, position):
    with pytest.raises(Invalid) as caught:
        code.parse(text)
    assert (caught.value.code, caught.value.facts["position"]) == ("code_shape", position)


@pytest.mark.parametrize(
    "text",
    [
        f"  {BUILDING}-R0000001Z\n",
        f"{BUILDING}-r0000001z",
        f"{BUILDING}-ROOO000IZ",
        f"urn:uic:cn:{BUILDING}-R0000001Z",
    ],
)
def test_blanks_lower_case_lookalikes_and_the_urn_are_understood(text):
    assert code.parse(text).text == f"{BUILDING}-R0000001Z"


def test_an_official_code_without_our_check_is_kept_and_flagged():
    official = "420106010203000000019"
    with pytest.raises(Invalid):
        code.parse(official)
    parsed = code.parse(official, official=True)
    assert (parsed.checked, parsed.class_code, parsed.kind) == (False, "010203", None)


def test_every_kind_but_parts_has_a_class_in_the_local_range():
    kinds = {str(kind) for kind in Kind}
    with_class = {kind for kind in kinds if kind not in code.PART_LETTERS}
    assert set(classes.default().by_kind) == with_class
    assert {code.class_code(kind)[:2] for kind in with_class} == {"99"}
    assert all(row.zh and row.en for row in classes.default().by_kind.values())


def test_the_given_classes_stand():
    given_ones = ["Building", "Address", "Unit", "Sensor"]
    assert [code.class_code(k) for k in given_ones] == ["990101", "990201", "990301", "990401"]


def table_file(tmp_path, rows):
    path = tmp_path / "classes.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


HOUSES = [
    {"code": "010203", "kind": "Building", "zh": "房屋", "en": "house"},
    {"code": "010204", "kind": "Building", "zh": "厂房", "en": "factory"},
]


def test_a_city_s_table_comes_before_ours_and_the_first_class_of_a_kind_is_issued_under(tmp_path):
    table = classes.load(table_file(tmp_path, HOUSES), {"Building"})
    prefix = code.prefix("420106", "Building", table)
    assert prefix == "420106010203"
    assert code.parse(code.issue(prefix, 7), table=table).kind == "Building"
    assert code.parse("420106010204000000018", official=True, table=table).kind == "Building"
    assert code.parse(BUILDING, table=table).kind == "Building"
    assert code.class_code("Sensor", table) == code.class_code("Sensor")


def test_an_official_class_needs_no_check_of_ours_and_a_local_one_does(tmp_path):
    table = classes.load(table_file(tmp_path, HOUSES))
    assert code.read("420106010203000000019", table).checked is False
    assert code.read(code.issue("420106010203", 7), table).checked is True
    with pytest.raises(Invalid, match="code_check"):
        code.read("420106990101000000012", table)
    assert (code.check_of("420106010203000000019"), code.check_of(BUILDING)) == ("none", "held")


def test_parts_of_an_official_code_carry_a_check_over_all_of_it():
    official = "420106010203000000019"
    part = code.issue(code.part_prefix(official, "E"), 5)
    assert (code.parse(part).root, code.parse(part).checked) == (official, True)
    for at in range(21):
        other = "1" if part[at] != "1" else "2"
        with pytest.raises(Invalid, match="code_check"):
            code.parse(part[:at] + other + part[at + 1 :])


def test_the_table_in_force_is_what_is_issued_and_read_with(tmp_path):
    assert code.class_code("Building") == "990101"
    classes.use(classes.load(table_file(tmp_path, HOUSES)))
    try:
        assert code.class_code("Building") == "010203"
        assert code.parse(code.issue("420106010203", 7)).kind == "Building"
    finally:
        classes.use(None)
    assert code.parse(code.issue("420106010203", 7)).kind is None


@pytest.mark.parametrize(
    "rows",
    [
        [{"code": "12345", "kind": "A", "zh": "甲", "en": "a"}],
        [{"code": "123456", "kind": "A", "zh": "甲"}],
        [{"code": "123456", "kind": k, "zh": "甲", "en": "a"} for k in "AB"],
        ["123456"],
    ],
)
def test_a_malformed_class_table_is_refused_with_its_row(rows):
    with pytest.raises(Invalid) as caught:
        classes.table(rows)
    assert (caught.value.code, caught.value.facts["row"]) == ("class_table", len(rows))


@pytest.mark.parametrize(
    ("rows", "refusal"),
    [
        ([{"code": "990101", "kind": "Sensor", "zh": "甲", "en": "a"}], "class_meaning"),
        ([{"code": "010203", "kind": "Bulding", "zh": "甲", "en": "a"}], "class_table"),
        ([], "table_unreadable"),
        ({"code": "010203"}, "table_unreadable"),
    ],
)
def test_a_table_that_would_change_a_meaning_or_names_no_kind_is_refused(tmp_path, rows, refusal):
    with pytest.raises(Invalid) as caught:
        classes.load(table_file(tmp_path, rows), {"Building", "Sensor"})
    assert caught.value.code == refusal


@pytest.mark.parametrize("text", ["[{", "\xff", None])
def test_a_table_that_is_no_json_is_refused(tmp_path, text):
    path = tmp_path / "classes.json"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Invalid) as caught:
        classes.load(path)
    assert (caught.value.code, caught.value.facts["path"]) == ("table_unreadable", str(path))


@pytest.mark.parametrize("kind", ["Storey", "Space", "Element", "Nonsense"])
def test_parts_and_unknown_kinds_have_no_class(kind):
    with pytest.raises(Invalid, match="class_unknown"):
        code.class_code(kind)


@pytest.mark.parametrize("serial", [0, -1, code.SERIAL_MAX + 1])
def test_serials_beyond_the_capacity_are_refused(serial):
    with pytest.raises(Invalid, match="serial_range"):
        code.issue("420106990101", serial)


@pytest.mark.parametrize("serial", [0, code.PART_SERIAL_MAX + 1])
def test_part_serials_beyond_the_capacity_are_refused(serial):
    with pytest.raises(Invalid, match="serial_range"):
        code.issue(f"{BUILDING}-E", serial)


@pytest.mark.parametrize("prefix", ["", "42010699010", "42010699010A", f"{BUILDING}-X", "1-E"])
def test_malformed_prefixes_are_refused(prefix):
    with pytest.raises(Invalid, match="code_prefix"):
        code.issue(prefix, 1)


def test_a_part_prefix_needs_a_root_that_holds():
    with pytest.raises(Invalid, match="code_check"):
        code.part_prefix("420106990101000000012", "E")
    with pytest.raises(Invalid, match="part_letter"):
        code.part_prefix(BUILDING, "X")
    with pytest.raises(Invalid, match="region_shape"):
        code.prefix("4201", "Building")


@settings(deadline=None)
@given(st.integers(1, code.PART_SERIAL_MAX - 1))
def test_part_codes_sort_as_their_serials(serial):
    codes = [code.issue(f"{BUILDING}-E", n)[:-1] for n in (serial, serial + 1)]
    assert all(a < b for a, b in pairwise(codes))
