"""States in memory: for tests and for a city that need not survive its process."""

from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from itertools import islice

from cim.model import Box
from twin import buckets
from twin.buckets import Buckets, Gathered, Key, Row
from twin.events import Signal
from twin.ports import (
    EXPORT_ROWS,
    PAGE_LIMIT,
    Change,
    Commit,
    Outcome,
    Projection,
    Recorded,
    Sample,
    Where,
)
from twin.quarantine import Bounds
from twin.reading import Reading, State
from twin.retention import Retention
from twin.state import APPLIED, DUPLICATE, apply, order, settle
from twin.stores import limits
from twin.stores.comparing import compares
from twin.stores.memory_history import History, days, gather
from twin.stores.memory_quarantine import MemoryQuarantine


class MemoryStates(MemoryQuarantine):
    """The States port held in dictionaries; one process, nothing durable."""

    def __init__(
        self,
        *,
        signal: Signal | None = None,
        outbox_kept: int = limits.OUTBOX_KEPT,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
        retention: Retention = Retention(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(bounds)
        self._signal = signal
        self._retention = retention
        self._outbox_kept = outbox_kept
        self._states: dict[Key, State] = {}
        self._history = History()
        self._projections: dict[str, Projection] = {}
        self._outbox: list[Change] = []
        self._sequence = 0
        self._offsets: dict[str, int] = {}

    async def commit(self, commit: Commit) -> Outcome:
        """Apply; nothing can fail half-way behind the check of limits."""
        limits.check_commit(commit)
        if commit.journal is not None:
            if commit.offset <= self._offsets.get(commit.journal, 0):
                return Outcome([DUPLICATE] * len(commit.readings), self._sequence)
            self._offsets[commit.journal] = commit.offset
        self._projections.update(commit.projections)
        moved: dict[Key, State] = {}
        results = [self._apply(reading, moved) for reading in commit.readings]
        self._publish(moved)
        for row in commit.quarantined:
            self._keep(row)
        self._release_messages(commit.released)
        if self._signal is not None:
            self._signal.notify()
        return Outcome(results, self._sequence)

    async def states(self, codes: Sequence[str]) -> dict[str, list[State]]:
        """Return all sources' rows of each code."""
        limits.check_codes(codes)
        wanted = set(codes)
        found: dict[str, list[State]] = {}
        for key in sorted(key for key in self._states if key[0] in wanted):
            found.setdefault(key[0], []).append(self._states[key])
        return found

    async def query(self, where: Where, *, limit: int, after: str = "") -> tuple[list[State], str]:
        """Return a page of rows by (code, property, source)."""
        limits.page(limit)
        return self._page(where, self._states.get, limit, after)

    async def at(
        self,
        where: Where,
        *,
        observed_until: float,
        received_until: float,
        limit: int,
        after: str = "",
    ) -> tuple[list[State], str]:
        """Return a page of rows as they were true then, as known then."""
        limits.page(limit)
        until = observed_until, received_until
        return self._page(where, lambda key: self._then(key, until), limit, after)

    async def series(
        self, where: Where, ask: Buckets, *, limit: int, after: str = ""
    ) -> tuple[list[Row], str]:
        """Return a page of rows of buckets."""
        limits.page(limit)
        limits.check_where(where)
        buckets.check(ask)
        members = sorted(key for key, state in self._states.items() if self._holds(where, state))
        groups = sorted({ask.group(key) for key in members})
        behind = limits.cursor(after)
        shown = [group for group in groups if group > behind][: limit + 1]
        told = Gathered(ask, shown[:limit])
        wanted = set(told.groups)
        gathered = [key for key in members if ask.group(key) in wanted]
        limits.check_members(len(gathered))
        gather(self._history, gathered, told)
        more = len(shown) > limit
        return told.rows(), limits.CURSOR_MARK.join(told.groups[-1]) if more else ""

    async def export(
        self, where: Where, *, start: float, stop: float
    ) -> AsyncIterator[list[Recorded]]:
        """Yield history rows day by day."""
        limits.check_where(where)
        chosen = {
            key: self._history.held[key]
            for key, state in self._states.items()
            if self._holds(where, state)
        }
        limits.check_members(len(chosen))
        found = days(chosen, start, stop)
        while some := list(islice(found, EXPORT_ROWS)):
            yield some

    async def history(
        self,
        code: str,
        property: str,  # noqa: A002 - the wire's word
        *,
        start: float,
        stop: float,
        limit: int,
        after: tuple[float, str, int] | None = None,
    ) -> list[Sample]:
        """Return samples with start <= observed_at < stop, by (observed_at, source, n)."""
        limits.page(limit, PAGE_LIMIT)
        found = (
            sample
            for key in self._history.held
            if key[:2] == (code, property)
            for sample in self._history.within(key, start, stop)
            if after is None or place(sample) > after
        )
        return sorted(found, key=place)[:limit]

    async def newest(self, keys: Sequence[Key], *, limit: int) -> dict[Key, list[Sample]]:
        """Return the newest samples of each series, newest first."""
        limits.page(limit)
        limits.check_codes(keys)
        return {key: rows for key in keys if (rows := self._history.newest(key, limit))}

    async def changes(self, after: int, *, limit: int) -> list[Change]:
        """Return outbox rows behind ``after``, with the projections of now."""
        limits.page(limit, limits.CHANGES_MAX)
        begin = bisect_left(self._outbox, after + 1, key=lambda change: change.sequence)
        return [
            Change(change.sequence, change.state, self._projections.get(change.state.code))
            for change in self._outbox[begin : begin + limit]
        ]

    async def sequence(self) -> int:
        """Return the newest outbox sequence number."""
        return self._sequence

    async def offset(self, journal: str) -> int:
        """Return the committed offset of a journal."""
        return self._offsets.get(journal, 0)

    async def keep(self, now: float) -> Mapping[str, int]:
        """Make samples that have their age coarser and drop them."""
        return self._history.keep(self._retention, now)

    async def project(self, projections: Mapping[str, Projection]) -> None:
        """Rewrite the projections of codes."""
        self._projections.update(projections)

    async def ready(self) -> None:
        """Memory always answers."""

    async def close(self) -> None:
        """Nothing to release."""

    def _apply(self, reading: Reading, moved: dict[Key, State]) -> str:
        key = (reading.code, reading.property, reading.source)
        before = self._states.get(key)
        settled = settle(before, reading)
        state, result = apply(before, settled)
        if result == DUPLICATE:
            return DUPLICATE
        changed_at = state.changed_at if result == APPLIED else settled.observed_at
        if not self._history.put(key, settled, changed_at):
            return DUPLICATE
        self._states[key] = state
        if result == APPLIED or key in moved:
            moved[key] = state
        return result

    def _publish(self, moved: dict[Key, State]) -> None:
        for state in moved.values():
            self._sequence += 1
            self._outbox.append(Change(self._sequence, state))
        if len(self._outbox) > self._outbox_kept:
            del self._outbox[: -self._outbox_kept]

    def _then(self, key: Key, until: tuple[float, float]) -> State | None:
        """Return the row of then; the state of now where its own reading is no longer kept."""
        now = self._states[key]
        held = now.observed_at <= until[0] and now.received_at <= until[1]
        return self._history.at(key, *until) or (now if held else None)

    def _page(
        self, where: Where, row_of: Callable[[Key], State | None], limit: int, after: str
    ) -> tuple[list[State], str]:
        limits.check_where(where)
        behind = limits.cursor(after)
        found = (row_of(key) for key in sorted(self._states) if key > behind)
        rows = [row for row in found if row is not None and self._holds(where, row)]
        if len(rows) <= limit:
            return rows, ""
        last = rows[limit - 1]
        return rows[:limit], limits.CURSOR_MARK.join((last.code, last.property, last.source))

    def _holds(self, where: Where, row: State) -> bool:
        return all(self._conditions(where, row))

    def _conditions(self, where: Where, row: State) -> Iterator[bool]:
        known = self._projections.get(row.code, Projection(kind=""))
        yield not where.codes or row.code in where.codes
        yield not where.properties or row.property in where.properties
        yield not where.kinds or known.kind in where.kinds
        yield where.building is None or known.building == where.building
        yield where.region is None or known.region == where.region
        yield where.box is None or within(known, where.box)
        yield not where.qualities or row.quality in where.qualities
        yield where.value is None or compares(row, where.value)


def within(projection: Projection, box: Box) -> bool:
    """Return whether the thing stands in the box, edges included."""
    if projection.lon is None or projection.lat is None:
        return False
    west, south, east, north = box
    return west <= projection.lon <= east and south <= projection.lat <= north


def place(sample: Sample) -> tuple[float, str, int]:
    """Return what samples are ordered and paged by."""
    at, n = order(sample.observed_at, sample.n)
    return at, sample.source, n
