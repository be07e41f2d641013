"""The contract of twin.ports.States for the past: what was true, buckets, export."""

from dataclasses import replace
from math import inf

import pytest

from identity.errors import Invalid, TooLarge
from twin import buckets
from twin.buckets import Buckets
from twin.ports import Commit, Comparison, Projection, Where
from twin.reading import Quality, Reading
from twin.retention import DAY_S
from twin.stores import limits

pytestmark = pytest.mark.anyio

HALL = Projection("Space", "大厅", "420111", "tower", 114.40, 30.50)
YARD = Projection("Facility", "院子", "420106", "garage", 114.30, 30.60)


def reading(code="hall", value=1.0, at=0.0, **more):
    more = {"property": "heat", "source": "s1", "received_at": at + 1, "unit": "Cel", **more}
    return Reading(code=code, value=value, observed_at=at, **more)


async def then(states, observed_until=inf, received_until=inf, **where):
    items, after = await states.at(
        Where(**where), observed_until=observed_until, received_until=received_until, limit=100
    )
    assert after == ""
    return [(row.code, row.value) for row in items]


async def row_of(states, ask, **where):
    (row,), after = await states.series(Where(**where), ask, limit=10)
    assert after == ""
    return row


async def values(states, ask, **where):
    return [bucket.value for bucket in (await row_of(states, ask, **where)).buckets]


async def test_the_past_is_the_newest_reading_observed_by_then(states):
    await states.commit(Commit([reading(value=v, at=v) for v in (10, 20, 30)]))

    found = [await then(states, at) for at in (9, 10, 19, 25, 30, 99)]
    assert found == [[], *[[("hall", v)] for v in (10, 10, 20, 30, 30)]]


async def test_what_was_known_then_leaves_out_what_came_later(states):
    await states.commit(Commit([reading(value=1, at=10), reading(value=3, at=30)]))
    await states.commit(Commit([reading(value=2, at=20, received_at=500)]))

    assert await then(states, 25, 100) == [("hall", 1)]
    assert await then(states, 25, 500) == [("hall", 2)]
    assert await then(states, 25, 5) == []


