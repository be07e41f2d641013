"""History in buckets of one width: what may be asked, how sums join, how gaps are told. Pure.

Numbers enter an aggregate, and truth values as 0 and 1. NA, texts and bad readings never do: they
are counted as left out. A bucket nothing entered is empty (None, not 0) and says so.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from identity.errors import Invalid, TooLarge
from twin.reading import Quality, Value

AGGREGATES = ("mean", "min", "max", "sum", "count", "first", "last", "weighted")
FILLS = ("none", "previous", "linear")
GROUPS = ("source", "thing", "property")
GAP_S = 3_600.0  # a longer stretch without samples is a gap
WEIGHED_MAX = 2_000_000  # samples of one mean over time: they are looked at one by one
CELLS_MAX = 100_000  # buckets of one answer, over all its groups

Key = tuple[str, str, str]  # code, property, source
Place = tuple[float, int, int]  # observed_at, n (-1: none), rank of the source: who is first
Pick = tuple[Place, float]


@dataclass(frozen=True, slots=True)
class Buckets:
    """Samples with start <= observed_at < stop, in steps of ``every_s`` seconds from ``start``.

    ``agg``: one of AGGREGATES; "weighted" is the mean over time, a value holding until the next
    one. ``fill``: how empty buckets are bridged. ``gap_s``: over a longer stretch nothing is
    bridged and no value holds. ``by``: what makes one row of buckets: each source, each
    (code, property) with all its sources, or a property over all things chosen.
    """

    start: float
    stop: float
    every_s: float
    agg: str = "mean"
    fill: str = "none"
    gap_s: float = GAP_S
    by: str = "thing"

    @property
    def count(self) -> int:
        """How many buckets; the last may be cut short by ``stop``."""
        return math.ceil((self.stop - self.start) / self.every_s)

    def number(self, at: float) -> int:
        """Return the bucket of a time in the span."""
        return int((at - self.start) / self.every_s)

    def group(self, key: Key) -> Key:
        """Return the row of buckets that a source's samples enter."""
        code, name, _ = key
        return {"source": key, "thing": (code, name, ""), "property": ("", name, "")}[self.by]


