"""Malformed packets and payloads at a real ``twin listen``: nothing dies, grows or is held up."""

import json
import random
import socket
import sqlite3
import threading
from collections import Counter
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

import pytest

from identity.errors import catalogue
from sensors.brokers import mqtt_write as write
from sensors.brokers.mqtt_packets import Connect, Publish
from tests.integration.listening import build_city
from tests.parts import mqtt_noise
from tests.parts.listener import Device, Listener
from tests.parts.ports import free_port
from tests.parts.twin_process import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]  # more than the waits inside
TOPIC = "city/demo/d1/counter"
NOISES = [
    (3_000, 100_000),
    pytest.param(100_000, 1_000_000, marks=[pytest.mark.long, pytest.mark.timeout(3_000)]),
]
RSS_BYTES_MORE = 48 * 1024 * 1024  # caches fill: of topics, of bindings, of the store's pages


def resident_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def strangers(port, count, seed):
    """Send so many damaged packets; each connection sends until it is closed."""
    told = Counter()
    for level in (4, 5):
        noise = islice(mqtt_noise.stream(seed + level, level), count // 2)
        for packet in noise:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
                link.sendall(write.connect(Connect(level, f"noise-{seed}")))
                with suppress(ConnectionError):
                    link.sendall(packet + next(noise, b"\0"))
                    link.shutdown(socket.SHUT_WR)
                    while link.recv(65_536):
                        told["answers"] += 1
            told["connections"] += 1
    return told


def payload(chance):
    """Return bytes that are no reading, or one that cannot be."""
    good = json.dumps({"v": chance.random() * 10, "t": 1_795_000_000}).encode()
    return chance.choice(
        [
            b"",
            chance.randbytes(chance.randint(1, 60)),
            good[: chance.randint(1, len(good) - 1)],
            b'{"v":NaN}',
            b'{"v":1e999}',
            b'{"t":"2026-11-22T08:00:00Z"}',
            b'{"v":1,"t":"yesterday"}',
            b'{"v":1,"t":-5}',
            b'{"v":1,"u":"furlong"}',
            b"[" * 500,
            '{"v":"\ud800"}'.encode("utf-8", "surrogatepass"),
        ]
    )


def poison(port, count):
    """Publish so many payloads with QoS 1 in windows of 500, until all are acknowledged."""
    chance = random.Random(7)
    topics = [TOPIC, "city/demo/stranger/p", "city/demo/d1/other", "other/topic", "city/a/b/c/d"]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link:
        link.sendall(write.connect(Connect(4, "poison")))
        assert link.recv(4) == write.connack(0)
        for start in range(0, count, 500):
            packets = [
                write.publish(Publish(chance.choice(topics), payload(chance), n.to_bytes(2)))
                for n in range(1, min(500, count - start) + 1)
            ]
            link.sendall(b"".join(packets))
            left = 4 * len(packets)
            while left:
                left -= len(link.recv(left))


def sown(listener, port, packets, payloads):
    """Sow half of the noise, measure, sow the rest; return memory of each part after each half."""
    measured = []
    for half in range(2):
        thread = threading.Thread(target=strangers, args=(port, packets // 2, half))
        thread.start()
        poison(port, payloads // 2)
        thread.join()
        pids = [listener.pid(part) for part in ("endpoint", "applier")]
        measured.append([resident_bytes(pid) for pid in pids])
    return measured


@pytest.mark.parametrize(("packets", "payloads"), NOISES)
async def test_noise_is_kept_with_its_reason_and_good_traffic_is_unharmed(
    tmp_path, packets, payloads
):
    data = tmp_path / "data"
    data.mkdir()
    await build_city(data)
    port = free_port()
    with Listener(tmp_path, TWIN_MQTT_BIND=f"127.0.0.1:{port}") as listener:
        good = Device(port, TOPIC)
        ended = threading.Event()
        publishing = threading.Thread(target=publish_until, args=(good, ended))
        publishing.start()
        before, after = sown(listener, port, packets, payloads)
        ended.set()
        publishing.join()
        good.settle()
        until(lambda: len(values(data)) == good.sent, "all good readings")
        until(lambda: refused(data).total() >= payloads // 2, "the quarantine")
        good.close()
    print(f"resident bytes {before} then {after}, refused {refused(data)}")
    assert list(range(good.sent)) == values(data)
    assert "listener_part_ended" not in listener.printed()
    assert "Traceback" not in listener.printed()
    for part_before, part_after in zip(before, after, strict=True):
        assert part_after < part_before + RSS_BYTES_MORE
    assert set(refused(data)) <= set(catalogue())
    assert rows(data) <= 10_000


def publish_until(device, ended):
    while not ended.wait(0.02):
        device.publish(10)


def ask(data, sql):
    with closing(sqlite3.connect(data / "state.db", timeout=10)) as connection:
        return connection.execute(sql).fetchall()


def values(data):
    """Return every value of the good device: each has its own ``n``."""
    found = ask(data, "SELECT value FROM history WHERE tie > -1 AND observed_at >= 1795000000")
    return sorted(value for (value,) in found if isinstance(value, int))


def refused(data):
    """Return how many messages were refused for each reason."""
    return Counter(dict(ask(data, "SELECT reason, sum(count) FROM quarantine GROUP BY reason")))


def rows(data):
    return ask(data, "SELECT count(*) FROM quarantine")[0][0]
