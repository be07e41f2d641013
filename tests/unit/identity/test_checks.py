import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import checks
from identity.errors import Invalid

SYSTEMS = [
    checks.MOD_11_2,
    checks.MOD_11_10,
    checks.MOD_37_2,
    checks.MOD_37_36,
    checks.MOD_97_10,
]


@pytest.mark.parametrize(
    ("system", "payload", "expected"),
    [
        (checks.MOD_11_2, "0794", "0"),
        (checks.MOD_11_2, "079", "X"),
        (checks.MOD_11_10, "79462", "3"),
        (checks.MOD_37_2, "G123489654321", "Y"),
        (checks.MOD_37_36, "A12425GABC1234002", "M"),
        (checks.MOD_97_10, "99991234567890121414", "90"),
    ],
)
def test_the_published_examples_hold(system, payload, expected):
    assert checks.check(system, payload) == expected
    assert checks.valid(system, payload + expected)


@pytest.mark.corpus
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda s: s.name)
def test_every_golden_vector_holds(system, vectors):
    rows = vectors("checks")[system.name.lower().translate(str.maketrans(" -,", "___"))]
    assert rows
    assert [checks.check(system, payload) for payload, _ in rows] == [check for _, check in rows]


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda s: s.name)
@settings(deadline=None)
@given(data=st.data())
def test_every_single_substitution_is_caught(system, data):
    payload = data.draw(st.text(system.alphabet, min_size=1, max_size=30))
    text = payload + checks.check(system, payload)
    at = data.draw(st.integers(0, len(text) - 1))
    allowed = system.alphabet if at < len(payload) else system.alphabet + system.supplement
    other = data.draw(st.sampled_from([c for c in allowed if c != text[at]]))
    assert checks.valid(system, text)
    assert not checks.valid(system, text[:at] + other + text[at + 1 :])


@pytest.mark.parametrize("system", [checks.MOD_11_2, checks.MOD_37_2, checks.MOD_97_10])
@settings(deadline=None)
@given(data=st.data())
def test_pure_systems_catch_every_transposition_of_neighbours(system, data):
    payload = data.draw(st.text(system.alphabet, min_size=2, max_size=30))
    at = data.draw(st.integers(0, len(payload) - 2))
    swapped = payload[:at] + payload[at + 1] + payload[at] + payload[at + 2 :]
    check = checks.check(system, payload)
    assert checks.valid(system, swapped + check) == (swapped == payload)


def test_a_foreign_character_is_named_with_its_position():
    with pytest.raises(Invalid) as caught:
        checks.check(checks.MOD_11_10, "12a4")
    assert caught.value.code == "check_character"
    assert caught.value.facts == {"system": "MOD 11,10", "position": 3, "character": "a"}
    assert not checks.valid(checks.MOD_11_10, "12a45")


@pytest.mark.parametrize("text", ["", "7"])
def test_a_check_without_a_payload_is_not_valid(text):
    assert not checks.valid(checks.MOD_11_10, text)
