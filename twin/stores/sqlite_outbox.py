"""The outbox of SqliteStates: the moved states of a commit, encoded, a page of them in one row.

A row for each state costs the writer an insert and a deletion, and the reader a step of SQLite, at
each of which Python gives its lock up and waits for it again while the event loop computes. A page
is one step, so that it is read on the event loop itself.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from twin.ports import Change, Projection
from twin.reading import State
from twin.stores.database import one
from twin.stores.names import NAMES_KEPT
from twin.stores.sqlite_rows import state_of

PAGE_STATES = 500  # of one row, about 100 bytes each

_encoded = msgspec.msgpack.Encoder().encode
_states = msgspec.msgpack.Decoder(list[State]).decode

_PUT = "INSERT INTO outbox_page (last, first, states) VALUES (?, ?, ?)"
_PAGES = "SELECT first, states FROM outbox_page WHERE last > ? ORDER BY last"
_PLACES = (
    "SELECT code, kind, name, region, building, lon, lat, grid2d FROM things"
    " WHERE code IN (SELECT value FROM json_each(?)) AND kind <> ''"
)
_PLACES_MOVED = (
    "INSERT INTO counters (name, value) VALUES ('places_moved', 1)"
    " ON CONFLICT (name) DO UPDATE SET value = value + 1"
)
_FIRST_VERSION = (
    "SELECT o.sequence, t.code, s.property, s.source,"
    " o.value, o.unit, o.observed_at, o.received_at, o.changed_at, o.quality, o.tie,"
    " o.before_at, o.before_tie, o.before_value"
    " FROM outbox o JOIN series s ON s.id = o.series JOIN things t ON t.id = s.thing"
    " ORDER BY o.sequence"
)


def newest(connection: sqlite3.Connection) -> int:
    """Return the newest sequence number."""
    return int(one(connection, "SELECT coalesce(max(last), 0) FROM outbox_page"))


def put(connection: sqlite3.Connection, moved: Sequence[State], kept: int) -> int:
    """Write pages of states behind the newest, forget what is too old; return the newest now."""
    sequence = newest(connection)
    _put_pages(connection, moved, sequence)
    sequence += len(moved)
    connection.execute("DELETE FROM outbox_page WHERE last <= ?", (sequence - kept,))
    return sequence


def places_moved(connection: sqlite3.Connection) -> None:
    """Say that projections were rewritten: see ``Places``."""
    connection.execute(_PLACES_MOVED)


def upgrade(connection: sqlite3.Connection) -> None:
    """Turn the outbox of version 0.1, a row for each state, into pages."""
    if not one(connection, "SELECT count(*) FROM sqlite_master WHERE name = 'outbox'"):
        return
    rows = connection.execute(_FIRST_VERSION).fetchall()
    for start in range(0, len(rows), PAGE_STATES):  # sequences have no gaps
        page = rows[start : start + PAGE_STATES]
        _put_pages(connection, [state_of(row[1:4], row[4:]) for row in page], page[0][0] - 1)
    connection.execute("DROP TABLE outbox")


class Places:
    """Projections of codes as they are now, remembered until anybody rewrites one."""

    def __init__(self) -> None:
        self._known: dict[str, Projection | None] = {}
        self._moved = -1

    def of(self, connection: sqlite3.Connection, codes: set[str]) -> dict[str, Projection | None]:
        """Return the projection of each code; None: it stands nowhere yet."""
        # asked first: what is read below is at least as new
        moved = one(connection, "SELECT value FROM counters WHERE name = 'places_moved'") or 0
        if moved != self._moved or len(self._known) > NAMES_KEPT:
            self._known.clear()
            self._moved = moved
        new = codes - self._known.keys()
        if new:
            rows = connection.execute(_PLACES, (json.dumps(list(new)),))
            self._known |= dict.fromkeys(new) | {row[0]: Projection(*row[1:]) for row in rows}
        return self._known


def changes(
    connection: sqlite3.Connection, places: Places, after: int, limit: int, kept: int
) -> list[Change]:
    """Return what lies behind ``after``, oldest first, of the newest ``kept``."""
    begin = max(after, newest(connection) - kept)
    found = list(_behind(connection, begin, limit))
    known = places.of(connection, {state.code for _, state in found})
    return [Change(sequence, state, known[state.code]) for sequence, state in found]


def _behind(connection: sqlite3.Connection, begin: int, limit: int) -> Iterator[tuple[int, State]]:
    for first, body in connection.execute(_PAGES, (begin,)):
        skipped = max(0, begin + 1 - first)
        states = _states(body)[skipped : skipped + limit]
        yield from enumerate(states, start=first + skipped)
        limit -= len(states)
        if not limit:
            return


def _put_pages(connection: sqlite3.Connection, states: Sequence[State], behind: int) -> None:
    rows = []
    for start in range(0, len(states), PAGE_STATES):
        page = states[start : start + PAGE_STATES]
        rows.append((behind + start + len(page), behind + start + 1, _encoded(page)))
    connection.executemany(_PUT, rows)
