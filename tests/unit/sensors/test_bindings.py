import asyncio

import pytest

from cim.heights import CityHeights
from cim.model import Kind, Verb
from cim.registry_change import Registry
from cim.stores.memory_blobs import MemoryBlobs
from identity import code as universal
from identity import grid
from identity.errors import Conflict, Invalid, NotFound, TooLarge
from identity.grid import Datum
from sensors import bindings
from sensors.bindings import LEASE_WAIT_S, Bind, bind, bind_many, unbind
from sensors.lookup import Binding, Bindings
from sensors.register import Register, Wanted
from sensors.register import devices as listed
from sensors.topics import Device
from tests.unit.sensors.small_city import BUILDING, HALL, NOW, REGION, ROOM
from twin.channels import Calibration, Channel

pytestmark = pytest.mark.anyio


async def bound(city, device="d1", code=ROOM, wait_s=LEASE_WAIT_S, **facts):
    wanted = Bind(device, code, **facts)
    return await bind(city.graph, city.graph, city.clock, REGION, wanted, wait_s=wait_s)


async def devices(city, code=None, **paging):
    g = (await city.graph.head()).generation
    register = Register(city.graph, city.graph, city.states)
    return await listed(register, Wanted(code), g, NOW, **paging)


async def found(city, *names):
    return [
        (await Bindings(city.graph, city.graph).lookup([Device(*name)]))[Device(*name)]
        for name in names
    ]


async def test_binding_makes_a_sensor_with_an_alias_that_observes_the_thing(city):
    row = await bound(city, property="temperature", unit="Cel", interval_s=5, name="温度计 1")
    g = (await city.graph.head()).generation
    (sensor,) = await city.graph.entities(g, [row["sensor"]])
    (relation,) = await city.graph.relations(g, [sensor.code], [Verb.OBSERVES])
    (alias,) = (await city.graph.aliases(g, [sensor.code]))[sensor.code]
    assert universal.parse(sensor.code).kind == Kind.SENSOR
    assert (sensor.kind, sensor.name, relation.target) == (Kind.SENSOR, "温度计 1", ROOM)
    assert (alias.scheme, alias.scope, alias.value) == ("device", "", "d1")
    assert sensor.properties["bound_at"] == NOW
    assert row == {
        "device": "d1",
        "tenant": "",
        "sensor": sensor.code,
        "code": ROOM,
        "name": "温度计 1",
        "status": "bound",
        "position": None,
        "candidates": [],
        "property": "temperature",
        "unit": "Cel",
        "interval_s": 5,
        "owner": "",
        "channels": {"temperature": {"unit": "Cel", "interval_s": 5}},
        "source": "person",
        "element_guid": None,
    }


async def test_the_height_of_a_position_keeps_its_datum_until_another_is_said(city):
    names = ("height_datum", "height_provenance", "geoid_separation_m")

    async def said(position, datum):
        wanted = [Bind("d1", ROOM, position=position)]
        seas = CityHeights(datum, -12.0)
        (row,) = await bind_many(city.graph, city.graph, city.clock, REGION, wanted, city=seas)
        g = (await city.graph.head()).generation
        (sensor,) = await city.graph.entities(g, [row["sensor"]])
        return sensor.grid2d, [sensor.properties.get(name) for name in names]

    here, first = grid.encode(114.4, 30.5), ["1985", "assumed", -12.0]
    assert await said((114.4, 30.5, 20.0), Datum.YELLOW_SEA_1985) == (here, first)
    assert await said(None, Datum.ELLIPSOIDAL) == (here, first)
    anew = ["ellipsoidal", "assumed", None]
    assert await said((114.4, 30.5, 8.0), Datum.ELLIPSOIDAL) == (here, anew)
    pole = grid.encode(10.0, 89.0, 2)
    assert await said((10.0, 89.0, None), Datum.ELLIPSOIDAL) == (pole, [None] * 3)


async def test_a_device_whose_sensor_was_replaced_comes_back_as_the_one_that_took_its_place(city):
    old = (await bound(city))["sensor"]
    new = (await bound(city, "d2"))["sensor"]
    await unbind(city.graph, city.graph, device="d1")
    register = Registry(city.graph, city.graph, MemoryBlobs(), 1.0)
    await register.merge(old, new, who="Li", why="the meter was changed")
    assert (await bound(city))["sensor"] == new
    g = (await city.graph.head()).generation
    assert await city.graph.entities(g, [old]) == []


async def test_many_devices_are_bound_in_one_activation_with_codes_of_their_own(city):
    before = (await city.graph.head()).generation
    wanted = [Bind(f"d{i}", ROOM, "temperature") for i in range(200)]
    rows = await bind_many(city.graph, city.graph, city.clock, REGION, wanted)
    assert (await city.graph.head()).generation == before + 1
    assert [row["device"] for row in rows] == [bind.device for bind in wanted]
    assert len({row["sensor"] for row in rows}) == 200


async def test_binding_to_an_unknown_code_changes_nothing(city):
    before = (await city.graph.head()).generation
    wanted = [Bind("d1", ROOM), Bind("d2", universal.issue(universal.prefix(REGION, "House"), 9))]
    with pytest.raises(NotFound) as refused:
        await bind_many(city.graph, city.graph, city.clock, REGION, wanted)
    assert refused.value.code == "target_unknown"
    assert (await city.graph.head()).generation == before
    assert await found(city, ("", "d1")) == [None]
    await bound(city)  # the lease was given back


