"""Any broker by URL, here a real Mosquitto with the shipped configuration."""

import asyncio
import sys
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from identity.errors import Invalid, Unavailable
from sensors.brokers import delivering, mqtt, subscriber
from sensors.brokers.broker_url import Place, place
from tests.integration.listening import TOPIC, Publisher, mosquitto_running
from tests.parts import certificate
from tests.parts.ports import free_port

pytestmark = [pytest.mark.anyio]
READ_BYTES_MAX = 256 * 1024  # what an event loop takes from a socket at once


class Sink:
    def __init__(self):
        self.messages = []
        self.refusals = 0

    async def __call__(self, messages):
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("journal_unavailable", reason="disk full")
        self.messages += messages

    def numbers(self):
        return sorted({int(m.payload.split(b":")[1].split(b",")[0]) for m in self.messages})


@pytest.fixture(params=[subscriber.Subscriber, mqtt.PahoBroker])
def client(request):
    """Every test with a broker runs on both."""
    return request.param


@pytest.fixture
def constants(client):
    """Where the client's limits are."""
    return sys.modules[client.__module__]


@pytest.fixture
def receiving(client):
    return partial(receiving_by, client)


@asynccontextmanager
async def receiving_by(client, port, sink, name="listener", *, query="", url="mqtt://127.0.0.1"):
    broker = client(f"{url}:{port}{query}", name, clock=lambda: 5.0)
    task = asyncio.create_task(broker.run(sink))
    try:
        yield broker
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(holds):
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - seen from outside only
            await asyncio.sleep(0.01)


async def publish(port, numbers, padding=""):
    publisher = Publisher(port)
    publisher.publish(numbers, padding)
    await until(lambda: publisher.acknowledged == len(numbers))
    await asyncio.to_thread(publisher.close)


@pytest.fixture
def port(tmp_path):
    with mosquitto_running(tmp_path) as running:
        yield running


@pytest.mark.mosquitto
@pytest.mark.adapter
async def test_messages_arrive_as_they_were_published(port, receiving):
    sink = Sink()
    async with receiving(port, sink) as broker:
        await until(lambda: broker.connected)
        assert broker.address == f"127.0.0.1:{port}"
        await publish(port, range(500))
        await until(lambda: len(sink.messages) == 500)
    first = sink.messages[0]
    assert sink.numbers() == list(range(500))
    assert (first.topic, first.received_at, first.retained) == (TOPIC, 5.0, False)
    assert not broker.connected


@pytest.mark.mosquitto
@pytest.mark.adapter
@pytest.mark.parametrize("query", ["", "?version=5&expiry_s=600&receive_maximum=50"])
async def test_what_was_published_while_we_were_away_is_kept_by_the_session(port, query, receiving):
    sink = Sink()
    async with receiving(port, sink, query=query) as broker:
        await until(lambda: broker.connected)
    await publish(port, range(3000))
    async with receiving(port, sink, query=query):
        await until(lambda: len(sink.messages) == 3000)
    assert sink.numbers() == list(range(3000))


@pytest.mark.mosquitto
@pytest.mark.adapter
async def test_what_was_not_taken_is_not_acknowledged_and_comes_again(port, receiving):
    """A first listener receives, its sink never returns; the next one gets the same messages."""
    taken, sink = [], Sink()

    async def never(messages):
        taken.extend(messages)
        await asyncio.Event().wait()

    async with receiving(port, never) as broker:
        await until(lambda: broker.connected)
        await publish(port, range(100))
        await until(lambda: taken)
    async with receiving(port, sink):
        await until(lambda: sink.numbers() == list(range(100)))
    assert len(sink.messages) == 100


@pytest.mark.mosquitto
@pytest.mark.adapter
async def test_a_sink_that_refuses_is_asked_again_with_the_same_messages(
    port, monkeypatch, receiving
):
    monkeypatch.setattr(delivering, "RETRY_S", 0.01)
    sink = Sink()
    sink.refusals = 3
    async with receiving(port, sink) as broker:
        await until(lambda: broker.connected)
        await publish(port, range(50))
        await until(lambda: len(sink.messages) == 50)
    assert sink.numbers() == list(range(50))


