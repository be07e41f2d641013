"""Bulk import of foreign codes: planted errors are each named with their position, none lost."""

import random

import pytest

from identity import checks
from identity.schemes import Problem, Recognition, check_rows, gs1, organisations
from identity.schemes.opaque import table
from identity.schemes.rows import ROW_CHARS_MAX
from tests.parts.foreign_codes import MAKERS, bdcdy28, gtin13, jgj246, permit18, stat12, uscc

SEED = 20_261_122
ROWS, PER_KIND = 10_000, 50


def _other(text, at, allowed, draw):
    """``text`` with another character of ``allowed`` at ``at`` (from 1)."""
    wrong = draw.choice([c for c in allowed if c != text[at - 1]])
    return text[: at - 1] + wrong + text[at:]


def wrong_check(draw):
    right = uscc(draw)
    return ("uscc", _other(right, 18, organisations.ALPHABET, draw)), "scheme_check", 18


def wrong_organisation_check(draw):
    broken = _other(uscc(draw), 17, "0123456789X", draw)[:-1]
    return ("uscc", broken + organisations.check(broken)), "scheme_check", 17


def letter_that_does_not_exist(draw):
    at = draw.randint(9, 16)
    return ("uscc", _other(uscc(draw), at, "IOSVZ", draw)), "scheme_character", at


def wrong_house_check(draw):
    return ("jgj246", _other(jgj246(draw), 26, checks.DIGITS, draw)), "scheme_check", 26


def house_without_unit(draw):
    body = jgj246(draw)[:21] + "0000"
    return ("jgj246", body + checks.check(checks.MOD_11_10, body)), "scheme_value", 22


def ownership_unknown(draw):
    return ("bdcdy28", _other(bdcdy28(draw), 13, "ABCX", draw)), "scheme_character", 13


def building_where_nothing_stands(draw):
    at = draw.randint(21, 28)
    bare = bdcdy28(draw)[:19] + "W00000000"
    return ("bdcdy28", _other(bare, at, checks.DIGITS, draw)), "scheme_value", at


def thirteenth_month(draw):
    right = permit18(draw)
    text = right[:10] + str(draw.randint(13, 99)) + right[12:]
    return ("permit18", text), "scheme_date", 11


def wrong_item_check(draw):
    return ("gs1dl", _other(gtin13(draw), 13, checks.DIGITS, draw)), "scheme_check", 13


def too_short(draw):
    cut = draw.randint(6, 11)
    return ("stat12", stat12(draw)[:cut]), "scheme_length", cut + 1


KINDS = [
    wrong_check,
    wrong_organisation_check,
    letter_that_does_not_exist,
    wrong_house_check,
    house_without_unit,
    ownership_unknown,
    building_where_nothing_stands,
    thirteenth_month,
    wrong_item_check,
    too_short,
]


def _file():
    """10,000 rows with their numbers, and {row number: (code, position)} of what was planted."""
    draw = random.Random(SEED)
    places = draw.sample(range(1, ROWS + 1), PER_KIND * len(KINDS))
    planted, wrong = {}, {}
    for index, number in enumerate(places):
        row, name, position = KINDS[index % len(KINDS)](draw)
        wrong[number], planted[number] = row, (name, position)
    makers = list(MAKERS.items())
    right = ((n, draw.choice(makers)) for n in range(1, ROWS + 1))
    rows = [wrong.get(n) or (scheme, make(draw)) for n, (scheme, make) in right]
    return rows, planted


def test_of_10_000_codes_every_one_of_500_planted_errors_is_named_with_its_position():
    rows, planted = _file()

    found, right = {}, []
    for number, told in check_rows(rows):
        if isinstance(told, Problem):
            assert told.scheme == rows[number - 1][0]
            found.setdefault(number, []).append((told.code, told.position))
        else:
            right.append(number)

    assert len(planted) == 500
    assert {number: [place] for number, place in planted.items()} == found
    assert sorted({*range(1, ROWS + 1)} - {*planted}) == right


def test_a_column_that_names_no_scheme_is_read_by_its_form():
    draw = random.Random(SEED)
    rows = [make(draw) for make in MAKERS.values() for _ in range(50)]
    told = [found for _, found in check_rows(rows)]

    assert all(isinstance(found, Recognition) for found in told)
    assert [found.scheme for found in told] == [name for name in MAKERS for _ in range(50)]


def test_a_row_with_two_faults_yields_both():
    told = list(check_rows([("permit18", "990106201903150120")]))

    assert [(1, "scheme_region", 1), (1, "scheme_value", 17)] == [
        (number, problem.code, problem.position) for number, problem in told
    ]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("", "scheme_empty"),
        ("  \t", "scheme_empty"),
        ("hello world", "scheme_none"),
        ("9" * (ROW_CHARS_MAX + 1), "scheme_length"),
        (("nothing", "12"), "scheme_unknown"),
        ("11010519491231002X", "identity_number_row"),
        (("permit18", "110105 19491231 002x"), "identity_number_row"),
    ],
)
def test_what_is_no_code_at_all_is_named_too(row, code):
    ((number, problem),) = check_rows([row])
    assert (1, code) == (number, problem.code)


def test_an_identity_number_leaves_the_row_masked():
    ((_, problem),) = check_rows(["11010519491231002X"])
    assert problem.found == "110105********002X"
    assert "19491231" not in str(problem.told())


def test_rows_are_read_one_at_a_time():
    def endless():
        while True:
            yield "420106"

    numbers = [number for (number, _), _ in zip(check_rows(endless()), range(3), strict=False)]
    assert numbers == [1, 2, 3]


def test_a_city_may_say_what_its_house_codes_look_like():
    ours = table([{"scheme": "jgj496", "pattern": "H[0-9]{6}", "zh": "房屋", "en": "house"}])
    told = [found for _, found in check_rows(["H000001", ("jgj496", "H1")], opaque=ours)]

    assert (told[0].scheme, told[0].valid, told[0].check) == ("jgj496", True, "none")
    assert (told[1].code, told[1].expected) == ("scheme_shape", "H[0-9]{6}")


def test_a_right_item_number_is_told_with_fourteen_digits():
    ((_, told),) = check_rows(["6901234567892"])
    assert (told.canonical, gs1.check("690123456789")) == ("01/06901234567892", "2")
