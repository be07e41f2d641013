"""The catalogue of cold history in the file of SqliteStates: which files hold which days."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from twin.stores.cold.parts import Order, Part
from twin.stores.database import one

_PARTS = (
    "SELECT day, width, file, first, last, rows, size, swept, marker, id FROM cold"
    " WHERE width = ? AND day >= ? AND day <= ? ORDER BY day, id"
)
_UNSWEPT = (
    "SELECT day, width, file, first, last, rows, size, swept, marker, id FROM cold"
    " WHERE swept = 0 ORDER BY id"
)
_PUT = (
    "INSERT INTO cold (day, width, file, first, last, rows, size, swept)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_DAYS = "SELECT DISTINCT day FROM cold"
_RUNS = (
    "SELECT first_day, last_day FROM cold_runs WHERE series = ? AND first_day <= ?"
    " AND last_day >= ? ORDER BY first_day"
)
_LONGER = "UPDATE cold_runs SET last_day = ? WHERE series = ? AND last_day = ?"
_WITHIN = "SELECT 1 FROM cold_runs WHERE series = ? AND first_day <= ? AND last_day >= ?"
_NEW_RUN = "INSERT INTO cold_runs (series, first_day, last_day) VALUES (?, ?, ?)"
_LATE = (
    "INSERT INTO late_days (day, rows) VALUES (?, ?)"
    " ON CONFLICT (day) DO UPDATE SET rows = rows + excluded.rows"
)
_COUNT = (
    "INSERT INTO counters (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
)


def has_any(reads: sqlite3.Connection) -> bool:
    """Return whether any history is cold."""
    return one(reads, "SELECT 1 FROM cold LIMIT 1") is not None


def parts(
    reads: sqlite3.Connection, width: int, first_day: int, last_day: int
) -> dict[int, list[Part]]:
    """Return the files of one width by day, both ends included."""
    found: dict[int, list[Part]] = {}
    for row in reads.execute(_PARTS, (width, first_day, last_day)):
        found.setdefault(row[0], []).append(_part(row))
    return found


def widths(reads: sqlite3.Connection, first_day: int, last_day: int) -> dict[int, list[int]]:
    """Return {day: widths of the coarser rows it has}."""
    sql = "SELECT DISTINCT day, width FROM cold WHERE width > 0 AND day >= ? AND day <= ?"
    found: dict[int, list[int]] = {}
    for day, width in reads.execute(sql, (first_day, last_day)):
        found.setdefault(day, []).append(width)
    return found


def days(reads: sqlite3.Connection, width: int | None = None) -> frozenset[int]:
    """Return the days that have cold rows of one width, or of any."""
    if width is None:
        return frozenset(day for (day,) in reads.execute(_DAYS))
    return frozenset(day for (day,) in reads.execute(f"{_DAYS} WHERE width = ?", (width,)))


def unswept(reads: sqlite3.Connection) -> list[Part]:
    """Return files whose rows are in the store, too."""
    return [_part(row) for row in reads.execute(_UNSWEPT)]


def late(reads: sqlite3.Connection) -> dict[int, int]:
    """Return {day: rows that came after it was rolled}."""
    return dict(reads.execute("SELECT day, rows FROM late_days"))


def runs(
    reads: sqlite3.Connection, series: int, first_day: int, last_day: int
) -> list[tuple[int, int]]:
    """Return the runs of days, cut to the span, in which a series has cold readings."""
    found = reads.execute(_RUNS, (series, last_day, first_day))
    return [(max(first, first_day), min(last, last_day)) for first, last in found]


def put(connection: sqlite3.Connection, made: Sequence[Part], series: Iterable[int]) -> None:
    """Make the files of one day part of the city. They are swept from the store afterwards.

    ``series``: those that have readings in them.
    """
    day = made[0].day
    before = one(connection, "SELECT max(day) FROM cold WHERE width = 0 AND day < ?", day)
    for part in made:
        place = (json.dumps(part.first), json.dumps(part.last))
        row = (part.day, part.width, part.file, *place, part.rows, part.size, part.width > 0)
        connection.execute(_PUT, row)
    for number in series:
        if connection.execute(_WITHIN, (number, day, day)).fetchone() is not None:
            continue
        if connection.execute(_LONGER, (day, number, before)).rowcount == 0:
            connection.execute(_NEW_RUN, (number, day, day))


def mark(connection: sqlite3.Connection, part: Part, marker: Order | None) -> None:
    """Say up to which series a file's rows have left the store; None: all of them."""
    if marker is None:
        connection.execute("UPDATE cold SET swept = 1, marker = NULL WHERE id = ?", (part.id,))
    else:
        told = (json.dumps(marker), part.id)
        connection.execute("UPDATE cold SET marker = ? WHERE id = ?", told)


def came_late(connection: sqlite3.Connection, rows: Mapping[int, int]) -> None:
    """Count rows that came for days that are cold already."""
    connection.executemany(_LATE, rows.items())


def settle(connection: sqlite3.Connection, day: int, known: int, left: int) -> None:
    """Set how many rows of a cold day the store has, where no more came since ``known``."""
    if one(connection, "SELECT coalesce(sum(rows), 0) FROM late_days WHERE day = ?", day) != known:
        return
    connection.execute("DELETE FROM late_days WHERE day = ?", (day,))
    if left:
        connection.execute(_LATE, (day, left))
    else:
        connection.execute("DELETE FROM hot_days WHERE day = ?", (day,))


def drop(connection: sqlite3.Connection, width: int, before_day: int) -> list[str]:
    """Take the files of one width out whose day is before; return their names."""
    bound = (width, before_day)
    sql = "SELECT file, rows FROM cold WHERE width = ? AND day < ? AND swept = 1"
    found = connection.execute(sql, bound).fetchall()
    connection.execute("DELETE FROM cold WHERE width = ? AND day < ? AND swept = 1", bound)
    if width == 0:
        connection.execute("DELETE FROM cold_runs WHERE last_day < ?", (before_day,))
        rows = sum(rows for _, rows in found)
        if rows:
            count(connection, "history_dropped_rows", rows)
    return [file for file, _ in found]


def files(reads: sqlite3.Connection) -> set[str]:
    """Return the names of all files of the city."""
    return {file for (file,) in reads.execute("SELECT file FROM cold")}


def next_number(connection: sqlite3.Connection, count: int) -> int:
    """Take ``count`` numbers for new files and return the first."""
    connection.execute(_COUNT, ("cold_files", count))
    taken = one(connection, "SELECT value FROM counters WHERE name = 'cold_files'")
    return int(taken) - count


def count(connection: sqlite3.Connection, name: str, more: int) -> None:
    """Count something that is told to operators."""
    connection.execute(_COUNT, (name, more))


def _part(row: Sequence[Any]) -> Part:
    day, width, file, first, last, rows, size, swept, marker, number = row
    told = None if marker is None else _order(marker)
    bounds = _order(first), _order(last)
    return Part(day, width, file, *bounds, rows, size, bool(swept), told, number)


def _order(text: str) -> Order:
    name, code, source = json.loads(text)
    return name, code, source
