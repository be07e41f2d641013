"""The writing transaction of SqliteStates, step by step. Runs in the writer thread."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from twin.ports import Commit, Outcome, Projection
from twin.reading import Reading, State
from twin.retention import day_of
from twin.state import DUPLICATE
from twin.stores import sqlite_cold, sqlite_outbox
from twin.stores.database import one
from twin.stores.names import Keeping, Key, Names, Settled, settle_all
from twin.stores.sqlite_quarantine import quarantine, release_messages
from twin.stores.sqlite_rows import history_row, projection_row, state_of, state_row


def write(
    connection: sqlite3.Connection, commit: Commit, names: Names, keeping: Keeping
) -> Outcome:
    """Do everything of one commit; the caller holds the transaction."""
    if not advance(connection, commit):
        return Outcome([DUPLICATE] * len(commit.readings), sqlite_outbox.newest(connection))
    refresh(connection, names)
    project(connection, commit.projections, names)
    told = apply_all(connection, commit.readings, names)
    sequence = publish(connection, told, keeping.outbox)
    quarantine(connection, commit.quarantined, keeping.quarantine)
    release_messages(connection, commit.released)
    return Outcome(told.results, sequence)


def advance(connection: sqlite3.Connection, commit: Commit) -> bool:
    """Move the journal's offset; False when the commit is a replay."""
    if commit.journal is None:
        return True
    moved = connection.execute(
        "INSERT INTO offsets (journal, position) VALUES (?, ?) ON CONFLICT (journal)"
        " DO UPDATE SET position = excluded.position WHERE excluded.position > position",
        (commit.journal, commit.offset),
    )
    return moved.rowcount > 0 and commit.offset > 0


def refresh(connection: sqlite3.Connection, names: Names) -> None:
    """Forget what another connection may have rewritten."""
    names.refresh(one(connection, "PRAGMA data_version"))


def project(
    connection: sqlite3.Connection, projections: Mapping[str, Projection], names: Names
) -> None:
    """Write the projections that differ from what is known to be stored."""
    changed = names.differing(projections)
    if not changed:
        return
    find_things(connection, changed, names)
    connection.executemany(
        "UPDATE things SET kind = ?, name = ?, region = ?, building = ?, lon = ?, lat = ?,"
        " grid2d = ? WHERE code = ?",
        [projection_row(projection, code) for code, projection in changed.items()],
    )
    _put_places(connection, {names.things[code]: known for code, known in changed.items()})
    sqlite_outbox.places_moved(connection)
    names.projections.update(changed)


def apply_all(connection: sqlite3.Connection, readings: Sequence[Reading], names: Names) -> Settled:
    """Settle the readings and put them into history; repeats become duplicates."""
    series = find_series(connection, readings, names)
    load_states(connection, readings, series, names.states)
    told = settle_all(readings, series, names.states)
    connection.executemany(_REMEMBER, [history_row(*row) for row in told.fresh])
    for place, (number, reading) in told.older.items():
        row = history_row(number, reading, None)
        if connection.execute(_REMEMBER_ONCE, row).rowcount == 0:
            told.results[place] = DUPLICATE
    note_days(connection, told, names)
    return told


def note_days(connection: sqlite3.Connection, told: Settled, names: Names) -> None:
    """Note days that history has rows of now, and rows of days that are cold already."""
    if names.rolled is None:
        names.rolled = sqlite_cold.days(connection)
    times = [reading.observed_at for _, reading, _ in told.fresh]
    times += [reading.observed_at for _, reading in told.older.values()]
    days = rows_by_day(times)
    new = days.keys() - names.days
    if new:
        rows = [(day,) for day in sorted(new)]
        connection.executemany("INSERT OR IGNORE INTO hot_days VALUES (?)", rows)
        names.days |= new
    late = {day: rows for day, rows in days.items() if day in names.rolled}
    if late:
        sqlite_cold.came_late(connection, late)


