"""Bulk import of foreign codes: planted errors are each named with their position, none lost."""

import random

import pytest

from identity.schemes import Problem, Recognition, check_rows, gs1
from identity.schemes.opaque import table
from identity.schemes.rows import ROW_CHARS_MAX
from tests.parts.foreign_codes import MAKERS
from tests.parts.planted_codes import planted

SEED = 20_261_122


def test_of_10_000_codes_every_one_of_500_planted_errors_is_named_with_its_position():
    rows, wrong = planted(10_000, per_kind=50)

    found, right = {}, []
    for number, told in check_rows(rows):
        if isinstance(told, Problem):
            assert told.scheme == rows[number - 1][0]
            found.setdefault(number, []).append((told.code, told.position))
        else:
            right.append(number)

    assert len(wrong) == 500
    assert {number: [place] for number, place in wrong.items()} == found
    assert sorted({*range(1, len(rows) + 1)} - {*wrong}) == right


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
