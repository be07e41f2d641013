"""The reads of PostgresStates: named statements, parameters only."""

from collections.abc import Sequence
from math import inf
from typing import Any

from twin.buckets import Key
from twin.ports import Change, Sample, Where
from twin.reading import State
from twin.retention import day_of
from twin.stores import limits
from twin.stores.postgres.connections import Connections
from twin.stores.postgres.rows import (
    BEFORE,
    PLACE,
    SAMPLE,
    STATE,
    change_of,
    sample_of,
    state_of,
)
from twin.stores.postgres.where import conditions

KEY = "t.code, s.property, s.source"
NOW = "FROM things t JOIN series s ON s.thing = t.id JOIN state x ON x.series = s.id"
BEHIND = f"t.code >= %s AND ({KEY}) > (%s, %s, %s)"
_X = ", ".join(f"x.{name}" for name in STATE.split(", "))

_OF_CODES = f"SELECT {KEY}, {_X} {NOW} WHERE t.code = ANY(%s) ORDER BY {KEY}"
_CHANGES = (
    f"SELECT x.sequence, {KEY}, {_X}, {PLACE} FROM outbox x JOIN series s ON s.id = x.series"  # noqa: S608 - constants
    " JOIN things t ON t.id = s.thing WHERE x.sequence > %s ORDER BY x.sequence LIMIT %s"
)
_H = ", ".join(f"h.{name}" for name in SAMPLE.split(", "))
_SAMPLES = (
    f"SELECT w.source, {_H} FROM (SELECT s.id, s.source FROM things t"  # noqa: S608 - constants
    " JOIN series s ON s.thing = t.id WHERE t.code = %s AND s.property = %s) w"
    f" CROSS JOIN LATERAL (SELECT {SAMPLE} FROM history h WHERE h.series = w.id"
    " AND h.day BETWEEN %s AND %s AND h.observed_at >= %s AND h.observed_at < %s"
    " AND (h.observed_at, w.source, h.tie) > (%s, %s, %s)"
    " ORDER BY h.day, h.observed_at, h.tie LIMIT %s) h"
    " ORDER BY h.observed_at, w.source, h.tie LIMIT %s"
)
_NEWEST = (
    f"SELECT w.nth, {_H} FROM unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY"  # noqa: S608 - constants
    " AS w (code, property, source, nth) JOIN things t ON t.code = w.code"
    " JOIN series s ON s.thing = t.id AND s.property = w.property AND s.source = w.source"
    f" CROSS JOIN LATERAL (SELECT day, {SAMPLE} FROM history WHERE series = s.id"
    " ORDER BY day DESC, observed_at DESC, tie DESC LIMIT %s) h"
    " ORDER BY w.nth, h.observed_at DESC, h.tie DESC"
)
# The state row itself answers where it was known then; only what moved on later is looked up. What
# stood before it is known with it where everything received counts, else it is looked up too.
_BACK = "ORDER BY h.day DESC, h.observed_at DESC, h.tie DESC LIMIT 1"
_THEN = (
    f"FROM things t JOIN series s ON s.thing = t.id JOIN state n ON n.series = s.id"  # noqa: S608 - constants
    " CROSS JOIN LATERAL (SELECT n.form, n.number, n.exact, n.unit, n.observed_at, n.received_at,"
    " n.changed_at, n.quality, n.tie, CASE WHEN %s THEN n.before_at END, n.before_tie,"
    " n.before_form, n.before_number, n.before_exact"
    " WHERE n.observed_at <= %s AND n.received_at <= %s UNION ALL (SELECT h.form, h.number,"
    " h.exact, h.unit, h.observed_at, h.received_at, coalesce(h.changed_at, h.observed_at),"
    " h.quality, h.tie, NULL, NULL, NULL, NULL, NULL FROM history h"
    " WHERE NOT (n.observed_at <= %s AND n.received_at <= %s) AND h.series = s.id"
    f" AND h.day <= %s AND h.observed_at <= %s AND h.received_at <= %s {_BACK})) x ({STATE})"
    " LEFT JOIN LATERAL (SELECT h.observed_at, h.tie, h.form, h.number, h.exact FROM history h"
    " WHERE h.series = s.id AND h.day <= %s AND (h.observed_at, h.tie) < (x.observed_at, x.tie)"
    f" AND h.received_at <= %s {_BACK}) b ({BEFORE}) ON x.before_at IS NULL"
)
_OF_THEN = _X.partition(", x.before_at")[0] + "".join(
    f", CASE WHEN x.before_at IS NULL THEN b.{name} ELSE x.{name} END"
    for name in BEFORE.split(", ")
)


async def of_codes(connections: Connections, codes: Sequence[str]) -> dict[str, list[State]]:
    """Return the rows of each code that has any."""
    found: dict[str, list[State]] = {}
    for row in await connections.read(_OF_CODES, (list(codes),)):
        found.setdefault(row[0], []).append(state_of(row))
    return found


async def page(
    connections: Connections, where: Where, limit: int, after: str
) -> tuple[list[State], str]:
    """Return a page of rows by (code, property, source) and the next cursor."""
    return await _page(connections, (f"{_X} {NOW}", ()), where, limit, after)


async def at(
    connections: Connections, where: Where, until: tuple[float, float], limit: int, after: str
) -> tuple[list[State], str]:
    """Return a page of rows as true at ``until[0]``, as known at ``until[1]``."""
    day = day_of(until[0])
    bound = (until[1] == inf, *until, *until, day, *until, day, until[1])
    return await _page(connections, (f"{_OF_THEN} {_THEN}", bound), where, limit, after)


async def samples(
    connections: Connections,
    of: tuple[str, str],
    *,
    span: tuple[float, float],
    limit: int,
    after: tuple[float, str, int] | None,
) -> list[Sample]:
    """Return samples of all sources of (code, property) by (observed_at, source, n)."""
    behind = after if after is not None else (span[0], "", -2)
    start = max(span[0], behind[0])
    days = day_of(start), day_of(span[1])
    bound = (*of, *days, start, span[1], *behind, limit, limit)
    return [sample_of(row[0], row[1:]) for row in await connections.read(_SAMPLES, bound)]


async def changes(connections: Connections, after: int, limit: int) -> list[Change]:
    """Return outbox rows behind ``after``."""
    return [change_of(row) for row in await connections.read(_CHANGES, (after, limit))]


async def newest(
    connections: Connections, keys: Sequence[Key], limit: int
) -> dict[Key, list[Sample]]:
    """Return the newest samples of each series that has any, newest first."""
    wanted = list(dict.fromkeys(keys))
    columns = [list(column) for column in zip(*wanted, strict=True)] or [[], [], []]
    found: dict[Key, list[Sample]] = {}
    for nth, *row in await connections.read(_NEWEST, (*columns, limit)):
        key = wanted[nth - 1]
        found.setdefault(key, []).append(sample_of(key[2], row))
    return found


async def _page(
    connections: Connections,
    rows_of: tuple[str, Sequence[Any]],
    where: Where,
    limit: int,
    after: str,
) -> tuple[list[State], str]:
    """``rows_of``: the columns STATE of x and where they come from, and its values."""
    said, bound = rows_of
    begin = limits.cursor(after)
    wanted, values = conditions(where)
    query = f"SELECT {KEY}, {said} WHERE {BEHIND}{wanted} ORDER BY {KEY} LIMIT %s"
    rows = await connections.read(query, (*bound, begin[0], *begin, *values, limit + 1))
    items = [state_of(row) for row in rows[:limit]]
    return items, limits.CURSOR_MARK.join(rows[limit - 1][:3]) if len(rows) > limit else ""
