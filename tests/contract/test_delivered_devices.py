"""Devices that models deliver: the same register on every adapter, and what people say wins."""

from dataclasses import replace

import pytest

from cim import delivery
from cim.device import Device
from cim.model import Kind, Verb
from identity import code as uic
from sensors.bindings import Bind, bind, bind_many
from sensors.lookup import Bindings
from sensors.register import Register, Wanted, devices
from sensors.registering import Registering
from sensors.topics import Device as Named
from tests.parts.register import WHO, Town, house
from tests.unit.cim.test_delivery import HERE, REGION
from twin.stores.memory import MemoryStates

pytestmark = pytest.mark.anyio

QUAYS = house("c1", building="bq", digest="bq")
FACTS = {"ifc_class": "IfcSensor"}
NOW = 1_795_305_600.0


def sensor(name="T-1", key="w1", target="st", channels=None, **facts):
    """A thermometer ``key`` of the delivery that observes ``target``."""
    told = {"temperature": "Cel"} if channels is None else channels
    return Device(
        name, key, target, f"{name} hall", "ifc", told, {"ifc_guid": key, **FACTS, **facts}
    )


class City(Town):
    """A town whose models deliver devices, and the register of devices."""

    def __init__(self, graph):
        super().__init__(graph)
        self.notes = []

    async def model(self, *found, project="P", document="arch", items=None):
        """Deliver a house with these devices; keep what was noted."""
        made = await self.make(items or house("w1", "w2", "w3"), document, project)
        self.documents[project] = made.document

        async def teller(_who, notes):
            self.notes = [(note.code, note.device.device) for note in notes]
            return {}

        return await delivery.deliver(
            self.graph,
            self.graph,
            replace(made, devices=found),
            self.tiler(made),
            holder="test",
            wait_s=1,
            teller=teller,
        )

    async def listed(self):
        """{device: (what it observes, source, sensor)} of the register."""
        register = Register(self.graph, self.graph, MemoryStates())
        found = await devices(register, Wanted(), await self.generation(), NOW)
        return {r["device"]: (r["code"], r["source"], r["sensor"]) for r in found["items"]}

    async def bound(self, device, code="", **facts):
        wanted = Bind(device, code, **facts)
        return await bind(self.graph, self.graph, lambda: NOW, REGION, wanted)

    def registering(self):
        register = Register(self.graph, self.graph, MemoryStates())
        return Registering(register, lambda: NOW, REGION, "Li")


@pytest.fixture
def city(graph):
    return City(graph)


async def test_a_delivered_device_is_bound_in_the_generation_of_its_model(city):
    before = await city.generation()
    result = await city.model(sensor())
    assert (await city.generation(), result["devices"]) == (before + 1, 1)
    storey = await city.of("st")
    (code, source, made) = (await city.listed())["T-1"]
    assert (code, source, uic.parse(made).kind) == (storey, "ifc", Kind.SENSOR)
    found = await Bindings(city.graph, city.graph).lookup([Named("wuhan", "T-1")])
    binding = found[Named("wuhan", "T-1")]
    assert (binding.target, binding.takes("temperature"), binding.takes("co2")) == (
        storey,
        True,
        False,
    )
    entity, element = await city.entity(made), await city.entity(await city.of("w1"))
    assert (entity.lon, entity.lat, entity.grid2d) == (element.lon, element.lat, element.grid2d)
    assert [city.documents["P"]] == await city.around(made, Verb.DELIVERED_IN)
    assert set(await city.around(storey, Verb.OBSERVES, incoming=True)) == {made}


async def test_a_delivery_that_dies_leaves_no_device_and_done_again_issues_the_same_code(city):
    made = replace(await city.make(house("w1"), receipt="r"), devices=[sensor()])

    async def broken(_issued):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await city.run(made, broken)
    assert await city.listed() == {}
    await city.run(made)
    (_, _, code) = (await city.listed())["T-1"]
    assert code == uic.issue(uic.prefix(REGION, Kind.SENSOR), 1)


async def test_the_next_version_keeps_moves_renames_and_ends_devices(city):
    await city.model(sensor(), sensor("T-2", "w2"), sensor("T-3", "w3", channels={}))
    first = await city.listed()
    result = await city.model(sensor(), sensor("T-2", "w2", "b"), sensor("T-4", "w3", channels={}))
    second = await city.listed()
    assert (second["T-1"], result["devices"]) == (first["T-1"], 3)
    assert second["T-2"] == (await city.of("b"), "ifc", first["T-2"][2])
    assert "T-3" not in second
    assert second["T-4"][2] not in {row[2] for row in first.values()}
    await city.model(sensor("T-3", "w3"))
    assert await city.listed() == {"T-3": (await city.of("st"), "ifc", first["T-3"][2])}
    assert await city.around(first["T-1"][2], Verb.OBSERVES) == []


async def test_the_same_devices_again_write_nothing(city):
    await city.model(sensor(), sensor("T-2", "w2", channels={}))
    rows = await city.listed()
    await city.model(sensor(), sensor("T-2", "w2", channels={}), items=house("w1", "w2"))
    g = await city.generation()
    for _, _, code in rows.values():
        assert len(await city.graph.history(g, code, limit=10)) == 1
    assert await city.listed() == rows


