"""Buckets over hot and cold history of one SQLite file: each day is summed up where it lies."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import Any

from twin.buckets import Gathered, number
from twin.reading import Quality
from twin.retention import DAY_S, choose, day_of, fits
from twin.stores import sqlite_cold
from twin.stores.cold.parts import Part, order_of
from twin.stores.slices import BEGIN, Member
from twin.stores.sqlite_past import Past

Ranked = Sequence[tuple[int, Member]]
"""Series with their ranks in the answer."""

_NUMBER = (
    "CASE WHEN h.quality = 'bad' THEN NULL WHEN typeof(h.value) IN ('integer', 'real') THEN h.value"
    " WHEN typeof(h.value) = 'blob' THEN h.value = x'01' END"
)
_WANTED = (
    "WITH wanted (series, place, part) AS (SELECT value ->> 0, value ->> 1, value ->> 2"  # noqa: S608 - constants
    " FROM json_each(?)), held AS (SELECT w.part, w.place, h.observed_at, h.tie, h.unit,"
    f" CAST((h.observed_at - ?) / ? AS INTEGER) AS turn, {_NUMBER} AS number"
    " FROM wanted w CROSS JOIN history h ON h.series = w.series"
    " AND h.observed_at >= ? AND h.observed_at < ?)"
)
_SUMS = (
    f"{_WANTED} SELECT part, turn, count(number), count(*) - count(number), total(number),"  # noqa: S608 - constants
    " min(number), max(number), min(unit), max(unit) FROM held GROUP BY part, turn"
)
_PICKS = (
    f"{_WANTED} SELECT part, turn, observed_at, tie, place, number FROM (SELECT *, row_number()"  # noqa: S608 - constants
    " OVER (PARTITION BY part, turn ORDER BY observed_at {way}, tie {way}, place {way}) AS nth"
    " FROM held WHERE number IS NOT NULL) WHERE nth = 1"
)
_FIRST, _LAST = _PICKS.format(way="ASC"), _PICKS.format(way="DESC")


@dataclass(slots=True)
class Plan:
    """Where the parts of a span lie: ``hot`` spans in the store, ``cold`` days in files alone.

    ``cold``: files by the width of their rows. ``mixed``: days of which some rows are in either.
    ``coarse``: files that stand for readings no longer kept.
    """

    hot: list[tuple[float, float]] = field(default_factory=list)
    cold: dict[int, list[Part]] = field(default_factory=dict)
    mixed: list[int] = field(default_factory=list)
    coarse: list[Part] = field(default_factory=list)


def gather(past: Past, members: Sequence[Member], told: Gathered) -> None:
    """Take the history of ``members`` into their buckets."""
    ranked = list(enumerate(members))
    plan = plan_of(past, told)
    for span in plan.hot:
        hot_sums(past.reads, ranked, told, span)
    for width, parts in plan.cold.items():
        _cold_sums(past, ranked, told, parts, coarse=width > 0)
    for day in plan.mixed:
        _mixed_sums(past, ranked, told, day)
    if told.ask.agg == "weighted":
        _weights(past, ranked, told, plan.coarse)


def plan_of(past: Past, told: Gathered) -> Plan:
    """Return where the days of the span lie, and which rows of theirs answer best."""
    wide, plan = told.wide, Plan()
    at, days = wide.start, (day_of(wide.start), day_of(wide.stop))
    cold_days = [day for day in past.rolled if days[0] <= day <= days[1]]
    widths = sqlite_cold.widths(past.reads, *days) if cold_days else {}
    for day in cold_days:
        begin, end = day * DAY_S, (day + 1) * DAY_S
        if at < begin:
            plan.hot.append((at, min(begin, wide.stop)))
        at = max(at, float(end))
        raw = past.raw_parts(day)
        if raw and past.mixed(day):
            plan.mixed.append(day)
            continue
        width = choose(widths.get(day, []), wide, raw=bool(raw))
        parts = sqlite_cold.parts(past.reads, width, day, day)[day] if width else raw
        plan.cold.setdefault(width, []).extend(parts)
        if not raw:
            plan.coarse += parts
            told.coarse_s = max(told.coarse_s, 0 if fits(width, wide) else width)
    if at < wide.stop:
        plan.hot.append((at, wide.stop))
    return plan


def hot_sums(
    reads: sqlite3.Connection, ranked: Ranked, told: Gathered, span: tuple[float, float]
) -> None:
    """Gather what the store itself has in a span."""
    bound = _bound(ranked, told, span)
    told.count(reads.execute(_SUMS, bound))
    if told.ask.agg in {"first", "last"}:
        told.pick(reads.execute(_FIRST if told.ask.agg == "first" else _LAST, bound))


def _cold_sums(
    past: Past, ranked: Ranked, told: Gathered, parts: Sequence[Part], *, coarse: bool
) -> None:
    from twin.stores.cold.sums import Asked

    orders = [order_of(key) for _, (_, key) in ranked]
    bounds = min(orders), max(orders)
    files = [part.file for part in parts if part.first <= bounds[1] and part.last >= bounds[0]]
    if files and past.cold is not None:
        past.cold.sums.gather(Asked(files, ranked), told, coarse=coarse)


def _mixed_sums(past: Past, ranked: Ranked, told: Gathered, day: int) -> None:
    """Gather a day part by part: what has left the store from files, the rest row by row."""
    alone: list[tuple[int, Member]] = []
    by_part: dict[int, list[tuple[int, Member]]] = {}
    parts = past.raw_parts(day)
    for rank, member in ranked:
        order = order_of(member[1])
        held = [place for place, p in enumerate(parts) if p.covers(order) and p.holds(order)]
        for place in held:
            by_part.setdefault(place, []).append((rank, member))
        if held:
            _residue(past, told, rank, member, day)
        else:
            alone.append((rank, member))
    for place, some in by_part.items():
        _cold_sums(past, some, told, [parts[place]], coarse=False)
    wide = told.wide
    span = max(wide.start, day * DAY_S), min(wide.stop, (day + 1) * DAY_S)
    if alone:
        hot_sums(past.reads, alone, told, span)


def _residue(past: Past, told: Gathered, rank: int, member: Member, day: int) -> None:
    """Take rows of a cold day that lie in the store; those that a file has, too, count once."""
    wide, (series, key) = told.wide, member
    hot = past.hot_rows(series, day * DAY_S, (day + 1) * DAY_S)
    if not hot:
        return
    known = {row[:2] for row in past.held_cold(member, day)}
    for at, tie, _, value, unit, quality, _ in hot:
        if (at, tie) not in known and wide.start <= at < wide.stop:
            told.enter(key, (at, tie, rank), number(value, Quality(quality)))
            told.units.setdefault(wide.group(key), set()).add(unit)


def _weights(past: Past, ranked: Ranked, told: Gathered, coarse: Sequence[Part]) -> None:
    """Gather how long each value held; a coarser row's mean holds from its beginning."""
    wide = told.wide
    start = wide.start - wide.gap_s
    means = _means(past, ranked, coarse, (start, wide.stop))
    for rank, member in ranked:
        raw = (
            (row[0], number(row[3], Quality(row[5])))
            for row in past.forward(member, start, wide.stop, BEGIN)
        )
        told.weigh(member[1], _in_order(raw, means.get(rank, [])))


def _in_order(
    raw: Iterator[tuple[float, float | None]], means: list[tuple[float, float]]
) -> Iterator[tuple[float, float | None]]:
    return merge(raw, means, key=lambda sample: sample[0]) if means else raw


def _means(
    past: Past, ranked: Ranked, coarse: Sequence[Part], span: tuple[float, float]
) -> dict[int, list[tuple[float, float]]]:
    from twin.stores.cold.sums import Asked

    if not coarse or past.cold is None:
        return {}
    return past.cold.sums.means(Asked([part.file for part in coarse], ranked), span)


def _bound(ranked: Ranked, told: Gathered, span: tuple[float, float]) -> tuple[Any, ...]:
    wide, parts = told.wide, {group: part for part, group in enumerate(told.groups)}
    wanted = [(series, rank, parts[wide.group(key)]) for rank, (series, key) in ranked]
    return json.dumps(wanted), wide.start, wide.every_s, *span
