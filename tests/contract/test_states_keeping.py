"""The contract of ``States.keep``: history grows old without anybody noticing, until it goes."""

import random
from math import inf

import pytest

from twin.buckets import Buckets
from twin.ports import Commit, Comparison, Projection, Where
from twin.reading import Quality, Reading
from twin.retention import DAY_S

pytestmark = pytest.mark.anyio

DAY = 20_000  # since 1970: the first day of these tests
START = float(DAY * DAY_S)
HALL = Projection("Space", "大厅", "420111", "tower", 114.40, 30.50)
VALUES = (1.5, 2, -3, True, None, "开", 2**60, 7.25)
KEYS = [(c, p, s) for c in "ba" for p in ("wet", "heat") for s in ("t", "s")]


def noon(day):
    """The middle of a day, by its number from the first."""
    return START + (day + 0.5) * DAY_S


def reading(key=("a", "heat", "s"), value=1.0, at=0.0, **more):
    code, name, source = key
    return Reading(
        code, name, value, START + at, more.pop("received_at", START + at + 1), source, **more
    )


def three_days():
    """Some hundred readings of eight series on three days, in the order of arrival."""
    chance = random.Random(7)
    rows = []
    for n in range(600):
        at = chance.choice((0, 1, 2)) * DAY_S + chance.randrange(0, DAY_S, 60)
        quality = chance.choice((Quality.GOOD, Quality.GOOD, Quality.BAD))
        more = {"n": chance.choice((None, n)), "unit": chance.choice(("Cel", "K"))}
        rows.append(
            reading(chance.choice(KEYS), chance.choice(VALUES), at, quality=quality, **more)
        )
    return rows


async def told(states):
    """All that can be asked of the past, to be compared with what it was before."""
    asked = Buckets(START, START + 3 * DAY_S, 3_600, "count")
    found = {}
    for agg in ("mean", "min", "max", "sum", "count", "first", "last", "weighted"):
        for by in ("source", "thing", "property"):
            ask = Buckets(asked.start, asked.stop, 3_600, agg, by=by)
            found[agg, by], _ = await states.series(Where(), ask, limit=100)
    for agg in ("mean", "first", "last", "weighted"):
        odd = Buckets(START + 77, START + 2 * DAY_S + 11, 1_234, agg, fill="linear", gap_s=9_000)
        found["odd", agg], _ = await states.series(Where(), odd, limit=100)
    for at in (START, noon(0), noon(1), noon(2) + 7, inf):
        for known in (noon(1), inf):
            found["at", at, known], _ = await states.at(
                Where(), observed_until=at, received_until=known, limit=100
            )
    for code, name in (("a", "heat"), ("b", "wet")):
        found["history", code, name] = await states.history(
            code, name, start=START + 100, stop=noon(2), limit=1_000
        )
    found["newest"] = await states.newest(KEYS, limit=3)
    found["export"] = [
        row
        async for some in states.export(Where(), start=START + 100, stop=noon(2))
        for row in some
    ]
    return found


def nearly(found):
    """Sums of floats come in another order from other places: compared to nine digits."""
    if isinstance(found, float):
        return round(found, 9)
    if isinstance(found, list | tuple):
        return [nearly(part) for part in found]
    return [nearly(getattr(found, name)) for name in found.__slots__] if is_row(found) else found


def is_row(found):
    return type(found).__name__ in {"Row", "Bucket"}


def same(before, after):
    assert before.keys() == after.keys()
    for name, found in before.items():
        assert nearly(after[name]) == nearly(found), name


async def test_what_is_asked_of_ended_days_is_answered_the_same_before_and_after(kept):
    await kept.commit(Commit(three_days(), projections={"a": HALL, "b": HALL}))
    before = await told(kept)

    for day in (1, 2, 3, 4):  # one day after the other ends
        await kept.keep(noon(day))
        same(before, await told(kept))


async def test_late_readings_of_an_ended_day_are_there_once_whatever_they_repeat(kept):
    rows = three_days()
    await kept.commit(Commit(rows[:300]))
    await kept.keep(noon(4))
    for begin in range(0, 600, 100):  # half of it again, half of it late
        await kept.commit(Commit(rows[begin : begin + 100]))
    late = await told(kept)
    await kept.keep(noon(4))
    await kept.keep(noon(4) + 1)

    same(late, await told(kept))
    keys = {(r.code, r.property, r.source, r.observed_at, r.n) for r in rows}
    inside = {key for key in keys if START + 100 <= key[3] < noon(2)}
    found = [
        (r.code, r.property, r.sample.source, r.sample.observed_at, r.sample.n)
        for r in late["export"]
    ]
    assert (len(found), set(found)) == (len(inside), inside)


