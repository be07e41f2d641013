import pytest

from cim.stores.memory import MemoryGraph
from identity.errors import Invalid, TooLarge, Unavailable
from sensors.bindings import Bind, bind_many
from sensors.journal import Journal
from tests.unit.sensors.small_city import BUILDING, HALL, NOW, REGION, ROOM, said, until
from twin.ports import Projection

pytestmark = pytest.mark.anyio


async def bind(city, *wanted):
    rows = await bind_many(city.graph, city.graph, city.clock, REGION, wanted)
    return [row["sensor"] for row in rows]


async def reasons(city):
    rows = await city.states.quarantined(limit=100)
    return {(row.reason, row.device, row.count) for row in rows}


async def test_a_bound_devices_message_becomes_state_of_the_thing_with_three_times(city):
    (sensor,) = await bind(city, Bind("d1", ROOM, "temperature", "Cel"))
    async with city.listening() as intake:
        payload = '{"v":21.5,"t":"2026-11-22T07:59:00+08:00","n":7}'
        await city.publish(intake, said("city/demo/d1/temperature", payload))
    (state,) = (await city.states.states([ROOM]))[ROOM]
    assert (state.value, state.unit, state.source, state.n) == (21.5, "Cel", sensor, 7)
    assert (state.observed_at, state.received_at) == (NOW - 60, NOW)


async def test_messages_are_acknowledged_after_the_journal_and_pruned_after_the_commit(city):
    await bind(city, Bind("d1", ROOM))
    async with city.listening() as intake:
        await city.publish(intake, *(said("city/a/d1/p", str(i)) for i in range(10)))
        assert city.broker.acknowledged == 10
        assert await city.states.offset("main") == 10
        assert city.journal.base == 10


async def test_a_message_that_names_a_code_applies_to_it_with_the_client_as_source(city):
    async with city.listening() as intake:
        await city.publish(
            intake,
            said(f"city//{BUILDING}/power", "5", client="meter-7"),
            said(f"city//{ROOM}/noise", "40", client="odd/name"),
            said(f"city//{ROOM}/noise", "41"),
        )
    assert await city.values(BUILDING) == {("power", "meter-7"): 5}
    assert await city.values(ROOM) == {("noise", "mqtt"): 41}


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("city/a/stranger/p", "1", "device_unknown"),
        ("city/a/d1/noise", "1", "property_not_bound"),
        ("city/a/d1/p", "oops", "payload_unreadable"),
        ("city/a/d1/p", "NaN", "value_not_finite"),
        ("city/a/d1/p", '{"v":1e999}', "payload_unreadable"),
        ("city/a/d1/p", '{"v":99999999999999999999}', "value_out_of_range"),
        ("city/a/d1/p", '{"v":1,"n":-1}', "sequence_invalid"),
        ("city/a/d1/p", '{"v":1,"t":"2026-11-22T08:06:00+08:00"}', "time_in_future"),
        ("city/a/d1/p", '{"v":1,"t":"2026-11-22T08:00:00"}', "time_without_zone"),
        ("city/a/d1/p", '{"v":1,"t":"soon"}', "time_unreadable"),
        ("city/a/d1/p", '{"v":1,"t":"1970-01-01T00:00:10Z"}', "time_too_old"),
        ("town/a", "1", "topic_unknown"),
    ],
)
async def test_poison_is_quarantined_with_its_reason_and_sample(city, topic, payload, reason):
    await bind(city, Bind("d1", ROOM, "p"))
    async with city.listening() as intake:
        await city.publish(intake, said(topic, payload), said(topic, payload))
    (row,) = await city.states.quarantined(limit=10)
    assert (row.reason, row.topic, row.payload) == (reason, topic, payload.encode())
    assert row.count == 2
    assert await city.values(ROOM) == {}


