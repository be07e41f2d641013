"""How fast readings become durable at our endpoint, beside Mosquitto's raw QoS 1 rate.

``python -m bench ingest [READINGS] [RUNS]``: the same bare client publishes the same packets, QoS 1
with a window of WINDOW, to our listener (a process of its own: endpoint, journal, SQLite stores)
and to a Mosquitto with the shipped configuration, which keeps nothing durable and has no
subscriber. Beside it: how fast our listener applied them, and the same through Mosquitto.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from cim.model import Entity, Kind
from cim.ports import Batch
from cim.stores.sqlite import SqliteGraph
from identity import code as universal
from sensors.bindings import Bind, bind_many
from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers import mqtt_write as write
from sensors.brokers.embedded import Endpoint
from sensors.brokers.mqtt import PahoBroker
from sensors.intake import Intake
from sensors.journal import Journal
from sensors.ports import Broker
from twin.stores.sqlite import SqliteStates

READINGS, RUNS = 100_000, 5
DEVICES = 100
WINDOW = 4_000  # packets on their way without an acknowledgement
BEGIN_S = 1_795_000_000.0
REGION = "420111"
BUILDING = universal.issue(universal.prefix(REGION, "Building"), 1)
ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"


def main(argv: list[str]) -> int:
    """Print the medians; ``serve`` is what the child process runs."""
    if argv[:1] == ["serve"]:
        asyncio.run(_serve(Path(argv[1]), argv[2], int(argv[3])))
        return 0
    readings, runs = _sizes(argv)
    rows = [_run(readings) for _ in range(runs)]
    for row in rows:
        print(json.dumps(row))
    print(json.dumps(_summary(rows, readings)))
    return 0


def _sizes(argv: list[str]) -> tuple[int, int]:
    return int(argv[0]) if argv else READINGS, int(argv[1]) if len(argv) > 1 else RUNS


def _summary(rows: list[dict[str, float]], readings: int) -> dict[str, Any]:
    middle = {name: round(median(row[name] for row in rows)) for name in rows[0]}
    peer = middle.get("mosquitto_raw")
    return {
        "name": "ingest",
        "ours": middle["acknowledged"],
        "unit": "readings/s",
        "peer": peer,
        "peer_name": "mosquitto, publishing only" if peer else "mosquitto is not installed",
        "ratio": round(middle["acknowledged"] / peer, 3) if peer else None,
        "n": readings,
        "notes": {**middle, "runs": len(rows), "window": WINDOW, "devices": DEVICES},
    }


def _run(readings: int) -> dict[str, float]:
    """Return readings/s of one round: ours, then the peer."""
    packets = _packets(readings)
    row = {}
    with tempfile.TemporaryDirectory() as folder, _listener(Path(folder), "", readings) as child:
        row["acknowledged"] = readings / _publish(child.port, packets)
        row["applied"] = readings / child.applied_s()
    if _mosquitto_program() is None:
        return row
    with tempfile.TemporaryDirectory() as folder, _mosquitto(Path(folder)) as port:
        row["mosquitto_raw"] = readings / _publish(port, packets)
        url = f"mqtt://{HOST}:{port}"
        with _listener(Path(folder), url, readings) as child:
            _publish(port, packets)
            row["through_mosquitto_journalled"] = readings / child.journalled_s()
            row["through_mosquitto_applied"] = readings / child.applied_s()
    return row


# --- the bare client --------------------------------------------------------------------------


def _packets(readings: int) -> list[bytes]:
    """Return the PUBLISH packets in slabs of 100."""
    packets = []
    for n in range(readings):
        payload = f'{{"v":{n % 97},"t":{BEGIN_S + n / 100},"n":{n}}}'.encode()
        topic = f"city/bench/d{n % DEVICES}/temperature"
        packets.append(write.publish(mqtt.Publish(topic, payload, (n % 65_535 + 1).to_bytes(2))))
    return [b"".join(packets[i : i + 100]) for i in range(0, readings, 100)]


def _publish(port: int, slabs: list[bytes]) -> float:
    """Publish all and return the seconds until the last acknowledgement."""
    with socket.create_connection((HOST, port)) as client:
        client.sendall(write.connect(mqtt.Connect(mqtt.LEVEL_311, "bench")))
        assert client.recv(4)[3] == mqtt.SUCCESS
        begin = time.perf_counter()
        sent = acknowledged = 0
        while acknowledged < 400 * len(slabs):
            while sent < len(slabs) and 100 * sent - acknowledged // 4 < WINDOW:
                client.sendall(slabs[sent])
                sent += 1
            acknowledged += len(client.recv(65_536))
        return time.perf_counter() - begin


# --- the listener in a process of its own -------------------------------------------------------


class _Child:
    """The listener process: its port, and what it says of its progress."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.port = port
        self._process = process

    def journalled_s(self) -> float:
        """Return the seconds from the first message to the last one journalled."""
        return self._said("journalled")

    def applied_s(self) -> float:
        """Return the seconds from the first message to the last one applied."""
        return self._said("applied")

    def _said(self, word: str) -> float:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(word):
                return float(line.split()[1])
        message = "the listener ended"
        raise RuntimeError(message)


