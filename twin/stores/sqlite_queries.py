"""The reads of SqliteStates: named statements, parameters only."""

import sqlite3
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any

from twin.buckets import Key
from twin.ports import Change, Sample, Where
from twin.reading import State
from twin.state import order
from twin.stores import limits
from twin.stores.sqlite_rows import change_of, sample_of, state_of
from twin.stores.sqlite_where import conditions

_COLUMNS = (
    "t.code, s.property, s.source,"
    " x.value, x.unit, x.observed_at, x.received_at, x.changed_at, x.quality, x.tie,"
    " x.before_at, x.before_tie, x.before_value"
)
_OF_CODE = (
    f"SELECT {_COLUMNS} FROM things t JOIN series s ON s.thing = t.id"  # noqa: S608 - constants
    " JOIN state x ON x.series = s.id WHERE t.code = ? ORDER BY s.property, s.source"
)
_CHANGES = (
    "SELECT o.sequence, t.code, s.property, s.source,"
    " o.value, o.unit, o.observed_at, o.received_at, o.changed_at, o.quality, o.tie,"
    " o.before_at, o.before_tie, o.before_value,"
    " t.kind, t.name, t.region, t.building, t.lon, t.lat, t.grid2d"
    " FROM outbox o JOIN series s ON s.id = o.series JOIN things t ON t.id = s.thing"
    " WHERE o.sequence > ? ORDER BY o.sequence LIMIT ?"
)
_SOURCES = (
    "SELECT s.id, s.source FROM things t JOIN series s ON s.thing = t.id"
    " WHERE t.code = ? AND s.property = ?"
)
_SAMPLES = (
    "SELECT observed_at, tie, received_at, value, unit, quality FROM history"
    " WHERE series = ? AND observed_at >= ? AND observed_at < ?"
    " AND (observed_at, ?, tie) > (?, ?, ?) ORDER BY observed_at, tie LIMIT ?"
)
_NEWEST = (
    "SELECT h.observed_at, h.tie, h.received_at, h.value, h.unit, h.quality FROM things t"
    " JOIN series s ON s.thing = t.id JOIN history h ON h.series = s.id"
    " WHERE t.code = ? AND s.property = ? AND s.source = ?"
    " ORDER BY h.observed_at DESC, h.tie DESC LIMIT ?"
)


def of_codes(connection: sqlite3.Connection, codes: Sequence[str]) -> dict[str, list[State]]:
    """Return the rows of each code that has any."""
    found = {}
    for code in dict.fromkeys(codes):
        rows = [state_of(row[:3], row[3:]) for row in connection.execute(_OF_CODE, (code,))]
        if rows:
            found[code] = rows
    return found


def page(
    connection: sqlite3.Connection, where: Where, limit: int, after: str
) -> tuple[list[State], str]:
    """Return a page of rows by (code, property, source) and the next cursor."""
    code, name, source = limits.cursor(after)
    wanted, values = conditions(connection, where)
    # CROSS JOIN keeps the order of the tables: things by code, so that LIMIT ends the walk early.
    sql = (
        f"SELECT {_COLUMNS} FROM things t CROSS JOIN series s ON s.thing = t.id"  # noqa: S608 - fixed texts, values are bound
        " CROSS JOIN state x ON x.series = s.id"
        " WHERE t.code >= ? AND (t.code, s.property, s.source) > (?, ?, ?)"
        f"{wanted}"
        " ORDER BY t.code, s.property, s.source LIMIT ?"
    )
    rows = connection.execute(sql, (code, code, name, source, *values, limit + 1)).fetchall()
    items = [state_of(row[:3], row[3:]) for row in rows[:limit]]
    return items, limits.CURSOR_MARK.join(rows[limit - 1][:3]) if len(rows) > limit else ""


def samples(
    connection: sqlite3.Connection,
    code: str,
    name: str,
    *,
    span: tuple[float, float],
    limit: int,
    after: tuple[float, str, int] | None,
) -> list[Sample]:
    """Return samples of all sources by (observed_at, source, n): a merge of ordered series."""
    at, behind, tie = after if after is not None else (span[0], "", -2)
    streams = [
        _stream(connection, series, source, (max(span[0], at), span[1], source, at, behind, tie))
        for series, source in connection.execute(_SOURCES, (code, name)).fetchall()
    ]
    return list(islice(merge(*streams, key=_place), limit))


def changes(connection: sqlite3.Connection, after: int, limit: int) -> list[Change]:
    """Return outbox rows behind ``after``."""
    return [change_of(row) for row in connection.execute(_CHANGES, (after, limit))]


def newest(
    connection: sqlite3.Connection, keys: Sequence[Key], limit: int
) -> dict[Key, list[Sample]]:
    """Return the newest samples of each series that has any, newest first."""
    found = {}
    for key in dict.fromkeys(keys):
        rows = [sample_of(key[2], row) for row in connection.execute(_NEWEST, (*key, limit))]
        if rows:
            found[key] = rows
    return found


STREAM_ROWS = 200  # samples fetched at once of one source


def _stream(
    connection: sqlite3.Connection, series: int, source: str, bounds: tuple[Any, ...]
) -> Iterator[Sample]:
    """Read one source's samples in order, in slices, so that a merge never holds them all."""
    while True:
        rows = connection.execute(_SAMPLES, (series, *bounds, STREAM_ROWS)).fetchall()
        yield from (sample_of(source, row) for row in rows)
        if len(rows) < STREAM_ROWS:
            return
        last_at, last_tie = rows[-1][:2]
        bounds = (last_at, bounds[1], source, last_at, source, last_tie)


def _place(sample: Sample) -> tuple[float, str, int]:
    at, n = order(sample.observed_at, sample.n)
    return at, sample.source, n
