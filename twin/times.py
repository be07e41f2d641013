"""Unix seconds inside, RFC 3339 with a zone on the wire."""

from datetime import UTC, datetime
from functools import lru_cache
from math import modf

from identity.errors import Invalid

SECONDS_CACHED = 4_096


def rfc3339(at: float) -> str:
    """Return Unix seconds as RFC 3339 in UTC with milliseconds, e.g. 2026-11-22T08:00:00.000Z."""
    part, whole = modf(at)
    more, millis = divmod(round(part * 1e6) // 1_000, 1_000)  # to the microsecond, then cut
    return f"{_second(int(whole) + more)}.{millis:03}Z"


@lru_cache(SECONDS_CACHED)
def _second(at: int) -> str:
    """Return whole Unix seconds as text without a zone; most answers tell of few of them."""
    return datetime.fromtimestamp(at, UTC).isoformat().removesuffix("+00:00")


def unix(value: str | float) -> float:
    """Return a wire time as Unix seconds: RFC 3339 text with a zone, or Unix seconds as a number.

    Raises Invalid("time_unreadable") or Invalid("time_without_zone").
    """
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, bool) or not 0 <= value < UNIX_S_MAX:  # NaN fails the comparison too
        raise Invalid("time_unreadable", time=str(value))
    return float(value)


UNIX_S_MAX = 253_402_300_800.0
"""The year 10000: RFC 3339 has four digits for the year; milliseconds sent as seconds end here."""


def _from_text(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("time_unreadable", time=text[:64]) from None
    if moment.tzinfo is None:
        raise Invalid("time_without_zone", time=text[:64])
    at = moment.timestamp()
    if at < 0:
        raise Invalid("time_unreadable", time=text[:64])
    return at
