"""States in memory: for tests and for a city that need not survive its process."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cim.model import Box
from twin.events import Signal
from twin.ports import (
    PAGE_LIMIT,
    QUARANTINE_KEPT,
    Change,
    Commit,
    Outcome,
    Projection,
    Quarantined,
    Sample,
    Where,
)
from twin.reading import Reading, State
from twin.state import APPLIED, DUPLICATE, LATE, apply, order, settle
from twin.stores import limits

Key = tuple[str, str, str]  # code, property, source


class MemoryStates:
    """The States port held in dictionaries; one process, nothing durable."""

    def __init__(
        self,
        *,
        signal: Signal | None = None,
        outbox_kept: int = limits.OUTBOX_KEPT,
        quarantine_kept: int = QUARANTINE_KEPT,
    ) -> None:
        self.quarantine_dropped = 0
        self._signal = signal
        self._outbox_kept = outbox_kept
        self._quarantine_kept = quarantine_kept
        self._states: dict[Key, State] = {}
        self._history: dict[Key, list[tuple[tuple[float, int], Sample]]] = {}
        self._projections: dict[str, Projection] = {}
        self._outbox: list[Change] = []
        self._sequence = 0
        self._offsets: dict[str, int] = {}
        self._quarantine: dict[tuple[str, str, str], Quarantined] = {}
        self._quarantine_id = 0

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
        for message in commit.quarantined:
            self._keep(limits.sample(message))
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
        limits.check_codes(where.codes)
        behind = limits.cursor(after)
        keys = sorted(key for key in self._states if key > behind and self._holds(where, key))
        items = [self._states[key] for key in keys[:limit]]
        more = len(keys) > limit
        return items, limits.CURSOR_MARK.join(keys[limit - 1]) if more else ""

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
            for key, rows in self._history.items()
            if key[:2] == (code, property)
            for _, sample in rows
            if start <= sample.observed_at < stop and (after is None or place(sample) > after)
        )
        return sorted(found, key=place)[:limit]

    async def changes(self, after: int, *, limit: int) -> list[Change]:
        """Return outbox rows behind ``after``, with the projections of now."""
        limits.page(limit, limits.CHANGES_MAX)
        begin = bisect_left(self._outbox, after + 1, key=lambda change: change.sequence)
        return [
            replace(change, projection=self._projections.get(change.state.code))
            for change in self._outbox[begin : begin + limit]
        ]

    async def sequence(self) -> int:
        """Return the newest outbox sequence number."""
        return self._sequence

    async def offset(self, journal: str) -> int:
        """Return the committed offset of a journal."""
        return self._offsets.get(journal, 0)

    async def quarantined(self, *, limit: int, after: int = 0) -> list[Quarantined]:
        """Return quarantine rows by id."""
        limits.page(limit)
        rows = sorted(self._quarantine.values(), key=lambda row: row.id)
        return [row for row in rows if row.id > after][:limit]

    async def release(self, ids: Sequence[int]) -> None:
        """Remove quarantine rows."""
        gone = set(ids)
        self._quarantine = {k: row for k, row in self._quarantine.items() if row.id not in gone}

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
        if result != DUPLICATE and not self._remember(key, settled):
            return DUPLICATE
        if result == APPLIED:
            self._states[key] = moved[key] = state
        return LATE if result == LATE else result

    def _remember(self, key: Key, reading: Reading) -> bool:
        """Put the reading into history; False when it is there already."""
        rows = self._history.setdefault(key, [])
        when = order(reading.observed_at, reading.n)
        at = bisect_left(rows, when, key=lambda row: row[0])
        if at < len(rows) and rows[at][0] == when:
            return False
        insort(rows, (when, _sample(reading)), key=lambda row: row[0])
        return True

    def _publish(self, moved: dict[Key, State]) -> None:
        for state in moved.values():
            self._sequence += 1
            self._outbox.append(Change(self._sequence, state))
        if len(self._outbox) > self._outbox_kept:
            del self._outbox[: -self._outbox_kept]

    def _keep(self, message: Quarantined) -> None:
        key = (message.reason, message.device, message.topic)
        known = self._quarantine.get(key)
        if known is None:
            self._quarantine_id += 1
            self._quarantine[key] = replace(message, id=self._quarantine_id)
        else:
            self._quarantine[key] = replace(message, id=known.id, count=known.count + message.count)
        while len(self._quarantine) > self._quarantine_kept:
            oldest = min(self._quarantine, key=self._quarantine_age)
            self.quarantine_dropped += self._quarantine.pop(oldest).count

    def _quarantine_age(self, key: tuple[str, str, str]) -> tuple[float, int]:
        row = self._quarantine[key]
        return row.received_at, row.id

    def _holds(self, where: Where, key: Key) -> bool:
        return all(self._conditions(where, key))

    def _conditions(self, where: Where, key: Key) -> Iterator[bool]:
        known = self._projections.get(key[0], Projection(kind=""))
        yield not where.codes or key[0] in where.codes
        yield not where.properties or key[1] in where.properties
        yield not where.kinds or known.kind in where.kinds
        yield where.building is None or known.building == where.building
        yield where.box is None or within(known, where.box)


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


def _sample(reading: Reading) -> Sample:
    return Sample(
        reading.observed_at,
        reading.received_at,
        reading.value,
        reading.unit,
        reading.quality,
        reading.source,
        reading.n,
    )
