"""History held in sorted lists: what was true, buckets, export. The plainest way to say them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from operator import itemgetter

from twin.buckets import Gathered, Key, Partial, number, single
from twin.ports import Recorded, Sample
from twin.reading import Before, Reading, State
from twin.retention import DAY_S, Retention, choose, day_of, first_day, fits
from twin.state import order
from twin.stores.cold.parts import order_of

Kept = tuple[tuple[float, int], Sample, float]
"""(observed_at, n), the sample, and changed_at as the state said it."""


Coarse = tuple[Partial, set[str]]


@dataclass(slots=True)
class History:
    """The samples of each (code, property, source), in order; what stands for dropped ones.

    ``coarse``: {width: {series: {begin: (numbers, units)}}}. ``dropped``: days of which no samples
    are kept.
    """

    held: dict[Key, list[Kept]] = field(default_factory=dict)
    coarse: dict[int, dict[Key, dict[float, Coarse]]] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)

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

    def keep(self, rules: Retention, now: float) -> dict[str, int]:
        """Make samples that have their age coarser and drop them; drop coarse rows, too."""
        first = rules.raw_from(now)
        rows = 0 if first is None else self._drop(rules, first)
        for tier in rules.tiers:
            since = first_day(tier.days, now)
            for kept in self.coarse.get(tier.width_s, {}).values():
                for begin in [b for b in kept if since is not None and day_of(b) < since]:
                    del kept[begin]
        return {"dropped_rows": rows}

    def _drop(self, rules: Retention, first: int) -> int:
        """Drop the samples of days before ``first``; of days dropped before they count nowhere."""
        dropped, ended = 0, set()
        for key, kept in self.held.items():
            count = bisect_left(kept, (float(first * DAY_S), -inf), key=_when)
            old, self.held[key] = kept[:count], kept[count:]
            fresh = [s for _, s, _ in old if day_of(s.observed_at) not in self.dropped]
            for tier in rules.tiers:
                self._stand_for(tier.width_s, key, fresh)
            ended |= {day_of(s.observed_at) for s in fresh}
            dropped += count
        self.dropped |= ended
        return dropped

    def _stand_for(self, width: int, key: Key, samples: Sequence[Sample]) -> None:
        kept = self.coarse.setdefault(width, {}).setdefault(key, {})
        for sample in samples:
            begin = sample.observed_at // width * width
            part, units = kept.setdefault(begin, (Partial(), set()))
            place = (*order(sample.observed_at, sample.n), 0)
            part.join(single(place, number(sample.value, sample.quality)))
            units.add(sample.unit)


def gather(history: History, members: Sequence[Key], told: Gathered) -> None:
    """Take the samples of ``members`` into their buckets, and what stands for dropped ones."""
    wide = told.wide
    for rank, key in enumerate(members):
        for sample in _counted(history, key, wide.start, wide.stop):
            told.units.setdefault(wide.group(key), set()).add(sample.unit)
            place = (*order(sample.observed_at, sample.n), rank)
            told.enter(key, place, number(sample.value, sample.quality))
        coarse = list(_coarse(history, key, told))
        for begin, part, units in coarse:
            told.stand_for(key, rank, begin, part)
            told.units.setdefault(wide.group(key), set()).update(units)
        if wide.agg == "weighted":
            samples = _counted(history, key, wide.start - wide.gap_s, wide.stop)
            raw = [(s.observed_at, number(s.value, s.quality)) for s in samples]
            means = [(begin, part.total / part.n) for begin, part, _ in coarse if part.n]
            told.weigh(key, sorted([*raw, *means], key=itemgetter(0)))


def _counted(history: History, key: Key, start: float, stop: float) -> Iterator[Sample]:
    """Yield samples, but for those that came after their day was dropped."""
    for sample in history.within(key, start, stop):
        if day_of(sample.observed_at) not in history.dropped:
            yield sample


def _coarse(
    history: History, key: Key, told: Gathered
) -> Iterator[tuple[float, Partial, set[str]]]:
    """Yield what stands for the dropped samples of a series, of the width that answers best."""
    wide = told.wide
    first, last = day_of(wide.start), day_of(wide.stop)
    for day in sorted(day for day in history.dropped if first <= day <= last):
        widths = [w for w, kept in history.coarse.items() if _of_day(kept.get(key, {}), day)]
        width = choose(sorted(widths), wide, raw=False)
        if width and not fits(width, wide):
            told.coarse_s = max(told.coarse_s, width)
        kept = history.coarse.get(width, {}).get(key, {})
        for begin in _of_day(kept, day):
            if wide.start <= begin < wide.stop:
                yield begin, *kept[begin]


def _of_day(kept: Mapping[float, Coarse], day: int) -> list[float]:
    return sorted(begin for begin in kept if day_of(begin) == day)


def days(history: Mapping[Key, list[Kept]], start: float, stop: float) -> Iterator[Recorded]:
    """Yield rows day by day, within a day by key and place."""
    found = [
        ((sample.observed_at // DAY_S, order_of(key), place), key, sample)
        for key, kept in history.items()
        for place, (_, sample, _) in enumerate(kept)
        if start <= sample.observed_at < stop
    ]
    for _, key, sample in sorted(found, key=itemgetter(0)):
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
