"""The contract of twin.ports.States, run on every adapter."""

import math
from dataclasses import replace

import pytest

from identity.errors import Invalid, TooLarge
from twin.ports import Commit, Comparison, Projection, Where
from twin.reading import Quality, Reading

pytestmark = pytest.mark.anyio

LAMP, DOOR, PUMP = "lamp", "door", "pump"
OFFICE = Projection("Space", "办公室", "420111", "tower", 114.40, 30.50, "N50H05")
GARAGE = Projection("Facility", "车库", "420106", "garage", 114.30, 30.60, "N50H05")


def reading(code=LAMP, value=1.0, at=100.0, **more):
    more = {"property": "temperature", "source": "s1", "received_at": at + 0.5, **more}
    return Reading(code=code, value=value, observed_at=at, **more)


async def test_a_commit_tells_applied_late_and_duplicate_in_order(states):
    first = await states.commit(Commit([reading(at=100), reading(at=102)]))
    second = await states.commit(Commit([reading(at=101), reading(at=102), reading(at=103)]))

    assert list(first.results) == ["applied", "applied"]
    assert list(second.results) == ["late", "duplicate", "applied"]


async def test_a_late_reading_is_in_history_but_does_not_overwrite_the_newer_state(states):
    await states.commit(Commit([reading(value=2.0, at=200)]))
    await states.commit(Commit([reading(value=1.0, at=100)]))

    rows = await states.states([LAMP])
    samples = await states.history(LAMP, "temperature", start=0, stop=1000, limit=10)
    assert rows[LAMP][0].value == 2.0
    assert [(s.observed_at, s.value) for s in samples] == [(100, 1.0), (200, 2.0)]


async def test_a_late_reading_sent_twice_is_kept_once(states):
    await states.commit(Commit([reading(at=200), reading(at=100), reading(at=100)]))
    again = await states.commit(Commit([reading(at=100)]))

    samples = await states.history(LAMP, "temperature", start=0, stop=1000, limit=10)
    assert list(again.results) == ["duplicate"]
    assert [s.observed_at for s in samples] == [100, 200]


async def test_equal_times_are_told_apart_by_the_sequence_number(states):
    outcome = await states.commit(
        Commit([reading(n=2, value=2), reading(n=1, value=1), reading(n=None, value=0)])
    )

    samples = await states.history(LAMP, "temperature", start=0, stop=1000, limit=10)
    assert list(outcome.results) == ["applied", "late", "late"]
    assert [(s.n, s.value) for s in samples] == [(None, 0), (1, 1), (2, 2)]


async def test_every_kind_of_value_comes_back_as_it_was(states):
    values = [0, 1, 1.0, -2.5, True, False, None, "", "开", "1", 2**62]
    readings = [reading(value=v, property=f"p{i}") for i, v in enumerate(values)]
    await states.commit(Commit(readings))

    found = {row.property: row.value for row in (await states.states([LAMP]))[LAMP]}
    kept = [found[f"p{i}"] for i in range(len(values))]
    assert [(type(v), v) for v in kept] == [(type(v), v) for v in values]


async def test_a_replayed_journal_offset_changes_nothing(states):
    await states.commit(Commit([reading(at=100)], journal="one", offset=10))
    before = (await states.sequence(), await states.states([LAMP]))

    replay = await states.commit(
        Commit([reading(at=100, value=9.0), reading(at=900)], journal="one", offset=10)
    )

    assert list(replay.results) == ["duplicate", "duplicate"]
    assert (await states.sequence(), await states.states([LAMP])) == before
    assert await states.offset("one") == 10


async def test_offsets_are_kept_per_journal(states):
    await states.commit(Commit(journal="one", offset=10))
    await states.commit(Commit(journal="two", offset=3))

    assert [await states.offset(name) for name in ("one", "two", "three")] == [10, 3, 0]