async def test_the_endless_past_is_the_state_of_now(states):
    for n in range(40):
        rows = [
            reading(f"c{n % 3}", n // 5, at=(n * 7) % 23, n=n % 2 or None),
            reading(f"c{n % 3}", None if n % 4 else "开", at=n, property="p", source="b"),
        ]
        await states.commit(Commit(rows))

    now, _ = await states.query(Where(), limit=100)
    past, _ = await states.at(Where(), observed_until=inf, received_until=inf, limit=100)
    assert past == now


async def test_a_past_row_says_since_when_its_value_stood_when_it_was_the_state(states):
    await states.commit(Commit([reading(value=1, at=10), reading(value=1, at=20)]))
    await states.commit(Commit([reading(value=2, at=30), reading(value=1, at=15)]))

    found = {}
    for at in (15, 20, 30):
        (row,), _ = await states.at(Where(), observed_until=at, received_until=inf, limit=1)
        found[at] = row.changed_at
    assert found == {15: 15, 20: 10, 30: 30}


async def test_the_past_is_filtered_by_its_own_values_and_the_places_of_now(states):
    rows = [
        *(reading(value=v, at=v) for v in (10, 20, 30)),
        reading("yard", 20, at=5),
        reading("yard", 25, at=26, quality=Quality.BAD),
    ]
    await states.commit(Commit(rows, projections={"hall": HALL, "yard": YARD}))
    warm = Comparison("heat", ">=", 20)

    assert await then(states, 12, value=warm) == [("yard", 20)]
    assert await then(states, 22, value=warm) == [("hall", 20), ("yard", 20)]
    assert await then(states, 22, value=warm, building="tower") == [("hall", 20)]
    assert await then(states, 40, qualities=(Quality.BAD,)) == [("yard", 25)]
    assert await then(states, 40, region="420106", kinds=("Facility",)) == [("yard", 25)]


async def test_pages_of_the_past_join_to_the_whole(states):
    rows = [
        reading(c, property=p, source=s, at=at)
        for at in (1, 2)
        for c in "abc"
        for p in "xy"
        for s in "mn"
    ]
    await states.commit(Commit(rows))

    seen, after = [], ""
    while True:
        items, after = await states.at(
            Where(), observed_until=1, received_until=inf, limit=5, after=after
        )
        seen += [(row.code, row.property, row.source, row.observed_at) for row in items]
        if not after:
            break
    assert seen == [(c, p, s, 1) for c in "abc" for p in "xy" for s in "mn"]


@pytest.mark.parametrize(
    ("agg", "wanted"),
    [
        ("mean", [2, None, 8]),
        ("min", [1, None, 8]),
        ("max", [3, None, 8]),
        ("sum", [6, None, 8]),
        ("count", [3, 0, 1]),
        ("first", [1, None, 8]),
        ("last", [2, None, 8]),
    ],
)
async def test_samples_become_one_number_a_bucket_and_an_empty_bucket_says_so(states, agg, wanted):
    rows = [reading(value=v, at=at) for at, v in ((0, 1), (5, 3), (9.5, 2), (25, 8), (30, 99))]
    await states.commit(Commit(rows))

    row = await row_of(states, Buckets(0, 30, 10, agg))

    assert [bucket.value for bucket in row.buckets] == wanted
    assert [(b.at, b.count, b.filled) for b in row.buckets] == [
        (0, 3, ""),
        (10, 0, ""),
        (20, 1, ""),
    ]
    assert (row.code, row.property, row.source, row.units) == ("hall", "heat", "", ("Cel",))


async def test_na_texts_and_bad_readings_are_left_out_and_counted_and_truth_is_1(states):
    await states.commit(
        Commit(
            [
                *(reading(value=v, at=at) for at, v in enumerate((None, "x", True, False, True))),
                reading(value=100, at=7, quality=Quality.BAD),
                reading(value=None, at=12),
            ]
        )
    )

    row = await row_of(states, Buckets(0, 20, 10))
    assert [(b.value, b.count, b.left_out) for b in row.buckets] == [(2 / 3, 3, 3), (None, 0, 1)]


@pytest.mark.parametrize(
    ("fill", "gap_s", "wanted"),
    [
        ("none", 20, [None, 2, None, None, 5, None, None, None]),
        ("previous", 20, [1, 2, 2, 2, 5, 5, 5, None]),
        ("linear", 20, [1.5, 2, 3, 4, 5, None, None, None]),
        ("linear", 10, [1.5, 2, None, None, 5, None, None, None]),
        ("previous", 0, [None, 2, None, None, 5, None, None, None]),
    ],
)
async def test_gaps_are_bridged_as_declared_and_say_so(states, fill, gap_s, wanted):
    rows = [reading(value=v, at=at) for at, v in ((-5, 1), (10, 2), (40, 5), (500, 9))]
    await states.commit(Commit(rows))

    row = await row_of(states, Buckets(0, 80, 10, fill=fill, gap_s=gap_s))

    assert [bucket.value for bucket in row.buckets] == wanted
    measured = [(b.count, b.filled) for b in row.buckets if b.value is not None]
    assert set(measured) == ({(1, "")} if fill == "none" or not gap_s else {(1, ""), (0, fill)})


async def test_the_mean_over_time_weighs_a_value_by_how_long_it_held(states):
    rows = [reading(value=v, at=at) for at, v in ((-5, 8), (5, 2), (15, None), (18, 4))]
    await states.commit(Commit(rows))

    row = await row_of(states, Buckets(0, 40, 10, "weighted", gap_s=15))
    # 8 for 5 s, 2 for 5 s | 2 for 5 s, unknown for 3 s, 4 for 2 s | 4 for 10 s | 4 for 3 s more
    assert [b.value for b in row.buckets] == [5, pytest.approx((2 * 5 + 4 * 2) / 7), 4, 4]
    assert [b.count for b in row.buckets] == [1, 1, 0, 0]


async def test_buckets_are_of_sources_of_things_or_of_an_area(states):
    rows = [
        reading("a", 1, at=1, source="s1"),
        reading("a", 3, at=2, source="s2"),
        reading("b", 8, at=3, source="s3"),
        reading("b", 7, at=3, source="s3", property="wet", unit="%"),
        reading("c", 100, at=4),
    ]
    await states.commit(Commit(rows, projections={"a": HALL, "b": HALL, "c": YARD}))

    told = {}
    for by in ("source", "thing", "property"):
        found, _ = await states.series(Where(building="tower"), Buckets(0, 10, 10, by=by), limit=9)
        told[by] = [(r.code, r.property, r.source, r.buckets[0].value) for r in found]
    assert told == {
        "source": [
            ("a", "heat", "s1", 1),
            ("a", "heat", "s2", 3),
            ("b", "heat", "s3", 8),
            ("b", "wet", "s3", 7),
        ],
        "thing": [("a", "heat", "", 2), ("b", "heat", "", 8), ("b", "wet", "", 7)],
        "property": [("", "heat", "", 4), ("", "wet", "", 7)],
    }


@pytest.mark.parametrize(("agg", "wanted"), [("first", 1), ("last", 3), ("weighted", 2)])
async def test_of_equal_times_the_number_and_then_the_order_of_keys_decides(states, agg, wanted):
    rows = [
        reading("b", 3, at=5, n=2),
        reading("a", 1, at=5, n=None),
        reading("a", 4, at=5, n=1),
        reading("a", 5, at=5, n=2),
    ]
    await states.commit(Commit(rows))

    told = await values(states, Buckets(0, 10, 10, agg, by="property"))
    assert told == [wanted if agg != "weighted" else 4]


async def test_things_without_a_sample_in_the_span_are_told_with_empty_buckets(states):
    await states.commit(Commit([reading("a", at=1), reading("b", at=100)]))

    found, _ = await states.series(Where(), Buckets(0, 20, 10), limit=10)
    assert [(r.code, [b.value for b in r.buckets]) for r in found] == [
        ("a", [1, None]),
        ("b", [None, None]),
    ]


@pytest.mark.parametrize("by", ["source", "thing", "property"])
async def test_pages_of_rows_of_buckets_join_to_the_whole(states, by):
    rows = [reading(c, property=p, source=s) for c in "abcd" for p in "xy" for s in "mn"]
    await states.commit(Commit(rows))
    ask = Buckets(0, 10, 10, "count", by=by)

    whole, _ = await states.series(Where(), ask, limit=100)
    seen, after = [], ""
    while True:
        found, after = await states.series(Where(), ask, limit=1, after=after)
        seen += found
        if not after:
            break
    assert seen == whole
    assert sum(row.buckets[0].count for row in seen) == len(rows)


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (Buckets(0, 10, 1, "median"), "buckets_word_unknown"),
        (Buckets(0, 10, 1, fill="cubic"), "buckets_word_unknown"),
        (Buckets(0, 10, 1, by="colour"), "buckets_word_unknown"),
        (Buckets(0, 10, 0), "buckets_width_invalid"),
        (Buckets(0, inf, 1), "buckets_width_invalid"),
        (Buckets(0, 10, 1, gap_s=-1), "buckets_width_invalid"),
        (Buckets(10, 0, 1), "span_invalid"),
    ],
)
async def test_buckets_that_cannot_be_are_refused_by_name(states, ask, code):
    with pytest.raises(Invalid) as refused:
        await states.series(Where(), ask, limit=1)

    assert refused.value.code == code


