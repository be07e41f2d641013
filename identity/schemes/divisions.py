"""Administrative divisions: GB/T 2260 (6 digits), GB/T 10114 (9), statistics codes (12).

Syntax and class only, no register: of the six digits the province must exist; the names known are
those of divisions.json (the provinces, and Wuhan's districts), which a city may extend. Sub-county
classes are from GB/T 10114-2003: 001-099 sub-district, 100-199 town, 200-399 township, 000 the
county itself; statistics data also holds 400-599 (parks, farms), which that standard does not know:
they are accepted and said to be so. The classes of the last three digits of a statistics code, and
the kinds of division by the numbers of GB/T 2260, are from memory, not from a text read.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

from identity.schemes.layout import PROVINCES, Field, Layout, between, digits
from identity.schemes.values import NOTHING, Problem, Words

PROVINCE_DIGITS = 2
COUNTY_DIGITS = 6
_SUB_COUNTY_MAX = 599


@cache
def names() -> Mapping[str, Words]:
    """Return the names known, by the leading 2, 4 or 6 digits."""
    raw = json.loads(files("identity.schemes").joinpath("divisions.json").read_text("utf-8"))
    return {code: Words(zh, en) for code, (zh, en) in raw.items()}


def region(code: str) -> Words:
    """Return the name of six digits as far as it is known, outermost first."""
    found = [names()[code[:cut]] for cut in (2, 4, 6) if code[:cut] in names()]
    return Words("".join(w.zh for w in found), ", ".join(w.en for w in found))


def province_known(code: str) -> bool:
    """Return whether the first two digits are a province's."""
    return code[:PROVINCE_DIGITS] in PROVINCES


def in_province(text: str, at: int = 0) -> Iterator[Problem]:
    """Yield a problem unless a province's two digits stand at ``at`` (from 0)."""
    piece = text[at : at + PROVINCE_DIGITS]
    if piece not in PROVINCES:
        yield Problem(
            "scheme_region", at + 1, "11-15 21-23 31-37 41-46 50-54 61-65 71 81 82", piece
        )


def plausible(code: str) -> bool:
    """Return whether six digits may be a county: province known, prefecture 01-70 or 90."""
    prefecture = code[2:4]
    return province_known(code) and ("01" <= prefecture <= "70" or prefecture == "90")


def region_field(zh: str = "行政区划", en: str = "administrative division") -> Field:
    """Return the field of six digits with which most codes begin."""
    return digits("region", COUNTY_DIGITS, zh, en, region)


def sub_county(code: str) -> Words:
    """Return the class of the three digits behind the county."""
    for last, said in _SUB_COUNTY:
        if int(code) <= last:
            return said
    return NOTHING


def village(code: str) -> Words:
    """Return the class of the last three digits of a statistics code."""
    for last, said in _VILLAGES:
        if int(code) <= last:
            return said
    return NOTHING


_SUB_COUNTY = (
    (0, Words("县级本身", "the county itself")),
    (99, Words("街道（地区）", "sub-district")),
    (199, Words("镇", "town")),
    (399, Words("乡", "township")),
    (
        _SUB_COUNTY_MAX,
        Words("园区等（统计用，GB/T 10114 未列）", "park or farm (not in GB/T 10114)"),
    ),
)
_VILLAGES = (
    (0, Words("乡级本身", "the sub-county division itself")),
    (199, Words("居民委员会（社区）", "residents' committee (community)")),
    (399, Words("村民委员会", "villagers' committee")),
    (999, Words("类似村级", "like a village")),
)


def _not_beyond(text: str) -> Iterator[Problem]:
    return between(text, COUNTY_DIGITS, 3, 0, _SUB_COUNTY_MAX)


def _county_below_prefecture(text: str) -> Iterator[Problem]:
    """County digits need a prefecture above them."""
    if text[2:4] == "00" and text[4:6] != "00":
        yield Problem("scheme_value", 3, "01-90", "00")


def _village_below_town(text: str) -> Iterator[Problem]:
    if text[6:9] == "000" and text[9:] != "000":
        yield Problem("scheme_value", 7, f"001-{_SUB_COUNTY_MAX}", "000")


_SUB = digits("sub_county", 3, "乡级", "sub-county division", sub_county)
_RULES = (in_province, _county_below_prefecture)

GB2260 = Layout(
    "gb2260",
    Words("县级及以上行政区划代码", "administrative division code"),
    "GB/T 2260",
    (region_field(),),
    _RULES,
    sure=0.5,
    length_off=0,
)
GB10114 = Layout(
    "gb10114",
    Words("县级以下行政区划代码", "sub-county division code"),
    "GB/T 10114-2003",
    (region_field("县级", "county"), _SUB),
    (*_RULES, _not_beyond),
    sure=0.5,
    length_off=0,
)
STAT12 = Layout(
    "stat12",
    Words("统计用区划代码", "statistics division code"),
    "GB/T 10114-2003 and the statistics bureau's three digits",
    (region_field("县级", "county"), _SUB, digits("village", 3, "村级", "village", village)),
    (*_RULES, _not_beyond, _village_below_town),
    sure=0.5,
    length_off=0,
)