def rows_by_day(times: Sequence[float]) -> Mapping[int, int]:
    """Return {day: how many}; nearly always all are of one day, which two of them tell."""
    if not times:
        return {}
    first, last = day_of(min(times)), day_of(max(times))
    return {first: len(times)} if first == last else Counter(map(day_of, times))


def publish(connection: sqlite3.Connection, told: Settled, kept: int) -> int:
    """Write the states, those that moved into the outbox too, and return the newest sequence."""
    for rows in (told.between, told.moved):
        connection.executemany(_PUT_STATE, [state_row(*row) for row in rows.items()])
    return sqlite_outbox.put(connection, list(told.moved.values()), kept)


def find_things(connection: sqlite3.Connection, codes: Iterable[str], names: Names) -> None:
    """Make ``names.things`` know every code, inserting the new ones."""
    missing = [code for code in dict.fromkeys(codes) if code not in names.things]
    if not missing:
        return
    connection.executemany(
        "INSERT OR IGNORE INTO things (code) VALUES (?)", [(code,) for code in missing]
    )
    names.things.update(
        connection.execute(
            "SELECT code, id FROM things WHERE code IN (SELECT value FROM json_each(?))",
            (json.dumps(missing),),
        )
    )


def find_series(
    connection: sqlite3.Connection, readings: Sequence[Reading], names: Names
) -> list[int]:
    """Return the series of each reading, inserting the new ones."""
    keys = [(reading.code, reading.property, reading.source) for reading in readings]
    missing = [key for key in dict.fromkeys(keys) if key not in names.series]
    if missing:
        _new_series(connection, missing, names)
    return [names.series[key] for key in keys]


def load_states(
    connection: sqlite3.Connection,
    readings: Sequence[Reading],
    series: Sequence[int],
    states: dict[int, State],
) -> None:
    """Make ``states`` know the stored state of each series that has one."""
    keys = {
        number: (reading.code, reading.property, reading.source)
        for number, reading in zip(series, readings, strict=True)
        if number not in states
    }
    if keys:
        rows = connection.execute(_GET_STATES, (json.dumps(sorted(keys)),))
        states.update((row[0], state_of(keys[row[0]], row[1:])) for row in rows)


def _new_series(connection: sqlite3.Connection, missing: list[Key], names: Names) -> None:
    find_things(connection, (key[0] for key in missing), names)
    connection.executemany(
        "INSERT OR IGNORE INTO series (thing, property, source) VALUES (?, ?, ?)",
        [(names.things[code], name, source) for code, name, source in missing],
    )
    things = json.dumps(sorted({names.things[key[0]] for key in missing}))
    for number, *key in connection.execute(_GET_SERIES, (things,)):
        names.series[key[0], key[1], key[2]] = number


def _put_places(connection: sqlite3.Connection, known: Mapping[int, Projection]) -> None:
    connection.executemany("DELETE FROM places WHERE id = ?", [(thing,) for thing in known])
    connection.executemany(
        "INSERT INTO places (id, west, east, south, north) VALUES (?, ?, ?, ?, ?)",
        [
            (thing, p.lon, p.lon, p.lat, p.lat)
            for thing, p in known.items()
            if p.lon is not None and p.lat is not None
        ],
    )


_REMEMBER = "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_REMEMBER_ONCE = "INSERT OR IGNORE INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_STATE = (  # columns; every value is bound
    "series, value, unit, observed_at, received_at, changed_at, quality, tie,"
    " before_at, before_tie, before_value"
)
_PUT_STATE = (
    f"INSERT OR REPLACE INTO state ({_STATE})"  # noqa: S608 - a constant
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_GET_STATES = (
    f"SELECT {_STATE} FROM state"  # noqa: S608 - a constant
    " WHERE series IN (SELECT value FROM json_each(?))"
)
_GET_SERIES = (
    "SELECT s.id, t.code, s.property, s.source FROM series s JOIN things t ON t.id = s.thing"
    " WHERE s.thing IN (SELECT value FROM json_each(?))"
)
