"""``twin listen`` is two processes; either is killed again and again, and nothing is lost or twice.

At every kill at least 200 readings are on their way: for the endpoint sent and not acknowledged,
for the applier acknowledged (durable in the journal) and not committed; with TWIN_ACK=store, where
that is the same moment, sent and not acknowledged.
"""

import random
import sqlite3
import statistics
import time
from contextlib import closing

import psycopg
import pytest

from tests.integration.listening import build_city, mosquitto_running
from tests.parts.listener import Device, Listener, stopped_in_flight
from tests.parts.ports import free_port
from tests.parts.twin_process import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]  # more than the waits inside
TOPIC = "city/demo/d1/counter"
LONG = [pytest.mark.long, pytest.mark.timeout(3_600)]
POSTGRES = [pytest.mark.postgres, pytest.mark.adapter]
CASES = [
    pytest.param("sqlite", "journal", 4, id="sqlite-4"),
    pytest.param("sqlite", "store", 4, id="sqlite-store-4"),
    pytest.param("postgres", "", 4, id="postgres-4", marks=POSTGRES),
    pytest.param("sqlite", "journal", 200, id="sqlite-200", marks=LONG),
    pytest.param("postgres", "", 200, id="postgres-200", marks=[*POSTGRES, *LONG]),
]
"""Store, TWIN_ACK ("": the store's default), kills."""


class Sqlite:
    """What another process sees of the files."""

    def __init__(self, data):
        self.data = data
        self.url = ""

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


class Postgres(Sqlite):
    """The same of a PostgreSQL; the journal stays a file."""

    def __init__(self, data, url):
        super().__init__(data)
        self.url = url

    def select(self, sql):
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(sql).fetchall()

    def committed(self):
        rows = self.select("SELECT position FROM offsets")
        return rows[0][0] if rows else 0

    def values(self):
        return sorted(int(n) for (n,) in self.select("SELECT number FROM history"))


@pytest.fixture
def opened(request, tmp_path):
    """Return what sees into the store of a name."""
    (tmp_path / "data").mkdir()

    def open_(name):
        if name == "postgres":
            return Postgres(tmp_path / "data", request.getfixturevalue("database"))
        return Sqlite(tmp_path / "data")

    return open_


def kill_in_turn(listener, device, kills, waiting, done):
    """Kill both parts in turn; return what was on its way, and how long each took to be back.

    ``waiting``: what is on its way to a part; ``done``: what grows when the part is back.
    """
    chance, in_flight, back_s = random.Random(5), [], []
    for number in range(kills):
        part = ("endpoint", "applier")[number % 2]
        in_flight.append(stopped_in_flight(listener, device, part, waiting[part], chance))
        before, at = done[part](), time.monotonic()
        listener.kill_part(part)
        until(lambda part=part, before=before: done[part]() > before, f"what the {part} does")
        back_s.append(time.monotonic() - at)
    return in_flight, back_s


@pytest.mark.parametrize(("name", "ack", "kills"), CASES)
async def test_endpoint_and_applier_are_killed_in_turn_and_every_reading_is_kept_once(
    tmp_path, opened, name, ack, kills
):
    store, port = opened(name), free_port()
    await build_city(store.data)
    settings = {"TWIN_STATE_URL": store.url, "TWIN_ACK": ack}
    with Listener(tmp_path, TWIN_MQTT_BIND=f"127.0.0.1:{port}", **settings) as listener:
        device = Device(port, TOPIC)
        waiting = dict.fromkeys(("endpoint", "applier"), lambda: device.in_flight)
        # A server may go on committing what a stopped applier has sent: what a commit leaves
        # behind is not a sign, the acknowledgement is.
        done = dict.fromkeys(("endpoint", "applier"), lambda: device.acknowledged)
        if ack == "journal":
            waiting["applier"] = lambda: store.journalled() - store.committed()
            done["applier"] = store.committed
        device.publish(300)
        device.settle()
        until(store.committed, "the first commit")
        in_flight, back_s = kill_in_turn(listener, device, kills, waiting, done)
        device.settle()
        until(lambda: store.committed() >= store.journalled(), "everything applied")
        device.close()
    told = {"kills": kills, "acknowledged": device.acknowledged, "least": min(in_flight)}
    print(name, told, f"back in {statistics.median(back_s):.2f} s, at most {max(back_s):.2f} s")
    assert min(in_flight) >= 200
    assert device.acknowledged == device.sent
    assert list(range(device.sent)) == store.values()


@pytest.mark.mosquitto
@pytest.mark.adapter
@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=LONG)])
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
