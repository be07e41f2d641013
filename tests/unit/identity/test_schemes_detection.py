"""What the check digits catch: every single wrong character; of exchanges the share is printed."""

import random

import pytest

from identity import checks
from identity import code as universal
from identity.errors import Invalid
from identity.schemes import organisations, read_as
from tests.parts import foreign_codes

SEED = 20_261_122
PLAIN_TRIALS = 2_000
ALL_TRIALS = 100_000


def own_holds(text):
    try:
        universal.parse(text)
    except Invalid:
        return False
    return True


def holds(scheme):
    return lambda text: read_as(scheme, text).valid


CODES = {
    "own code": (foreign_codes.uic, own_holds, lambda _: checks.DIGITS),
    "part code": (
        foreign_codes.part,
        own_holds,
        lambda at: checks.DIGITS if at < 21 else checks.ALPHANUMERIC,
    ),
    "uscc": (foreign_codes.uscc, holds("uscc"), lambda _: organisations.ALPHABET),
    "jgj246": (foreign_codes.jgj246, holds("jgj246"), lambda _: checks.DIGITS),
}
READ_ALIKE = {"0": "O", "1": "IL"}
"""Crockford's alphabet reads these as the digit: the same code, not a wrong one."""


def _substituted(draw, text, alphabet):
    at = draw.randrange(len(text))
    while text[at] == "-":
        at = draw.randrange(len(text))
    alike = READ_ALIKE.get(text[at], "") if 23 <= at < 30 and len(text) == 31 else ""
    wrong = draw.choice([c for c in alphabet(at) if c != text[at] and c not in alike])
    return text[:at] + wrong + text[at + 1 :]


def _exchanged(draw, text, step):
    """``text`` with two different characters ``step`` apart exchanged, None where all are equal."""
    pairs = [
        at
        for at in range(len(text) - step)
        if text[at] != text[at + step] and "-" not in text[at : at + step + 1]
    ]
    if not pairs:
        return None
    at = draw.choice(pairs)
    chars = list(text)
    chars[at], chars[at + step] = chars[at + step], chars[at]
    return "".join(chars)


def _measure(name, trials):
    make, valid, alphabet = CODES[name]
    draw = random.Random(f"{SEED} {name}")
    missed = {"substitution": 0, "adjacent": 0, "jump": 0}
    counted = dict(missed)
    for _ in range(trials):
        text = make(draw)
        wrong = {
            "substitution": _substituted(draw, text, alphabet),
            "adjacent": _exchanged(draw, text, 1),
            "jump": _exchanged(draw, text, 2),
        }
        assert valid(text), text
        for kind, changed in wrong.items():
            if changed is not None:
                counted[kind] += 1
                missed[kind] += valid(changed)
    return {kind: (counted[kind], 1 - missed[kind] / counted[kind]) for kind in missed}


def _told(name, trials):
    measured = _measure(name, trials)
    shares = ", ".join(f"{kind} {share:.2%} of {n}" for kind, (n, share) in measured.items())
    print(f"{name}: caught {shares}")
    return measured


@pytest.mark.parametrize("name", CODES)
def test_every_single_wrong_character_is_caught_and_most_exchanges(name):
    measured = _told(name, PLAIN_TRIALS)
    assert measured["substitution"] == (PLAIN_TRIALS, 1.0)
    assert min(measured["adjacent"][1], measured["jump"][1]) > 0.8


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CODES)
def test_all_of_100_000_wrong_characters_are_caught(name):
    assert _told(name, ALL_TRIALS)["substitution"] == (ALL_TRIALS, 1.0)