async def test_untimed_readings_of_one_moment_are_all_kept_in_the_order_of_arrival(states):
    batch = [reading(value=i, timed=False) for i in range(3)]
    outcome = await states.commit(Commit(batch))

    samples = await states.history(LAMP, "temperature", start=0, stop=1000, limit=10)
    assert list(outcome.results) == ["applied"] * 3
    assert [s.value for s in samples] == [0, 1, 2]


async def test_sources_have_states_of_their_own(states):
    await states.commit(Commit([reading(source="b"), reading(source="a"), reading(DOOR)]))

    found = await states.states([LAMP, DOOR, PUMP])
    assert [row.source for row in found[LAMP]] == ["a", "b"]
    assert sorted(found) == [DOOR, LAMP]


async def test_the_outbox_holds_each_moved_state_once_and_in_order(states):
    await states.commit(Commit([reading(value=1, at=1), reading(value=2, at=2)]))
    await states.commit(Commit([reading(value=0, at=0), reading(DOOR, value=3)]))

    changes = await states.changes(0, limit=10)
    assert [(c.sequence, c.state.code, c.state.value) for c in changes] == [
        (1, LAMP, 2),
        (2, DOOR, 3),
    ]
    assert await states.sequence() == 2
    assert await states.changes(2, limit=10) == []


async def test_the_outbox_keeps_a_bounded_number_of_rows(states):
    for at in range(8):
        await states.commit(Commit([reading(at=at)]))

    changes = await states.changes(0, limit=10)
    assert [c.sequence for c in changes] == [4, 5, 6, 7, 8]


async def test_changes_carry_the_projection_of_now(states):
    await states.commit(Commit([reading()], projections={LAMP: OFFICE}))
    await states.project({LAMP: GARAGE})

    assert [c.projection for c in await states.changes(0, limit=10)] == [GARAGE]


async def test_a_change_without_a_projection_says_none(states):
    await states.commit(Commit([reading()]))

    assert [c.projection for c in await states.changes(0, limit=10)] == [None]


@pytest.mark.parametrize(
    ("where", "codes"),
    [
        (Where(), ["door", "lamp", "pump"]),
        (Where(codes=("lamp", "nobody")), ["lamp"]),
        (Where(kinds=("Space",)), ["door", "lamp"]),
        (Where(kinds=("Space", "Facility")), ["door", "lamp", "pump"]),
        (Where(properties=("open",)), ["door"]),
        (Where(building="tower"), ["door", "lamp"]),
        (Where(building="tower", properties=("temperature",)), ["lamp"]),
        (Where(box=(114.35, 30.45, 114.45, 30.55)), ["door", "lamp"]),
        (Where(box=(114.30, 30.60, 114.30, 30.60)), ["pump"]),
        (Where(box=(0, 0, 1, 1)), []),
        (Where(box=(114.35, 30.45, 114.45, 30.55), kinds=("Facility",)), []),
        (Where(region="420106"), ["pump"]),
        (Where(region="420111", kinds=("Space",), building="tower"), ["door", "lamp"]),
        (Where(region="420106", building="tower"), []),
    ],
)
async def test_state_is_filtered_by_code_kind_property_and_place(states, where, codes):
    rows = [reading(), reading(DOOR, True, property="open"), reading(PUMP)]
    await states.commit(Commit(rows, projections={LAMP: OFFICE, DOOR: OFFICE, PUMP: GARAGE}))

    items, after = await states.query(where, limit=10)

    assert ([row.code for row in items], after) == (codes, "")