async def test_binding_again_adds_a_property_and_keeps_the_sensor(city):
    first = await bound(city, property="temperature", unit="Cel")
    second = await bound(city, property="humidity", unit="%")
    assert second["sensor"] == first["sensor"]
    assert set(second["channels"]) == {"temperature", "humidity"}
    (binding,) = await found(city, ("t", "d1"))
    channels = {"temperature": Channel("Cel"), "humidity": Channel("%")}
    assert binding == Binding(ROOM, first["sensor"], channels)


async def test_binding_to_another_code_moves_the_sensor(city):
    first = await bound(city)
    await bound(city, code=HALL)
    assert await found(city, ("", "d1")) == [Binding(HALL, first["sensor"], {})]
    assert (await devices(city, code=ROOM))["items"] == []
    (row,) = (await devices(city, code=HALL))["items"]
    assert row["sensor"] == first["sensor"]


async def test_one_call_may_bind_two_properties_of_one_device(city):
    wanted = [Bind("d1", ROOM, "temperature"), Bind("d1", ROOM, "humidity")]
    rows = await bind_many(city.graph, city.graph, city.clock, REGION, wanted)
    assert rows[0]["sensor"] == rows[1]["sensor"]
    (binding,) = await found(city, ("", "d1"))
    assert binding.takes("temperature")
    assert binding.takes("humidity")
    assert not binding.takes("noise")


async def test_a_tenants_own_device_goes_before_the_citys_of_the_same_name(city):
    mine = await bound(city, tenant="a", code=ROOM)
    ours = await bound(city, code=HALL)
    assert mine["sensor"] != ours["sensor"]
    assert await found(city, ("a", "d1"), ("b", "d1"), ("", "d1")) == [
        Binding(ROOM, mine["sensor"], {}),
        Binding(HALL, ours["sensor"], {}),
        Binding(HALL, ours["sensor"], {}),
    ]


async def test_a_name_may_be_a_code_a_sensors_code_or_nothing(city):
    row = await bound(city)
    assert await found(city, ("", BUILDING), ("", row["sensor"]), ("", "nobody")) == [
        Binding(BUILDING),
        Binding(ROOM, row["sensor"], {}),
        None,
    ]


async def test_the_cache_follows_the_head_of_the_graph(city):
    cache = Bindings(city.graph, city.graph)
    device = Device("", "d1")
    assert (await cache.lookup([device]))[device] is None
    await bound(city)
    assert (await cache.lookup([device]))[device].target == ROOM


async def test_an_answer_of_an_older_generation_does_not_enter_the_newer_cache(city, monkeypatch):
    cache, device = Bindings(city.graph, city.graph), Device("", "d1")
    resolve, gate = city.graph.resolve, asyncio.Event()

    async def slow(*args, **options):
        found = await resolve(*args, **options)
        await gate.wait()
        return found

    monkeypatch.setattr(city.graph, "resolve", slow)
    early = asyncio.create_task(cache.lookup([device]))
    await asyncio.sleep(0)
    monkeypatch.setattr(city.graph, "resolve", resolve)
    await bound(city)
    await cache.lookup([Device("", "other")])
    gate.set()
    assert (await early)[device] is None
    assert (await cache.lookup([device]))[device].target == ROOM


async def test_unbinding_ends_the_sensor_and_a_new_binding_revives_its_code(city):
    first = await bound(city)
    row = await unbind(city.graph, city.graph, device="d1")
    assert (row["sensor"], row["code"]) == (first["sensor"], ROOM)
    assert await found(city, ("", "d1")) == [None]
    assert (await devices(city))["items"] == []
    assert (await bound(city))["sensor"] == first["sensor"]
    with pytest.raises(NotFound):
        await unbind(city.graph, city.graph, device="other")


async def test_devices_are_listed_in_pages(city):
    wanted = [Bind(f"d{i}", ROOM) for i in range(5)]
    await bind_many(city.graph, city.graph, city.clock, REGION, wanted)
    page = await devices(city, limit=3)
    rest = await devices(city, limit=3, after=page["next"])
    names = [row["device"] for row in page["items"] + rest["items"]]
    assert sorted(names) == ["d0", "d1", "d2", "d3", "d4"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"device": "a/b"}, "device_invalid"),
        ({"device": ""}, "device_invalid"),
        ({"device": "d", "tenant": "#"}, "device_invalid"),
        ({"device": "d", "property": "a\nb"}, "property_invalid"),
        ({"property": "temperature", "unit": "C"}, "unit_unconvertible"),
        ({"property": "temperature", "unit": "klick"}, "unit_unknown"),
        ({"property": "unheard_of", "unit": "klick"}, "unit_unknown"),
        ({"low": 2, "high": 1}, "bounds_invalid"),
        ({"calibration": Calibration(0, 2, 0)}, "calibration_invalid"),
        ({"property": "p", "calibration": Calibration(0, 0, 0)}, "calibration_invalid"),
    ],
)
async def test_names_that_no_topic_can_carry_are_refused(city, facts, code):
    with pytest.raises(Invalid) as refused:
        await bound(city, **facts)
    assert refused.value.code == code


async def test_too_many_devices_in_one_call_are_refused(city, monkeypatch):
    monkeypatch.setattr(bindings, "BIND_MAX", 2)
    with pytest.raises(TooLarge):
        await bind_many(city.graph, city.graph, city.clock, REGION, [Bind("d", ROOM)] * 3)


async def test_a_busy_graph_is_told(city):
    holder = await city.graph.activate("import", wait_s=1)
    with pytest.raises(Conflict) as refused:
        await bound(city, wait_s=0)
    assert refused.value.code == "lease_busy"
    await holder.abort()
