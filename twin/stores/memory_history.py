"""History held in sorted lists: what was true, buckets, export. The plainest way to say them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from twin.buckets import Gathered, Key, number
from twin.ports import DAY_S, Recorded, Sample
from twin.reading import Before, Reading, State
from twin.state import order

Kept = tuple[tuple[float, int], Sample, float]
"""(observed_at, n), the sample, and changed_at as the state said it."""


@dataclass(slots=True)
class History:
    """The samples of each (code, property, source), in order."""

    held: dict[Key, list[Kept]] = field(default_factory=dict)

    def put(self, key: Key, reading: Reading, changed_at: float) -> bool:
        """Put a reading in its place; False when it is there already."""
        kept = self.held.setdefault(key, [])
        when = order(reading.observed_at, reading.n)
        at = bisect_left(kept, when, key=_when)
        if at < len(kept) and kept[at][0] == when:
            return False
        insort(kept, (when, _sample(reading), changed_at), key=_when)
        return True

    def at(self, key: Key, observed_until: float, received_until: float) -> State | None:
        """Return the newest row observed and received by then."""
        kept = self.held.get(key, [])
        behind = bisect_right(kept, (observed_until, inf), key=_when)
        known = (row for row in reversed(kept[:behind]) if row[1].received_at <= received_until)
        newest, before = next(known, None), next(known, None)
        return None if newest is None else _state(key, newest, before)

    def newest(self, key: Key, limit: int) -> list[Sample]:
        """Return the newest samples, newest first."""
        return [sample for _, sample, _ in self.held.get(key, [])[: -limit - 1 : -1]]

    def within(self, key: Key, start: float, stop: float) -> list[Sample]:
        """Return the samples with start <= observed_at < stop."""
        kept = self.held.get(key, [])
        first, behind = (bisect_left(kept, (at, -inf), key=_when) for at in (start, stop))
        return [sample for _, sample, _ in kept[first:behind]]


def gather(history: History, members: Sequence[Key], told: Gathered) -> None:
    """Take the samples of ``members`` into their buckets."""
    wide = told.wide
    for rank, key in enumerate(members):
        for sample in history.within(key, wide.start, wide.stop):
            told.units.setdefault(wide.group(key), set()).add(sample.unit)
            place = (*order(sample.observed_at, sample.n), rank)
            told.enter(key, place, number(sample.value, sample.quality))
        if wide.agg == "weighted":
            samples = history.within(key, wide.start - wide.gap_s, wide.stop)
            told.weigh(key, ((s.observed_at, number(s.value, s.quality)) for s in samples))


def days(history: Mapping[Key, list[Kept]], start: float, stop: float) -> Iterator[Recorded]:
    """Yield rows day by day, within a day by key and place."""
    found = [
        (sample.observed_at // DAY_S, key, place, sample)
        for key, kept in history.items()
        for place, (_, sample, _) in enumerate(kept)
        if start <= sample.observed_at < stop
    ]
    for _, key, _, sample in sorted(found, key=lambda row: row[:3]):
        yield Recorded(key[0], key[1], sample)


def _when(kept: Kept) -> tuple[float, int]:
    return kept[0]


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


def _state(key: Key, newest: Kept, before: Kept | None) -> State:
    _, sample, changed_at = newest
    return State(
        *key,
        sample.value,
        sample.unit,
        sample.observed_at,
        sample.received_at,
        changed_at,
        sample.quality,
        sample.n,
        before and Before(before[1].observed_at, before[1].n, before[1].value),
    )