async def test_a_repeated_reading_of_an_ended_day_keeps_its_first_value(kept):
    await kept.commit(Commit([reading(value=1.0, at=60), reading(value=2.0, at=DAY_S)]))
    await kept.keep(noon(4))
    await kept.commit(Commit([reading(value=9.0, at=60)]))

    samples = await kept.history("a", "heat", start=START, stop=START + DAY_S, limit=10)
    assert [s.value for s in samples] == [1.0]


async def test_readings_that_have_their_age_are_gone_and_coarser_rows_answer_for_them(kept):
    rows = [reading(value=float(n), at=600 * n + 1, unit="Cel") for n in range(144)]
    await kept.commit(Commit([*rows, reading(value=5.0, at=30 * DAY_S)]))
    ask = Buckets(START, START + DAY_S, 3_600, "mean")
    before, _ = await kept.series(Where(), ask, limit=9)
    await kept.keep(noon(10))
    kept_still = await kept.history("a", "heat", start=START, stop=noon(2), limit=500)
    await kept.keep(noon(11))

    after, _ = await kept.series(Where(), ask, limit=9)
    assert len(kept_still) == 144
    assert await kept.history("a", "heat", start=START, stop=noon(2), limit=10) == []
    assert (nearly(after), after[0].coarse_s) == (nearly(before), 0)
    fine, _ = await kept.series(Where(), Buckets(START, START + 600, 60), limit=9)
    assert [b.value for b in fine[0].buckets] == [0.0, *[None] * 9]
    assert fine[0].coarse_s == 300


@pytest.mark.parametrize(
    ("agg", "wanted"),
    [("min", 1), ("max", 8), ("sum", 15), ("count", 4), ("first", 4), ("last", 1), ("mean", 3.75)],
)
async def test_every_aggregate_of_coarser_rows_is_that_of_their_readings(kept, agg, wanted):
    rows = [(10, 4), (20, None), (700, 8), (1_900, 2), (3_599, 1)]
    await kept.commit(Commit([reading(value=v, at=at) for at, v in rows]))
    await kept.commit(Commit([reading(value=5.0, at=30 * DAY_S)]))
    await kept.keep(noon(12))

    (row,), _ = await kept.series(Where(), Buckets(START, START + 3_600, 3_600, agg), limit=9)
    assert [(b.value, b.count, b.left_out) for b in row.buckets] == [(wanted, 4, 1)]


async def test_coarser_rows_have_their_age_too(kept):
    await kept.commit(Commit([reading(value=4, at=10), reading(value=5.0, at=99 * DAY_S)]))
    found = []
    for day in (12, 22, 42):
        await kept.keep(noon(day))
        (row,), _ = await kept.series(Where(), Buckets(START, START + 300, 300), limit=9)
        found.append((row.buckets[0].value, row.coarse_s))

    assert found == [(4, 0), (4, 3_600), (None, 0)]


async def test_the_state_stays_when_its_reading_has_gone(kept):
    await kept.commit(Commit([reading(value=4, at=10), reading(value=5, at=20)]))
    state = (await kept.states(["a"]))["a"]
    await kept.keep(noon(50))

    endless, _ = await kept.at(Where(), observed_until=inf, received_until=inf, limit=9)
    warm = Where(value=Comparison("heat", ">", 4))
    later, _ = await kept.at(warm, observed_until=noon(3), received_until=noon(3), limit=9)
    earlier, _ = await kept.at(Where(), observed_until=START + 15, received_until=inf, limit=9)
    assert (await kept.states(["a"]))["a"] == state
    assert ([r.value for r in endless], [r.value for r in later], earlier) == ([5], [5], [])


async def test_readings_that_come_after_their_day_has_gone_count_nowhere(kept):
    await kept.commit(Commit([reading(value=4, at=10), reading(value=5.0, at=99 * DAY_S)]))
    await kept.keep(noon(12))
    await kept.commit(Commit([reading(value=1_000, at=50)]))
    ask = Buckets(START, START + 300, 300, "sum")
    (early,), _ = await kept.series(Where(), ask, limit=9)
    told_ = await kept.keep(noon(12) + 1)

    (late,), _ = await kept.series(Where(), ask, limit=9)
    assert [row.buckets[0].value for row in (early, late)] == [4, 4]
    assert await kept.history("a", "heat", start=START, stop=noon(2), limit=9) == []
    assert told_["dropped_rows"] == 1


async def test_keeping_again_does_nothing(kept):
    await kept.commit(Commit([*three_days(), reading(value=5.0, at=30 * DAY_S)]))
    await kept.keep(noon(12))

    assert set((await kept.keep(noon(12) + 60)).values()) == {0}
