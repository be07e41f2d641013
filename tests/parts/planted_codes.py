"""A list of foreign codes with errors planted in it: what is wrong, in which row, and where."""

import random

from identity import checks
from identity.schemes import organisations
from tests.parts.foreign_codes import MAKERS, bdcdy28, gtin13, jgj246, permit18, stat12, uscc

SEED = 20_261_122


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


def planted(count, *, per_kind, makers=MAKERS):
    """``count`` rows of (scheme, text), and {row number: (code, position)} of what was planted.

    No right code stands twice; every kind of error is planted ``per_kind`` times.
    """
    draw = random.Random(SEED)
    places = draw.sample(range(1, count + 1), per_kind * len(KINDS))
    wrong, told = {}, {}
    for index, number in enumerate(places):
        row, name, position = KINDS[index % len(KINDS)](draw)
        wrong[number], told[number] = row, (name, position)
    seen = set()
    rows = [wrong.get(n) or _fresh(draw, makers, seen) for n in range(1, count + 1)]
    return rows, told


def _fresh(draw, makers, seen):
    """A right code that was not drawn before."""
    scheme, make = draw.choice(list(makers.items()))
    text = make(draw)
    while text in seen:
        text = make(draw)
    seen.add(text)
    return scheme, text
