"""History rows of SqliteStates one bounded slice after the other, day by day."""

import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial

from twin.ports import DAY_S, EXPORT_ROWS, Recorded, Where
from twin.stores.database import Database
from twin.stores.sqlite_history import Member, chosen
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
_BEGIN = (float("-inf"), -2)


@dataclass(frozen=True, slots=True)
class Day:
    """What is wanted of one day: its series in order, and the part of the day."""

    members: Sequence[Member]
    start: float
    stop: float


async def export(
    database: Database, where: Where, start: float, stop: float
) -> AsyncIterator[list[Recorded]]:
    """Yield rows in slices; each is a read of its own, so that no transaction stays open."""
    members = await database.scan(lambda reads: list(chosen(reads, where, ("", "", ""))))
    at = start
    while (day := await database.scan(partial(_next_day, members, at, stop))) is not None:
        place = (0, _BEGIN)
        while place[0] < len(day.members):
            found, place = await database.scan(partial(_slice, day, place))
            if found:
                yield found
        at = day.stop


def _next_day(
    members: Sequence[Member], at: float, stop: float, reads: sqlite3.Connection
) -> Day | None:
    """Return the next day with rows of these series, None behind the last."""
    numbers = json.dumps([series for series, _ in members])
    begins = dict(reads.execute(_NEXT, (at, numbers, stop)))
    if not begins:
        return None
    end = (min(begins.values()) // DAY_S + 1) * DAY_S
    inside = [members[place] for place, begin in sorted(begins.items()) if begin < end]
    return Day(inside, at, min(end, stop))


Place = tuple[int, tuple[float, int]]
"""The next member of the day, and how far it has been told."""


def _slice(day: Day, place: Place, reads: sqlite3.Connection) -> tuple[list[Recorded], Place]:
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
        turn, behind = turn + 1, _BEGIN
    return found, (turn, _BEGIN)
