"""Citizens' identity numbers: refused in every form, masked, never repeated."""

import pytest

from identity.errors import Invalid
from identity.schemes import mask, read_as, recognise, refuse

NUMBER = "11010519491231002X"
MASKED = "110105********002X"


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        NUMBER.lower(),
        "110105 19491231 002X",
        "110105-19491231-002X",
        "１１０１０５１９４９１２３１００２Ｘ",
        f"身份证{NUMBER}",
        f"  {NUMBER}\n",
        f"uscc:{NUMBER}",
        f"urn:oid:{NUMBER}",
        f"https://example.org/01/{NUMBER}",
    ],
)
def test_however_it_is_written_it_is_refused_and_not_repeated(text):
    with pytest.raises(Invalid) as refused:
        refuse(text)

    assert refused.value.facts["masked"].upper() == MASKED
    assert "19491231" not in f"{refused.value.facts} {refused.value} {refused.value.text('zh')}"
    assert recognise(text) == []


def test_the_old_form_of_fifteen_digits_is_refused():
    with pytest.raises(Invalid) as refused:
        refuse("110105491231002")
    assert (refused.value.facts["masked"], refused.value.facts["characters"]) == (
        "110105*****1002",
        15,
    )


def test_no_scheme_takes_one_by_being_named():
    with pytest.raises(Invalid, match="identity_number_refused"):
        read_as("permit18", NUMBER)


def test_a_permit_whose_digits_hold_the_check_of_an_identity_number_is_refused_too():
    """One permit in eleven: what cannot be told apart is treated as a person's."""
    with pytest.raises(Invalid, match="identity_number_refused"):
        refuse("420106201903150118")
    refuse("420106201903150117")


@pytest.mark.parametrize(
    "text",
    [
        "110105194912310021",  # the check fails
        "110105194913310022",  # no thirteenth month
        "990105194912310027",  # no such province
        "110105491331002",
        "914403001922038216",  # a company
        "420106201903150101",  # a permit
        "420106990101000000011",
        "d-1",
        "",
    ],
)
def test_other_numbers_are_not_refused(text):
    refuse(text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"GET /codes/{NUMBER} 422", f"GET /codes/{MASKED} 422"),
        (f"/codes/%20{NUMBER}?q=1", f"/codes/%20{MASKED}?q=1"),
        (f"{NUMBER},{NUMBER}", f"{MASKED},{MASKED}"),
        ("id=110105194912310021", "id=110105********0021"),  # mistyped, and still a person's
        ("id=110105491231002", "id=110105*****1002"),
        ("420106990101000000011", "420106990101000000011"),
        ("914403001922038216", "914403001922038216"),
        ("nothing here", "nothing here"),
    ],
)
def test_a_log_line_shows_only_region_and_last_four(line, expected):
    assert mask(line) == expected


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_refusal_says_why_in_both_languages(lang):
    message, hint = Invalid("identity_number_refused", masked=MASKED, characters=18).text(lang)
    assert MASKED in message
    assert hint
