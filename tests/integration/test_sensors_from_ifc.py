"""An IFC with sensors goes up; their messages find the room, over MQTT and over HTTP."""

import asyncio
import time

import httpx
import pytest

from api import cli_lookup, running
from api.services import Door
from api.settings import load
from tests.parts.ifc_sensors import (
    DUCT,
    HALL,
    ROOM,
    house,
    key,
    related,
    sensor,
    serial,
)
from tests.parts.served import served

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

WAIT_S = 90.0
SENSORS = (
    sensor(1, tag="T-101", name="会议室温度计"),
    sensor(2, tag="C-102", sort="CO2SENSOR", within=HALL),
    sensor(3, tag="x", sort="SMOKESENSOR"),
    serial(3, "SN-3"),
    sensor(4, name="F-1", kind="FLOWINSTRUMENT", sort="PRESSUREGAUGE", within=""),
    related(4, "IFCRELFLOWCONTROLELEMENTS", DUCT),
    sensor(5, tag="D-1", kind="CONTROLLER", sort="", within=HALL),
    sensor(6, tag="D-1", kind="ALARM", sort="SIREN"),
    sensor(7, tag="L-7", within=""),
    sensor(8, tag="a/b"),
    sensor(9),
)


class Firm:
    """Uploads houses with sensors to a server, and asks it."""

    def __init__(self, client, door, folder):
        self.client, self.door, self.folder, self.number = client, door, folder, 0

    async def upload(self, *lines):
        """Import the next version of one document; return the job's result."""
        self.number += 1
        path = self.folder / f"{self.number}.ifc"
        path.write_bytes(house(*lines))
        names = {"project": "tower", "document": "services"}
        with path.open("rb") as file:
            answer = await self.client.post("/models", data=names, files={"file": file})
        return (await self.until(f"/jobs/{answer.json()['job']}", _ended))["result"]

    async def get(self, path, **params):
        return (await self.client.get(path, params=params)).json()

    async def until(self, path, wanted):
        """Return the answer once ``wanted`` holds of it."""
        stop = time.monotonic() + WAIT_S
        while time.monotonic() < stop:
            told = await self.get(path)
            if wanted(told):
                assert told.get("error") is None, told
                return told
            await asyncio.sleep(0.05)
        raise AssertionError(told)

    async def devices(self):
        """{device: its row}."""
        return {row["device"]: row for row in (await self.get("/devices"))["items"]}

    async def findings(self, model):
        """{code: samples} of the findings on devices."""
        items = (await self.get(f"/models/{model}/findings"))["items"]
        said = {item["code"]: item["facts"].get("samples") for item in items}
        return {code: samples for code, samples in said.items() if "device" in code}

    async def code(self, guid):
        return (await self.get(f"/codes/{guid}"))["code"]


def _ended(job):
    return job["state"] in {"done", "failed"}


@pytest.fixture
async def firm(tmp_path):
    settings = load(
        data_dir=tmp_path / "data", bind="127.0.0.1:0", mqtt_bind="127.0.0.1:0", job_poll_s=0.05
    )
    door = Door(settings)
    async with (
        served(door, running.Plan(worker=True, listener="test")),
        httpx.AsyncClient(base_url=door.url, timeout=WAIT_S) as client,
    ):
        yield Firm(client, door, tmp_path)


async def test_a_models_sensors_are_bound_and_their_messages_stand_at_the_room(firm):
    mqtt = firm.door.broker.address
    await cli_lookup.publish(mqtt, "city/wuhan/T-101/temperature", "19.5")  # nobody knows it yet
    await firm.until("/devices/quarantine", lambda told: told["items"])
    result = await firm.upload(*SENSORS)
    room, hall, duct = [await firm.code(guid) for guid in (ROOM, HALL, DUCT)]

    found = await firm.devices()
    told = {
        name: (row["code"], row["property"], row["unit"], row["source"])
        for name, row in found.items()
    }
    assert told == {
        "T-101": (room, "temperature", "Cel", "ifc"),
        "C-102": (hall, "co2", "ppm", "ifc"),
        "SN-3": (room, "smoke", "", "ifc"),
        "F-1": (duct, "pressure", "kPa", "ifc"),
    }
    assert (result["devices"], found["T-101"]["element_guid"]) == (4, key(1))
    assert found["T-101"]["last"]["temperature"]["value"] == 19.5, "what waited was not applied"
    assert await firm.findings(result["model"]) == {
        "ifc_device_repeated": [key(5), key(6)],
        "ifc_device_loose": [key(7)],
        "ifc_device_invalid": [key(8)],
        "ifc_device_unnamed": [key(9)],
    }

    await cli_lookup.publish(mqtt, "city/wuhan/T-101/temperature", "22.5")
    await firm.until(f"/objects/{room}/state", lambda told: _temperature(told) == 22.5)
    item = {"sensor": "C-102", "property": "co2", "value": 640}
    answer = await firm.client.post("/observations", json=[item])
    assert answer.json()["applied"] == 1
    sensors = (await firm.get(f"/codes/{ROOM}"))["sensors"]
    (measured,) = [row for row in sensors if row["property"] == "temperature"]
    assert (measured["code"], measured["of"]) == (found["T-101"]["sensor"], room)
    assert (measured["value"], measured["name"]) == (22.5, "会议室温度计")
    itself = await firm.get(f"/codes/{found['T-101']['sensor']}")
    assert (itself["kind"], itself["model"]["ifc_guid"]) == ("Sensor", key(1))
    assert (await firm.get(f"/objects/{hall}/state"))["properties"]["co2"]["value"] == 640


async def test_the_next_version_and_a_withdrawal_end_what_is_gone_and_people_keep_theirs(firm):
    await firm.upload(sensor(1, tag="T-101"), sensor(2, tag="T-102"), sensor(3, tag="T-103"))
    first = await firm.devices()
    hall = await firm.code(HALL)
    said = {"device": "T-103", "code": hall, "property": "temperature"}
    assert (await firm.client.post("/devices", json=said)).json()["source"] == "person"
    result = await firm.upload(sensor(1, tag="T-101", within=HALL), sensor(3, tag="T-103"))
    second = await firm.devices()
    assert second["T-101"]["sensor"] == first["T-101"]["sensor"]
    assert [second[name]["code"] for name in ("T-101", "T-103")] == [hall, hall]
    assert (sorted(second), result["devices"]) == (["T-101", "T-103"], 1)
    assert await firm.findings(result["model"]) == {"device_of_person": ["T-103"]}
    for source, name in (("ifc", "T-101"), ("person", "T-103")):
        (row,) = (await firm.get("/devices", source=source))["items"]
        assert row["device"] == name

    table = (await firm.client.get("/devices/table")).content
    taken = await firm.client.post("/devices/table", content=table)
    assert (taken.json()["errors"], (await firm.devices())["T-101"]["source"]) == ([], "ifc")
    await firm.client.post(f"/models/{result['model']}/withdraw")
    assert list(await firm.devices()) == ["T-103"]


def _temperature(told):
    return told["properties"].get("temperature", {}).get("value")
