"""Buckets of PostgresStates: each day from the rows that answer it best. Parameters only."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import Any

from identity.errors import TooLarge
from twin import buckets
from twin.buckets import Gathered
from twin.retention import DAY_S, choose, day_of, fits
from twin.stores.postgres.connections import Connections
from twin.stores.slices import Member

STREAM_ROWS = 5_000  # held at once of a long answer

_MEMBERS = (
    "WITH wanted AS (SELECT * FROM unnest(%s::bigint[], %s::int[], %s::int[])"
    " AS w (series, place, part)), "
)
_RAW = (
    f"{_MEMBERS} held AS (SELECT w.part, w.place, h.observed_at, h.tie, h.unit,"  # noqa: S608 - constants
    " trunc((h.observed_at - %s) / %s)::bigint AS turn,"
    " CASE WHEN h.quality <> 'bad' THEN h.number END AS number FROM wanted w"
    " JOIN history h ON h.series = w.series WHERE h.day BETWEEN %s AND %s"
    " AND h.observed_at >= %s AND h.observed_at < %s)"
)
_COARSE = (
    f"{_MEMBERS} held AS (SELECT w.part, w.place, h.*,"  # noqa: S608 - constants
    " trunc((h.begin - %s) / %s)::bigint AS turn FROM wanted w"
    " JOIN coarse h ON h.series = w.series WHERE h.width = %s AND h.day = ANY(%s)"
    " AND h.begin >= %s AND h.begin < %s)"
)
_SUMS = {
    False: f"{_RAW} SELECT part, turn, count(number), count(*) - count(number), sum(number),"  # noqa: S608 - constants
    " min(number), max(number), min(unit), max(unit) FROM held GROUP BY part, turn",
    True: f"{_COARSE} SELECT part, turn, sum(n)::bigint, sum(left_out)::bigint, sum(total),"  # noqa: S608 - constants
    " min(low), max(high), min(unit_low), max(unit_high) FROM held GROUP BY part, turn",
}
_PICKS = {
    (False, "first"): f"{_RAW} SELECT DISTINCT ON (part, turn) part, turn, observed_at, tie, place,"  # noqa: S608 - constants
    " number FROM held WHERE number IS NOT NULL ORDER BY part, turn, observed_at, tie, place",
    (False, "last"): f"{_RAW} SELECT DISTINCT ON (part, turn) part, turn, observed_at, tie, place,"  # noqa: S608 - constants
    " number FROM held WHERE number IS NOT NULL"
    " ORDER BY part, turn, observed_at DESC, tie DESC, place DESC",
    (True, "first"): f"{_COARSE} SELECT DISTINCT ON (part, turn) part, turn, first_at, first_tie,"  # noqa: S608 - constants
    " place, first FROM held WHERE n > 0 ORDER BY part, turn, first_at, first_tie, place",
    (True, "last"): f"{_COARSE} SELECT DISTINCT ON (part, turn) part, turn, last_at, last_tie,"  # noqa: S608 - constants
    " place, last FROM held WHERE n > 0"
    " ORDER BY part, turn, last_at DESC, last_tie DESC, place DESC",
}
_HELD = f"{_RAW} SELECT place, observed_at, number FROM held ORDER BY place, observed_at, tie"  # noqa: S608 - constants
_MEANS = f"{_COARSE} SELECT place, begin, total / n FROM held WHERE n > 0 ORDER BY place, begin"  # noqa: S608 - constants
_KNOWN = (
    "SELECT day, raw, ready AND NOT dirty, widths FROM rolled"
    " WHERE day BETWEEN %s AND %s ORDER BY day"
)


@dataclass(slots=True)
class Plan:
    """``raw``: spans answered by readings. ``coarse``: days by the width of their rows.

    ``gone``: those of them whose readings are no longer kept.
    """

    raw: list[tuple[float, float]] = field(default_factory=list)
    coarse: dict[int, list[int]] = field(default_factory=dict)
    gone: dict[int, list[int]] = field(default_factory=dict)


async def gather(connections: Connections, members: Sequence[Member], told: Gathered) -> None:
    """Take the history of ``members`` into their buckets."""
    plan = await _plan(connections, told)
    for span in plan.raw:
        await _sums(connections, told, _raw_bound(members, told, span), coarse=False)
    for width, days in plan.coarse.items():
        await _sums(connections, told, _coarse_bound(members, told, width, days), coarse=True)
    if told.ask.agg == "weighted":
        await _weights(connections, members, told, plan)


async def _plan(connections: Connections, told: Gathered) -> Plan:
    wide, plan = told.wide, Plan()
    at, span = wide.start, (day_of(wide.start), day_of(wide.stop))
    for day, raw, ready, widths in await connections.read(_KNOWN, span):
        width = choose(sorted(widths), wide, raw=raw) if ready or not raw else 0
        if raw and not width:
            continue
        if at < day * DAY_S:
            plan.raw.append((at, min(day * DAY_S, wide.stop)))
        at = max(at, float((day + 1) * DAY_S))
        if width:
            plan.coarse.setdefault(width, []).append(day)
        if not raw:
            plan.gone.setdefault(width, []).append(day)
            told.coarse_s = max(told.coarse_s, 0 if fits(width or 1, wide) else width)
    if at < wide.stop:
        plan.raw.append((at, wide.stop))
    return plan


async def _sums(
    connections: Connections, told: Gathered, bound: Sequence[Any], *, coarse: bool
) -> None:
    """Gather counts, sums and bounds of every bucket, and what is first or last in it."""
    told.count(await connections.read(_SUMS[coarse], bound))
    if told.ask.agg in {"first", "last"}:
        told.pick(await connections.read(_PICKS[coarse, told.ask.agg], bound))


async def _weights(
    connections: Connections, members: Sequence[Member], told: Gathered, plan: Plan
) -> None:
    """Gather how long each value held; the rows of one source are in memory at a time."""
    means: dict[int, list[tuple[float, float]]] = {}
    for width, days in plan.gone.items():
        bound = _coarse_bound(members, told, width, days, before_s=told.wide.gap_s)
        for rank, begin, mean in await connections.read(_MEANS, bound):
            means.setdefault(rank, []).append((begin, mean))
    span = (told.wide.start - told.wide.gap_s, told.wide.stop)
    gone = {day for days in plan.gone.values() for day in days}
    async with connections.stream(_HELD, _raw_bound(members, told, span), STREAM_ROWS) as rows:
        async for rank, samples in _by_rank(rows):
            raw = [(at, number) for at, number in samples if day_of(at) not in gone]
            told.weigh(members[rank][1], merge(raw, means.pop(rank, []), key=_at))
    for rank, rest in means.items():
        told.weigh(members[rank][1], rest)


async def _by_rank(
    rows: AsyncIterator[tuple[Any, ...]],
) -> AsyncIterator[tuple[int, Iterable[tuple[float, float | None]]]]:
    held: list[tuple[float, float | None]] = []
    rank = -1
    async for place, at, number in rows:
        if held and place != rank:
            yield rank, held
            held = []
        rank = place
        held.append((at, number))
        if len(held) > buckets.WEIGHED_MAX:  # more of one source would fill the memory
            raise TooLarge("weighing_limit", limit=buckets.WEIGHED_MAX)
    if held:
        yield rank, held


def _at(sample: tuple[float, float | None]) -> float:
    return sample[0]


def _raw_bound(
    members: Sequence[Member], told: Gathered, span: tuple[float, float]
) -> tuple[Any, ...]:
    days = day_of(span[0]), day_of(span[1])
    return (*_wanted(members, told), told.wide.start, told.wide.every_s, *days, *span)


def _coarse_bound(
    members: Sequence[Member],
    told: Gathered,
    width: int,
    days: Sequence[int],
    before_s: float = 0.0,
) -> tuple[Any, ...]:
    wide = told.wide
    span = (wide.start - before_s, wide.stop)
    return (*_wanted(members, told), wide.start, wide.every_s, width, list(days), *span)


def _wanted(members: Sequence[Member], told: Gathered) -> tuple[list[int], list[int], list[int]]:
    parts = {group: part for part, group in enumerate(told.groups)}
    return (
        [number for number, _ in members],
        list(range(len(members))),
        [parts[told.wide.group(key)] for _, key in members],
    )
