"""History rows of SqliteStates one bounded slice after the other, day by day."""

import json
import sqlite3
from collections.abc import Sequence

from twin.ports import EXPORT_ROWS, Recorded
from twin.stores.slices import BEGIN, Day, Member, Place
from twin.stores.sqlite_rows import sample_of

_NEXT = (
    "SELECT w.key, (SELECT min(h.observed_at) FROM history h"
    " WHERE h.series = w.value AND h.observed_at >= ?) AS begin FROM json_each(?) w"
    " WHERE begin < ?"
)
_SLICE = (
    "SELECT observed_at, tie, received_at, value, unit, quality FROM history"
    " WHERE series = ? AND observed_at >= ? AND observed_at < ?"
    " AND (observed_at, tie) > (?, ?) ORDER BY observed_at, tie LIMIT ?"
)


def begins(
    reads: sqlite3.Connection, members: Sequence[Member], at: float, stop: float
) -> dict[int, float]:
    """Return by its place in ``members`` when each series that has rows in the span begins."""
    numbers = json.dumps([series for series, _ in members])
    return dict(reads.execute(_NEXT, (at, numbers, stop)))


def of_day(reads: sqlite3.Connection, day: Day, place: Place) -> tuple[list[Recorded], Place]:
    """Return at most EXPORT_ROWS rows behind ``place``, and where to go on."""
    turn, behind = place
    found: list[Recorded] = []
    while turn < len(day.members):
        series, (code, name, source) = day.members[turn]
        room = EXPORT_ROWS - len(found)
        rows = reads.execute(_SLICE, (series, day.start, day.stop, *behind, room)).fetchall()
        found += [Recorded(code, name, sample_of(source, row)) for row in rows]
        if len(rows) == room:
            return found, (turn, (rows[-1][0], rows[-1][1]))
        turn, behind = turn + 1, BEGIN
    return found, (turn, BEGIN)