@dataclass(frozen=True, slots=True)
class Bucket:
    """``value``: None where it is empty. ``count``: samples that entered. ``left_out``: not.

    ``filled``: "previous" or "linear" where the value was not measured but bridged.
    """

    at: float
    value: float | None
    count: int = 0
    left_out: int = 0
    filled: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of buckets; ``units``: all that its samples had (more than one: not comparable).

    ``coarse_s``: 0 where every bucket is exact; else some were made of rows of history this many
    seconds wide that do not fit them, because finer ones are no longer kept.
    """

    code: str
    property: str
    source: str
    units: tuple[str, ...]
    buckets: Sequence[Bucket]
    coarse_s: int = 0


@dataclass(slots=True)
class Partial:
    """What is known of one bucket from a part of its samples; parts join in any order.

    ``weight``: seconds in which a value held (weighted), else as ``n``. ``first``, ``last``: the
    place and the number.
    """

    n: int = 0
    left_out: int = 0
    total: float = 0.0
    weight: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    first: Pick | None = None
    last: Pick | None = None

    def join(self, other: "Partial") -> None:
        """Take another part of the same bucket in."""
        self.n += other.n
        self.left_out += other.left_out
        self.total += other.total
        self.weight += other.weight
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        if other.first is not None:
            self.first = min(self.first or other.first, other.first)
        if other.last is not None:
            self.last = max(self.last or other.last, other.last)

    def value(self, agg: str) -> float | None:
        """Return the aggregate; None when nothing entered. A count of nothing is 0."""
        if agg == "count":
            return float(self.n)
        if agg in {"first", "last"}:
            pick = self.first if agg == "first" else self.last
            return pick[1] if pick else None
        if agg in {"mean", "weighted"}:
            return self.total / self.weight if self.weight else None
        if not self.n:
            return None
        return {"sum": self.total, "min": self.low, "max": self.high}[agg]


@dataclass(slots=True)
class Gathered:
    """What is known so far of the rows of one answer; ``wide`` is the span that is read.

    ``cells``: (row, number of the bucket in ``wide``) → what is known. ``units`` of each row.
    """

    ask: Buckets
    groups: Sequence[Key]
    wide: Buckets = field(init=False)
    cells: dict[tuple[Key, int], Partial] = field(default_factory=dict)
    units: dict[Key, set[str]] = field(default_factory=dict)
    coarse_s: int = 0
    weighed: int = 0

    def __post_init__(self) -> None:
        check(self.ask, len(self.groups))
        self.wide = widened(self.ask)

    def join(self, group: Key, turn: int, part: Partial) -> None:
        """Take a part of one bucket in."""
        self.cells.setdefault((group, turn), Partial()).join(part)

    def count(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take in what a store summed: group, bucket, n, left out, total, low, high, units."""
        for group, turn, n, left_out, total, low, high, *units in rows:
            part = Partial(int(n), int(left_out))
            if n and self.ask.agg != "weighted":
                part.total, part.weight, part.low, part.high = total, float(n), low, high
            self.join(self.groups[group], turn, part)
            self.units.setdefault(self.groups[group], set()).update(units)

    def pick(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take in what a store found first, or last: group, bucket, at, tie, rank, number."""
        for group, turn, at, tie, rank, value in rows:
            found = (at, tie, rank), float(value)
            self.join(self.groups[group], turn, Partial(first=found, last=found))

    def enter(self, key: Key, place: Place, value: float | None) -> None:
        """Take one sample in; ``value`` as ``number`` gives it."""
        part = single(place, value)
        if self.ask.agg == "weighted":
            part.total = part.weight = 0.0
        self.join(self.ask.group(key), self.wide.number(place[0]), part)

    def stand_for(self, key: Key, rank: int, begin: float, part: Partial) -> None:
        """Take in what stands for samples that are no longer kept; they began at ``begin``."""
        picks = [p and ((p[0][0], p[0][1], rank), p[1]) for p in (part.first, part.last)]
        told = replace(part, first=picks[0], last=picks[1])
        if self.ask.agg == "weighted":
            told.total = told.weight = 0.0
        self.join(self.ask.group(key), self.wide.number(begin), told)

    def weigh(self, key: Key, samples: Iterable[tuple[float, float | None]]) -> None:
        """Add to each bucket how long each value of one source held in it.

        ``samples``: (observed_at, value) in order, from ``gap_s`` before the span on. A value
        holds until the next sample, at most ``gap_s``; one that is left out ends the one before.
        """
        held: tuple[float, float | None] | None = None
        for at, value in samples:
            self.weighed += 1
            if self.weighed > WEIGHED_MAX:
                raise TooLarge("weighing_limit", limit=WEIGHED_MAX)
            if held is not None:
                self._hold(key, held, at)
            held = at, value
        if held is not None:
            self._hold(key, held, self.wide.stop)

    def _hold(self, key: Key, held: tuple[float, float | None], until: float) -> None:
        begin, value = held
        if value is None:
            return
        wide = self.wide
        end = min(until, begin + wide.gap_s, wide.stop)
        at = max(begin, wide.start)
        while at < end:
            turn = wide.number(at)
            if wide.start + (turn + 1) * wide.every_s <= at:
                turn += 1  # the division rounded down at an edge
            edge = min(end, wide.start + (turn + 1) * wide.every_s)
            self.join(wide.group(key), turn, Partial(total=value * (edge - at), weight=edge - at))
            at = edge

    def rows(self) -> list[Row]:
        """Return every bucket of every row, the empty ones too, bridged as asked."""
        skipped = round((self.ask.start - self.wide.start) / self.ask.every_s)
        found = []
        for group in self.groups:
            parts = [self.cells.get((group, turn)) for turn in range(self.wide.count)]
            known = [_bucket(self.wide, turn, part) for turn, part in enumerate(parts)]
            told = _bridged(known, self.ask)[skipped : skipped + self.ask.count]
            found.append(Row(*group, tuple(sorted(self.units.get(group, ()))), told, self.coarse_s))
        return found


def check(ask: Buckets, groups: int = 1) -> None:
    """Refuse what cannot be answered or would be too much for one answer."""
    for name, known in (("agg", AGGREGATES), ("fill", FILLS), ("by", GROUPS)):
        if getattr(ask, name) not in known:
            asked = str(getattr(ask, name))[:40]
            raise Invalid("buckets_word_unknown", name=name, word=asked, known=", ".join(known))
    numbers = (ask.start, ask.stop, ask.every_s, ask.gap_s)
    if not all(map(math.isfinite, numbers)) or ask.every_s <= 0 or ask.gap_s < 0:
        raise Invalid("buckets_width_invalid", every_s=str(ask.every_s), gap_s=str(ask.gap_s))
    spans = (ask.stop - ask.start, ask.gap_s)
    if not all(math.isfinite(span / ask.every_s) for span in spans):
        raise Invalid("buckets_width_invalid", every_s=str(ask.every_s), gap_s=str(ask.gap_s))
    if ask.start > ask.stop:
        raise Invalid("span_invalid", start=ask.start, stop=ask.stop)
    if widened(ask).count * groups > CELLS_MAX:
        cells = widened(ask).count * groups
        raise TooLarge("buckets_limit", cells=cells, groups=groups, limit=CELLS_MAX)


def widened(ask: Buckets) -> Buckets:
    """Return the span to be read, so that what lies around it bridges its edges too."""
    margin_s = math.ceil(ask.gap_s / ask.every_s) * ask.every_s
    before = margin_s if ask.fill != "none" else 0.0
    behind = margin_s if ask.fill == "linear" else 0.0
    return replace(ask, start=ask.start - before, stop=ask.stop + behind)


def single(place: Place, value: float | None) -> Partial:
    """Return what one sample says of its bucket; ``value`` as ``number`` gives it."""
    if value is None:
        return Partial(left_out=1)
    return Partial(1, 0, value, 1.0, value, value, (place, value), (place, value))


def number(value: Value, quality: Quality) -> float | None:
    """Return what of a sample enters an aggregate, None where nothing does."""
    if value is None or isinstance(value, str) or quality is Quality.BAD:
        return None
    return float(value)


def _bucket(ask: Buckets, turn: int, part: Partial | None) -> Bucket:
    known = part or Partial()
    at = ask.start + turn * ask.every_s
    return Bucket(at, known.value(ask.agg), known.n, known.left_out)


def _bridged(buckets: list[Bucket], ask: Buckets) -> list[Bucket]:
    """Fill empty buckets between (linear) or behind (previous) measured ones."""
    if ask.fill == "none":
        return buckets
    reach = math.floor(ask.gap_s / ask.every_s)
    measured = [turn for turn, bucket in enumerate(buckets) if bucket.value is not None]
    for place, left in enumerate(measured):
        right = measured[place + 1] if place + 1 < len(measured) else None
        if ask.fill == "previous":
            end = min(right or len(buckets), left + reach + 1, len(buckets))
        else:
            end = right if right is not None and right - left - 1 <= reach else left
        for turn in range(left + 1, end):
            value = _between(buckets, ask.fill, left, right, turn)
            buckets[turn] = replace(buckets[turn], value=value, filled=ask.fill)
    return buckets


def _between(buckets: list[Bucket], fill: str, left: int, right: int | None, turn: int) -> float:
    low: Any = buckets[left].value
    if fill == "previous" or right is None:
        return float(low)
    high: Any = buckets[right].value
    return float(low + (high - low) * (turn - left) / (right - left))
