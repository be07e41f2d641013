"""What SqliteStates tells of the past: which series are asked, then what ``Past`` knows of them."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from twin.buckets import Buckets, Gathered, Key, Row
from twin.ports import EXPORT_ROWS, Recorded, Sample, Where
from twin.reading import State
from twin.retention import DAY_S
from twin.stores import limits
from twin.stores.comparing import compares
from twin.stores.slices import BEGIN, Day, Member, Place, page_of
from twin.stores.sqlite_past import Past
from twin.stores.sqlite_rows import sample_of, state_of
from twin.stores.sqlite_sums import gather
from twin.stores.sqlite_where import conditions

CANDIDATES = 20_000  # series looked at for one page of the past: a page may be short

_STATE = (
    "x.value, x.unit, x.observed_at, x.received_at, {changed}, x.quality, x.tie,"
    " {b}_at, {b}_tie, {b}_value"
)
_NOW_STATE = _STATE.format(changed="x.changed_at", b="x.before")
_THEN_STATE = _STATE.format(
    changed="coalesce(x.changed_at, x.observed_at)", b="b.observed"
).replace("b.observed_tie, b.observed_value", "b.tie, b.value")
_KEY = "t.code, s.property, s.source"
_WALK = "FROM things t CROSS JOIN series s ON s.thing = t.id"
_NOW = f"{_WALK} CROSS JOIN state x ON x.series = s.id"
_THEN = (
    f"{_WALK} CROSS JOIN history x ON x.series = s.id AND (x.observed_at, x.tie) ="  # noqa: S608 - constants
    " (SELECT h.observed_at, h.tie FROM history h WHERE h.series = s.id AND h.observed_at <= ?"
    " AND h.received_at <= ? ORDER BY h.observed_at DESC, h.tie DESC LIMIT 1)"
    " LEFT JOIN history b ON b.series = s.id AND (b.observed_at, b.tie) ="
    " (SELECT h.observed_at, h.tie FROM history h WHERE h.series = s.id"
    " AND (h.observed_at, h.tie) < (x.observed_at, x.tie) AND h.received_at <= ?"
    " ORDER BY h.observed_at DESC, h.tie DESC LIMIT 1)"
)
_BEHIND = f"t.code >= ? AND ({_KEY}) > (?, ?, ?)"
_OF_THING = f"SELECT s.id, {_KEY} {_WALK} WHERE t.code = ? AND s.property = ? ORDER BY s.source"
_OF_KEY = f"SELECT s.id {_WALK} WHERE t.code = ? AND s.property = ? AND s.source = ?"
_NEXT = "SELECT min(observed_at) FROM history WHERE series = ? AND observed_at >= ?"


def at(
    past: Past, where: Where, until: tuple[float, float], limit: int, after: str
) -> tuple[list[State], str]:
    """Return a page of rows as true at ``until[0]``, as known at ``until[1]``."""
    if past.whole:
        return _at_once(past.reads, where, until, limit, limits.cursor(after))
    found: list[State] = []
    looked_at: Key = ("", "", "")
    for count, (member, now) in enumerate(_candidates(past.reads, where, limits.cursor(after))):
        if len(found) == limit or count == CANDIDATES:
            return found, limits.CURSOR_MARK.join(looked_at)
        looked_at = member[1]
        row = past.then(member, until) or _if_then(now, until)
        if row is not None and _holds(row, where):
            found.append(row)
    return found, ""


def samples(
    past: Past,
    of: tuple[str, str],
    span: tuple[float, float],
    limit: int,
    after: tuple[float, str, int] | None,
) -> list[Sample]:
    """Return samples of all sources of (code, property) by (observed_at, source, n)."""
    members = [_member(row) for row in past.reads.execute(_OF_THING, of)]
    return past.samples(members, span, limit, after)


def newest(past: Past, keys: Sequence[Key], limit: int) -> dict[Key, list[Sample]]:
    """Return the newest samples of each series that has any, newest first."""
    found: dict[Key, list[Sample]] = {}
    for key in dict.fromkeys(keys):
        for (series,) in past.reads.execute(_OF_KEY, key).fetchall():
            rows = past.newest((series, key), limit)
            found |= {key: rows} if rows else {}
    return found


def chosen(reads: sqlite3.Connection, where: Where, begin: Key) -> Iterator[Member]:
    """Yield the series whose state of now is wanted, from the thing of ``begin`` on, by key."""
    wanted, values = conditions(reads, where)
    sql = f"SELECT s.id, {_KEY} {_NOW} WHERE t.code >= ?{wanted} ORDER BY {_KEY}"
    yield from map(_member, reads.execute(sql, (begin[0], *values)))


def series(past: Past, where: Where, ask: Buckets, limit: int, after: str) -> tuple[list[Row], str]:
    """Return a page of rows of buckets and the next cursor."""
    behind = limits.cursor(after)
    begin = ("", "", "") if ask.by == "property" else behind
    groups, members, more = page_of(chosen(past.reads, where, begin), ask, limit, behind)
    told = Gathered(ask, groups)
    if members:
        gather(past, members, told)
    return told.rows(), limits.CURSOR_MARK.join(groups[-1]) if more else ""


def begins(past: Past, members: Sequence[Member], start: float, stop: float) -> Mapping[int, float]:
    """Return by its place in ``members`` when a series may have its first row in the span."""
    found = {}
    for place, (number, _) in enumerate(members):
        hot = past.reads.execute(_NEXT, (number, start)).fetchone()[0]
        cold = past.next_cold_day(number, start, stop)
        known = [hot] if hot is not None else []
        known += [max(start, cold * DAY_S)] if cold is not None else []
        if known and min(known) < stop:
            found[place] = min(known)
    return found


def of_day(past: Past, day: Day, place: Place) -> tuple[list[Recorded], Place]:
    """Return at most EXPORT_ROWS rows of a day behind ``place``, and where to go on."""
    turn, behind = place
    found: list[Recorded] = []
    while turn < len(day.members):
        member = day.members[turn]
        code, name, source = member[1]
        for row in past.forward(member, day.start, day.stop, behind):
            found.append(Recorded(code, name, sample_of(source, row[:6])))
            if len(found) == EXPORT_ROWS:
                return found, (turn, (row[0], row[1]))
        turn, behind = turn + 1, BEGIN
    return found, (turn, BEGIN)


def _at_once(
    reads: sqlite3.Connection, where: Where, until: tuple[float, float], limit: int, begin: Key
) -> tuple[list[State], str]:
    """Answer by one statement, where the store itself has everything."""
    wanted, values = conditions(reads, where)
    sql = f"SELECT {_KEY}, {_THEN_STATE} {_THEN} WHERE {_BEHIND}{wanted} ORDER BY {_KEY} LIMIT ?"
    bound = (*until, until[1], begin[0], *begin, *values, limit + 1)
    rows = reads.execute(sql, bound).fetchall()
    items = [state_of(row[:3], row[3:]) for row in rows[:limit]]
    return items, limits.CURSOR_MARK.join(rows[limit - 1][:3]) if len(rows) > limit else ""


def _candidates(
    reads: sqlite3.Connection, where: Where, begin: Key
) -> Iterator[tuple[Member, State]]:
    """Yield series by key with their state of now; only places and names are asked here."""
    names = (where.value.property,) if where.value else where.properties
    wanted, values = conditions(
        reads, replace(where, value=None, qualities=(), properties=tuple(names))
    )
    sql = f"SELECT s.id, {_KEY}, {_NOW_STATE} {_NOW} WHERE {_BEHIND}{wanted} ORDER BY {_KEY}"
    for row in reads.execute(sql, (begin[0], *begin, *values)):
        member = _member(row[:4])
        yield member, state_of(member[1], row[4:])


def _if_then(now: State, until: tuple[float, float]) -> State | None:
    """Return the state of now where it was known then; its own reading may no longer be kept."""
    return now if now.observed_at <= until[0] and now.received_at <= until[1] else None


def _holds(row: State, where: Where) -> bool:
    """Return whether the row of then is of the property, value and quality that is asked."""
    return (
        (not where.properties or row.property in where.properties)
        and (not where.qualities or row.quality in where.qualities)
        and (where.value is None or compares(row, where.value))
    )


def _member(row: Sequence[Any]) -> Member:
    series, code, name, source = row
    return series, (code, name, source)
