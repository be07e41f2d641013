"""The register of devices and the mappings over HTTP: the whole application over SQLite."""

import json
import time

import httpx
import pytest

from api.app import create_app
from api.bootstrap import open_services
from api.services import Door
from api.settings import load
from api.tokens import Tokens
from cim.model import Entity, Kind
from cim.ports import Batch
from identity import code as universal
from identity.ports import Alias
from twin.ports import Commit
from twin.quarantine import Kept, Quarantined

pytestmark = pytest.mark.anyio

PUMP, TANK = (universal.issue(universal.prefix("420111", "Facility"), n) for n in (1, 2))
GUID = "2O2Fr$t4X7Zf8NOew3FNr2"
MAPPING = {
    "each": "$",
    "device": "@key",
    "values": [{"property": "=level", "value": "@.v", "unit": "=cm"}],
}


@pytest.fixture
async def city(tmp_path):
    """A client of the application, and its services; a pump with a GUID, and a tank."""
    door = Door(load({}, data_dir=tmp_path, device_table_bytes_max=20_000))
    services = await door.open(lambda: open_services(door.settings, time.time))
    box = (114.4, 30.5, 114.401, 30.501)
    things = [
        Entity(PUMP, Kind.FACILITY, "南湖泵站", lon=114.4005, lat=30.5005, box=box),
        Entity(TANK, Kind.FACILITY, "tank"),
    ]
    activation = await services.graph.activate("test", wait_s=1)
    await activation.write(Batch(entities=things, aliases=[Alias("ifc_guid", "p", GUID, PUMP)]))
    await activation.commit({"event": "test"})
    transport = httpx.ASGITransport(app=create_app(door, Tokens([])), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client, services
    await door.close()


async def wait_in_quarantine(services, device, *payloads, topic=None, reason="device_unknown"):
    where = topic or f"city/wuhan/{device}/level"
    kept = [Kept(payload.encode(), 1_795_305_600.0 + n) for n, payload in enumerate(payloads)]
    row = Quarantined(
        *(reason, device, where, kept[-1].payload, kept[-1].received_at),
        count=len(kept),
        tenant="wuhan" if device else "",
        messages=kept,
    )
    await services.states.commit(Commit(quarantined=[row]))


async def levels(client, code):
    params = {"property": "level", "from": "2026-11-21T00:00:00Z", "to": "2026-11-23T00:00:00Z"}
    items = (await client.get(f"/objects/{code}/history", params=params)).json()["items"]
    return [(sample["value"], sample["unit"]) for sample in items]


async def test_one_binding_replays_all_that_was_kept_and_the_device_is_listed_with_it(city):
    client, services = city
    await wait_in_quarantine(services, "gauge-1", *(f'{{"v":{n},"u":"cm"}}' for n in range(100)))
    (row,) = (await client.get("/devices/quarantine", params={"device": "gauge-1"})).json()["items"]
    assert (row["count"], row["kept"], row["tenant"]) == (100, 100, "wuhan")

    said = {"device": "gauge-1", "ifc_guid": GUID, "property": "level", "high": 0.5}
    bound = await client.post("/devices", json=said)
    assert (bound.status_code, bound.json()["code"], bound.json()["adopted"]) == (201, PUMP, 100)
    assert (await levels(client, PUMP))[-1] == (0.99, "m")
    (device,) = (await client.get("/devices", params={"code": PUMP})).json()["items"]
    assert device["last"]["level"]["reasons"][0] == "out_of_range"
    state = (await client.get(f"/objects/{PUMP}/state")).json()["properties"]["level"]
    assert (state["value"], "out_of_range" in state["reasons"]) == (0.99, True)
    assert (await client.get("/devices/quarantine")).json()["items"] == []


async def test_a_place_is_proposed_then_confirmed_then_unbound_then_brought_back(city):
    client, services = city
    await wait_in_quarantine(services, "gauge-2", "1")
    place = {"device": "gauge-2", "lon": 114.4005, "lat": 30.5006, "property": "level", "unit": "m"}
    proposed = (await client.post("/devices", json=place)).json()
    assert (proposed["status"], proposed["adopted"]) == ("proposed", 0)
    (candidate,) = proposed["candidates"]
    assert (candidate["code"], candidate["distance_m"]) == (PUMP, 0)

    wrong = await client.post("/devices/confirm", json={"device": "gauge-2", "code": TANK})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "candidate_unknown")
    done = await client.post("/devices/confirm", json={"device": "gauge-2", "code": PUMP})
    assert (done.json()["status"], done.json()["adopted"]) == ("bound", 1)

    gone = await client.delete("/devices", params={"device": "gauge-2"})
    assert (gone.status_code, (await client.get("/devices")).json()["items"]) == (200, [])
    back = await client.post("/devices/undo", json={"device": "gauge-2"})
    assert (back.json()["sensor"], back.json()["code"]) == (proposed["sensor"], PUMP)
    changes = (await client.get(f"/objects/{proposed['sensor']}/changes")).json()["items"]
    assert [c["cause"]["who"] for c in changes] == ["loopback"] * 4


