"""Our client beside brokers that refuse, fall silent or talk nonsense: each is played here."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from identity.errors import Invalid
from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers import mqtt_write as write
from sensors.brokers import subscriber
from sensors.brokers.mqtt_answers import Alive, Answers, Ended, Granted, Welcomed
from sensors.brokers.mqtt_read import Reader
from sensors.brokers.subscriber import Subscriber

pytestmark = [pytest.mark.anyio]
GRANTED = write.connack(mqtt.SUCCESS) + write.suback(b"\0\1", [1])


def publication(topic=b"city/a/b/c", payload=b"1", packet_id=b"\0\7"):
    body = len(topic).to_bytes(2) + topic + packet_id + payload
    return write.framed(mqtt.PUBLISH << 4 | 2, body)


class Played:
    """A broker that sends ``said`` when it is greeted, and remembers what it heard."""

    def __init__(self, said, level=4):
        self.said = said
        self.heard = []
        self.connections = 0
        self._level = level

    async def __call__(self, reader, writer):
        self.connections += 1
        packets = Reader(level=self._level)
        writer.write(self.said)
        with suppress(ConnectionError):
            while data := await reader.read(4_096):
                self.heard += packets.feed(data)
        writer.close()

    def heard_of(self, kind):
        return [packet for packet in self.heard if isinstance(packet, kind)]


@asynccontextmanager
async def following(broker, sink=None, query="", login=""):
    """Give a subscriber of a played broker, and what it took."""
    taken = []

    async def keep(messages):
        taken.extend(messages)

    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"mqtt://{login}127.0.0.1:{port}{query}"
    following_ = Subscriber(url, "twin-x", clock=lambda: 7.0)
    task = asyncio.create_task(following_.run(sink or keep))
    try:
        yield following_, taken
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        server.close()


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - seen from outside only
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(subscriber, "RECONNECT_S_FIRST", 0.01)


@pytest.mark.parametrize("level", [4, 5])
async def test_a_session_that_stays_is_asked_for_and_all_topics_at_qos_1(level):
    said = write.connack(0, level) + write.suback(b"\0\1", [1], level)
    broker = Played(said, level)
    query = f"?version={level}&expiry_s=60&receive_maximum=9"
    async with following(broker, login="u:p%40@", query=query) as (ours, _):
        await until(lambda: ours.connected and broker.heard_of(mqtt.Subscribe))

    (greeting,) = broker.heard_of(mqtt.Connect)
    assert (greeting.client, greeting.clean, greeting.user) == ("twin-x", False, "u")
    assert (greeting.level, greeting.password) == (level, b"p@")
    expected = {"session_expiry_s": 60, "receive_maximum": 9} if level == 5 else {}
    assert dict(greeting.properties) == expected
    assert broker.heard_of(mqtt.Subscribe)[0].filters == (("city/#", 1),)
    assert broker.heard_of(mqtt.Disconnect) == [mqtt.Disconnect()]
    assert not ours.connected


async def test_what_is_durable_is_acknowledged_and_nothing_else():
    gate = asyncio.Event()

    async def slow(_messages):
        await gate.wait()

    broker = Played(GRANTED + publication(packet_id=b"\0\7") + publication(packet_id=b"\0\x08"))
    async with following(broker, slow) as (ours, _):
        await until(lambda: ours.connected)
        await asyncio.sleep(0.05)
        assert broker.heard_of(mqtt.Acknowledged) == []
        gate.set()
        await until(lambda: len(broker.heard_of(mqtt.Acknowledged)) == 2)
    ids = [packet.packet_id for packet in broker.heard_of(mqtt.Acknowledged)]
    assert ids == [b"\0\7", b"\0\x08"]


@pytest.mark.parametrize("topic", [b"", b"a/+/b", b"\xff\xfe", b"x" * 2_000, "城".encode()])
async def test_a_topic_that_no_device_may_use_comes_to_quarantine_and_is_acknowledged(topic):
    broker = Played(GRANTED + publication(topic) + publication())
    async with following(broker) as (_, taken):
        await until(lambda: len(broker.heard_of(mqtt.Acknowledged)) == 2)
    named = "" if topic == b"\xff\xfe" else topic.decode()
    assert [message.topic for message in taken] == [named, "city/a/b/c"]


@pytest.mark.parametrize(
    ("said", "event"),
    [
        (write.connack(mqtt.BAD_LOGIN), "broker_refused"),
        (write.connack(0) + write.suback(b"\0\1", [mqtt.UNSPECIFIED]), "subscription_refused"),
        (GRANTED + b"\xf0\x00", "broker_disconnected"),  # no packet at all
        (GRANTED + publication(packet_id=b"\0\0"), "broker_disconnected"),
        (GRANTED + b"\x34\x03\0\1a", "broker_disconnected"),  # QoS 2, which we did not ask for
    ],
)
async def test_a_broker_that_refuses_or_talks_nonsense_is_named_and_tried_again(said, event):
    broker = Played(said)
    with capture_logs() as logs:
        async with following(broker) as (ours, _):
            await until(lambda: broker.connections >= 2)
            assert not ours.connected or event == "broker_disconnected"
    assert event in [row["event"] for row in logs]


async def test_a_broker_that_ends_the_session_says_why_and_is_tried_again():
    said = write.connack(0, 5) + write.suback(b"\0\1", [1], 5) + write.disconnect(mqtt.TAKEN_OVER)
    broker = Played(said, 5)
    with capture_logs() as logs:
        async with following(broker, query="?version=5"):
            await until(lambda: broker.connections >= 2)
    reasons = {row["reason"] for row in logs if row["event"] == "broker_disconnected"}
    assert "reason 0x8e" in reasons


async def test_a_broker_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(subscriber, "CONNECT_S_MAX", 0.05)
    broker = Played(b"")
    with capture_logs() as logs:
        async with following(broker):
            await until(lambda: broker.connections >= 2)
    assert "no answer" in {row.get("reason") for row in logs}


async def test_signs_of_life_are_asked_for_and_a_silent_broker_is_left():
    said = write.framed(mqtt.CONNACK << 4, b"\0\0\3\x13\0\1") + write.suback(b"\0\1", [1], 5)
    broker = Played(said, 5)  # it keeps a client alive for 1 s and does not answer its pings
    with capture_logs() as logs:
        async with following(broker, query="?version=5"):
            await until(lambda: broker.connections >= 2)
    assert broker.heard_of(mqtt.Ping)
    assert "silent" in {row.get("reason") for row in logs}


@pytest.mark.parametrize("level", [4, 5])
def test_what_our_endpoint_writes_is_read(level):
    told = write.connack(0, level, {"server_keep_alive_s": 9} if level == 5 else mqtt.NONE)
    told += write.suback(b"\0\1", [1, 0x80], level) + write.PING_RESPONSE
    told += write.disconnect(mqtt.BUSY) if level == 5 else b""
    welcomed, *rest = Answers(level).feed(told)
    assert isinstance(welcomed, Welcomed)
    assert (welcomed.reason, welcomed.kept) == (0, False)
    ended = [Ended(mqtt.BUSY)] if level == 5 else []
    assert rest == [Granted((1, 0x80)), Alive(), *ended]


@given(st.sampled_from([4, 5]), st.binary(max_size=60))
def test_any_bytes_are_packets_or_refused(level, noise):
    with suppress(Invalid):
        for packet in Answers(level).feed(noise):
            assert isinstance(packet, (mqtt.Publish, Welcomed, Granted, Alive, Ended))
