"""The listener over codecs: messages of many devices, units, and what stays in quarantine."""

import json

import pytest

from sensors.bindings import Bind, bind_many
from tests.unit.sensors.small_city import HALL, NOW, REGION, ROOM, said

pytestmark = pytest.mark.anyio

AT = "2026-11-22T07:59:00+08:00"
PARKING = {
    "each": "$",
    "skip": ["timestamp"],
    "device": "@key",
    "time": "$.timestamp",
    "values": [{"property": "=free_places", "value": "@"}],
}


async def bind(city, *wanted):
    rows = await bind_many(city.graph, city.graph, city.clock, REGION, wanted)
    return [row["sensor"] for row in rows]


async def rows(city):
    return {(r.reason, r.device): r for r in await city.states.quarantined(limit=100)}


async def test_a_senml_pack_becomes_readings_in_the_units_of_their_properties(city):
    (sensor,) = await bind(city, Bind("urn:dev:mac:01", ROOM))
    pack = [
        {"bn": "urn:dev:mac:01:", "bt": NOW - 60, "n": "temperature", "u": "K", "v": 294.65},
        {"n": "humidity", "u": "/", "v": 0.5},
        {"n": "temperature", "u": "C", "t": 1, "v": 1},
    ]
    async with city.listening() as intake:
        await city.publish(intake, said("senml/wuhan", json.dumps(pack)))
    (one, other) = (await city.states.states([ROOM]))[ROOM]
    assert (one.property, one.value, one.unit, one.source) == ("humidity", 50.0, "%", sensor)
    assert (other.value, other.unit, other.observed_at) == (21.5, "Cel", NOW - 60)
    refused = (await rows(city))["unit_unconvertible", "urn:dev:mac:01"]
    assert (refused.topic, json.loads(refused.payload)) == (
        "city/wuhan/urn:dev:mac:01/temperature",
        {"v": 1, "t": NOW - 59, "u": "C"},
    )


async def test_of_a_message_of_many_devices_only_the_unknown_ones_are_kept_each_small(city):
    await city.states.put_rule("mapping", "parking/+", PARKING)
    (sensor,) = await bind(city, Bind("known", ROOM))
    table = {"timestamp": AT, "known": 195, "blank": "", **{f"new-{n}": n for n in range(50)}}
    async with city.listening() as intake:
        await city.publish(intake, said("parking/bonn", json.dumps(table)))
        assert await city.values(ROOM) == {("free_places", sensor): 195}
        kept = await rows(city)
        assert set(kept) == {("device_unknown", f"new-{n}") for n in range(50)}
        assert sum(len(row.payload) for row in kept.values()) < 50 * 50

        await bind(city, Bind("new-7", HALL, "free_places", "1"))
        assert await intake.adopt("new-7") == 1
    assert list((await city.values(HALL)).values()) == [7]
    assert ("device_unknown", "new-7") not in await rows(city)


async def test_a_message_that_had_no_route_is_read_once_a_mapping_is_written(city):
    await bind(city, Bind("a", ROOM), Bind("b", HALL))
    body = json.dumps({"timestamp": AT, "a": 1, "b": 2, "c": 3})
    async with city.listening() as intake:
        await city.publish(intake, said("parking/bonn", body), said("other/x", body))
        await city.states.put_rule("mapping", "parking/+", PARKING)
        city.clock.now += 2
        assert await intake.adopt_topic("parking/+") == 0
        assert set(await rows(city)) == {("topic_unknown", ""), ("device_unknown", "c")}
    assert list((await city.values(ROOM)).values()) == [1]
    assert list((await city.values(HALL)).values()) == [2]


async def test_an_observation_takes_the_only_property_of_its_datastream(city):
    topic = "v1.1/Datastreams(7)/Observations"
    async with city.listening() as intake:
        await city.publish(intake, said(topic, '{"result":5}'))
        (sensor,) = await bind(city, Bind("Datastreams(7)", ROOM, "level", "m"))
        assert await intake.adopt("Datastreams(7)") == 1
        await bind(city, Bind("Datastreams(7)", ROOM, "flow", "m3/h"))
        await city.publish(intake, said(topic, '{"result":6}'))
    assert await city.values(ROOM) == {("level", sensor): 5}
    assert set(await rows(city)) == {("property_open", "Datastreams(7)")}


async def test_a_device_whose_name_cannot_be_one_is_refused_by_name_and_kept_once(city):
    await city.states.put_rule("mapping", "parking/+", PARKING)
    body = json.dumps({"timestamp": AT, "a/b": 1, "c#": 2, "x" * 200: 3})
    async with city.listening() as intake:
        await city.publish(intake, said("parking/bonn", body))
    (row,) = (await rows(city)).values()
    assert (row.reason, row.device, row.count, row.kept) == ("device_invalid", "", 3, 1)


async def test_an_uplink_of_a_lorawan_device_is_state_of_what_it_is_bound_to(city):
    (sensor,) = await bind(city, Bind("24e124136b502217", ROOM))
    up = {"time": AT, "fCnt": 4, "object": {"temperature": 21.5, "battery": 87}}
    topic = "application/1/device/24e124136b502217/event/up"
    async with city.listening() as intake:
        await city.publish(intake, said(topic, json.dumps(up)), said(topic, json.dumps(up)))
    assert await city.values(ROOM) == {("temperature", sensor): 21.5, ("battery", sensor): 87}
    assert len(await city.samples(ROOM, "battery")) == 1
