"""Buckets and export of PostgresStates: named statements, parameters only."""

from collections.abc import Sequence

from twin.buckets import Buckets, Gathered, Key, Row
from twin.ports import EXPORT_ROWS, Recorded, Where
from twin.retention import day_of
from twin.stores import limits
from twin.stores.postgres.connections import Connections
from twin.stores.postgres.reads import KEY, NOW
from twin.stores.postgres.rows import SAMPLE, sample_of
from twin.stores.postgres.sums import gather
from twin.stores.postgres.where import conditions
from twin.stores.slices import BEGIN, Day, Member, Place, page_of

SLICE_MEMBERS = 50  # series of one slice of an export

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
    """Return the series whose state of now is wanted, from the thing of ``begin`` on, by key.

    One more than a call may gather, at most.
    """
    wanted, values = conditions(where)
    query = f"SELECT s.id, {KEY} {NOW} WHERE t.code >= %s{wanted} ORDER BY {KEY} LIMIT %s"
    bound = (begin[0], *values, limits.SERIES_MAX + 1)
    rows = await connections.read(query, bound)
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
    await gather(connections, members, told)
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
