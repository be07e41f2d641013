"""The steps of keeping history, each a read or a small transaction on the file of SqliteStates."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import TYPE_CHECKING, Any

from twin.retention import DAY_S, Retention, Tier
from twin.stores import sqlite_cold
from twin.stores.cold.parts import Order, Part, order_of
from twin.stores.columns import EXACT_MAX
from twin.stores.database import one
from twin.stores.names import Names
from twin.stores.slices import Member
from twin.stores.sqlite_past import Past

if TYPE_CHECKING:
    from twin.stores.cold.reader import Reader
    from twin.stores.cold.store import Cold

EPOCH, DATES = date(1970, 1, 1).toordinal(), 2_900_000  # days that a date can name
SWEEP_ROWS = 5_000  # rows of one sweeping transaction, about 10 ms

_SERIES = "SELECT s.id, t.code, s.property, s.source FROM series s JOIN things t ON t.id = s.thing"
# A value in three columns (twin/stores/columns.py), taken apart where it lies.
_RAW = (
    "SELECT observed_at, tie, received_at, CASE typeof(value) WHEN 'real' THEN 'f'"  # noqa: S608 - constants
    " WHEN 'integer' THEN 'i' WHEN 'text' THEN 't' WHEN 'blob' THEN 'b' ELSE 'n' END,"
    " CASE typeof(value) WHEN 'text' THEN NULL WHEN 'blob' THEN CAST(value = x'01' AS REAL)"
    " ELSE CAST(value AS REAL) END, CASE WHEN typeof(value) = 'text' THEN value"
    f" WHEN typeof(value) = 'integer' AND value NOT BETWEEN -{EXACT_MAX} AND {EXACT_MAX}"
    " THEN CAST(value AS TEXT) END, unit, quality, coalesce(changed_at, observed_at)"
    " FROM history WHERE series = ? AND observed_at >= ? AND observed_at < ?"
    " ORDER BY observed_at, tie"
)
_OF_DAY = "FROM history WHERE series = ? AND observed_at >= ? AND observed_at < ?"
_COUNT = f"SELECT count(*) {_OF_DAY}"
_DELETE = f"DELETE {_OF_DAY}"
_DELETE_ONE = "DELETE FROM history WHERE series = ? AND observed_at = ? AND tie = ?"

Place = tuple[int, float, int]  # series, observed_at, n (-1: none)


@dataclass(frozen=True, slots=True)
class Rolled:
    """Files that are on the disk and not named yet; ``series`` have readings in them.

    ``repeated``: rows of the store that other files of the day have already.
    """

    parts: Sequence[Part]
    series: Sequence[int]
    repeated: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Swept:
    """A series of a file that is to leave the store, and how many rows the file has of it."""

    series: int
    order: Order
    rows: int


Chunk = Sequence[Swept]


def due(reads: sqlite3.Connection, rules: Retention, now: float) -> list[int]:
    """Return the days to be rolled: ended ones, and cold ones for which enough came late."""
    sql = "SELECT day FROM hot_days WHERE day < ? ORDER BY day"
    hot = [day for (day,) in reads.execute(sql, (rules.ended(now),))]
    rolled, late = sqlite_cold.days(reads), sqlite_cold.late(reads)
    with_raw = sqlite_cold.days(reads, width=0)
    first = rules.raw_from(now)
    return [
        day
        for day in hot
        if day not in rolled
        or (day in with_raw and late.get(day, 0) >= (1 if _ends(day, first) else rules.late_rows))
    ]


def _ends(day: int, first: int | None) -> bool:
    return first is not None and day < first


def roll(
    reads: sqlite3.Connection, cold: "Cold", day: int, number: int, tiers: Sequence[Tier]
) -> Rolled:
    """Write what the store has of a day into files. Long: each series is a read of its own."""
    from twin.stores.cold.writer import DayWriter

    past, start, stop = Past(reads, cold), day * DAY_S, (day + 1) * DAY_S
    again = sqlite_cold.widths(reads, day, day).get(day)
    widths = again or [tier.width_s for tier in tiers]
    numbers = count(number)
    repeated: list[Place] = []
    with DayWriter(
        cold.folder, day, widths, lambda width: file_name(day, width, next(numbers))
    ) as writer:
        for series, key in _members(reads):
            rows = reads.execute(_RAW, (series, start, stop)).fetchall()
            if rows and past.raw_parts(day):
                known = {row[:2] for row in past.held_cold((series, key), day)}
                repeated += [(series, *row[:2]) for row in rows if row[:2] in known]
                rows = [row for row in rows if row[:2] not in known]
            writer.add(series, key, rows)
        return Rolled(writer.finish(), writer.series, repeated)


def file_name(day: int, width: int, number: int) -> str:
    """Return the name of a new file: what it holds, of which day; the number parts namesakes."""
    when = str(date.fromordinal(EPOCH + day)) if 0 <= day < DATES else str(day)
    return f"{f'{width}s' if width else 'readings'}-{when}-{number}.parquet"


def chunks(reads: sqlite3.Connection, reader: "Reader", part: Part) -> list[Chunk]:
    """Return what is to be swept, in the order of the file, behind its marker."""
    orders = {series: order_of(key) for series, key in _members(reads)}
    found: list[list[Swept]] = [[]]
    size = 0
    for series, rows in reader.counts(part):
        if part.marker is not None and orders[series] <= part.marker:
            continue
        if size >= SWEEP_ROWS:
            found.append([])
            size = 0
        found[-1].append(Swept(series, orders[series], rows))
        size += rows
    return [chunk for chunk in found if chunk]


def sweep(connection: sqlite3.Connection, reader: "Reader", part: Part, chunk: Chunk) -> int:
    """Delete rows that the file has; return how many others the store has of these series."""
    late = 0
    for swept in chunk:
        span = (swept.series, part.day * DAY_S, (part.day + 1) * DAY_S)
        held = one(connection, _COUNT, *span)
        if held == swept.rows:
            connection.execute(_DELETE, span)
        elif held:
            rows = reader.rows(part, swept.series, swept.order)
            delete(connection, [(swept.series, row[0], row[1]) for row in rows])
            late += one(connection, _COUNT, *span)
    return late


def delete(connection: sqlite3.Connection, places: Iterable[Place]) -> None:
    """Delete single rows of the store."""
    connection.executemany(_DELETE_ONE, places)


def left(reads: sqlite3.Connection, day: int) -> int:
    """Return how many rows the store has of a day."""
    span = (day * DAY_S, (day + 1) * DAY_S)
    numbers = [number for (number,) in reads.execute("SELECT id FROM series")]
    return sum(one(reads, _COUNT, number, *span) for number in numbers)


def outlived(reads: sqlite3.Connection, before_day: int) -> list[int]:
    """Return days whose rows in the store are to be dropped: their readings are gone from files.

    Without cold files: every day before.
    """
    days = [
        day for (day,) in reads.execute("SELECT day FROM hot_days WHERE day < ?", (before_day,))
    ]
    if not sqlite_cold.has_any(reads):
        return days
    return sorted(set(days) & sqlite_cold.days(reads) - sqlite_cold.days(reads, width=0))


def series_of(reads: sqlite3.Connection, day: int) -> list[list[int]]:
    """Return the series that the store has rows of on a day, in pieces for one transaction."""
    span = (day * DAY_S, (day + 1) * DAY_S)
    found: list[list[int]] = [[]]
    size = 0
    for number, _ in _members(reads):
        rows = one(reads, _COUNT, number, *span)
        if rows and size + rows > SWEEP_ROWS:
            found.append([])
            size = 0
        found[-1] += [number] if rows else []
        size += rows
    return [some for some in found if some]


def drop(connection: sqlite3.Connection, day: int, series: Sequence[int]) -> int:
    """Drop the rows of some series on a day for good; they are counted."""
    span = (day * DAY_S, (day + 1) * DAY_S)
    dropped = sum(connection.execute(_DELETE, (number, *span)).rowcount for number in series)
    sqlite_cold.count(connection, "history_dropped_rows", dropped)
    return dropped


def forget(connection: sqlite3.Connection, day: int, names: Names) -> None:
    """Forget a day of which the store has no rows any more."""
    connection.execute("DELETE FROM hot_days WHERE day = ?", (day,))
    connection.execute("DELETE FROM late_days WHERE day = ?", (day,))
    names.forget_days()


def _members(reads: sqlite3.Connection) -> list[Member]:
    """Return every series in the order of the files."""
    rows: list[Any] = reads.execute(_SERIES).fetchall()
    found = [(number, (code, name, source)) for number, code, name, source in rows]
    return sorted(found, key=lambda member: order_of(member[1]))
