"""Real estate: 不动产单元代码 GB/T 37346-2019, 28 characters without a check, and its bridge to 26.

Known second-hand, four sources agreeing (IDENTITY §2.3); the rule that W (no fixture) is followed
by eight zeros, and the words for the letters, are from memory. The bridge is a vendor's practice:
ownership and parcel type become digits, the last three digits of building and unit are kept, and
MOD 11,10 is put behind. That vendor's program leaves out the standard's "0 becomes 10", so two
check digits are in use; both are accepted and named "standard" and "vendor".
"""

from collections.abc import Iterator
from dataclasses import replace

from identity import checks
from identity.schemes.divisions import in_province, region_field
from identity.schemes.layout import Field, Layout, digits, words
from identity.schemes.values import Problem, Recognition, Words

OWNERSHIP = "GJZ"
TYPES = "ABCDEFSXWYGH"
FIXTURES = "FLQW"
BRIDGED_TYPES = "ABCDEFSXWY"  # a digit each; the bridge knows none for G and H
VARIANTS = ("standard", "vendor")
_OWNERSHIP_AT, _FIXTURE_AT, _BUILDING_AT, _UNIT_AT = 12, 19, 20, 24
_NO_FIXTURE = "0" * 8


def bridge(unit: str) -> dict[str, str]:
    """Return {variant: 26 digits} of 28 characters; {} where the bridge cannot say it.

    It can say buildings (F) of parcel types A … Y numbered to 999 with units to 999, no other.
    """
    building, dwelling = unit[_BUILDING_AT:_UNIT_AT], unit[_UNIT_AT:]
    known = unit[_OWNERSHIP_AT + 1] in BRIDGED_TYPES and unit[_FIXTURE_AT] == "F"
    if not known or building[0] != "0" or dwelling[0] != "0":
        return {}
    owner = OWNERSHIP.index(unit[_OWNERSHIP_AT])
    kind = BRIDGED_TYPES.index(unit[_OWNERSHIP_AT + 1])
    body = f"{unit[:12]}{owner}{kind}{unit[14:19]}{building[1:]}{dwelling[1:]}"
    return {variant: body + check(body, variant) for variant in VARIANTS}


def unbridge(text: str) -> str:
    """Return the 28 characters of a bridged building, its lost leading digits taken as 0."""
    owner, kind = OWNERSHIP[int(text[12])], BRIDGED_TYPES[int(text[13])]
    return f"{text[:12]}{owner}{kind}{text[14:19]}F0{text[19:22]}0{text[22:25]}"


def check(body: str, variant: str) -> str:
    """Return the check digit of 25 digits as the standard or as the vendor computes it."""
    if variant == "standard":
        return checks.check(checks.MOD_11_10, body)
    total = 10
    for char in body:
        total = (total + int(char)) % 10 * 2 % 11
    return str((1 - total) % 10)


def variants(text: str) -> list[str]:
    """Return which of the two ways the last of 26 digits agrees with."""
    return [variant for variant in VARIANTS if check(text[:-1], variant) == text[-1]]


def read_bridged(text: str) -> Recognition:
    """Return the bridged form with a note that says which check digit it carries."""
    read = BDCDY26.read(text)
    held = variants(text) if read.valid else []
    if held == ["vendor"]:
        note = Words("校验位为厂商算法（缺 0→10 一步）", "check digit computed the vendor's way")
    elif held:
        note = Words("校验位符合 MOD 11,10", "check digit after MOD 11,10")
    else:
        return read
    return replace(read, note=note)


def _no_fixture(text: str) -> Iterator[Problem]:
    rest = text[_BUILDING_AT:]
    if text[_FIXTURE_AT] == "W" and rest != _NO_FIXTURE:
        at = next(at for at, char in enumerate(rest) if char != "0")
        yield Problem("scheme_value", _BUILDING_AT + at + 1, "0", rest[at])


def _owner_known(text: str) -> Iterator[Problem]:
    if int(text[_OWNERSHIP_AT]) >= len(OWNERSHIP):
        yield Problem("scheme_value", _OWNERSHIP_AT + 1, "0-2", text[_OWNERSHIP_AT])


def _either_check(text: str) -> Iterator[Problem]:
    if not variants(text):
        expected = dict.fromkeys(check(text[:-1], variant) for variant in VARIANTS)
        yield Problem("scheme_check", len(text), " / ".join(expected), text[-1])


def _other_names(text: str) -> tuple[tuple[str, str], ...]:
    """Return the 28 characters, and the 26 with the other check digit: one unit, three names."""
    twins = (text[:-1] + check(text[:-1], variant) for variant in VARIANTS)
    others = tuple(("bdcdy26", twin) for twin in dict.fromkeys(twins) if twin != text)
    return (("bdcdy28", unbridge(text)), *others)


_OWNERS = {"G": ("国家", "state"), "J": ("集体", "collective"), "Z": ("争议", "disputed")}
_FIXTURE_WORDS = {
    "F": ("房屋等建筑物、构筑物", "building"),
    "L": ("林木", "forest"),
    "Q": ("其他定着物", "other fixture"),
    "W": ("无定着物", "no fixture"),
}
_PLACE = (
    region_field("县级行政区划", "county"),
    digits("zone", 3, "地籍区", "cadastral zone"),
    digits("sub_zone", 3, "地籍子区", "cadastral sub-zone"),
)

BDCDY28 = Layout(
    "bdcdy28",
    Words("不动产单元代码", "real-estate unit code"),
    "GB/T 37346-2019",
    (
        *_PLACE,
        Field("ownership", 1, OWNERSHIP, Words("所有权类型", "ownership"), words(_OWNERS)),
        Field("type", 1, TYPES, Words("宗地（海）特征码", "parcel type")),
        digits("parcel", 5, "宗地（海）顺序号", "parcel serial"),
        Field("fixture", 1, FIXTURES, Words("定着物类型", "fixture"), words(_FIXTURE_WORDS)),
        digits("building", 4, "幢号", "building"),
        digits("unit", 4, "户号", "unit"),
    ),
    (in_province, _no_fixture),
    also=lambda text: tuple(("bdcdy26", value) for value in dict.fromkeys(bridge(text).values())),
    sure=0.95,
)
BDCDY26 = Layout(
    "bdcdy26",
    Words("不动产单元代码转换的 26 位代码", "26 digits bridged from a real-estate unit code"),
    "vendor practice",
    (
        *_PLACE,
        digits("ownership", 1, "所有权类型", "ownership"),
        digits("type", 1, "宗地特征码", "parcel type"),
        digits("parcel", 5, "宗地顺序号", "parcel serial"),
        digits("building", 3, "幢号后三位", "building, last three digits"),
        digits("unit", 3, "户号后三位", "unit, last three digits"),
        digits("check", 1, "校验位", "check digit"),
    ),
    (in_province, _owner_known, _either_check),
    check=lambda _: "held",
    also=_other_names,
    sure=0.7,
)
