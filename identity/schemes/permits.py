"""Construction permits, old form: 18 digits (IDENTITY §2.4, known second-hand). No check digit."""

from collections.abc import Iterator

from identity.schemes.dates import date_at
from identity.schemes.divisions import in_province, region_field
from identity.schemes.layout import Layout, between, digits
from identity.schemes.values import Problem, Words

YEARS = (1990, 2099)
_DATE_AT, _SERIAL_AT, _SPECIALTY_AT = 6, 14, 16
_SPECIALTIES = {"01": ("房屋建筑", "general civil"), "18": ("桥梁", "bridges")}
_SPECIALTY_MAX = 19


def specialty(code: str) -> Words:
    """Return the specialty's name; only the ones a source names."""
    if code == str(_SPECIALTY_MAX):
        return Words("其他", "other")
    return Words(*_SPECIALTIES.get(code, ("", "")))


def _date(text: str) -> Iterator[Problem]:
    return date_at(text, _DATE_AT, YEARS)


def _numbers(text: str) -> Iterator[Problem]:
    yield from between(text, _SERIAL_AT, 2, 1, 99)
    yield from between(text, _SPECIALTY_AT, 2, 1, _SPECIALTY_MAX)


PERMIT18 = Layout(
    "permit18",
    Words("施工许可证编号（旧）", "construction permit number (old form)"),
    "practice before the electronic permits",
    (
        region_field(),
        digits("date", 8, "发证日期", "date of issue"),
        digits("serial", 2, "当日序号", "serial of the day"),
        digits("specialty", 2, "专业类别", "specialty", specialty),
    ),
    (in_province, _date, _numbers),
    sure=0.8,
)
