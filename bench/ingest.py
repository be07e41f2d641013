"""How fast readings become durable at our endpoint, beside Mosquitto's raw QoS 1 rate.

``python -m bench ingest [READINGS] [RUNS]``: the same bare client publishes the same packets, QoS 1
with a window of WINDOW, to a real ``twin up`` (endpoint, applier and HTTP in three processes) and
to a Mosquitto with the shipped configuration, which keeps nothing durable and has no subscriber.

Beside it: readings/s applied (state and history); publish → visible at half that rate; the same
readings through Mosquitto to one listener and to two of a shared subscription.
"""

import asyncio
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench.ingest_parts import (
    DEVICES,
    HOST,
    WINDOW,
    build,
    committed,
    mosquitto,
    mosquitto_program,
    packets,
    publish,
    twin,
    until,
)
from bench.ingest_visible import visible
from tests.parts.ports import free_port

READINGS, RUNS = 100_000, 5
APPLIED_S = 600.0


def main(argv: list[str]) -> int:
    """Print the medians of alternating runs."""
    readings = int(argv[0]) if argv else READINGS
    runs = int(argv[1]) if len(argv) > 1 else RUNS
    rows = [_run(readings) for _ in range(runs)]
    for row in rows:
        print(json.dumps(row))
    print(json.dumps(_summary(rows, readings)))
    return 0


def _summary(rows: list[dict[str, float]], readings: int) -> dict[str, Any]:
    middle = {name: round(median(row[name] for row in rows), 1) for name in rows[0]}
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
    """Return what one round measured: ours, then the peer."""
    slabs = packets(readings)
    with tempfile.TemporaryDirectory() as folder:
        row = _ours(Path(folder), slabs, readings)
    if mosquitto_program() is None:
        return row
    with tempfile.TemporaryDirectory() as folder, mosquitto(Path(folder)) as port:
        row["mosquitto_raw"] = readings / publish(port, slabs)
    for listeners in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            name = f"through_mosquitto_applied_by_{listeners}"
            row[name] = _through(Path(folder), slabs, readings, listeners)
    return row


def _ours(folder: Path, slabs: list[bytes], readings: int) -> dict[str, float]:
    asyncio.run(build(folder))
    http_port, port = free_port(), free_port()
    binds = {"TWIN_BIND": f"{HOST}:{http_port}", "TWIN_MQTT_BIND": f"{HOST}:{port}"}
    with twin(folder, "up", **binds):
        begin = time.perf_counter()
        row = {"acknowledged": readings / publish(port, slabs)}
        until(lambda: committed(folder) >= readings, APPLIED_S)
        row["applied"] = readings / (time.perf_counter() - begin)
        return {**row, **visible(http_port, port, row["applied"] / 2)}


def _through(folder: Path, slabs: list[bytes], readings: int, listeners: int) -> float:
    """Return readings/s applied by listeners that share one subscription."""
    asyncio.run(build(folder))
    with ExitStack() as stack:
        port = stack.enter_context(mosquitto(folder))
        url = f"mqtt://{HOST}:{port}?group=bench"
        for number in range(listeners):
            words = ("listen", "--name", f"gate-{number}")
            stack.enter_context(twin(folder, *words, TWIN_BROKER_URL=url))
        begin = time.perf_counter()
        publish(port, slabs)
        until(lambda: committed(folder) >= readings, APPLIED_S)
        return readings / (time.perf_counter() - begin)
