"""Dates inside codes: YYYYMMDD or YYYYMM, proleptic Gregorian, without a clock."""

from calendar import monthrange
from collections.abc import Iterator

from identity.schemes.values import Problem

_MONTHS = 12


def date_at(text: str, at: int, years: tuple[int, int]) -> Iterator[Problem]:
    """Yield the first wrong part of the YYYYMMDD at ``at`` (from 0); ``years`` are inclusive."""
    year, month, day = int(text[at : at + 4]), int(text[at + 4 : at + 6]), text[at + 6 : at + 8]
    if not years[0] <= year <= years[1]:
        yield Problem("scheme_date", at + 1, f"{years[0]}-{years[1]}", text[at : at + 4])
    elif not 1 <= month <= _MONTHS:
        yield Problem("scheme_date", at + 5, "01-12", text[at + 4 : at + 6])
    elif not 1 <= int(day) <= monthrange(year, month)[1]:
        yield Problem("scheme_date", at + 7, f"01-{monthrange(year, month)[1]}", day)


def is_date(text: str, years: tuple[int, int]) -> bool:
    """Return whether eight digits are a date of those years."""
    return not list(date_at(text, 0, years))


def is_month(text: str, years: tuple[int, int]) -> bool:
    """Return whether six digits are a month of those years."""
    return is_date(text + "01", years)