@contextmanager
def _listener(folder: Path, url: str, readings: int) -> Iterator[_Child]:
    command = [sys.executable, "-m", "bench", "ingest", "serve", str(folder), url, str(readings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            ports = (line.split()[1] for line in process.stdout if line.startswith("connected"))
            yield _Child(process, int(next(ports)))
        finally:
            process.kill()


async def _serve(folder: Path, url: str, readings: int) -> None:
    graph = await SqliteGraph.open(folder / "graph.db", time.time)
    activation = await graph.activate("bench", wait_s=5)
    await activation.write(Batch(entities=[Entity(BUILDING, Kind.BUILDING)]))
    await activation.commit({})
    wanted = [Bind(f"d{i}", BUILDING, "temperature", "Cel") for i in range(DEVICES)]
    await bind_many(graph, graph, time.time, REGION, wanted)
    states = await SqliteStates.open(folder / "state.db")
    journal = await Journal.open(folder / "journal", "main")
    broker: Broker = Endpoint(_port(), clock=time.time)
    if url:
        broker = PahoBroker(url, "bench-listener", clock=time.time)
    intake = Intake(graph, graph, states, time.time)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(intake.run(broker, journal))
        tasks.create_task(_tell(broker, journal, intake, readings))


def _port() -> socket.socket:
    port = socket.socket()
    port.bind((HOST, 0))
    return port


async def _tell(broker: Broker, journal: Journal, intake: Intake, readings: int) -> None:
    while not broker.connected:  # noqa: ASYNC110 - a bench polls what the product need not tell
        await asyncio.sleep(0.01)
    print("connected", broker.address.rpartition(":")[2], flush=True)
    await journal.grown(0)
    begin = time.perf_counter()
    await journal.grown(readings - 1)
    print("journalled", time.perf_counter() - begin, flush=True)
    while intake.applied_offset < readings:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.005)
    print("applied", time.perf_counter() - begin, flush=True)


# --- the peer -----------------------------------------------------------------------------------


def _mosquitto_program() -> str | None:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


@contextmanager
def _mosquitto(folder: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    text = (ROOT / "docs" / "mosquitto.conf").read_text(encoding="utf-8")
    text = text.replace("listener 1883 127.0.0.1", f"listener {port} {HOST}")
    text = text.replace("persistence_location ./", f"persistence_location {folder}/")
    if os.geteuid() == 0:
        text += "user root\n"  # else it becomes another user, who may not write into our folder
    (folder / "mosquitto.conf").write_text(text, encoding="utf-8")
    program = _mosquitto_program()
    assert program is not None
    with subprocess.Popen([program, "-c", str(folder / "mosquitto.conf")]) as process:
        try:
            while not _answers(port):
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
