"""Citizens' identity numbers (身份证号, GB 11643-1999) are refused, never stored, masked in logs.

Eighteen characters: region, date of birth, sequence, MOD 11-2; the old form of fifteen has a
two-digit year and no check. A number counts as one when its region and date are plausible and, of
eighteen, the check holds. Privacy goes first where a text could be something else: a permit
number whose digits happen to hold MOD 11-2, or fifteen digits of a device that read as a region
and a date, is refused too; the refusal says what it was taken for.
"""

import re
from collections.abc import Iterator

from identity import checks
from identity.errors import Invalid
from identity.schemes.dates import is_date
from identity.schemes.divisions import plausible

YEARS = (1850, 2099)
SHOWN_FIRST, SHOWN_LAST = 6, 4
NEW_LENGTH, OLD_LENGTH = 18, 15
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}

# In a URL a percent-encoded character may stand before the number, and its digits are not ours.
_EDGE = r"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-Fa-f]{2}))"
_EMBEDDED = re.compile(rf"{_EDGE}([0-9]{{17}}[0-9Xx]|[0-9]{{15}})(?![0-9A-Za-z])")
_GROUPED = re.compile(r"[\s\-‐-―·.]+")


def is_number(text: str) -> bool:
    """Return whether ``text`` (no blanks) is an identity number in either form."""
    if len(text) == NEW_LENGTH:
        return _dated(text) and checks.valid(checks.MOD_11_2, text.upper())
    return len(text) == OLD_LENGTH and _dated(text)


def find(text: str) -> str | None:
    """Return the identity number that ``text`` is or holds, however it is grouped."""
    if len(text) < OLD_LENGTH:
        return None  # most names: grouping only makes a number longer
    narrow = text.translate(_FULL_WIDTH)
    joined = _GROUPED.sub("", narrow)
    if is_number(joined):
        return joined
    return next((found for found in _held(narrow) if is_number(found)), None)


def refuse(text: str) -> None:
    """Raise Invalid("identity_number_refused") where ``text`` is or holds an identity number.

    The facts carry the masked form alone, so that no log or answer repeats the number.
    """
    found = find(text)
    if found is not None:
        raise Invalid("identity_number_refused", masked=_masked(found), characters=len(found))


def mask(text: str) -> str:
    """Return ``text`` with everything that looks like an identity number as 110105********002X.

    More is masked than refused: a mistyped number (the check fails) is still about a person.
    """
    return _EMBEDDED.sub(lambda m: _masked(m[0]) if _dated(m[0]) else m[0], text)


def _held(text: str) -> Iterator[str]:
    return (match[0] for match in _EMBEDDED.finditer(text))


def _dated(text: str) -> bool:
    """Return whether region and date of birth are plausible."""
    if not (text.isascii() and text[:-1].isdigit() and (text[-1].isdigit() or text[-1] in "Xx")):
        return False
    if len(text) == OLD_LENGTH:
        return text.isdigit() and plausible(text[:6]) and is_date("19" + text[6:12], YEARS)
    return plausible(text[:6]) and is_date(text[6:14], YEARS)


def _masked(number: str) -> str:
    hidden = len(number) - SHOWN_FIRST - SHOWN_LAST
    return number[:SHOWN_FIRST] + "*" * hidden + number[-SHOWN_LAST:]
