"""Buckets and export of PostgresStates: named statements, parameters only."""

from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from twin.buckets import Buckets, Gathered, Key, Partial, Row
from twin.ports import EXPORT_ROWS, Recorded, Where
from twin.stores import limits
from twin.stores.postgres.connections import Connections
from twin.stores.postgres.reads import KEY, NOW
from twin.stores.postgres.rows import SAMPLE, day_of, sample_of
from twin.stores.postgres.where import conditions
from twin.stores.slices import BEGIN, Day, Member, Place, page_of

STREAM_ROWS = 5_000  # held at once of a long answer
SLICE_MEMBERS = 50  # series of one slice of an export

_WANTED = (
    "WITH wanted AS (SELECT * FROM unnest(%s::bigint[], %s::int[], %s::int[])"
    " AS w (series, place, part)), held AS (SELECT w.part, w.place, h.observed_at, h.tie, h.unit,"
    " trunc((h.observed_at - %s) / %s)::bigint AS turn,"
    " CASE WHEN h.quality <> 'bad' THEN h.number END AS number FROM wanted w"
    " JOIN history h ON h.series = w.series WHERE h.day BETWEEN %s AND %s"
    " AND h.observed_at >= %s AND h.observed_at < %s)"
)
_SUMS = (
    f"{_WANTED} SELECT part, turn, count(number), count(*) - count(number), sum(number),"  # noqa: S608 - constants
    " min(number), max(number), min(unit), max(unit) FROM held GROUP BY part, turn"
)
_PICKS = (
    f"{_WANTED} SELECT DISTINCT ON (part, turn) part, turn, observed_at, tie, place, number"  # noqa: S608 - constants
    " FROM held WHERE number IS NOT NULL ORDER BY part, turn"
)
_FIRST = f"{_PICKS}, observed_at, tie, place"
_LAST = f"{_PICKS}, observed_at DESC, tie DESC, place DESC"
_HELD = (
    f"{_WANTED} SELECT place, observed_at, number FROM held"  # noqa: S608 - constants
    " ORDER BY place, observed_at, tie"
)
_NEXT = (
    "SELECT w.place, h.observed_at FROM unnest(%s::bigint[]) WITH ORDINALITY AS w (series, place)"
    " CROSS JOIN LATERAL (SELECT observed_at FROM history h WHERE h.series = w.series"
    " AND h.day BETWEEN %s AND %s AND h.observed_at >= %s AND h.observed_at < %s"
    " ORDER BY h.day, h.observed_at LIMIT 1) h"
)
_SLICE = (
    f"SELECT w.place, {SAMPLE} FROM unnest(%s::bigint[]) WITH ORDINALITY AS w (series, place)"  # noqa: S608 - constants
    " JOIN history h ON h.series = w.series WHERE h.day = %s"
    " AND h.observed_at >= %s AND h.observed_at < %s"
    " AND (w.place > 1 OR (h.observed_at, h.tie) > (%s, %s))"
    " ORDER BY w.place, h.observed_at, h.tie LIMIT %s"
)


async def chosen(connections: Connections, where: Where, begin: Key) -> list[Member]:
    """Return the series whose state of now is wanted, from the thing of ``begin`` on, by key."""
    wanted, values = conditions(where)
    query = f"SELECT s.id, {KEY} {NOW} WHERE t.code >= %s{wanted} ORDER BY {KEY} LIMIT %s"
    bound = (begin[0], *values, limits.SERIES_MAX + 1)
    rows = await connections.read(query, bound)
    limits.check_members(len(rows))
    return [(number, (code, name, source)) for number, code, name, source in rows]


async def series(
    connections: Connections, where: Where, ask: Buckets, limit: int, after: str
) -> tuple[list[Row], str]:
    """Return a page of rows of buckets and the next cursor."""
    behind = limits.cursor(after)
    begin = ("", "", "") if ask.by == "property" else behind
    found = await chosen(connections, where, begin)
    groups, members, more = page_of(found, ask, limit, behind)
    told = Gathered(ask, groups)
    await _sums(connections, members, told)
    if ask.agg in {"first", "last"}:
        await _picks(connections, members, told)
    if ask.agg == "weighted":
        await _weights(connections, members, told)
    return told.rows(), limits.CURSOR_MARK.join(groups[-1]) if more else ""


async def next_day(
    connections: Connections, members: Sequence[Member], at: float, stop: float
) -> dict[int, float]:
    """Return by its place in ``members`` when each series that has rows in the span begins."""
    numbers = [number for number, _ in members]
    days = day_of(at), day_of(stop)
    rows = await connections.read(_NEXT, (numbers, *days, at, stop))
    return {place - 1: begin for place, begin in rows}


async def day_slice(
    connections: Connections, day: Day, place: Place
) -> tuple[list[Recorded], Place]:
    """Return at most EXPORT_ROWS rows behind ``place``, and where to go on."""
    turn, behind = place
    members = day.members[turn : turn + SLICE_MEMBERS]
    numbers = [number for number, _ in members]
    bound = (numbers, day_of(day.start), day.start, day.stop, *behind, EXPORT_ROWS)
    rows = await connections.read(_SLICE, bound)
    found = []
    for nth, *row in rows:
        code, name, source = members[nth - 1][1]
        found.append(Recorded(code, name, sample_of(source, row)))
    if len(rows) == EXPORT_ROWS:
        return found, (turn + rows[-1][0] - 1, (rows[-1][1], rows[-1][2]))
    return found, (turn + len(members), BEGIN)


async def _sums(connections: Connections, members: Sequence[Member], told: Gathered) -> None:
    for part, turn, n, left_out, total, low, high, *units in await connections.read(
        _SUMS, _bound(members, told)
    ):
        known = Partial(n, left_out)
        if n and told.ask.agg != "weighted":
            known.total, known.weight, known.low, known.high = total, float(n), low, high
        told.join(told.groups[part], turn, known)
        told.units.setdefault(told.groups[part], set()).update(units)


async def _picks(connections: Connections, members: Sequence[Member], told: Gathered) -> None:
    query = _FIRST if told.ask.agg == "first" else _LAST
    for part, turn, at, tie, rank, number in await connections.read(query, _bound(members, told)):
        told.join(told.groups[part], turn, Partial(pick=((at, tie, rank), number)))


async def _weights(connections: Connections, members: Sequence[Member], told: Gathered) -> None:
    """Gather how long each value held; a source's rows are in memory, one source at a time."""
    bound = _bound(members, told, before_s=told.wide.gap_s)
    async with connections.stream(_HELD, bound, STREAM_ROWS) as rows:
        async for rank, samples in _by_rank(rows):
            told.weigh(members[rank][1], samples)


async def _by_rank(
    rows: AsyncIterator[tuple[Any, ...]],
) -> AsyncIterator[tuple[int, Iterable[tuple[float, float | None]]]]:
    held: list[tuple[Any, ...]] = []
    async for row in rows:
        if held and row[0] != held[0][0]:
            yield held[0][0], [(at, number) for _, at, number in held]
            held = []
        held.append(row)
    for rank, last in groupby(held, itemgetter(0)):
        yield rank, [(at, number) for _, at, number in last]


def _bound(members: Sequence[Member], told: Gathered, before_s: float = 0.0) -> tuple[Any, ...]:
    wide, parts = told.wide, {group: part for part, group in enumerate(told.groups)}
    start = wide.start - before_s
    return (
        [number for number, _ in members],
        list(range(len(members))),
        [parts[wide.group(key)] for _, key in members],
        *(wide.start, wide.every_s),
        *(day_of(start), day_of(wide.stop), start, wide.stop),
    )
