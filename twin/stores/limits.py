"""What every States adapter refuses and keeps, in one place."""

from collections.abc import Sequence
from dataclasses import replace

from identity.errors import Invalid, TooLarge
from twin.ports import COMMIT_READINGS, PAGE_LIMIT, Commit, Quarantined
from twin.reading_checks import finite

CODES_MAX = 10_000  # codes of one states() call
CHANGES_MAX = 5_000  # outbox rows of one changes() call
OUTBOX_KEPT = 200_000  # outbox rows kept; a reader further behind gets a "reset"
PAYLOAD_BYTES_KEPT = 4_096  # of a quarantined message


def check_commit(commit: Commit) -> None:
    """Refuse a commit beyond the limits, or with a value that no store can hold."""
    if len(commit.readings) > COMMIT_READINGS:
        raise TooLarge("commit_limit", rows=len(commit.readings), limit=COMMIT_READINGS)
    for reading in commit.readings:
        if not finite(reading.value):
            raise Invalid("value_not_finite", value=str(reading.value))


def check_codes(codes: Sequence[str]) -> None:
    """Refuse more codes than one call may ask."""
    if len(codes) > CODES_MAX:
        raise TooLarge("lookup_limit", rows=len(codes), limit=CODES_MAX)


def page(limit: int, most: int = PAGE_LIMIT) -> int:
    """Return ``limit`` when it is between 1 and ``most``; else Invalid("limit_invalid")."""
    if not 1 <= limit <= most:
        raise Invalid("limit_invalid", limit=limit, most=most)
    return limit


def sample(message: Quarantined) -> Quarantined:
    """Return the message with at most PAYLOAD_BYTES_KEPT of its bytes."""
    return replace(message, payload=message.payload[:PAYLOAD_BYTES_KEPT])


def cursor(after: str) -> tuple[str, str, str]:
    """Return (code, property, source) of a query cursor ("" begins); Invalid("cursor_invalid")."""
    if not after:
        return "", "", ""
    parts = after.split(CURSOR_MARK)
    if len(parts) != len(("code", "property", "source")):
        raise Invalid("cursor_invalid", cursor=after[:200])
    return parts[0], parts[1], parts[2]


CURSOR_MARK = "\t"  # no printable name holds it (twin.reading_checks)
