"""One stalled client costs the others nothing: latency of the stream with and without it.

``python -m bench push [SECONDS] [PAIRS] [CLIENTS]``: a real ``twin up``, CLIENTS WebSockets that
each follow one thing, and a generator in a process of its own that changes each thing ten times a
second over MQTT; a change carries the time of its publishing. Alternating runs: without, and with
one more client that asks for everything and reads nothing. Latency is publish → received, so it
holds journal, fsync, commit and push. Afterwards the stalled one is read: how it was cut off.
"""

import asyncio
import base64
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import report
from cim.model import Entity, Kind
from cim.ports import Batch
from cim.stores.sqlite import SqliteGraph
from identity import code as universal
from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers import mqtt_write as write
from tests.parts.ports import free_port

SECONDS, PAIRS, CLIENTS = 10.0, 5, 1_000
WARM_S = 3.0
CHANGES_S = 10  # of each thing
TICK_S = 0.01
STALL_S = 30.0
HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parents[1]
PREFIX = universal.prefix("420111", "Facility")
_VALUE = re.compile(rb'"value":([0-9.]+)')


def main(argv: list[str]) -> int:
    """Print the pairs and the line; ``generate`` and ``follow`` are what the children run."""
    if argv[:1] == ["generate"]:
        asyncio.run(_generate(int(argv[1]), int(argv[2]), float(argv[3])))
        return 0
    if argv[:1] == ["follow"]:
        asyncio.run(_follow(int(argv[1]), int(argv[2]), float(argv[3])))
        return 0
    seconds = float(argv[0]) if argv else SECONDS
    pairs, clients = (
        int(text) for text in (argv[1:3] + [str(PAIRS), str(CLIENTS)][len(argv[1:3]) :])
    )
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_make_city(Path(folder), clients))
        with _twin(Path(folder)) as (http, mqtt_port):
            rows = [_pair(http, mqtt_port, clients, seconds) for _ in range(pairs)]
            cut = _cut(http, mqtt_port, clients)
    _say(rows, cut, clients, seconds)
    return 0


def codes(count: int) -> list[str]:
    """Return the codes of the things."""
    return [universal.issue(PREFIX, number + 1) for number in range(count)]


def _pair(http: int, mqtt_port: int, clients: int, seconds: float) -> tuple[dict[str, Any], ...]:
    without = _run(http, mqtt_port, clients, seconds)
    with _stalled(http):
        stalled = _run(http, mqtt_port, clients, seconds)
    print(json.dumps({"without": without, "with": stalled}), flush=True)
    return without, stalled


def _say(rows: list[tuple[dict[str, Any], ...]], cut: str, clients: int, seconds: float) -> None:
    ratios = [one["p95_ms"] / other["p95_ms"] for other, one in rows]
    with_ms = statistics.median(row[1]["p95_ms"] for row in rows)
    without_ms = statistics.median(row[0]["p95_ms"] for row in rows)
    notes = {
        "median_of_ratios": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "p50_ms": round(statistics.median(row[1]["p50_ms"] for row in rows), 1),
        "received_of_sent": round(min(run["share"] for row in rows for run in row), 4),
        "clients": clients,
        "changes_s": clients * CHANGES_S,
        "seconds": seconds,
        "stalled_client": cut,
    }
    n = sum(run["received"] for row in rows for run in row)
    name = "the same without the stalled client"
    report.line("push", with_ms, "ms p95", without_ms, name, n, json.dumps(notes))


# --- the city and its process ---------------------------------------------------------------------


async def _make_city(folder: Path, clients: int) -> None:
    graph = await SqliteGraph.open(folder / "graph.db", time.time)
    activation = await graph.activate("bench", wait_s=5)
    for code in codes(clients):
        await activation.write(Batch(entities=[Entity(code, Kind.FACILITY, code[-4:])]))
    await activation.commit({})
    await graph.close()


@contextmanager
def _twin(folder: Path) -> Iterator[tuple[int, int]]:
    http, mqtt_port = free_port(), free_port()
    settings = {
        "TWIN_DATA_DIR": str(folder),
        "TWIN_BIND": f"{HOST}:{http}",
        "TWIN_MQTT_BIND": f"{HOST}:{mqtt_port}",
        "TWIN_STREAMS_MAX": "2000",
        "TWIN_STREAM_STALL_S": str(STALL_S),
    }
    command = [sys.executable, "-m", "api.cli", "up"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log
        ) as process,
    ):
        try:
            _wait(http)
            yield http, mqtt_port
        finally:
            process.terminate()


