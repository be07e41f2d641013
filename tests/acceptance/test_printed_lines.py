"""Every line that ``make run`` prints does what it says."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(400)


def shell(line: str, seconds: float = 20) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", line], env={**os.environ, "PATH": path},
        capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, (line, done.stderr, done.stdout)
    return done.stdout


def line_with(demo, text: str) -> str:
    (line,) = [row for row in demo.lines("curl") if text in row]
    return line


def state_of(demo, code: str) -> dict:
    with urllib.request.urlopen(f"{demo.url}/objects/{code}/state", timeout=5) as answer:
        return json.load(answer)["properties"]


def test_page_and_docs_answer_without_foreign_addresses(demo):
    for path in ("/", "/docs"):
        with urllib.request.urlopen(demo.url + path, timeout=5) as answer:
            body = answer.read().decode()
        assert "<html" in body.lower()
        assert "https://" not in body


def test_three_codes_are_named_and_the_first_resolves_to_building_address_and_sensors(demo):
    assert 3 == len(demo.codes())
    told = json.loads(shell(line_with(demo, "/codes/")))
    assert (demo.codes()[0][0], "Building") == (told["code"], told["kind"])
    assert "武汉市" in json.dumps(told["address"], ensure_ascii=False)
    assert told["position"]["grid2d"].startswith("N50H")


def test_one_call_joins_code_building_element_address_and_sensor(demo):
    code = demo.codes()[1][0]
    with urllib.request.urlopen(f"{demo.url}/codes/{code}", timeout=5) as answer:
        told = json.load(answer)
    assert {"Building", "Storey"} <= {parent["kind"] for parent in told["parents"]}
    assert told["address"]
    assert told["model"]["ifc_guid"]
    measured = {s["property"]: s for s in told["sensors"]}  # other tests bind devices of their own
    assert measured["temperature"]["value"] is not None


def test_the_state_line_shows_a_value_with_unit_time_and_quality(demo):
    row = json.loads(shell(line_with(demo, "/state")))["properties"]["temperature"]
    assert ("Cel", "good") == (row["unit"], row["quality"])
    assert isinstance(row["value"], float | int)


def test_the_observation_line_is_applied(demo):
    assert 1 == json.loads(shell(line_with(demo, "/observations")))["applied"]


def test_the_stream_line_follows_changes(demo):
    line = line_with(demo, "/stream").replace("curl ", "timeout 20 curl --max-time 15 ", 1)
    assert "event: state" in shell(f"({line} || true) | grep -m1 '^event: state'", 30)


def test_the_publish_line_changes_the_state(demo):
    (line,) = demo.lines("twin publish")
    shell(line)
    if shutil.which("mosquitto_pub"):
        shell(demo.lines("mosquitto_pub")[0])
    (sensor_line,) = demo.lines("twin publish")
    device = sensor_line.split("/")[2]
    with urllib.request.urlopen(f"{demo.url}/codes/{device}", timeout=5) as answer:
        told = json.load(answer)
    assert "Sensor" == told["kind"]


def test_the_device_line_binds_a_device_that_can_publish_then(demo):
    bound = json.loads(shell(line_with(demo, "/devices")))
    assert bound["device"] == "my-sensor-1"
    shell(f'twin publish --mqtt {demo.mqtt} city/wuhan/my-sensor-1/humidity \'{{"v":61,"u":"%"}}\'')
    code = demo.codes()[1][0]
    end = time.monotonic() + 10
    while "humidity" not in state_of(demo, code) and time.monotonic() < end:
        time.sleep(0.1)
    assert 61 == state_of(demo, code)["humidity"]["value"]