async def test_a_retained_message_is_a_reading_only_when_it_has_a_time(city):
    await bind(city, Bind("d1", ROOM))
    async with city.listening() as intake:
        timed = '{"v":3,"t":"2026-11-21T00:00:00Z"}'
        await city.publish(
            intake,
            said("city/a/d1/p", "9", retained=True),
            said("city/a/d1/p", timed, retained=True),
        )
    assert [s.value for s in await city.samples(ROOM, "p")] == [3]
    assert await reasons(city) == {("retained_without_time", "d1", 1)}


async def test_poison_between_good_messages_stops_none_of_them(city):
    await bind(city, Bind("d1", ROOM))
    async with city.listening() as intake:
        said_ = [said("city/a/d1/p", text) for text in ("1", "NaN", "2", "{", "3")]
        await city.publish(intake, *said_)
    assert [s.value for s in await city.samples(ROOM, "p")] == [1, 2, 3]


async def test_an_unexpected_error_in_one_message_keeps_it_and_goes_on(city, monkeypatch):
    await bind(city, Bind("d1", ROOM))
    monkeypatch.setattr("sensors.codecs.json.decode", lambda _: 1 / 0)
    async with city.listening() as intake:
        await city.publish(intake, said("city/a/d1/p", "1"))
    assert await reasons(city) == {("message_refused", "d1", 1)}


async def test_what_was_journalled_before_a_death_is_applied_after_it_once(city):
    await bind(city, Bind("d1", ROOM))
    journal = await Journal.open(city.journals, "main")
    await journal.append([said("city/a/d1/p", f'{{"v":{i},"n":{i}}}') for i in range(30)])
    await journal.close()
    for _ in range(2):
        async with city.listening() as intake:
            await until(lambda at=intake: at.applied_offset == 30)
    assert [s.value for s in await city.samples(ROOM, "p")] == list(range(30))


async def test_redelivered_messages_with_a_time_are_duplicates(city):
    await bind(city, Bind("d1", ROOM))
    message = said("city/a/d1/p", '{"v":1,"t":"2026-11-21T00:00:00Z"}')
    async with city.listening() as intake:
        await city.publish(intake, message, message)
        await city.publish(intake, message)
    assert [s.value for s in await city.samples(ROOM, "p")] == [1]


async def test_a_replaced_journal_does_not_swallow_new_readings(city):
    """The store remembers offset 5 of a journal that was lost: its successor goes on behind."""
    await bind(city, Bind("d1", ROOM))
    async with city.listening() as intake:
        await city.publish(intake, *(said("city/a/d1/p", str(i)) for i in range(5)))
    city.journals = city.journals / "new"
    async with city.listening() as intake:
        await until(lambda: intake.applied_offset == 5)
        await city.publish(intake, said("city/a/d1/p", "77"))
    assert 77 in [s.value for s in await city.samples(ROOM, "p")]


async def test_a_store_that_does_not_answer_is_asked_again_and_nothing_is_lost(city, monkeypatch):
    await bind(city, Bind("d1", ROOM))
    monkeypatch.setattr("sensors.intake.RETRY_S_FIRST", 0.001)
    commit, refusals = city.states.commit, iter([True, True, False])

    async def moody(what):
        if next(refusals, False):
            raise Unavailable("store_down")
        return await commit(what)

    monkeypatch.setattr(city.states, "commit", moody)
    async with city.listening() as intake:
        await city.publish(intake, said("city/a/d1/p", "1"), said("city/a/d1/p", "2"))
    assert [s.value for s in await city.samples(ROOM, "p")] == [1, 2]


async def test_one_reading_that_the_store_refuses_is_quarantined_alone(city, monkeypatch):
    await bind(city, Bind("d1", ROOM))
    commit = city.states.commit

    async def fastidious(what):
        if any(r.value == 3 for r in what.readings):
            raise Invalid("value_out_of_range", limit=2)
        return await commit(what)

    monkeypatch.setattr(city.states, "commit", fastidious)
    async with city.listening() as intake:
        await city.publish(intake, *(said("city/a/d1/p", str(i)) for i in range(7)))
    assert [s.value for s in await city.samples(ROOM, "p")] == [0, 1, 2, 4, 5, 6]
    assert await reasons(city) == {("value_out_of_range", "d1", 1)}


