"""What SqliteStates tells of the past: named statements, parameters only."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from twin.buckets import Buckets, Gathered, Key, Partial, Row
from twin.ports import Where
from twin.reading import State
from twin.stores import limits
from twin.stores.slices import Member, page_of
from twin.stores.sqlite_rows import state_of
from twin.stores.sqlite_where import conditions

COLUMNS = (
    "t.code, s.property, s.source, x.value, x.unit, x.observed_at, x.received_at,"
    " coalesce(x.changed_at, x.observed_at), x.quality, x.tie, b.observed_at, b.tie, b.value"
)
_WALK = "FROM things t CROSS JOIN series s ON s.thing = t.id"
_THEN = (
    " CROSS JOIN history x ON x.series = s.id AND (x.observed_at, x.tie) ="
    " (SELECT h.observed_at, h.tie FROM history h WHERE h.series = s.id AND h.observed_at <= ?"
    " AND h.received_at <= ? ORDER BY h.observed_at DESC, h.tie DESC LIMIT 1)"
    " LEFT JOIN history b ON b.series = s.id AND (b.observed_at, b.tie) ="
    " (SELECT h.observed_at, h.tie FROM history h WHERE h.series = s.id"
    " AND (h.observed_at, h.tie) < (x.observed_at, x.tie) AND h.received_at <= ?"
    " ORDER BY h.observed_at DESC, h.tie DESC LIMIT 1)"
)
_NOW = " CROSS JOIN state x ON x.series = s.id"
_BEHIND = " WHERE t.code >= ? AND (t.code, s.property, s.source) > (?, ?, ?)"
_ORDER = " ORDER BY t.code, s.property, s.source"

_NUMBER = (
    "CASE WHEN h.quality = 'bad' THEN NULL WHEN typeof(h.value) IN ('integer', 'real') THEN h.value"
    " WHEN typeof(h.value) = 'blob' THEN h.value = x'01' END"
)
_WANTED = (
    "WITH wanted (series, place, part) AS (SELECT value ->> 0, value ->> 1, value ->> 2"  # noqa: S608 - constants
    " FROM json_each(?)), held AS (SELECT w.part, w.place, h.observed_at, h.tie, h.unit,"
    f" CAST((h.observed_at - ?) / ? AS INTEGER) AS turn, {_NUMBER} AS number"
    " FROM wanted w CROSS JOIN history h ON h.series = w.series"
    " AND h.observed_at >= ? AND h.observed_at < ?)"
)
_SUMS = (
    f"{_WANTED} SELECT part, turn, count(number), count(*) - count(number), total(number),"  # noqa: S608 - constants
    " min(number), max(number), min(unit), max(unit) FROM held GROUP BY part, turn"
)
_PICKS = (
    f"{_WANTED} SELECT part, turn, observed_at, tie, place, number FROM (SELECT *, row_number()"  # noqa: S608 - constants
    " OVER (PARTITION BY part, turn ORDER BY observed_at {way}, tie {way}, place {way}) AS nth"
    " FROM held WHERE number IS NOT NULL) WHERE nth = 1"
)
_FIRST, _LAST = _PICKS.format(way="ASC"), _PICKS.format(way="DESC")
_HELD = (
    f"SELECT h.observed_at, {_NUMBER} FROM history h"  # noqa: S608 - constants
    " WHERE h.series = ? AND h.observed_at >= ? AND h.observed_at < ? ORDER BY h.observed_at, h.tie"
)


def at(
    connection: sqlite3.Connection,
    where: Where,
    until: tuple[float, float],
    limit: int,
    after: str,
) -> tuple[list[State], str]:
    """Return a page of rows as true at ``until[0]``, as known at ``until[1]``."""
    begin = limits.cursor(after)
    wanted, values = conditions(connection, where)
    sql = f"SELECT {COLUMNS} {_WALK}{_THEN}{_BEHIND}{wanted}{_ORDER} LIMIT ?"
    bound = (*until, until[1], begin[0], *begin, *values, limit + 1)
    found = connection.execute(sql, bound).fetchall()
    items = [state_of(row[:3], row[3:]) for row in found[:limit]]
    return items, limits.CURSOR_MARK.join(found[limit - 1][:3]) if len(found) > limit else ""


def chosen(connection: sqlite3.Connection, where: Where, begin: Key) -> Iterator[Member]:
    """Yield the series whose state of now is wanted, from the thing of ``begin`` on, by key."""
    wanted, values = conditions(connection, where)
    columns = "s.id, t.code, s.property, s.source"
    sql = f"SELECT {columns} {_WALK}{_NOW} WHERE t.code >= ?{wanted}{_ORDER}"
    for series, *key in connection.execute(sql, (begin[0], *values)):
        yield series, (key[0], key[1], key[2])


def series(
    connection: sqlite3.Connection, where: Where, ask: Buckets, limit: int, after: str
) -> tuple[list[Row], str]:
    """Return a page of rows of buckets and the next cursor."""
    behind = limits.cursor(after)
    begin = ("", "", "") if ask.by == "property" else behind
    groups, members, more = page_of(chosen(connection, where, begin), ask, limit, behind)
    told = Gathered(ask, groups)
    sums(connection, members, told)
    if ask.agg in {"first", "last"}:
        picks(connection, members, told)
    if ask.agg == "weighted":
        weights(connection, members, told)
    return told.rows(), limits.CURSOR_MARK.join(groups[-1]) if more else ""


def sums(connection: sqlite3.Connection, members: Sequence[Member], told: Gathered) -> None:
    """Gather counts, sums and bounds of every bucket, and the units of every row."""
    for part, turn, n, left_out, total, low, high, *units in connection.execute(
        _SUMS, _bound(members, told)
    ):
        known = Partial(n, left_out)
        if n and told.ask.agg != "weighted":
            known.total, known.weight, known.low, known.high = total, float(n), low, high
        told.join(told.groups[part], turn, known)
        told.units.setdefault(told.groups[part], set()).update(units)


def picks(connection: sqlite3.Connection, members: Sequence[Member], told: Gathered) -> None:
    """Gather the first or last number of every bucket."""
    sql = _FIRST if told.ask.agg == "first" else _LAST
    for part, turn, at, tie, rank, value in connection.execute(sql, _bound(members, told)):
        told.join(told.groups[part], turn, Partial(pick=((at, tie, rank), float(value))))


def weights(connection: sqlite3.Connection, members: Sequence[Member], told: Gathered) -> None:
    """Gather how long each value held."""
    wide = told.wide
    for series_, key in members:
        span = (series_, wide.start - wide.gap_s, wide.stop)
        told.weigh(key, connection.execute(_HELD, span))


def _bound(members: Sequence[Member], told: Gathered) -> tuple[Any, ...]:
    wide, parts = told.wide, {group: part for part, group in enumerate(told.groups)}
    wanted = [
        (series_, rank, parts[wide.group(key)]) for rank, (series_, key) in enumerate(members)
    ]
    return json.dumps(wanted), wide.start, wide.every_s, wide.start, wide.stop
