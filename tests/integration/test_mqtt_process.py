"""``twin up`` with devices' logins and TLS: over TCP, over WebSocket, and events to subscribers."""

import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import threading
from contextlib import contextmanager

import pytest
from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from tests.integration.listening import BUILDING, build_city
from tests.parts import certificate
from tests.parts.listener import STARTED
from tests.parts.twin_process import COMMAND, Twin, environment, until

pytestmark = [pytest.mark.timeout(180)]
TOPIC = "city/demo/d1/counter"


def login(folder, file, *words):
    """Return the password that ``twin login`` printed."""
    command = [*COMMAND, "login", *words, "--file", str(file)]
    done = subprocess.run(
        command, env=environment(), cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mqtt")
    (folder / "data").mkdir()
    asyncio.run(build_city(folder / "data"))
    cert, key = certificate.made(folder)
    users = folder / "users.jsonl"
    passwords = {
        "d1": login(folder, users, "d1"),
        "desk": login(folder, users, "desk", "--publish", "none", "--subscribe", "twin/events/#"),
    }
    running = Twin(
        folder,
        TWIN_MQTT_USERS_FILE=users,
        TWIN_MQTT_TLS_CERT=cert,
        TWIN_MQTT_TLS_KEY=key,
    ).start()
    running.passwords, running.certificate = passwords, cert
    yield running
    assert (0, False) == (running.stop(), "Traceback" in running.printed())


@contextmanager
def client(twin, user, password=None, *, transport="tcp", version=MQTTv5):
    """Connect with paho; give the client once the answer is here, as ``client.reason``."""
    told = threading.Event()
    made = Client(
        CallbackAPIVersion.VERSION2, f"{user}-{transport}", transport=transport, protocol=version
    )
    made.username_pw_set(user, twin.passwords[user] if password is None else password)

    def on_connect(_client, _data, _flags, reason, _properties):
        made.reason = str(reason)
        told.set()

    made.on_connect = on_connect
    if transport == "tcp":
        made.tls_set_context(ssl.create_default_context(cafile=str(twin.certificate)))
        made.connect("localhost", twin.mqtt)
    else:
        made.ws_set_options(path="/mqtt")
        made.connect("127.0.0.1", twin.http)
    made.loop_start()
    assert told.wait(20)
    try:
        yield made
    finally:
        made.disconnect()
        made.loop_stop()


def value(twin):
    counter = twin.get(f"/objects/{BUILDING}/state")["properties"].get("counter")
    return counter and counter["value"]


@pytest.mark.parametrize("version", [MQTTv311, MQTTv5])
@pytest.mark.parametrize("transport", ["tcp", "websockets"])
def test_a_device_with_its_login_publishes_its_own_topic(twin, transport, version):
    wanted = 10 * version + len(transport)
    with client(twin, "d1", transport=transport, version=version) as device:
        device.publish(TOPIC, json.dumps({"v": wanted}), qos=1).wait_for_publish(20)
    until(lambda: value(twin) == wanted, "the state")


@pytest.mark.parametrize("transport", ["tcp", "websockets"])
def test_a_wrong_password_is_refused(twin, transport):
    with client(twin, "d1", "wrong", transport=transport) as device:
        assert "Bad user name or password" == device.reason


def test_a_subscriber_is_told_what_changes(twin):
    events, ready = [], threading.Event()
    with client(twin, "desk") as desk, client(twin, "d1") as device:
        desk.on_subscribe = lambda *_: ready.set()
        desk.on_message = lambda _client, _data, message: events.append(message)
        desk.subscribe(f"twin/events/wuhan/Building/{BUILDING}/counter", qos=1)
        assert ready.wait(20)
        numbers = iter(range(1_000, 2_000))
        until(lambda: _published(device, next(numbers)) and events, "an event")
    told = json.loads(events[0].payload)
    assert ("state", BUILDING) == (told["event"], told["data"]["code"])
    assert told["data"]["value"] >= 1_000
    assert re.fullmatch(r"\d+\.\d+", told["id"])


def _published(device, number):
    device.publish(TOPIC, json.dumps({"v": number}), qos=1).wait_for_publish(20)
    return True


def test_a_subscriber_is_told_again_after_the_applier_was_killed(twin):
    events, ready = [], threading.Event()
    with client(twin, "desk") as desk, client(twin, "d1") as device:
        desk.on_subscribe = lambda *_: ready.set()
        desk.on_message = lambda _client, _data, message: events.append(json.loads(message.payload))
        desk.subscribe("twin/events/#", qos=1)
        assert ready.wait(20)
        numbers = iter(range(3_000, 5_000))
        until(lambda: _published(device, next(numbers)) and events, "an event")
        killed(twin, "applier")
        _published(device, 9_999)
        until(lambda: 9_999 in [e["data"].get("value") for e in events], "the last event")


def test_a_killed_endpoint_is_back_on_its_port(twin):
    killed(twin, "endpoint")
    with client(twin, "d1") as device:
        device.publish(TOPIC, json.dumps({"v": 77}), qos=1).wait_for_publish(20)
    until(lambda: value(twin) == 77, "the state")
    until(lambda: twin.ask("GET", "/readyz").status == 200, "readiness")


def killed(twin, part):
    pids = [int(pid) for name, pid in STARTED.findall(twin.printed()) if name == part]
    os.kill(pids[-1], signal.SIGKILL)


def test_a_web_socket_without_the_subprotocol_is_refused(twin):
    key = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13"}
    refused = twin.ask("GET", "/mqtt", Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==", **key)
    assert (422, "mqtt_subprotocol_missing") == (refused.status, refused.json["code"])


def test_another_machine_is_served_only_with_logins_and_tls(tmp_path):
    for settings in ({}, {"TWIN_MQTT_TLS_CERT": "cert.pem"}):
        command = [*COMMAND, "listen", "--data-dir", str(tmp_path)]
        env = environment(TWIN_MQTT_BIND="0.0.0.0:0", **settings)
        refused = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert 2 == refused.returncode
        assert re.search("mqtt_bind_open|mqtt_tls_unreadable", refused.stderr)
