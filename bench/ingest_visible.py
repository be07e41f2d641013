"""How long a reading takes from being published to being seen: in ``/state`` and on a WebSocket."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from websockets.sync.client import connect

from bench.ingest_parts import BUILDING, HOST, SLAB, greeted, packets
from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers import mqtt_write as write

PROBES = 200
PROBE_S = 0.05
SEEN_S_MAX = 20.0


class Load:
    """Publishes at a rate, in slabs, until ended."""

    def __init__(self, port: int, rate_per_s: float) -> None:
        self._link = greeted(port, "load")
        self._rate_per_s = rate_per_s
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._send, self._drain)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop."""
        self._ended.set()
        self._threads[0].join()
        self._link.shutdown(socket.SHUT_RDWR)  # wakes the other thread; closing would not
        self._threads[1].join()
        self._link.close()

    def _send(self) -> None:
        slabs = packets(100_000)
        begin, sent = time.monotonic(), 0
        while not self._ended.is_set():
            due = int((time.monotonic() - begin) * self._rate_per_s / SLAB)
            for number in range(sent, due):
                self._link.sendall(slabs[number % len(slabs)])
            sent = max(sent, due)
            time.sleep(0.005)

    def _drain(self) -> None:
        try:
            while self._link.recv(65_536):
                pass
        except OSError:
            return


def visible(http_port: int, mqtt_port: int, rate_per_s: float) -> dict[str, float]:
    """Return p50 and p99 in ms of both ways of seeing, under a load."""
    load = Load(mqtt_port, rate_per_s)
    try:
        return {
            **_named("stream", _on_a_stream(http_port, mqtt_port)),
            **_named("state", _in_state(http_port, mqtt_port)),
        }
    finally:
        load.end()


def _named(name: str, seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(1_000 * s for s in seconds)
    return {
        f"{name}_p50_ms": round(ordered[len(ordered) // 2], 1),
        f"{name}_p99_ms": round(ordered[int(len(ordered) * 0.99)], 1),
    }


def _on_a_stream(http_port: int, mqtt_port: int) -> list[float]:
    url = f"ws://{HOST}:{http_port}/stream?properties=counter"
    with connect(url, max_size=None) as stream, greeted(mqtt_port, "probe") as link:
        stream.recv()
        took = []
        for number in range(PROBES):
            begin = _publish(link, number)
            while _value(json.loads(stream.recv(SEEN_S_MAX))) != number:
                pass
            took.append(time.perf_counter() - begin)
            time.sleep(PROBE_S)
        return took


def _in_state(http_port: int, mqtt_port: int) -> list[float]:
    page = http.client.HTTPConnection(HOST, http_port)
    with greeted(mqtt_port, "probe") as link:
        took = []
        for number in range(PROBES, 2 * PROBES):
            begin = _publish(link, number)
            while _state(page) != number:
                time.sleep(0.001)
            took.append(time.perf_counter() - begin)
            time.sleep(PROBE_S)
        return took


def _publish(link: Any, number: int) -> float:
    begin = time.perf_counter()
    payload = json.dumps({"v": number, "n": number}).encode()
    message = mqtt.Publish("city/bench/probe/counter", payload, (number + 1).to_bytes(2))
    link.sendall(write.publish(message))
    return begin


def _value(frame: dict[str, Any]) -> Any:
    return frame["data"].get("value") if frame["event"] == "state" else None


def _state(page: http.client.HTTPConnection) -> Any:
    page.request("GET", f"/objects/{BUILDING}/state")
    said = json.loads(page.getresponse().read())
    return said["properties"].get("counter", {}).get("value")
