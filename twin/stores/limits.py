"""What every States adapter refuses and keeps, in one place."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from identity.errors import Invalid, TooLarge
from twin.ports import COMMIT_READINGS, COMPARED, PAGE_LIMIT, Commit, Comparison, Where
from twin.quarantine import Bounds, Kept, Quarantined
from twin.reading import Quality
from twin.reading_checks import finite
from twin.rules import RULE_BYTES_MAX, RULES_MAX

CODES_MAX = 10_000  # codes of one states() call
SERIES_MAX = 100_000  # series that one series() or export() call may gather
CHANGES_MAX = 5_000  # outbox rows of one changes() call
OUTBOX_KEPT = 200_000  # outbox rows kept; a reader further behind is told of the gap
PAYLOAD_BYTES_KEPT = 4_096  # of a quarantined message


def check_commit(commit: Commit) -> None:
    """Refuse a commit beyond the limits, or with a value that no store can hold."""
    if len(commit.readings) > COMMIT_READINGS:
        raise TooLarge("commit_limit", rows=len(commit.readings), limit=COMMIT_READINGS)
    for reading in commit.readings:
        if not finite(reading.value):
            raise Invalid("value_not_finite", value=str(reading.value))


def check_codes(codes: Sequence[object]) -> None:
    """Refuse more codes (or series) than one call may ask."""
    if len(codes) > CODES_MAX:
        raise TooLarge("lookup_limit", rows=len(codes), limit=CODES_MAX)


def check_members(count: int) -> None:
    """Refuse to gather more series than one call may."""
    if count > SERIES_MAX:
        raise TooLarge("lookup_limit", rows=count, limit=SERIES_MAX)


def check_where(where: Where) -> None:
    """Refuse too many codes, and what no row can be compared with."""
    check_codes(where.codes)
    if Quality.STALE in where.qualities:
        raise Invalid("quality_not_stored", quality=Quality.STALE.value)
    if where.value is not None:
        _check_comparison(where.value)


def _check_comparison(asked: Comparison) -> None:
    is_range = asked.op == "between"
    numbers = [asked.number, *(() if asked.high is None else (asked.high,))]
    right = asked.op in COMPARED and all(map(math.isfinite, numbers))
    if not (right and len(numbers) == 1 + is_range and numbers == sorted(numbers)):
        told = " and ".join(map(str, numbers))
        known = ", ".join(COMPARED)
        raise Invalid(
            "comparison_invalid", property=asked.property, op=asked.op, number=told, known=known
        )


def page(limit: int, most: int = PAGE_LIMIT) -> int:
    """Return ``limit`` when it is between 1 and ``most``; else Invalid("limit_invalid")."""
    if not 1 <= limit <= most:
        raise Invalid("limit_invalid", limit=limit, most=most)
    return limit


def sample(message: Quarantined) -> Quarantined:
    """Return the message with at most PAYLOAD_BYTES_KEPT of its bytes."""
    return replace(message, payload=message.payload[:PAYLOAD_BYTES_KEPT])


def whole(row: Quarantined, bounds: Bounds) -> list[Kept]:
    """Return the messages of a row that are kept whole: short enough, the newest."""
    short = [kept for kept in row.messages if len(kept.payload) <= bounds.message_bytes]
    return short[-bounds.device_messages :]


def rule(name: str, body: Mapping[str, Any] | None) -> str | None:
    """Return a rule as JSON; TooLarge("rule_too_large")."""
    if body is None:
        return None
    text = json.dumps(dict(body), ensure_ascii=False)
    if len(text.encode()) > RULE_BYTES_MAX:
        raise TooLarge("rule_too_large", name=name, limit=RULE_BYTES_MAX)
    return text


def check_rules(kind: str, count: int) -> None:
    """Refuse more rules of one kind than are kept."""
    if count > RULES_MAX:
        raise TooLarge("rules_limit", kind=kind, limit=RULES_MAX)


def cursor(after: str) -> tuple[str, str, str]:
    """Return (code, property, source) of a query cursor ("" begins); Invalid("cursor_invalid")."""
    if not after:
        return "", "", ""
    parts = after.split(CURSOR_MARK)
    if len(parts) != len(("code", "property", "source")):
        raise Invalid("cursor_invalid", cursor=after[:200])
    return parts[0], parts[1], parts[2]


CURSOR_MARK = "\t"  # no printable name holds it (twin.reading_checks)
