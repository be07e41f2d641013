import pickle

import pytest

from identity import errors
from identity.errors import CityError, Invalid, NotFound, render

KINDS = [
    errors.Invalid,
    errors.NotFound,
    errors.Conflict,
    errors.Denied,
    errors.TooLarge,
    errors.Unavailable,
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_one_of_our_tree_and_crosses_a_process_border_whole(kind):
    error = kind("code_check", text="1", found="2", expected="3", position=21)
    back = pickle.loads(pickle.dumps(error))
    assert isinstance(back, CityError)
    assert (type(back), back.code, back.facts) == (kind, error.code, error.facts)


def test_an_error_says_its_code_its_fact_and_what_to_check():
    error = Invalid("region_shape", region="4201")
    assert str(error) == "region_shape: 4201 is no region code."
    assert error.hint == "Give the six digits of GB/T 2260, for example 420111."
    assert error.text("zh")[0] == "4201 不是行政区划代码。"


def test_an_unknown_code_is_shown_with_its_facts():
    assert render("never_heard_of", {"a": "甲"}) == ('never_heard_of {"a": "甲"}', "")
    assert str(NotFound("never_heard_of")) == "never_heard_of: never_heard_of {}"


def test_a_missing_fact_stays_readable():
    assert render("region_shape", {})[0] == "{region} is no region code."


def test_a_language_without_a_text_falls_back_to_english():
    assert render("region_shape", {"region": "1"}, "fr") == render("region_shape", {"region": "1"})