@pytest.mark.parametrize(
    ("where", "codes"),
    [
        (Where(value=Comparison("p", ">", 1)), ["c", "d"]),
        (Where(value=Comparison("p", ">=", 1)), ["b", "c", "d"]),
        (Where(value=Comparison("p", "<", 2.5)), ["a", "b"]),
        (Where(value=Comparison("p", "<=", 2.5)), ["a", "b", "c"]),
        (Where(value=Comparison("p", "=", 1)), ["b"]),
        (Where(value=Comparison("p", "between", 1, 2.5)), ["b", "c"]),
        (Where(value=Comparison("q", ">", 0)), ["a"]),
        (Where(value=Comparison("p", ">", 0), properties=("q",)), []),
        (Where(value=Comparison("p", ">", 1), codes=("b", "c")), ["c"]),
        (Where(value=Comparison("p", ">", 1), qualities=(Quality.BAD,)), ["d"]),
        (Where(qualities=(Quality.BAD, Quality.UNCERTAIN)), ["d", "e"]),
        (Where(value=Comparison("p", ">", 1), box=(114.25, 30, 114.35, 31)), ["d"]),
        (Where(value=Comparison("p", ">", 1), building="tower", kinds=("Space",)), ["c"]),
    ],
)
async def test_state_is_filtered_by_value_and_quality(states, where, codes):
    rows = [
        *(
            reading(code, value, property="p")
            for code, value in zip("abc", (-1, 1, 2.5), strict=True)
        ),
        reading("d", 9, property="p", quality=Quality.BAD),
        reading("e", None, property="p", quality=Quality.UNCERTAIN),
        reading("f", "9", property="p"),
        reading("g", True, property="p"),
        reading("a", 7, property="q"),
    ]
    places = {row.code: GARAGE if row.code in "def" else OFFICE for row in rows}
    await states.commit(Commit(rows, projections=places))

    items, after = await states.query(where, limit=10)

    assert ([row.code for row in items], after) == (codes, "")


@pytest.mark.parametrize(
    "wrong",
    [
        Comparison("p", "!=", 1),
        Comparison("p", ">", math.nan),
        Comparison("p", "between", 1),
        Comparison("p", "between", 2, 1),
        Comparison("p", ">", 1, 2),
    ],
)
async def test_what_cannot_be_compared_is_refused(states, wrong):
    with pytest.raises(Invalid) as refused:
        await states.query(Where(value=wrong), limit=1)

    assert refused.value.code == "comparison_invalid"


async def test_a_quality_that_is_found_on_reading_is_refused_as_a_filter(states):
    with pytest.raises(Invalid) as refused:
        await states.query(Where(qualities=(Quality.STALE,)), limit=1)

    assert refused.value.code == "quality_not_stored"


async def test_a_moved_thing_is_found_where_it_stands_now(states):
    await states.commit(Commit([reading()], projections={LAMP: OFFICE}))
    await states.project({LAMP: replace(OFFICE, lon=None, lat=None, kind="Element")})

    boxed, _ = await states.query(Where(box=(114, 30, 115, 31)), limit=10)
    of_kind, _ = await states.query(Where(kinds=("Element",)), limit=10)
    assert (boxed, [row.code for row in of_kind]) == ([], [LAMP])


async def test_pages_join_to_the_whole(states):
    rows = [reading(c, source=s, property=p) for c in "abc" for p in "xy" for s in "mn"]
    await states.commit(Commit(rows))

    seen, after = [], ""
    while True:
        items, after = await states.query(Where(), limit=5, after=after)
        seen += [(row.code, row.property, row.source) for row in items]
        if not after:
            break
    assert seen == [(c, p, s) for c in "abc" for p in "xy" for s in "mn"]