async def test_a_store_that_fails_between_the_halves_gets_no_message_twice(city, monkeypatch):
    await bind(city, Bind("d1", ROOM))
    monkeypatch.setattr("sensors.intake.RETRY_S_FIRST", 0.001)
    commit, calls = city.states.commit, []

    async def moody(what):
        calls.append(len(what.readings))
        if any(r.value == 3 for r in what.readings):
            raise Invalid("value_out_of_range", limit=2)
        if len(calls) == 3:
            raise Unavailable("store_down")
        return await commit(what)

    monkeypatch.setattr(city.states, "commit", moody)
    async with city.listening() as intake:
        await city.publish(intake, *(said("city/a/d1/p", str(i)) for i in range(7)))
    assert [s.value for s in await city.samples(ROOM, "p")] == [0, 1, 2, 4, 5, 6]


async def test_binding_then_adopting_applies_what_was_kept_with_its_first_times(city):
    async with city.listening() as intake:
        await city.publish(
            intake,
            said("city/a/d1/temperature", "20"),
            said("city/b/d1/humidity", "50"),
            said("city/a/d2/temperature", "30"),
            said("city/c/d1/temperature", "NaN"),
        )
        assert await intake.adopt("d1") == 0
        (sensor,) = await bind(city, Bind("d1", ROOM, "temperature"))
        city.clock.now += 500
        assert await intake.adopt("d1") == 1
        assert await intake.adopt("d1") == 0
    assert await city.values(ROOM) == {("temperature", sensor): 20}
    (sample,) = await city.samples(ROOM, "temperature")
    assert sample.observed_at == NOW
    kept = {row.topic for row in await city.states.quarantined(limit=10)}
    assert kept == {"city/b/d1/humidity", "city/a/d2/temperature", "city/c/d1/temperature"}


async def test_adopting_replays_every_message_that_was_kept_and_moves_what_is_refused_now(city):
    async with city.listening() as intake:
        payloads = [*map(str, range(300)), "oops", "300"]
        await city.publish(intake, *(said("city/a/d1/p", text) for text in payloads))
        await bind(city, Bind("d1", ROOM, "p"))
        assert await intake.adopt("d1") == 301
    assert [s.value for s in await city.samples(ROOM, "p")] == list(range(301))
    assert await reasons(city) == {("payload_unreadable", "d1", 1)}


async def test_adopting_for_a_tenant_leaves_the_others(city):
    async with city.listening() as intake:
        await city.publish(intake, said("city/a/d1/p", "1"), said("city/b/d1/p", "2"))
        await bind(city, Bind("d1", ROOM, tenant="a"))
        assert await intake.adopt("d1", "a") == 1
    (row,) = await city.states.quarantined(limit=10)
    assert row.topic == "city/b/d1/p"


async def test_all_that_nobody_knew_and_that_is_bound_now_is_adopted_at_once(city):
    async with city.listening() as intake:
        topics = ("city/a/d1/p", "city/b/d1/q", "city/a/d2/p", "city/a/d3/p")
        await city.publish(intake, *(said(topic, "1") for topic in topics))
        await bind(city, Bind("d1", ROOM), Bind("d2", ROOM, tenant="a"))
        assert await intake.adopt_known() == 3
        assert await intake.adopt_known() == 0
    assert await reasons(city) == {("device_unknown", "d3", 1)}


async def test_places_are_asked_once_a_code_and_generation(city):
    asked = []

    async def project(codes):
        asked.append(list(codes))
        return {code: Projection("Space", building=BUILDING) for code in codes}

    await bind(city, Bind("d1", ROOM))
    async with city.listening(project=project) as intake:
        for value in ("1", "2"):
            await city.publish(intake, said("city/a/d1/p", value))
        await bind(city, Bind("d2", HALL))
        await city.publish(intake, said("city/a/d1/p", "3"), said("city/a/d2/p", "3"))
    assert asked == [[ROOM], sorted([ROOM, HALL])]