async def test_a_device_keeps_its_sensor_when_all_elements_get_new_guids(city):
    await city.model(sensor())
    before = (await city.listed())["T-1"]
    await city.model(sensor(key="n1"), items=house("n1", "n2", "n3"))
    assert (await city.listed())["T-1"] == before
    assert (await city.entity(before[2])).properties["ifc_guid"] == "n1"


async def test_withdrawing_a_model_ends_its_devices_and_the_next_delivery_brings_them_back(city):
    await city.model(sensor())
    before = await city.listed()
    await city.withdraw()
    assert await city.listed() == {}
    assert await city.entity(before["T-1"][2]) is None
    await city.model(sensor())
    assert await city.listed() == before


async def test_what_a_person_bound_before_stays_theirs_and_is_noted(city):
    await city.model()
    wall = await city.of("w2")
    await city.bound("T-1", wall)
    await city.bound("T-2", wall, tenant="wuhan")
    result = await city.model(sensor(), sensor("T-2", "w2"))
    assert city.notes == [("device_of_person", "T-1"), ("device_of_person", "T-2")]
    assert result["devices"] == 0
    assert [row[:2] for row in (await city.listed()).values()] == [(wall, "person")] * 2
    await city.model()
    assert len(await city.listed()) == 2


async def test_a_device_that_a_person_changed_is_theirs_whatever_becomes_of_the_model(city):
    await city.model(sensor())
    (_, _, code) = (await city.listed())["T-1"]
    wall = await city.of("w2")
    await city.bound("T-1", wall)
    await city.model(sensor())
    assert city.notes == [("device_of_person", "T-1")]
    assert (await city.listed())["T-1"] == (wall, "person", code)
    await city.model()
    await city.withdraw()
    assert (await city.listed())["T-1"][1:] == ("person", code)


async def test_what_a_person_unbound_stays_unbound_until_they_take_it_back(city):
    await city.model(sensor())
    before = await city.listed()
    people = city.registering()
    await people.unbind("T-1", "")
    await city.model(sensor())
    assert (city.notes, await city.listed()) == ([("device_unbound_by_person", "T-1")], {})
    await people.undo("T-1", "")
    assert await city.listed() == before
    await city.model(sensor(target="b"))
    assert (await city.listed())["T-1"] == (await city.of("b"), "ifc", before["T-1"][2])
    await people.unbind("T-1", "")
    await city.model()
    await people.undo("T-1", "")
    assert (await city.listed())["T-1"][1] == "person", "no model speaks of it any more"


async def test_saying_again_what_the_model_says_leaves_a_device_the_models(city):
    wind = {"wind_speed": "m/s", "wind_direction": ""}
    await city.model(sensor(), sensor("W-1", "w2", channels=wind))
    before = await city.listed()
    found = {name: await city.entity(row[2]) for name, row in before.items()}
    again = [
        Bind(name, before[name][0], prop, unit, entity.name, position=_place(entity))
        for name, entity in found.items()
        for prop, unit in ({"temperature": "Cel"} if name == "T-1" else wind).items()
    ]
    await bind_many(city.graph, city.graph, lambda: NOW, REGION, again)
    assert await city.listed() == before
    assert {name: await city.entity(row[2]) for name, row in before.items()} == found


async def test_one_model_never_takes_a_device_from_another(city):
    await city.model(sensor())
    first = await city.listed()
    await city.model(sensor(key="c1", target="bq"), project="Q", items=QUAYS)
    assert (city.notes, await city.listed()) == ([("device_taken", "T-1")], first)
    await city.withdraw("P")
    await city.model(sensor(key="c1", target="bq"), project="Q", items=QUAYS)
    assert (await city.listed())["T-1"] == (await city.of("bq", "Q"), "ifc", first["T-1"][2])


async def test_two_devices_that_a_person_merged_into_one_sensor_are_theirs(city):
    await city.model(sensor())
    await city.model(sensor("T-2", "c1", "bq"), project="Q", items=QUAYS)
    (_, _, old), (_, _, kept) = [(await city.listed())[name] for name in ("T-1", "T-2")]
    await city.register.merge(old, kept, **WHO)
    result = await city.model(sensor(), sensor("T-2", "w2"))
    assert (city.notes, result["devices"]) == (
        [("device_of_person", "T-1"), ("device_of_person", "T-2")],
        0,
    )
    found = await city.listed()
    assert {row[2] for row in found.values()} == {kept}


async def test_two_documents_of_one_project_may_deliver_the_same_element(city):
    await city.model(sensor())
    arch = city.documents["P"]
    await city.model(sensor(), document="services")
    first = await city.listed()
    assert (city.notes, len(await city.around(first["T-1"][2], Verb.DELIVERED_IN))) == ([], 2)
    await delivery.withdraw(city.graph, arch, holder="test", wait_s=1)
    assert await city.listed() == first
    await city.withdraw("P")
    assert await city.listed() == {}


async def test_a_model_that_is_put_elsewhere_takes_its_devices_along_but_not_those_of_people(city):
    await city.model(sensor(), sensor("T-2", "w2"))
    rows = await city.listed()
    await city.bound("T-2", await city.of("st"), position=(114.41, 30.51, 9.0))
    there = replace(HERE, lon=114.5)
    await delivery.place(city.graph, city.documents["P"], there, holder="test", wait_s=1)
    moved, theirs = [await city.entity(rows[name][2]) for name in ("T-1", "T-2")]
    assert (moved.lon, theirs.lon) == ((await city.entity(await city.of("w1"))).lon, 114.41)


def _place(entity):
    return entity.lon, entity.lat, entity.height_m
