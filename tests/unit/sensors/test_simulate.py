import json
from collections import Counter
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model import Entity, Kind
from sensors import simulate
from sensors.codecs import json as codec
from sensors.topics import parse
from twin.properties import default_table

MONDAY = datetime(2026, 11, 23, tzinfo=simulate.BEIJING).timestamp()
DAY_S = 86_400


def _city():
    bays = [
        Entity(f"bay{n:03d}", Kind.SPACE, f"A-{n:03d}", properties={"psets": {"车位信息": {}}})
        for n in range(1, 145)
    ]
    rooms = [Entity(f"room{n}", Kind.SPACE, f"{n}开放办公区") for n in range(101, 301)]
    houses = [Entity(f"house{n}", Kind.BUILDING, f"{n}号楼") for n in range(4)]
    other = [Entity("hall", Kind.SPACE, "走廊"), Entity("wall", Kind.ELEMENT, "办公隔墙")]
    return [*bays, *rooms, *houses, *other, Entity("pool", Kind.SPACE, "集水池")]


DEVICES = simulate.devices(_city())
TIMES = st.floats(MONDAY - 400 * DAY_S, MONDAY + 400 * DAY_S)


def _mean(property_name, hour):
    chosen = [d for d in DEVICES if d.property == property_name]
    return sum(simulate.value(d, MONDAY + hour * 3600) for d in chosen) / len(chosen)


def test_two_hundred_devices_watch_bays_rooms_pools_and_buildings():
    kinds = Counter(d.property for d in DEVICES)
    assert len(DEVICES) == simulate.COUNT
    assert kinds["level"] == 1
    assert kinds["power"] == kinds["pm25"] == 4
    assert kinds["occupied"] > kinds["temperature"] == kinds["co2"] > 30


def test_a_sensor_of_a_model_is_simulated_under_its_own_name_where_there_is_a_curve():
    def sensor(measured):
        said = {"device": "水位计SW-01", "property": measured, "unit": "m"}
        return Entity("s", Kind.SENSOR, "水位计", properties=said)

    device = simulate.standing(sensor("level"), "pool")
    assert (device.device, device.property, device.unit) == ("水位计SW-01", "level", "m")
    assert (device.code, device.name, device.interval_s) == ("pool", "水位计", 60)
    assert parse(simulate.messages(device, MONDAY)[0]).device == "水位计SW-01"
    assert simulate.standing(sensor("flow"), "pool") is None


def test_devices_have_names_of_their_own_that_can_stand_in_a_topic():
    assert len({d.device for d in DEVICES}) == len(DEVICES)
    assert "sim-park-A-001" in {d.device for d in simulate.devices(_city(), count=500)}
    for d in DEVICES:
        topic, _ = simulate.messages(d, MONDAY)
        assert parse(topic) == (simulate.TENANT, d.device, d.property)


def test_each_device_watches_a_thing_of_its_kind():
    watched: dict[str, set[str]] = {}
    for d in DEVICES:
        watched.setdefault(d.property, set()).add(d.code.rstrip("0123456789"))
    assert watched == {
        "occupied": {"bay"},
        "temperature": {"room"},
        "co2": {"room"},
        "level": {"pool"},
        "power": {"house"},
        "pm25": {"house"},
    }


def test_the_seed_chooses_and_the_order_of_the_targets_does_not():
    assert simulate.devices(reversed(_city())) == DEVICES
    assert simulate.devices(_city(), seed=1) != DEVICES


def test_fewer_targets_give_fewer_devices_and_a_small_count_is_kept():
    assert simulate.devices([]) == []
    assert len(simulate.devices(_city()[:5])) == 5
    assert len(simulate.devices(_city(), count=3)) == 3


def test_properties_and_units_are_those_the_twin_knows():
    known = default_table()
    assert {d.property: d.unit for d in DEVICES} == {
        name: known[name].unit for name in {d.property for d in DEVICES}
    }


@settings(deadline=None)
@given(st.sampled_from(DEVICES), TIMES)
def test_a_value_follows_from_device_and_time_alone_and_is_plausible(device, t):
    first = simulate.value(device, t)
    limits = {
        "temperature": (15, 32),
        "co2": (380, 1200),
        "occupied": (False, True),
        "power": (5, 400),
        "level": (0.5, 4.0),
        "pm25": (3, 120),
    }
    low, high = limits[device.property]
    assert first == simulate.value(device, t)
    assert isinstance(first, bool) == (device.property == "occupied")
    assert low <= first <= high


def test_a_workday_is_busier_than_its_night():
    assert _mean("occupied", 11) > _mean("occupied", 3) + 0.2
    assert _mean("co2", 11) > _mean("co2", 3) + 150
    assert _mean("power", 15) > 1.5 * _mean("power", 3)
    assert _mean("temperature", 15) > _mean("temperature", 3) + 1
    assert _mean("pm25", 8) > _mean("pm25", 3)


def test_a_sunday_is_quieter_than_a_monday():
    power = [d for d in DEVICES if d.property == "power"]
    at = [MONDAY + 11 * 3600, MONDAY - DAY_S + 11 * 3600]
    monday, sunday = (sum(simulate.value(d, t) for d in power) for t in at)
    assert sunday < 0.8 * monday


def test_cars_come_and_go():
    bay = next(d for d in DEVICES if d.property == "occupied")
    day = [v for _, _, v in simulate.readings([bay], MONDAY, MONDAY + DAY_S)]
    turns = sum(a != b for a, b in pairwise(day))
    assert 2 <= turns <= 60


def test_readings_of_a_span_join_those_of_its_parts():
    some = DEVICES[:7]
    middle = MONDAY + 1234.5
    whole = list(simulate.readings(some, MONDAY, MONDAY + 3600))
    parts = [
        *simulate.readings(some, MONDAY, middle),
        *simulate.readings(some, middle, MONDAY + 3600),
    ]
    assert sorted(map(repr, parts)) == sorted(map(repr, whole))
    assert all(MONDAY <= t < MONDAY + 3600 for t, _, _ in whole)


@pytest.mark.parametrize("name", ["occupied", "temperature"])
def test_messages_are_in_the_default_form(name):
    device = next(d for d in DEVICES if d.property == name)
    topic, payload = simulate.messages(device, MONDAY + 8 * 3600, tenant="hongshan")
    said = json.loads(payload)
    assert topic == f"city/hongshan/{device.device}/{name}"
    assert said["v"] == simulate.value(device, MONDAY + 8 * 3600)
    assert (said["t"], said["u"]) == ("2026-11-23T08:00:00.000+08:00", device.unit)
    assert codec.decode(payload).n == said["n"] > 0