async def test_an_answer_of_too_many_buckets_is_refused(states):
    await states.commit(Commit([reading("a"), reading("b")]))
    ask = Buckets(0, 60_000, 1)

    with pytest.raises(TooLarge) as refused:
        await states.series(Where(), ask, limit=2)
    one, after = await states.series(Where(), ask, limit=1)
    assert refused.value.code == "buckets_limit"
    assert ([row.code for row in one], len(one[0].buckets), bool(after)) == (["a"], 60_000, True)


async def exported(states, start, stop, **where):
    found = []
    async for some in states.export(Where(**where), start=start, stop=stop):
        assert 0 < len(some) <= 5_000
        found += some
    return found


async def test_an_export_tells_every_row_once_day_by_day_in_the_order_of_its_keys(states):
    days = (0, 1, 5)
    rows = [
        reading(c, n, at=day * DAY_S + n, source=s, n=n, property=p)
        for n in range(450)
        for day in days
        for c in "ba"
        for s in "ts"
        for p in "yx"
    ]
    for begin in range(0, len(rows), 5_000):
        await states.commit(Commit(rows[begin : begin + 5_000]))

    found = await exported(states, 1.5, 6 * DAY_S)
    places = [
        (r.sample.observed_at // DAY_S, r.property, r.code, r.sample.source, r.sample.n)
        for r in found
    ]
    assert places == [
        (day, p, c, s, n)
        for day in days
        for p in "xy"
        for c in "ab"
        for s in "st"
        for n in range(450)
        if day or n > 1
    ]
    assert {r.sample.unit for r in found} == {"Cel"}


async def test_an_export_is_of_what_was_chosen_and_of_the_span_alone(states):
    rows = [reading("a", 1, at=10), reading("a", 2, at=20), reading("b", None, at=15)]
    await states.commit(Commit(rows, projections={"a": HALL, "b": YARD}))

    assert [r.sample.value for r in await exported(states, 10, 20)] == [1, None]
    assert [r.code for r in await exported(states, 0, 99, region="420106")] == ["b"]
    assert await exported(states, 0, 99, kinds=("Pump",)) == []


async def test_more_series_than_one_call_may_gather_are_told_page_by_page(states, monkeypatch):
    monkeypatch.setattr(limits, "SERIES_MAX", 4)
    await states.commit(Commit([reading(code, at=10) for code in "abcdef"]))
    ask, told, after = Buckets(0, 60, 60), [], ""
    while not told or after:
        rows, after = await states.series(Where(), ask, limit=2, after=after)
        told += [row.code for row in rows]

    assert "".join(told) == "abcdef"
    for asked in (
        exported(states, 0, 60),
        states.series(Where(), replace(ask, by="property"), limit=1),
    ):
        with pytest.raises(TooLarge) as refused:
            await asked
        assert refused.value.code == "lookup_limit"


async def test_a_mean_over_time_looks_at_so_many_samples_at_most(states, monkeypatch):
    monkeypatch.setattr(buckets, "WEIGHED_MAX", 3)
    await states.commit(Commit([reading(at=at) for at in range(5)]))

    assert await values(states, Buckets(0, 3, 60, "weighted")) == [1.0]
    with pytest.raises(TooLarge) as refused:
        await values(states, Buckets(0, 5, 60, "weighted"))
    assert refused.value.code == "weighing_limit"
