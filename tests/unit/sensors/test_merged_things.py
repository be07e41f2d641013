"""Readings that still name a code which was merged into another: none of them vanishes."""

import pytest

from cim.model import Entity, Kind
from cim.ports import Batch
from cim.registry_change import Registry
from cim.stores.memory_blobs import MemoryBlobs
from identity import code as universal
from sensors.bindings import Bind, bind_many
from tests.unit.sensors.small_city import REGION, said

pytestmark = pytest.mark.anyio
PREFIX = universal.prefix(REGION, "Facility")
OLD, NEW = universal.issue(PREFIX, 1), universal.issue(PREFIX, 2)


async def build(city):
    activation = await city.graph.activate("test", wait_s=1)
    await activation.write(Batch(entities=[Entity(code, Kind.FACILITY) for code in (OLD, NEW)]))
    await activation.commit({})


async def merge(city, old=OLD, new=NEW):
    register = Registry(city.graph, city.graph, MemoryBlobs(), 1.0)
    await register.merge(old, new, who="Li", why="the same lamp, registered twice")


async def bind(city, *wanted):
    rows = await bind_many(city.graph, city.graph, city.clock, REGION, wanted)
    return [row["sensor"] for row in rows]


async def quarantined(city):
    rows = await city.states.quarantined(limit=100)
    return {(row.reason, row.device, row.count) for row in rows}


async def test_a_device_of_a_merged_thing_is_read_for_the_survivor(city):
    await build(city)
    (sensor,) = await bind(city, Bind("d1", OLD))
    async with city.listening() as intake:
        await city.publish(intake, said("city//d1/power", "5"))
        await merge(city)
        await city.publish(intake, said("city//d1/power", "6"))
    assert await city.values(OLD) == {("power", sensor): 5}
    assert await city.values(NEW) == {("power", sensor): 6}
    assert await quarantined(city) == set()


async def test_a_message_that_names_the_code_of_a_merged_thing_waits_with_its_reason(city):
    await build(city)
    async with city.listening() as intake:
        await city.publish(intake, said(f"city//{OLD}/power", "5", client="meter-7"))
        await merge(city)
        await city.publish(
            intake,
            said(f"city//{OLD}/power", "6", client="meter-7"),
            said(f"city//{NEW}/power", "7", client="meter-7"),
        )
    assert await city.values(OLD) == {("power", "meter-7"): 5}
    assert await city.values(NEW) == {("power", "meter-7"): 7}
    assert await quarantined(city) == {("device_unknown", OLD, 1)}
    (sensor,) = await bind(city, Bind(OLD, NEW))  # what the hint of the refusal says
    assert await city.intake().adopt(OLD) == 1
    assert await city.values(NEW) == {("power", "meter-7"): 7, ("power", sensor): 6}
    assert await quarantined(city) == set()


async def test_a_message_of_a_replaced_sensor_by_its_device_reaches_the_thing(city):
    await build(city)
    old, new = await bind(city, Bind("d1", NEW), Bind("d2", NEW))
    await merge(city, old, new)
    async with city.listening() as intake:
        await city.publish(intake, said("city//d1/power", "5"), said(f"city//{old}/power", "6"))
    assert await city.values(NEW) == {("power", new): 5}
    assert await quarantined(city) == {("device_unknown", old, 1)}


async def test_an_observation_of_a_merged_thing_is_refused_with_its_index(city):
    await build(city)
    await merge(city)
    items = [{"code": code, "property": "power", "value": 5} for code in (OLD, NEW)]
    told = await city.intake().observe(items, "Li")
    assert [(row["index"], row["code"]) for row in told["rejected"]] == [(0, "target_unknown")]
    assert told["applied"] == 1
    assert await city.values(NEW) == {("power", "Li"): 5}
