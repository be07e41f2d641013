"""Laws of recognise: nothing raises, what is right stays right, what is long ends soon."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.errors import CityError
from identity.schemes import SCHEMES, mask, read_as, recognise, refuse
from identity.schemes.opaque import default
from identity.schemes.recognition import TEXT_CHARS_MAX
from tests.parts.foreign_codes import MAKERS

NAMES = [*SCHEMES, *(row.scheme for row in default())]
ALPHABET = "0123456789ABCDEFGNSVWXYZxyz$_-*./:()%{} ０Ａ项\u0000²"
NOISE = st.one_of(st.text(), st.text(ALPHABET, max_size=80), st.text("0123456789", max_size=40))
LONG_CHARS = 65_536


def right_code(seed):
    draw = random.Random(seed)
    return draw.choice(list(MAKERS.values()))(draw)


@settings(deadline=None, max_examples=300)
@given(NOISE)
def test_any_text_at_all_is_answered(text):
    for found in recognise(text):
        told = json.loads(json.dumps(found.told()))
        assert told["valid"] == (not told["problems"])
        assert 0 < told["confidence"] <= 1
        assert all("{" not in p["zh"] or "{" in text for p in told["problems"])
    mask(text)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(NAMES), NOISE)
def test_any_text_may_be_read_in_any_scheme(scheme, text):
    try:
        refuse(text)
    except CityError:
        return
    found = read_as(scheme, text)
    assert found.valid or all(problem.scheme == scheme for problem in found.problems)
    json.dumps(found.told())


@settings(deadline=None, max_examples=200)
@given(st.integers(0), st.data())
def test_a_right_code_stays_what_it_is_however_it_is_typed(seed, data):
    text = right_code(seed)
    typed = data.draw(st.sampled_from([text.lower(), f" {text}\t", text[:6] + " " + text[6:]]))
    first = recognise(text)[0]
    assert first.valid
    again = {(r.scheme, r.canonical) for r in recognise(typed) if r.valid}
    gtin = first.scheme == "gs1dl" and " " in typed.strip()  # no blanks inside: a link has none
    assert gtin or (first.scheme, first.canonical) in again


@settings(deadline=None, max_examples=200)
@given(st.integers(0))
def test_a_canonical_form_is_its_own_canonical_form(seed):
    for found in recognise(right_code(seed)):
        if found.valid:
            assert read_as(found.scheme, found.canonical).canonical == found.canonical


@pytest.mark.parametrize("piece", ["1", "1.", "(01)1", "/01/1", "a/", " ", "项", "1-", "{", "N50H"])
def test_64_kilobytes_of_anything_end(piece):
    text = (piece * LONG_CHARS)[:LONG_CHARS]
    assert recognise(text) == []
    recognise(text[:TEXT_CHARS_MAX])
    refuse(text)
    mask(text)


def test_readings_come_the_surest_first():
    told = [r.confidence for r in recognise("37010501200201000010017519")]
    assert told == sorted(told, reverse=True)
    assert len(told) > 1
