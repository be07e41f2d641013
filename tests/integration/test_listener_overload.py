"""More than can be applied, for long: devices wait, memory is flat, the journal bounded."""

import socket
import threading
import time

import pytest

from sensors.brokers import mqtt_write as write
from sensors.brokers.mqtt_packets import Connect, Publish
from tests.integration.listening import build_city
from tests.integration.test_listener_kills import Sqlite
from tests.integration.test_listener_noise import RSS_BYTES_MORE, resident_bytes
from tests.parts.listener import BEGIN_S, Listener
from tests.parts.ports import free_port
from tests.parts.twin_process import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]  # more than the waits inside
TOPIC = "city/demo/d1/counter"
BACKLOG = 20_000
WINDOW = 4_000
JOURNAL_BYTES = 96 * 1024 * 1024  # the log alone may keep 64 MiB
TIMES_S = [10, pytest.param(600, marks=[pytest.mark.long, pytest.mark.timeout(1_500)])]


class Flood:
    """One device that always has WINDOW readings on their way."""

    def __init__(self, port):
        self.sent = self.acknowledged = 0
        self.ended = threading.Event()
        self._link = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._link.sendall(write.connect(Connect(4, "flood")))
        assert self._link.recv(4) == write.connack(0)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self):
        self.ended.set()
        self._thread.join(60)
        self._link.close()

    def _run(self):
        left = 0
        while not self.ended.is_set() or self.acknowledged < self.sent:
            while not self.ended.is_set() and self.sent - self.acknowledged < WINDOW:
                self._link.sendall(b"".join(map(packet, range(self.sent, self.sent + 100))))
                self.sent += 100
            left += len(self._link.recv(65_536))
            self.acknowledged, left = self.acknowledged + left // 4, left % 4


def packet(n):
    payload = f'{{"v":{n},"t":{BEGIN_S + n / 100},"n":{n}}}'.encode()
    return write.publish(Publish(TOPIC, payload, (n % 65_535 + 1).to_bytes(2)))


def size(folder):
    return sum(file.stat().st_size for file in folder.iterdir())


def watched(listener, store, flood, time_s):
    """Sample (backlog, memory of both parts, bytes of the journal) until the time is over."""
    samples, end = [], time.monotonic() + time_s
    pids = [listener.pid(part) for part in ("endpoint", "applier")]
    while time.monotonic() < end:
        backlog = store.journalled() - store.committed()
        resident = [resident_bytes(pid) for pid in pids]
        samples.append((backlog, resident, size(store.data / "journal" / "main")))
        time.sleep(time_s / 100)
    return samples


@pytest.mark.parametrize("time_s", TIMES_S)
async def test_memory_is_flat_and_the_journal_bounded_while_devices_wait(tmp_path, time_s):
    data = tmp_path / "data"
    data.mkdir()
    await build_city(data)
    port, store = free_port(), Sqlite(data)
    settings = {"TWIN_JOURNAL_MESSAGES_MAX": BACKLOG, "TWIN_MQTT_BIND": f"127.0.0.1:{port}"}
    with Listener(tmp_path, **settings) as listener:
        flood = Flood(port)
        until(lambda: store.journalled() - store.committed() > BACKLOG / 2, "the overload")
        samples = watched(listener, store, flood, time_s)
        flood.end()
        until(lambda: store.committed() >= store.journalled() == flood.sent, "everything applied")
    backlogs, resident, journal = zip(*samples, strict=True)
    first, last = resident[len(resident) // 10], resident[-1]
    print(
        f"{time_s} s, {flood.acknowledged} acknowledged, backlog at most {max(backlogs)},",
        f"resident bytes {first} then {last}, journal at most {max(journal)} bytes",
    )
    assert BACKLOG * 0.9 < max(backlogs) < BACKLOG + 2 * WINDOW
    assert max(journal) < JOURNAL_BYTES
    for before, after in zip(first, last, strict=True):
        assert after < before + RSS_BYTES_MORE
    assert flood.acknowledged == flood.sent
    assert store.ask("state.db", "SELECT count(*) FROM history") == [(flood.sent,)]
