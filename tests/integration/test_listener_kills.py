"""``twin listen`` is two processes; either is killed again and again, and nothing is lost or twice.

At every kill at least 200 readings are on their way: for the endpoint sent and not acknowledged,
for the applier acknowledged (durable in the journal) and not committed.
"""

import random
import sqlite3
import statistics
import time
from contextlib import closing

import pytest

from tests.integration.listening import build_city, free_port, mosquitto_running
from tests.parts.listener import Device, Listener, stopped_in_flight
from tests.parts.twin_process import until

pytestmark = pytest.mark.anyio
TOPIC = "city/demo/d1/counter"
KILLS = [4, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(3_000)])]


class Sqlite:
    """What another process sees of the files."""

    def __init__(self, data):
        self.data = data

    def ask(self, name, sql):
        with closing(sqlite3.connect(self.data / name, timeout=10)) as connection:
            return connection.execute(sql).fetchall()

    def committed(self):
        rows = self.ask("state.db", "SELECT position FROM offsets")
        return rows[0][0] if rows else 0

    def journalled(self):
        (end,) = self.ask("journal/main/journal.db", "SELECT max(first + count) FROM blob")[0]
        return end or 0

    def values(self):
        """Return every value of history: each reading has its own."""
        return sorted(value for (value,) in self.ask("state.db", "SELECT value FROM history"))


def kill_in_turn(listener, device, store, kills, chance):
    """Kill both parts in turn; return what was on its way, and how long each took to be back."""
    waiting = {
        "endpoint": lambda: device.in_flight,
        "applier": lambda: store.journalled() - store.committed(),
    }
    in_flight, back_s = [], []
    for number in range(kills):
        part = ("endpoint", "applier")[number % 2]
        in_flight.append(stopped_in_flight(listener, device, part, waiting[part], chance))
        acknowledged, committed, at = device.acknowledged, store.committed(), time.monotonic()
        listener.kill_part(part)
        if part == "endpoint":
            until(lambda before=acknowledged: device.acknowledged > before, "acknowledgements")
        else:
            until(lambda before=committed: store.committed() > before, "commits")
        back_s.append(time.monotonic() - at)
    return in_flight, back_s


@pytest.mark.parametrize("kills", KILLS)
async def test_endpoint_and_applier_are_killed_in_turn_and_every_reading_is_kept_once(
    tmp_path, kills
):
    (tmp_path / "data").mkdir()
    await build_city(tmp_path / "data")
    port, store, chance = free_port(), Sqlite(tmp_path / "data"), random.Random(5)
    with Listener(tmp_path, TWIN_MQTT_BIND=f"127.0.0.1:{port}") as listener:
        device = Device(port, TOPIC)
        device.publish(300)
        device.settle()
        until(store.committed, "the first commit")
        in_flight, back_s = kill_in_turn(listener, device, store, kills, chance)
        device.settle()
        until(lambda: store.committed() >= store.journalled(), "everything applied")
        device.close()
    told = {"kills": kills, "acknowledged": device.acknowledged, "least": min(in_flight)}
    print(told, f"back in {statistics.median(back_s):.2f} s, at most {max(back_s):.2f} s")
    assert min(in_flight) >= 200
    assert device.acknowledged == device.sent
    assert list(range(device.sent)) == store.values()


@pytest.mark.mosquitto
@pytest.mark.adapter
@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=KILLS[1].marks)])
async def test_a_listener_beside_mosquitto_is_killed_whole_and_every_reading_is_kept_once(
    tmp_path, kills
):
    """Mosquitto stays up and acknowledges to the device; all of the listener dies at once."""
    (tmp_path / "data").mkdir()
    await build_city(tmp_path / "data")
    store, chance, in_flight, back_s = Sqlite(tmp_path / "data"), random.Random(6), [], []
    with mosquitto_running(tmp_path) as port:
        url = f"mqtt://127.0.0.1:{port}"
        with Listener(tmp_path, TWIN_BROKER_URL=url) as listener:
            device = Device(port, TOPIC)
            for _ in range(kills):
                in_flight.append(
                    stopped_in_flight(
                        listener, device, "endpoint", lambda: unstored(device, store), chance
                    )
                )
                before, at = len(store.values()), time.monotonic()
                listener.kill()
                listener.start()
                until(lambda kept=before: len(store.values()) > kept, "commits")
                back_s.append(time.monotonic() - at)
            device.settle()
            until(lambda: len(store.values()) >= device.sent, "everything applied")
            device.close()
    told = {"kills": kills, "acknowledged": device.acknowledged, "least": min(in_flight)}
    print(told, f"back in {statistics.median(back_s):.2f} s, at most {max(back_s):.2f} s")
    assert min(in_flight) >= 200
    assert list(range(device.sent)) == store.values()


def unstored(device, store):
    """Return how many readings Mosquitto acknowledged and the store has not."""
    return device.acknowledged - len(store.values())