async def test_history_pages_join_to_the_whole_over_several_sources(states):
    rows = [reading(at=float(i // 2), source="ab"[i % 2], n=i, value=i) for i in range(600)]
    await states.commit(Commit(rows))

    seen, after = [], None
    while page := await states.history(
        LAMP, "temperature", start=10, stop=290, limit=7, after=after
    ):
        seen += page
        after = (page[-1].observed_at, page[-1].source, -1 if page[-1].n is None else page[-1].n)
    assert [s.value for s in seen] == list(range(20, 580))


async def test_a_value_that_is_not_finite_refuses_the_whole_commit(states):
    with pytest.raises(Invalid) as refused:
        await states.commit(Commit([reading(), reading(DOOR, math.nan)], journal="j", offset=1))

    assert refused.value.code == "value_not_finite"
    assert (await states.states([LAMP]), await states.offset("j")) == ({}, 0)


async def test_limits_are_refused_by_name(states):
    with pytest.raises(TooLarge) as many:
        await states.commit(Commit([reading()] * 5_001))
    with pytest.raises(TooLarge) as codes:
        await states.states(["x"] * 10_001)
    with pytest.raises(TooLarge) as asked:
        await states.query(Where(codes=("x",) * 10_001), limit=1)
    with pytest.raises(Invalid) as limit:
        await states.query(Where(), limit=1_001)
    with pytest.raises(Invalid) as cursor:
        await states.query(Where(), limit=1, after="nonsense")

    found = [refused.value.code for refused in (many, codes, asked, limit, cursor)]
    assert found == [
        "commit_limit",
        "lookup_limit",
        "lookup_limit",
        "limit_invalid",
        "cursor_invalid",
    ]


async def test_qualities_and_times_come_back(states):
    await states.commit(Commit([reading(at=1, value=1), reading(at=2, value=1)]))
    await states.commit(Commit([reading(at=3, value=2, quality=Quality.BAD, unit="Cel", n=7)]))

    row = (await states.states([LAMP]))[LAMP][0]
    assert (row.observed_at, row.received_at, row.changed_at) == (3, 3.5, 3)
    assert (row.quality, row.unit, row.n) == (Quality.BAD, "Cel", 7)


async def test_the_newest_samples_of_each_series_come_newest_first(states):
    await states.commit(Commit([reading(at=at, value=at) for at in (1, 3, 2)]))
    await states.commit(Commit([reading(DOOR, at=5), reading(source="s2", at=9)]))
    lamp, door = (LAMP, "temperature", "s1"), (DOOR, "temperature", "s1")
    found = await states.newest([lamp, door, (PUMP, "temperature", "s1")], limit=2)

    assert {key: [s.observed_at for s in rows] for key, rows in found.items()} == {
        lamp: [3, 2],
        door: [5],
    }


async def test_the_reading_before_the_newest_is_kept_in_the_order_of_observation(states):
    await states.commit(Commit([reading(at=10, value=1), reading(at=40, value=4, n=2)]))
    await states.commit(Commit([reading(at=30, value=True, n=7), reading(at=20, value=2)]))
    (state,) = (await states.states([LAMP]))[LAMP]
    (page, _), (*_, change) = await states.query(Where(), limit=5), await states.changes(0, limit=5)

    assert (state.observed_at, state.n, state.before) == (40, 2, (30, 7, True))
    assert (page, change.state.observed_at) == ([state], 40)
    assert change.state.before == (10, None, 1)  # what was known when it was told


async def test_rules_are_kept_by_kind_and_name_and_can_be_taken_away(states):
    await states.put_rule("mapping", "b", {"x": [1, "二"]})
    await states.put_rule("mapping", "a", {"x": 1})
    await states.put_rule("other", "a", {})
    await states.put_rule("mapping", "a", {"x": 2})
    await states.put_rule("other", "a", None)

    assert await states.rules("mapping") == {"a": {"x": 2}, "b": {"x": [1, "二"]}}
    assert await states.rules("other") == {}


async def test_rules_are_bounded(states, monkeypatch):
    monkeypatch.setattr("twin.stores.limits.RULES_MAX", 1)
    await states.put_rule("mapping", "a", {"x": 1})
    await states.put_rule("mapping", "a", {"x": 2})
    with pytest.raises(TooLarge) as many:
        await states.put_rule("mapping", "b", {})
    with pytest.raises(TooLarge) as large:
        await states.put_rule("mapping", "a", {"x": "y" * 70_000})

    assert (many.value.code, large.value.code) == ("rules_limit", "rule_too_large")
    assert await states.rules("mapping") == {"a": {"x": 2}}


async def test_a_ready_store_answers(states):
    assert await states.ready() is None
