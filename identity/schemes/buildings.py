"""Houses after JGJ/T 246-2012: 26 characters, the last one MOD 11,10 over the 25 before it.

Withdrawn 2022-07-01 (JGJ/T 496-2022 replaced it), still in old data; known second-hand (IDENTITY
§2.1). The twelve characters of the building follow one of four methods which the code does not
name: completion month, coordinates, parcel or map sheet. All that fit are told. The check value of
"*" (a digit of the completion month nobody knew) is not known: such codes are "unverified".
"""

from collections.abc import Iterator

from identity import checks
from identity.schemes.dates import is_month
from identity.schemes.divisions import in_province, region_field
from identity.schemes.layout import Field, Layout, between, digits, last_is
from identity.schemes.values import Problem, Words

YEARS = (1000, 2999)
UNKNOWN = "*"
_BUILDING_AT, _BUILDING_LENGTH, _MONTH_LENGTH = 9, 12, 6
_UNIT_AT, _UNIT_MAX = 21, 9999
_BUILDING = slice(_BUILDING_AT, _BUILDING_AT + _BUILDING_LENGTH)


def methods(building: str) -> list[Words]:
    """Return the methods by which twelve characters may have been made, the surest first."""
    month, serial = building[:_MONTH_LENGTH], building[_MONTH_LENGTH:]
    found = []
    if int(serial) and (UNKNOWN in month or is_month(month, YEARS)):
        found.append(Words("竣工时间法", "completion time"))
    if UNKNOWN not in month:
        if int(building[-4:]):
            found += [Words("分宗法", "parcel"), Words("分幅法", "map sheet")]
        found.append(Words("坐标法", "coordinates"))
    return found


def _method(building: str) -> Words:
    if any(char not in checks.DIGITS for char in building[_MONTH_LENGTH:]):
        return Words("", "")
    found = methods(building)
    return Words(" / ".join(w.zh for w in found), " / ".join(w.en for w in found))


def _unknown_digits(text: str) -> Iterator[Problem]:
    """Allow "*" at the end of the completion month only, before a serial that is not zero."""
    building = text[_BUILDING]
    first = building.find(UNKNOWN)
    if first < 0:
        return
    for at, char in enumerate(building):
        wanted = UNKNOWN if first <= at < _MONTH_LENGTH else "0-9"
        if (char == UNKNOWN) != (wanted == UNKNOWN):
            yield Problem("scheme_value", _BUILDING_AT + at + 1, wanted, char)
            return
    yield from between(text, _BUILDING_AT + _MONTH_LENGTH, _MONTH_LENGTH, 1, 999_999)


def _unit(text: str) -> Iterator[Problem]:
    return between(text, _UNIT_AT, 4, 1, _UNIT_MAX)


def _check(text: str) -> Iterator[Problem]:
    if UNKNOWN not in text:
        yield from last_is(text, checks.check(checks.MOD_11_10, text[:-1]))


JGJ246 = Layout(
    "jgj246",
    Words("房屋代码（JGJ/T 246，已废止）", "house code (JGJ/T 246, withdrawn)"),
    "JGJ/T 246-2012",
    (
        region_field(),
        digits("sub_county", 3, "乡级", "sub-county division"),
        Field("building", 12, checks.DIGITS + UNKNOWN, Words("幢", "building"), _method),
        digits("unit", 4, "户", "unit"),
        digits("check", 1, "校验位", "check digit"),
    ),
    (in_province, _unknown_digits, _unit, _check),
    check=lambda text: "unverified" if UNKNOWN in text else "held",
    sure=0.75,
)
