"""Hot and cold history of one SQLite file as one: the readings of a series in order, either way.

A row is (observed_at, tie, received_at, value, unit, quality, changed_at). Where both have a row
of the same (series, observed_at, tie), the cold one came first and counts.
"""

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from heapq import merge
from itertools import islice
from math import inf, nextafter
from typing import TYPE_CHECKING, Any

from twin.buckets import Key
from twin.ports import Sample
from twin.reading import Before, Quality, State
from twin.retention import DAY_S, day_of
from twin.stores import sqlite_cold
from twin.stores.cold.parts import Part, order_of
from twin.stores.database import one
from twin.stores.slices import Member
from twin.stores.sqlite_rows import n_of, sample_of, value_of

if TYPE_CHECKING:
    from twin.stores.cold.store import Cold

SLICE_ROWS = 200  # fetched at once of one series
FIRST_ROWS = 2  # of one that is asked for its newest: mostly they are enough
Row = tuple[Any, ...]

_COLUMNS = "observed_at, tie, received_at, value, unit, quality, coalesce(changed_at, observed_at)"
_UP = (
    f"SELECT {_COLUMNS} FROM history WHERE series = ? AND observed_at >= ? AND observed_at < ?"  # noqa: S608 - constants
    " AND (observed_at, tie) > (?, ?) ORDER BY observed_at, tie LIMIT ?"
)
_DOWN = (
    f"SELECT {_COLUMNS} FROM history WHERE series = ? AND observed_at >= ? AND observed_at <= ?"  # noqa: S608 - constants
    " AND (observed_at, tie) < (?, ?) ORDER BY observed_at DESC, tie DESC LIMIT ?"
)
_DAY = (
    f"SELECT {_COLUMNS} FROM history WHERE series = ? AND observed_at >= ? AND observed_at < ?"  # noqa: S608 - constants
    " ORDER BY observed_at, tie"
)
N_MAX = 2**63 - 1