async def test_observations_are_committed_when_answered_and_each_refusal_has_its_reason(city):
    (sensor,) = await bind(city, Bind("d1", ROOM, "temperature", "Cel"))
    intake = city.intake()
    at = "2026-11-22T07:59:00+08:00"
    items = [
        {"code": BUILDING, "property": "power", "value": 5, "unit": "kW", "observed_at": at},
        {"sensor": "d1", "property": "temperature", "value": 21, "observed_at": at},
        {"sensor": sensor, "property": "temperature", "value": 21, "observed_at": at},
        {"sensor": "d1", "property": "temperature", "value": 1, "observed_at": NOW - 600},
        {"code": "urn:uic:cn:" + ROOM.lower(), "property": "noise", "value": None},
    ]
    answer = await intake.observe(items, "planner")
    assert answer == {"applied": 3, "duplicate": 1, "late": 1, "rejected": []}
    assert await city.values(BUILDING) == {("power", "planner"): 5}
    assert await city.values(ROOM) == {("temperature", sensor): 21, ("noise", "planner"): None}


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"property": "p", "value": 1}, "reading_incomplete"),
        ({"code": BUILDING, "property": "p"}, "reading_incomplete"),
        ({"code": BUILDING, "value": 1}, "property_invalid"),
        ({"code": "420111990101000099992", "property": "p", "value": 1}, "target_unknown"),
        ({"sensor": "nobody", "property": "p", "value": 1}, "device_unknown"),
        ({"code": BUILDING, "property": "p", "value": float("nan")}, "value_not_finite"),
        ({"code": BUILDING, "property": "p", "value": [1]}, "value_type"),
        ({"code": BUILDING, "property": "p", "value": 1, "quality": "fine"}, "quality_unknown"),
        (
            {"code": BUILDING, "property": "p", "value": 1, "observed_at": NOW + 999},
            "time_in_future",
        ),
        ("text", "reading_incomplete"),
        ({"code": 7, "property": "p", "value": 1}, "reading_incomplete"),
    ],
)
async def test_a_refused_observation_is_told_with_its_index_and_the_others_apply(city, item, code):
    good = {"code": BUILDING, "property": "ok", "value": 1}
    answer = await city.intake().observe([good, item, good], "w")
    (rejection,) = answer["rejected"]
    assert (rejection["index"], rejection["code"]) == (1, code)
    assert answer["applied"] == 2
    assert set(rejection) == {"index", "code", "message", "hint", "facts"}


async def test_an_observation_of_a_property_the_sensor_is_not_bound_for_is_refused(city):
    await bind(city, Bind("d1", ROOM, "temperature"))
    answer = await city.intake().observe([{"sensor": "d1", "property": "noise", "value": 1}], "w")
    assert [r["code"] for r in answer["rejected"]] == ["property_not_bound"]


async def test_too_many_observations_are_refused(city):
    with pytest.raises(TooLarge):
        await city.intake().observe([{}] * 5001, "w")


async def test_an_empty_city_quarantines_everything(city):
    city.graph = MemoryGraph(city.clock)
    async with city.listening() as intake:
        await city.publish(intake, said("city/a/d1/p", "1"))
    assert await reasons(city) == {("device_unknown", "d1", 1)}


async def test_how_far_ahead_a_reading_may_be_is_a_setting_for_messages_and_for_http(city):
    ahead = "2026-11-22T00:01:00Z"
    item = {"code": ROOM, "property": "noise", "value": 1, "observed_at": ahead}
    told = await city.intake(future_s_max=59).observe([item], "me")
    assert [row["code"] for row in told["rejected"]] == ["time_in_future"]
    assert (await city.intake(future_s_max=60).observe([item], "me"))["applied"] == 1
    async with city.listening(future_s_max=59) as intake:
        await city.publish(intake, said(f"city//{ROOM}/power", f'{{"v":1,"t":"{ahead}"}}'))
    assert {reason for reason, _, _ in await reasons(city)} == {"time_in_future"}
