"""Start, kill and watch listeners; start a real Mosquitto; publish with a real client."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from cim.model import Entity, Kind
from cim.ports import Batch
from cim.stores.sqlite import SqliteGraph
from identity import code as universal
from sensors.bindings import Bind, bind_many
from tests.parts.ports import free_port
from twin.stores.sqlite import SqliteStates

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("listener_process.py")
REGION = "420111"
BUILDING = universal.issue(universal.prefix(REGION, "Building"), 1)
TOPIC = "city/demo/d1/counter"


def wait_until(holds, what, limit_s=60):
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {limit_s} s for {what}")
        time.sleep(0.01)


async def build_city(folder):
    """One building, observed by the device d1."""
    graph = await SqliteGraph.open(folder / "graph.db", time.time)
    activation = await graph.activate("test", wait_s=5)
    await activation.write(Batch(entities=[Entity(BUILDING, Kind.BUILDING)]))
    await activation.commit({})
    await bind_many(graph, graph, time.time, REGION, [Bind("d1", BUILDING, "counter")])
    await graph.close()


class Listener:
    """A listener process on ``folder`` that can be killed and started again."""

    def __init__(self, folder, url):
        self.command = [sys.executable, str(SCRIPT), str(folder), url]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for line in self.process.stdout:
            if line.startswith("connected"):
                return
        pytest.fail(f"the listener ended with {self.process.wait()}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@contextmanager
def listening(folder, url):
    listener = Listener(folder, url)
    listener.start()
    try:
        yield listener
    finally:
        listener.kill()


class Publisher:
    """A device: paho with a session of its own, which sends again what was not acknowledged."""

    def __init__(self, port):
        self.acknowledged = 0
        self._lock = threading.Lock()
        self._client = Client(CallbackAPIVersion.VERSION2, "device-d1", clean_session=False)
        self._client.max_inflight_messages_set(1000)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._on_publish
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def publish(self, numbers, padding=""):
        for n in numbers:
            at = 1_795_000_000 + n
            self._client.publish(TOPIC, f'{{"v":{n},"t":{at},"n":{n}}}{padding}', qos=1)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()

    def _on_publish(self, *_):
        with self._lock:
            self.acknowledged += 1


def applied(folder):
    """Return how many rows of history another process has committed."""
    with closing(sqlite3.connect(folder / "state.db", timeout=10)) as connection:
        return connection.execute("SELECT count(*) FROM history").fetchone()[0]


async def history(folder):
    """Return all values of the counter, by the public port."""
    states = await SqliteStates.open(folder / "state.db")
    values, after = [], None
    while page := await states.history(
        BUILDING, "counter", start=0, stop=2e9, limit=1000, after=after
    ):
        values += [sample.value for sample in page]
        after = (page[-1].observed_at, page[-1].source, page[-1].n)
    await states.close()
    return values


def kill_thrice(listener, publisher, count):
    """Publish ``count`` readings; after each quarter a killed listener starts anew."""
    quarter = count // 4
    for start in range(0, count, quarter):
        publisher.publish(range(start, start + quarter))
        if start < 3 * quarter:
            wait_until(lambda at=start: publisher.acknowledged > at, "acknowledgements")
            listener.kill()
            listener.start()
    wait_until(lambda: publisher.acknowledged == count, "all acknowledgements")


@contextmanager
def mosquitto_running(folder, port=None, more=""):
    """A real Mosquitto with the shipped file, but for its port and its folder; ``more`` lines."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        reason = "mosquitto is not installed: the leg with a real broker is missing"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    port = port or free_port()
    shipped = (ROOT / "docs" / "mosquitto.conf").read_text()
    text = shipped.replace("listener 1883 127.0.0.1", f"listener {port} 127.0.0.1")
    text = text.replace("persistence_location ./", f"persistence_location {folder}/")
    text += more + "\n"
    if os.geteuid() == 0:
        text += "user root\n"  # else it becomes another user, who may not write into our folder
    config = folder / "mosquitto.conf"
    config.write_text(text)
    with subprocess.Popen([program, "-c", str(config)]) as process:
        try:
            wait_until(lambda: answers(port), "mosquitto")
            yield port
        finally:
            process.terminate()


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
