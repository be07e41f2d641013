"""SIGKILL in the middle: the next start ends what was begun, and nothing is left or lost."""

import http.client
import json
import signal
import time

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from bim.demo import district
from tests.parts.twin_process import BOUNDARY, Twin, multipart, until

pytestmark = pytest.mark.timeout(180)

STALE_S = 0.5
READINGS = 3_000
DEVICE = "counter-1"
STARTED = int(time.time()) - 2 * READINGS


@pytest.fixture(scope="module")
def pump_station(tmp_path_factory):
    """The smallest model of the demo district: its bytes."""
    model = next(m for m in district() if m.file_name == "nanhu-pump-station.ifc")
    path = tmp_path_factory.mktemp("models") / model.file_name
    model.write(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    running = Twin(tmp_path_factory.mktemp("restart"), TWIN_JOB_STALE_S=STALE_S).start()
    yield running
    assert (0, False) == (running.stop(), "Traceback" in running.printed())


def passing(twin):
    """Return what lies where only living work may lie."""
    places = (twin.data / "uploads", twin.data / "work", twin.data / "blobs" / "incoming")
    return sorted(str(p.relative_to(twin.data)) for place in places for p in place.rglob("*"))


def killed_and_started(twin):
    assert -signal.SIGKILL == twin.stop(signal.SIGKILL)
    left = passing(twin)
    until(lambda: not twin.listens(), "the end of the parts that a killed process leaves")
    twin.start()
    return left


def delivered(twin, document):
    """Return code -> (kind, name, GUID) of what a document delivered."""
    found, cursor = {}, ""
    while cursor is not None:
        page = twin.get(f"/objects?property=document={document}&limit=1000&cursor={cursor}")
        for item in page["items"]:
            guid = item["properties"].get("ifc_guid")
            found[item["code"]] = (item["kind"], item["name"], guid)
        cursor = page["next"]
    return found


def test_a_kill_in_the_middle_of_an_upload_leaves_nothing_and_the_next_upload_succeeds(
    twin, pump_station
):
    before = twin.kept()
    body = multipart(pump_station, "pump.ifc")
    link = http.client.HTTPConnection("127.0.0.1", twin.http, timeout=30)
    link.putrequest("POST", "/models")
    link.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    link.putheader("Content-Length", str(len(body)))
    link.endheaders()
    link.send(body[: len(body) // 2])
    until(lambda: passing(twin), "the begun upload", 10)
    (left,) = killed_and_started(twin)
    link.close()
    assert left.startswith("uploads/")
    assert before == twin.kept()
    assert [] == twin.get("/jobs")["items"]


def test_a_kill_in_the_middle_of_an_import_ends_by_itself_with_the_same_codes(
    twin, pump_station, tmp_path_factory
):
    said = twin.upload(pump_station, "pump.ifc").json
    until(lambda: twin.get(f"/jobs/{said['job']}")["stage"] == "mesh", "the mesh stage", 60)
    left = killed_and_started(twin)
    assert any(name.startswith("work/") for name in left)
    job = twin.ended(said["job"])
    assert ("done", 2) == (job["state"], job["attempts"]), job
    assert [] == passing(twin)
    made = delivered(twin, said["model"])
    guids = [guid for kind, _, guid in made.values() if guid and kind != "Sensor"]
    assert job["result"]["objects"] - 1 == len(guids) > 20  # the project is no document's
    other = Twin(tmp_path_factory.mktemp("undisturbed")).start()
    try:
        again = other.upload(pump_station, "pump.ifc").json
        assert said | {"job": ""} == again | {"job": ""}
        other.ended(again["job"])
        assert made == delivered(other, again["model"])
    finally:
        other.stop()


def test_a_living_processes_files_are_left_alone_at_another_ones_start(twin, pump_station):
    body = multipart(pump_station, "pump.ifc", project="Slow")
    link = http.client.HTTPConnection("127.0.0.1", twin.http, timeout=30)
    link.putrequest("POST", "/models")
    link.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    link.putheader("Content-Length", str(len(body)))
    link.endheaders()
    link.send(body[:-1_000])
    (begun,) = until(lambda: passing(twin), "the begun upload", 10)
    (twin.data / "work" / "of-a-dead-one").mkdir()
    second = Twin(twin.folder / "second", TWIN_DATA_DIR=twin.data, TWIN_BROKER_URL="none://")
    second.start()
    assert [begun] == passing(twin)
    assert 0 == second.stop()
    link.send(body[-1_000:])
    answer = json.loads(link.getresponse().read())
    link.close()
    assert "done" == twin.ended(answer["job"])["state"]
    assert [] == passing(twin)


class Publisher:
    """Publishes numbered readings with QoS 1 until told to stop; knows which were acknowledged."""

    def __init__(self, twin):
        self.acknowledged = set()
        self._numbers = {}
        self._client = Client(CallbackAPIVersion.VERSION2, "counter", reconnect_on_failure=False)
        self._client.on_publish = lambda _c, _u, mid, _r, _p: self.acknowledged.add(
            self._numbers[mid]
        )
        self._client.max_inflight_messages_set(200)
        self._client.connect("127.0.0.1", twin.mqtt)
        self._topic = f"city/wuhan/{DEVICE}/count"

    def publish(self, numbers):
        for number in numbers:
            said = {"v": number, "t": STARTED + number, "n": number}
            sent = self._client.publish(self._topic, json.dumps(said), qos=1)
            self._numbers[sent.mid] = number
        self._client.loop_start()

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def history(twin, code):
    values, cursor = [], ""
    while cursor is not None:
        page = twin.get(f"/objects/{code}/history?property=count&limit=1000&cursor={cursor}")
        values += [sample["value"] for sample in page["items"]]
        cursor = page["next"]
    return values


def test_readings_acknowledged_before_a_kill_are_in_history_exactly_once(twin):
    code = twin.get("/objects?kind=Building")["items"][0]["code"]
    wanted = {"device": DEVICE, "code": code, "property": "count"}
    assert 201 == twin.ask("POST", "/devices", wanted).status
    first = Publisher(twin)
    first.publish(range(READINGS))
    until(lambda: len(first.acknowledged) > READINGS // 10, "some acknowledgements", 20)
    killed_and_started(twin)
    first.close()
    promised = set(first.acknowledged)
    assert 0 < len(promised) < READINGS, "the kill did not come in the middle"
    until(lambda: promised <= set(history(twin, code)), "what was acknowledged", 20)
    again = Publisher(twin)
    again.publish(range(READINGS))
    until(lambda: len(again.acknowledged) == READINGS, "all acknowledgements", 30)
    again.close()
    until(lambda: len(history(twin, code)) >= READINGS, "all readings", 20)
    assert list(range(READINGS)) == history(twin, code)