class Past:
    """Reads one snapshot: ``reads`` is inside a transaction. ``cold`` may be None."""

    def __init__(self, reads: sqlite3.Connection, cold: "Cold | None") -> None:
        self.reads = reads
        self.cold = cold if cold is not None and sqlite_cold.has_any(reads) else None
        self._parts: dict[int, list[Part]] = {}

    @cached_property
    def late(self) -> dict[int, int]:
        """How many rows came for days that are cold already."""
        return sqlite_cold.late(self.reads)

    @cached_property
    def rolled(self) -> list[int]:
        """The days that have cold rows of any width, in order."""
        return sorted(sqlite_cold.days(self.reads)) if self.cold else []

    def raw_parts(self, day: int) -> list[Part]:
        """Return the files with readings of a day."""
        if day not in self._parts:
            self._parts |= {day: [], **sqlite_cold.parts(self.reads, 0, day, day)}
        return self._parts[day]

    @cached_property
    def whole(self) -> bool:
        """Whether the store itself has every reading: nothing is cold, nothing was dropped."""
        sql = "SELECT 1 FROM counters WHERE name = 'history_dropped_rows'"
        return self.cold is None and one(self.reads, sql) is None

    def mixed(self, day: int) -> bool:
        """Return whether rows of a cold day may lie in the store, too."""
        return day in self.late or not all(part.swept for part in self.raw_parts(day))

    def day_rows(self, member: Member, day: int) -> list[Row]:
        """Return all readings that a series has on one cold day."""
        held = self.held_cold(member, day)
        if not self.mixed(day):
            return held
        known = {row[:2] for row in held}
        span = (day * DAY_S, (day + 1) * DAY_S)
        hot = [row for row in self.hot_rows(member[0], *span) if row[:2] not in known]
        return sorted(held + hot, key=_place) if hot else held

    def held_cold(self, member: Member, day: int) -> list[Row]:
        """Return what a series has in files alone on one day."""
        order = order_of(member[1])
        parts = [p for p in self.raw_parts(day) if p.covers(order) and p.holds(order)]
        held = [row for part in parts for row in self._cold_rows(part, member)]
        return sorted(held, key=_place) if len(parts) > 1 else held

    def hot_rows(self, series: int, start: float, stop: float) -> list[Row]:
        """Return what the store itself has of a series in a span of at most a day."""
        return [_told(row) for row in self.reads.execute(_DAY, (series, start, stop))]

    def forward(
        self, member: Member, start: float, stop: float, behind: tuple[float, int]
    ) -> Iterator[Row]:
        """Yield readings with start <= observed_at < stop, behind a place, in order."""
        at = max(start, behind[0])
        for day in self._cold_days(member[0], at, stop):
            begin, end = day * DAY_S, (day + 1) * DAY_S
            yield from self._hot_up(member[0], at, begin, behind)
            yield from (
                row
                for row in self.day_rows(member, day)
                if at <= row[0] < stop and row[:2] > behind
            )
            at = max(at, end)
        yield from self._hot_up(member[0], at, stop, behind)

    def backward(self, member: Member, until: float) -> Iterator[Row]:
        """Yield readings with observed_at <= until, the newest first."""
        top = until
        for day in reversed(self._cold_days(member[0], -inf, until)):
            yield from self._hot_down(member[0], (day + 1) * DAY_S, top)
            yield from (row for row in reversed(self.day_rows(member, day)) if row[0] <= top)
            top = nextafter(day * DAY_S, -inf)
        yield from self._hot_down(member[0], -inf, top)

    def samples(
        self,
        members: Sequence[Member],
        span: tuple[float, float],
        limit: int,
        after: tuple[float, str, int] | None,
    ) -> list[Sample]:
        """Return samples of several sources by (observed_at, source, n)."""
        at, told, tie = after if after is not None else (span[0], "", -2)
        ties = {True: -2, False: N_MAX}  # sources behind the last one told begin with this moment
        streams = [
            self._of_source(member, span, (at, tie if source == told else ties[source > told]))
            for member in members
            for source in member[1][2:]
        ]
        merged = merge(*streams, key=lambda row: (row[1][0], row[0], row[1][1]))
        return [sample_of(source, row[:6]) for source, row in islice(merged, limit)]

    def then(self, member: Member, until: tuple[float, float]) -> State | None:
        """Return the row that was true at ``until[0]``, as known at ``until[1]``."""
        found = (row for row in self.backward(member, until[0]) if row[2] <= until[1])
        newest, before = next(found, None), next(found, None)
        return None if newest is None else _state(member[1], newest, before)

    def newest(self, member: Member, limit: int) -> list[Sample]:
        """Return the newest samples of a series, newest first."""
        rows = islice(self.backward(member, inf), limit)
        return [sample_of(member[1][2], row[:6]) for row in rows]

    def _of_source(
        self, member: Member, span: tuple[float, float], behind: tuple[float, int]
    ) -> Iterator[tuple[str, Row]]:
        source = member[1][2]
        return ((source, row) for row in self.forward(member, *span, behind))

    def next_cold_day(self, series: int, start: float, stop: float) -> int | None:
        """Return the first day in the span on which a series may have cold readings."""
        days = self._cold_days(series, start, stop) if self.rolled else []
        return days[0] if days else None

    def _cold_days(self, series: int, start: float, stop: float) -> list[int]:
        """Return the days, in order, on which a series may have cold readings."""
        if not self.rolled:
            return []
        span = day_of(start), day_of(stop)
        found: list[int] = []
        for first, last in sqlite_cold.runs(self.reads, series, *span):
            low, high = bisect_left(self.rolled, first), bisect_right(self.rolled, last)
            found += self.rolled[low:high]
        return found

    def _cold_rows(self, part: Part, member: Member) -> list[Row]:
        series, key = member
        assert self.cold is not None, "a part was found in the catalogue"
        return self.cold.reader.rows(part, series, order_of(key))

    def _hot_up(
        self, series: int, start: float, stop: float, behind: tuple[float, int]
    ) -> Iterator[Row]:
        """Yield rows of the store in slices, so that nobody holds them all."""
        while start < stop:
            bound = (series, start, stop, *behind, SLICE_ROWS)
            rows = self.reads.execute(_UP, bound).fetchall()
            yield from map(_told, rows)
            if len(rows) < SLICE_ROWS:
                return
            start, behind = rows[-1][0], rows[-1][:2]

    def _hot_down(self, series: int, start: float, top: float) -> Iterator[Row]:
        behind, size = (inf, 0), FIRST_ROWS
        while start <= top:
            rows = self.reads.execute(_DOWN, (series, start, top, *behind, size)).fetchall()
            yield from map(_told, rows)
            if len(rows) < size:
                return
            behind, size = rows[-1][:2], SLICE_ROWS


def _told(row: Row) -> Row:
    """Return a row of the store with its value as it was read."""
    return (*row[:3], value_of(row[3]), *row[4:])


def _place(row: Row) -> tuple[float, int]:
    return row[0], row[1]


def _state(key: Key, row: Row, before: Row | None) -> State:
    at, tie, received_at, value, unit, quality, changed_at = row
    known = None if before is None else Before(before[0], n_of(before[1]), before[3])
    times = (at, received_at, at if changed_at is None else changed_at)
    return State(*key, value, unit, *times, Quality(quality), n_of(tie), known)
