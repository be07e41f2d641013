"""Organisations: 统一社会信用代码 GB 32100-2015 (18) and the organisation code in it, GB 11714 (9).

The alphabet has no I, O, S, V, Z. Both checks are verified: the organisation code's own at
position 17 and the whole's at 18. Vectors agree with a public implementation (IDENTITY §2.5).
"""

from collections.abc import Iterator

from identity import checks
from identity.schemes.divisions import region_field
from identity.schemes.layout import Field, Layout, last_is, words
from identity.schemes.values import Problem, Words

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ORG_AT, _ORG_LENGTH = 8, 9
_MODULUS = 31
_ORG_MODULUS = 11


def check(body: str) -> str:
    """Return the 18th character: W_i = 3^(i-1) mod 31, (31 - sum mod 31) mod 31."""
    total = sum(ALPHABET.index(c) * pow(3, at, _MODULUS) for at, c in enumerate(body))
    return ALPHABET[-total % _MODULUS]


def org_check(body: str) -> str:
    """Return the ninth character of an organisation code: 11 - sum mod 11; 10 is X, 11 is 0."""
    values = (checks.ALPHANUMERIC.index(c) for c in body)
    total = sum(w * v for w, v in zip(ORG_WEIGHTS, values, strict=True))
    return "0123456789X"[-total % _ORG_MODULUS]


def _both_checks(text: str) -> Iterator[Problem]:
    end = _ORG_AT + _ORG_LENGTH - 1
    yield from last_is(text, org_check(text[_ORG_AT:end]), end)
    yield from last_is(text, check(text[:-1]))


def _own_check(text: str) -> Iterator[Problem]:
    return last_is(text, org_check(text[:-1]))


def _organisation(text: str) -> tuple[tuple[str, str], ...]:
    return (("org_code", text[_ORG_AT : _ORG_AT + _ORG_LENGTH]),)


_DEPARTMENTS = {
    "1": ("机构编制", "public institutions"),
    "5": ("民政", "civil affairs"),
    "9": ("市场监管（工商）", "market regulation"),
    "Y": ("其他", "other"),
}
_UNKNOWN = Words("其他登记管理部门", "another registration department")

USCC = Layout(
    "uscc",
    Words("统一社会信用代码", "unified social credit code"),
    "GB 32100-2015",
    (
        Field(
            "department",
            1,
            ALPHABET,
            Words("登记管理部门", "registration department"),
            words(_DEPARTMENTS, _UNKNOWN),
        ),
        Field("category", 1, ALPHABET, Words("机构类别", "category")),
        region_field("登记机关行政区划", "division of the registry"),
        Field("organisation", 8, ALPHABET, Words("主体标识码", "organisation")),
        Field("organisation_check", 1, "0123456789X", Words("主体校验位", "organisation's check")),
        Field("check", 1, ALPHABET, Words("校验位", "check character")),
    ),
    (_both_checks,),
    check=lambda _: "held",
    also=_organisation,
    sure=0.98,
    region_at=2,
)
ORG_CODE = Layout(
    "org_code",
    Words("组织机构代码", "organisation code"),
    "GB 11714-1997",
    (
        Field("organisation", 8, checks.ALPHANUMERIC, Words("本体代码", "organisation")),
        Field("check", 1, "0123456789X", Words("校验位", "check character")),
    ),
    (_own_check,),
    check=lambda _: "held",
    sure=0.45,
    length_off=0,
)