def _wait(http: int) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://{HOST}:{http}/readyz", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    message = "twin up does not answer"
    raise RuntimeError(message)


# --- one run --------------------------------------------------------------------------------------


def _run(http: int, mqtt_port: int, clients: int, seconds: float) -> dict[str, Any]:
    """Return p50 and p95 of publish → received, and the share of changes that arrived."""
    follower = _child("follow", http, clients, seconds)
    assert follower.stdout is not None
    assert follower.stdout.readline() == "open\n"
    generator = _child("generate", mqtt_port, clients, WARM_S + seconds + 1)
    told = json.loads(follower.stdout.readline())
    for process in (follower, generator):
        process.wait(60)
    return dict(told)


def _child(role: str, *given: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench", "push", role, *map(str, given)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


async def _generate(port: int, clients: int, seconds: float) -> None:
    """Publish each thing's change ten times a second, spread evenly."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(write.connect(mqtt.Connect(mqtt.LEVEL_311, "bench-push")))
    await reader.read(4)
    draining = asyncio.create_task(_drain(reader))
    topics = [f"city/wuhan/{code}/changed" for code in codes(clients)]
    begun, sent = time.monotonic(), 0
    while (passed := time.monotonic() - begun) < seconds:
        due = int(passed * clients * CHANGES_S)
        writer.write(b"".join(_packet(topics[n % clients], n) for n in range(sent, due)))
        sent = max(sent, due)
        await writer.drain()
        await asyncio.sleep(TICK_S)
    await asyncio.sleep(1)
    draining.cancel()
    writer.close()


def _packet(topic: str, n: int) -> bytes:
    payload = f'{{"v":{time.time():.6f}}}'.encode()
    return write.publish(mqtt.Publish(topic, payload, (n % 65_535 + 1).to_bytes(2)))


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


class _Client(asyncio.Protocol):
    """One follower: a bare WebSocket client that reads the time in each frame."""

    measuring = False
    latencies: list[float] = []  # noqa: RUF012 - of all clients together

    def __init__(self, code: str) -> None:
        self._code = code

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(_hello(f"/stream?codes={self._code}"))

    def data_received(self, data: bytes) -> None:
        if _Client.measuring:
            now = time.time()
            _Client.latencies += [now - float(found) for found in _VALUE.findall(data)]


async def _follow(port: int, clients: int, seconds: float) -> None:
    """Connect all, wait for the generator to warm up, measure, and say what was seen."""
    loop = asyncio.get_running_loop()
    transports = []
    for code in codes(clients):
        transport, _ = await loop.create_connection(lambda c=code: _Client(c), HOST, port)  # type: ignore[misc]
        transports.append(transport)
    await asyncio.sleep(1)
    print("open", flush=True)
    await asyncio.sleep(WARM_S)
    _Client.measuring = True
    await asyncio.sleep(seconds)
    _Client.measuring = False
    for transport in transports:
        transport.abort()
    found = sorted(_Client.latencies)
    told = {
        "p50_ms": round(1_000 * found[len(found) // 2], 2),
        "p95_ms": round(1_000 * found[int(len(found) * 0.95)], 2),
        "received": len(found),
        "share": round(len(found) / (clients * CHANGES_S * seconds), 4),
    }
    print(json.dumps(told), flush=True)


def _hello(path: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


# --- the stalled client ---------------------------------------------------------------------------


@contextmanager
def _stalled(http: int) -> Iterator[socket.socket]:
    """Give a connection that asks for everything and reads nothing."""
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        link.connect((HOST, http))
        link.sendall(_hello("/stream"))
        yield link


def _cut(http: int, mqtt_port: int, clients: int) -> str:
    """Return the text with which a stalled client is cut off, once it reads at last."""
    with _stalled(http) as link:
        generator = _child("generate", mqtt_port, clients, STALL_S + 5)
        generator.wait(120)
        link.settimeout(20)
        said = b""
        while b"stream_" not in said[-400:] and (piece := link.recv(65_536)):
            said = said[-400:] + piece
    found = re.search(rb"stream_\w+", said)
    return found.group().decode() if found else "not told"
