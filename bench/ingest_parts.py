"""The parts of ``bench ingest``: a city, real ``twin`` processes, Mosquitto, and a bare client."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cim.model import Entity, Kind
from cim.ports import Batch
from cim.stores.sqlite import SqliteGraph
from identity import code as universal
from sensors.bindings import Bind, bind_many
from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers import mqtt_write as write
from tests.parts.ports import free_port

DEVICES = 100
WINDOW = 4_000  # packets on their way without an acknowledgement
SLAB = 100  # packets of one piece
BEGIN_S = 1_795_000_000.0
REGION = "420111"
BUILDING = universal.issue(universal.prefix(REGION, "Building"), 1)
ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
START_S = 120.0


async def build(folder: Path) -> None:
    """Make a building and DEVICES devices bound to it in a folder that is there."""
    graph = await SqliteGraph.open(folder / "graph.db", time.time)
    activation = await graph.activate("bench", wait_s=5)
    await activation.write(Batch(entities=[Entity(BUILDING, Kind.BUILDING)]))
    await activation.commit({})
    wanted = [Bind(f"d{i}", BUILDING, "temperature", "Cel") for i in range(DEVICES)]
    wanted.append(Bind("probe", BUILDING, "counter"))
    await bind_many(graph, graph, time.time, REGION, wanted)
    await graph.close()


@contextmanager
def twin(folder: Path, *words: str, **settings: object) -> Iterator[None]:
    """Run ``twin up`` or ``twin listen`` on a folder until the block ends."""
    log = folder / f"{'-'.join(words)}.log"
    said = {name: str(value) for name, value in settings.items()}
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TWIN_DATA_DIR": str(folder), **said}
    command = [sys.executable, "-m", "api.cli", *words]
    with log.open("wb") as out, subprocess.Popen(command, env=environ, stderr=out) as process:
        try:
            until(lambda: log.read_text().count("listener_part_ready") >= 2)
            yield
        finally:
            process.terminate()


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """Run Mosquitto with the shipped file, but for port and folder."""
    port = free_port()
    text = (ROOT / "docs" / "mosquitto.conf").read_text(encoding="utf-8")
    text = text.replace("listener 1883 127.0.0.1", f"listener {port} {HOST}")
    text = text.replace("persistence_location ./", f"persistence_location {folder}/")
    if os.geteuid() == 0:
        text += "user root\n"  # else it becomes another user, who may not write into our folder
    (folder / "mosquitto.conf").write_text(text, encoding="utf-8")
    program = mosquitto_program()
    assert program is not None
    with subprocess.Popen([program, "-c", str(folder / "mosquitto.conf")]) as process:
        try:
            until(lambda: _answers(port))
            yield port
        finally:
            process.terminate()


def mosquitto_program() -> str | None:
    """Return where Mosquitto is, None where it is not."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


def packets(readings: int) -> list[bytes]:
    """Return PUBLISH packets in slabs."""
    starts = range(0, readings, SLAB)
    return [b"".join(_packet(n) for n in range(start, start + SLAB)) for start in starts]


def _packet(n: int) -> bytes:
    payload = f'{{"v":{n % 97},"t":{BEGIN_S + n / 100},"n":{n}}}'.encode()
    topic = f"city/bench/d{n % DEVICES}/temperature"
    return write.publish(mqtt.Publish(topic, payload, (n % 65_535 + 1).to_bytes(2)))


def greeted(port: int, client: str) -> socket.socket:
    """Return a connection that was accepted."""
    link = socket.create_connection((HOST, port))
    link.sendall(write.connect(mqtt.Connect(mqtt.LEVEL_311, client)))
    assert link.recv(4)[3] == mqtt.SUCCESS
    return link


def publish(port: int, slabs: list[bytes]) -> float:
    """Publish all in a window and return the seconds until the last acknowledgement."""
    with greeted(port, "bench") as link:
        begin = time.perf_counter()
        sent = acknowledged = 0
        while acknowledged < 4 * SLAB * len(slabs):
            while sent < len(slabs) and SLAB * sent - acknowledged // 4 < WINDOW:
                link.sendall(slabs[sent])
                sent += 1
            acknowledged += len(link.recv(65_536))
        return time.perf_counter() - begin


def committed(folder: Path) -> int:
    """Return how many messages of all listeners are committed."""
    with closing(sqlite3.connect(folder / "state.db", timeout=30)) as connection:
        (count,) = connection.execute("SELECT coalesce(sum(position), 0) FROM offsets").fetchone()
    return int(count)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def until(holds: Callable[[], bool], limit_s: float = START_S) -> None:
    """Wait until it holds."""
    end = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > end:
            message = f"waited {limit_s} s"
            raise RuntimeError(message)
        time.sleep(0.005)