async def test_a_table_is_tried_then_taken_and_given_back(city):
    client, services = city
    await wait_in_quarantine(services, "a", "1", "2")
    table = f"device,code,property,unit,name\na,{TANK},level,m,水位计\nb,nowhere,,,\n"
    tried = (await client.post("/devices/table", params={"dry_run": True}, content=table)).json()
    assert (tried["dry_run"], tried["bound"], tried["errors_count"]) == (True, 1, 1)
    assert (await client.get("/devices")).json()["items"] == []

    taken = await client.post(
        "/devices/table", content=table.encode("gb18030"), headers={"Accept-Language": "zh"}
    )
    (error,) = taken.json()["errors"]
    assert (error["row"], error["column"], error["code"]) == (3, "code", "target_unknown")
    assert error["message"] == "不存在编码 nowhere。"
    assert (taken.json()["bound"], taken.json()["adopted"]) == (1, 2)
    given = await client.get("/devices/table")
    assert given.headers["content-type"].startswith("text/csv")
    assert f"a,,{TANK},,,,,,,level,m,水位计" in given.text
    again = (await client.post("/devices/table", content=given.content)).json()
    assert (again["bound"], again["errors_count"]) == (1, 0)


async def test_a_table_beyond_its_bound_is_refused_whole(city):
    client, _ = city
    answer = await client.post("/devices/table", content="device,code\n" + "x" * 30_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_mapping_is_tried_kept_used_and_removed(city):
    client, services = city
    body = json.dumps({"g1": {"v": 120}, "g2": {"v": 80}, "g3": {"v": "x"}})
    await client.post("/devices", json={"device": "g1", "code": TANK})
    await client.post("/devices", json={"device": "g3", "code": TANK, "property": "noise"})
    await wait_in_quarantine(services, "", body, topic="tanks/1", reason="topic_unknown")
    trial = {"topic": "tanks/1", "payload": body, "mapping": MAPPING}
    first, second, third = (await client.post("/devices/mappings/try", json=trial)).json()
    assert first["reading"] | {"source": ""} == {
        "code": TANK,
        "source": "",
        "value": 1.2,
        "unit": "m",
        "quality": "good",
    }
    assert (first["value"], first["unit"], second["refused"]["code"]) == (
        *(120, "cm"),
        "device_unknown",
    )
    assert third["refused"]["code"] == "property_not_bound"

    kept = await client.put("/devices/mappings", json={"filter": "tanks/+", "mapping": MAPPING})
    assert kept.status_code == 200
    assert await levels(client, TANK) == [(1.2, "m")]
    rows = (await client.get("/devices/quarantine")).json()["items"]
    assert {(r["reason"], r["device"]) for r in rows} == {
        ("device_unknown", "g2"),
        ("property_not_bound", "g3"),
    }
    listed = (await client.get("/devices/mappings")).json()
    assert [item["filter"] for item in listed["items"]] == ["tanks/+"]
    assert "senml/+" in {route["filter"] for route in listed["built_in"]}
    used = await client.post("/devices/mappings/try", json={"topic": "tanks/1", "payload": body})
    assert [row["device"] for row in used.json()] == ["g1", "g2", "g3"]

    gone = [await client.delete("/devices/mappings?filter=tanks/%2B") for _ in range(2)]
    assert [answer.status_code for answer in gone] == [204, 404]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"filter": "a/#/b", "mapping": MAPPING}, "topic_filter_invalid"),
        ({"filter": "city/+/+/+", "mapping": MAPPING}, "topic_filter_own"),
        ({"filter": "a", "mapping": {"values": []}}, "mapping_invalid"),
        ({"filter": "a", "mapping": {"codec": "runes"}}, "mapping_invalid"),
    ],
)
async def test_a_mapping_that_is_none_is_refused_when_it_is_written(city, said, code):
    client, _ = city
    answer = await client.put("/devices/mappings", json=said)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await client.get("/devices/mappings")).json()["items"] == []


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({}, 422, "target_missing"),
        ({"code": TANK, "address": "x"}, 422, "target_missing"),
        ({"lon": 114.4}, 422, "target_missing"),
        ({"ifc_guid": "nothing"}, 404, "target_unknown"),
        ({"code": TANK, "property": "level", "unit": "Cel"}, 422, "unit_unconvertible"),
        ({"code": TANK, "property": "p", "calibration": {"gain": 0}}, 422, "calibration_invalid"),
        ({"code": TANK, "property": "p", "calibration": {"since": "soon"}}, 422, "time_unreadable"),
    ],
)
async def test_a_binding_that_cannot_be_is_refused_by_name(city, said, status, code):
    client, _ = city
    answer = await client.post("/devices", json={"device": "d", **said})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("cursor", ["x", "-1", "²", "9" * 60])
async def test_a_place_in_the_quarantine_that_cannot_be_is_refused(city, cursor):
    client, _ = city
    answer = await client.get("/devices/quarantine", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "cursor_unreadable")
    beyond = await client.delete("/devices/quarantine", params={"id": "9" * 60})
    assert (beyond.status_code, beyond.json()["code"]) == (422, "request_invalid")


async def test_a_row_of_the_quarantine_can_be_discarded(city):
    client, services = city
    await wait_in_quarantine(services, "a", "1")
    await wait_in_quarantine(services, "b", "1")
    first, second = (await client.get("/devices/quarantine")).json()["items"]

    assert (await client.delete(f"/devices/quarantine?id={first['id']}")).status_code == 204
    left = (await client.get("/devices/quarantine")).json()["items"]
    assert [row["id"] for row in left] == [second["id"]]