@pytest.mark.mosquitto
@pytest.mark.adapter
async def test_reading_stops_while_too_much_waits_and_goes_on_behind_it(
    port, monkeypatch, receiving, constants
):
    monkeypatch.setattr(constants, "PENDING_BYTES_MAX", 1_000)
    sink, gate = Sink(), asyncio.Event()

    async def slow(messages):
        await gate.wait()
        await sink(messages)

    async with receiving(port, slow) as broker:
        await until(lambda: broker.connected)
        await publish(port, range(2000), " " * 4_000)  # of which Mosquitto sends 4 MB at once
        await asyncio.sleep(0.1)
        assert broker._pending_bytes < 1_000 + READ_BYTES_MAX
        gate.set()
        await until(lambda: len(sink.messages) == 2000)


@pytest.mark.mosquitto
@pytest.mark.adapter
async def test_a_broker_that_went_away_is_found_again(tmp_path, receiving):
    """What it had not heard acknowledged it sends again: at least once, by the journal once."""
    sink, port = Sink(), free_port()
    async with receiving(port, sink) as broker:
        await asyncio.sleep(0.1)
        assert not broker.connected
        for round_ in range(2):
            with mosquitto_running(tmp_path, port):
                await until(lambda: broker.connected)
                await publish(port, range(round_ * 10, round_ * 10 + 10))
                await until(lambda at=round_: sink.numbers() == list(range(10 * at + 10)))
            await until(lambda: not broker.connected)
    assert sink.numbers() == list(range(20))


@pytest.mark.mosquitto
@pytest.mark.adapter
@pytest.mark.parametrize("version", [3, 5])
async def test_a_group_of_listeners_shares_the_messages(port, version, receiving):
    first, second, query = Sink(), Sink(), f"?version={version}&group=city"
    async with (
        receiving(port, first, "one", query=query) as one,
        receiving(port, second, "two", query=query) as two,
    ):
        await until(lambda: one.connected and two.connected)
        await publish(port, range(1000))
        await until(lambda: len(first.messages) + len(second.messages) == 1000)
    assert sorted(first.numbers() + second.numbers()) == list(range(1000))
    assert min(len(first.messages), len(second.messages)) > 0


@pytest.mark.mosquitto
@pytest.mark.adapter
async def test_a_broker_is_known_by_its_certificate_and_we_by_ours(tmp_path, receiving):
    cert, key = certificate.made(tmp_path)
    lines = [f"cafile {cert}", f"certfile {cert}", f"keyfile {key}", "require_certificate true"]
    with mosquitto_running(tmp_path, more="\n".join(lines)) as port:
        sink, url = Sink(), "mqtts://localhost"
        async with receiving(port, sink, url=url, query=f"?ca={cert}") as stranger:
            await asyncio.sleep(0.5)
            assert not stranger.connected
        query = f"?version=5&ca={cert}&cert={cert}&key={key}"
        async with receiving(port, sink, url=url, query=query) as known:
            await until(lambda: known.connected)


def test_a_url_names_host_port_user_and_how_it_is_spoken_to():
    assert place("mqtt://127.0.0.1") == Place("127.0.0.1", 1883, tls=False)
    assert place("mqtts://a:b%2Fc@broker.example:99") == Place(
        "broker.example", 99, True, "a", "b/c"
    )
    said = place("mqtt://h?version=5&group=city&expiry_s=60&receive_maximum=20&ca=%2Fa.pem")
    assert (said.level, said.expiry_s, said.receive_maximum) == (5, 60, 20)
    assert (said.topic("city/#"), said.ca) == ("$share/city/city/#", Path("/a.pem"))
    assert (said.client, place("mqtt://h?client=paho").client) == ("own", "paho")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://a",
        "mqtt://",
        "mqtt://a:b",
        "mqtt://u:secret@h:x",
        "mqtt://u:secret@h?version=6",
        "mqtt://u:secret@h?group=a/b",
        "mqtt://u:secret@h?receive_maximum=0",
        "mqtt://u:secret@h?expiry_s=-1",
        "mqtt://u:secret@h?gruop=a",
        "mqtt://u:secret@h?client=mine",
    ],
)
def test_other_urls_are_refused_without_showing_a_password(url):
    with pytest.raises(Invalid) as refused:
        place(url)
    assert refused.value.code == "broker_url_invalid"
    assert "secret" not in str(refused.value)


def test_a_certificate_that_is_not_there_is_refused():
    with pytest.raises(Invalid):
        place("mqtts://h?ca=missing.pem").context()
