"""The intake endpoint over real sockets: what devices may do, and what ends their connection."""

import asyncio
import random
import socket
from contextlib import asynccontextmanager, suppress

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from identity.errors import Unavailable
from sensors.brokers import embedded
from sensors.brokers import mqtt_write as write
from sensors.brokers.embedded import Endpoint, Limits
from sensors.brokers.mqtt_packets import Connect, Publish, Will
from sensors.brokers.mqtt_write import connect, publish
from sensors.users import EVERYTHING, Access

pytestmark = pytest.mark.anyio
TOPIC = "city/a/d/p"
HELLO = connect(Connect(4, "d1"))
WELCOME = b"\x20\x02\x00\x00"


class Sink:
    """Keeps what came; may be told to wait or to refuse."""

    def __init__(self):
        self.messages, self.batches = [], 0
        self.open = asyncio.Event()
        self.open.set()
        self.error = None

    async def __call__(self, messages):
        await self.open.wait()
        if self.error:
            raise self.error
        self.messages += messages
        self.batches += 1

    def payloads(self):
        return [m.payload for m in self.messages]


def bound():
    port = socket.socket()
    port.bind(("127.0.0.1", 0))
    port.listen()
    return port


@asynccontextmanager
async def running(sink, **options):
    endpoint = Endpoint(bound(), clock=lambda: 5.0, **options)
    task = asyncio.create_task(endpoint.run(sink))
    await until(lambda: endpoint.connected)
    try:
        yield endpoint
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        endpoint.close()


@asynccontextmanager
async def device(endpoint, *first):
    reader, writer = await asyncio.open_connection(*endpoint.address.split(":"))
    writer.write(b"".join(first))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def exactly(reader, count):
    async with asyncio.timeout(10):
        return await reader.readexactly(count)


async def rest(reader):
    """Return what comes until the other side closes."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - seen from outside only
            await asyncio.sleep(0.005)


def message(number, packet_id=0):
    ids = packet_id.to_bytes(2) if packet_id else b""
    return publish(Publish(TOPIC, str(number).encode(), ids))


@pytest.fixture
def sink():
    return Sink()


async def test_acknowledgements_follow_the_sink_in_order(sink):
    sink.open.clear()
    async with running(sink) as endpoint, device(endpoint, HELLO) as (reader, writer):
        assert await exactly(reader, 4) == WELCOME
        writer.write(b"".join(message(i, i) for i in range(1, 301)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.read(1)
        sink.open.set()
        acks = await exactly(reader, 1200)
    assert acks == write.pubacks([i.to_bytes(2) for i in range(1, 301)])
    assert sink.payloads() == [str(i).encode() for i in range(1, 301)]
    first = sink.messages[0]
    assert (first.topic, first.received_at, first.client) == (TOPIC, 5.0, "d1")


async def test_qos_0_is_taken_without_an_answer_and_ping_is_answered(sink):
    async with running(sink) as endpoint:
        ping = write.PING_REQUEST
        async with device(endpoint, HELLO, message(7), ping) as (reader, _):
            assert await exactly(reader, 6) == WELCOME + write.PING_RESPONSE
            await until(lambda: sink.payloads() == [b"7"])


async def test_subscriptions_are_refused_and_the_connection_stays(sink):
    subscribe = b"\x82\x06\x00\x07\x00\x01#\x01"
    unsubscribe = b"\xa2\x05\x00\x08\x00\x01#"
    async with running(sink) as endpoint:
        sent = (HELLO, subscribe, unsubscribe, message(1, 9))
        async with device(endpoint, *sent) as (reader, _):
            answers = WELCOME + b"\x90\x03\x00\x07\x80" + b"\xb0\x02\x00\x08"
            assert await exactly(reader, len(answers)) == answers
            assert await exactly(reader, 4) == b"\x40\x02\x00\x09"


async def test_a_retained_publication_is_an_ordinary_one(sink):
    retained = publish(Publish(TOPIC, b"1", b"\x00\x01", retain=True))
    async with running(sink) as endpoint, device(endpoint, HELLO, retained) as (reader, _):
        await exactly(reader, 8)
    assert [m.retained for m in sink.messages] == [False]


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (message(1, 1), b""),
        (write.PING_REQUEST, b""),
        (b"GET / HTTP/1.1\r\n\r\n", b""),
        (HELLO + HELLO, WELCOME),
        (HELLO + b"\x34\x07\x00\x01a\x00\x01xx", WELCOME),
        (HELLO + b"\x30\xff\xff\xff\x7f", WELCOME),
        (HELLO + write.GOODBYE + message(1, 1), WELCOME),
        (connect(Connect(3, "d")), b"\x20\x02\x00\x01"),
        (connect(Connect(6, "d")), b"\x20\x03\x00\x84\x00"),
        (connect(Connect(4, "", clean=False)), b"\x20\x02\x00\x02"),
    ],
)
async def test_what_is_not_allowed_ends_the_connection(sink, sent, answer):
    async with running(sink) as endpoint, device(endpoint, sent) as (reader, _):
        assert await rest(reader) == answer
    assert sink.messages == []


async def test_a_device_that_does_not_greet_or_goes_silent_is_let_go(sink, monkeypatch):
    monkeypatch.setattr(embedded, "SWEEP_S", 0.01)
    limits = Limits(connect_s_max=0.05)
    async with running(sink, limits=limits) as endpoint:
        async with device(endpoint) as (reader, _):
            assert await rest(reader) == b""
        async with device(endpoint, connect(Connect(4, "d", keep_alive_s=1))) as (reader, _):
            assert await rest(reader) == WELCOME
        async with device(endpoint, HELLO) as (reader, writer):
            await exactly(reader, 4)
            await asyncio.sleep(0.1)
            writer.write(message(1, 1))
            assert await exactly(reader, 4) == b"\x40\x02\x00\x01"


async def test_trickled_bytes_do_not_extend_the_time_to_greet(sink, monkeypatch):
    monkeypatch.setattr(embedded, "SWEEP_S", 0.01)
    async with (
        running(sink, limits=Limits(connect_s_max=0.1)) as endpoint,
        device(endpoint) as (reader, writer),
    ):
        with suppress(ConnectionError):
            for byte in HELLO[:-1]:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)
        assert await rest(reader) == b""


async def test_the_same_client_id_takes_the_connection_over(sink):
    async with running(sink) as endpoint, device(endpoint, HELLO) as (first, _):
        await exactly(first, 4)
        async with device(endpoint, HELLO) as (second, writer):
            assert await exactly(second, 4) == WELCOME
            assert await rest(first) == b""
            writer.write(message(1, 1))
            assert await exactly(second, 4) == b"\x40\x02\x00\x01"


async def test_a_wrong_login_is_told_apart_from_none(sink):
    def authenticate(client, user, password):
        return EVERYTHING if (user, password) == ("meter", b"secret") else None

    async with running(sink, authenticate=authenticate) as endpoint:
        right = Connect(4, "d", user="meter", password=b"secret")
        for wanted, code in [(right, 0), (right._replace(password=b"no"), 4), (Connect(4, "d"), 5)]:
            async with device(endpoint, connect(wanted)) as (reader, _):
                assert await exactly(reader, 4) == bytes([0x20, 2, 0, code])


async def test_a_device_of_3_1_1_that_publishes_what_is_not_its_own_is_let_go(sink):
    def authenticate(client, user, password):
        return Access(publish=("city/a/d/+",))

    async with running(sink, authenticate=authenticate) as endpoint:
        foreign = publish(Publish("city/a/e/p", b"1", b"\x00\x02"))
        async with device(endpoint, HELLO, message(1, 1), foreign) as (reader, _):
            await until(lambda: sink.messages)
            assert (await rest(reader)).startswith(WELCOME)
        will = connect(Connect(4, "d", will=Will("city/a/e/p", b"gone")))
        async with device(endpoint, will) as (reader, _):
            assert await rest(reader) == b"\x20\x02\x00\x05"
    assert sink.payloads() == [b"1"]


async def test_a_will_is_published_only_without_a_farewell(sink):
    wanted = connect(Connect(4, "d", will=Will(TOPIC, b"gone")))
    async with running(sink) as endpoint:
        async with device(endpoint, wanted, write.GOODBYE) as (reader, _):
            await rest(reader)
        async with device(endpoint, wanted) as (reader, _):
            await exactly(reader, 4)
        await until(lambda: sink.payloads() == [b"gone"])


async def test_a_device_that_sends_too_fast_is_held_back_and_loses_nothing(sink):
    sink.open.clear()
    limits = Limits(in_flight_max=10)
    count = 20_000
    async with (
        running(sink, limits=limits) as endpoint,
        device(endpoint, HELLO) as (reader, writer),
    ):
        await exactly(reader, 4)
        numbers = range(1, count + 1)
        writer.write(b"".join(message(i, i) for i in numbers))
        await until(lambda: any(c.held for c in endpoint._connections))
        assert sum(len(t.messages) for _, t in endpoint._pending) < count
        sink.open.set()
        assert len(await exactly(reader, 4 * count)) == 4 * count
    assert sink.payloads() == [str(i).encode() for i in numbers]


async def test_too_many_waiting_bytes_hold_every_device_back_until_they_are_durable(sink):
    sink.open.clear()
    async with (
        running(sink, limits=Limits(pending_bytes_max=100)) as endpoint,
        device(endpoint, HELLO, message("x" * 200, 1)) as (first, _),
    ):
        await until(lambda: endpoint.full)
        other = connect(Connect(4, "d2"))
        async with device(endpoint, other, message(2, 2)) as (second, _):
            await until(lambda: sum(c.held for c in endpoint._connections) == 2)
            sink.open.set()
            await exactly(first, 8)
            await exactly(second, 8)
        await until(lambda: not any(c.held for c in endpoint._connections))


async def test_a_sink_that_refuses_is_no_acknowledgement(sink):
    sink.error = Unavailable("journal_unavailable", reason="disk full")
    async with running(sink) as endpoint:
        async with device(endpoint, HELLO, message(1, 1)) as (reader, _):
            assert await rest(reader) == WELCOME
        sink.error = None
        async with device(endpoint, HELLO, message(1, 1)) as (reader, _):
            assert await exactly(reader, 8) == WELCOME + b"\x40\x02\x00\x01"


async def test_more_connections_than_allowed_are_closed(sink):
    async with (
        running(sink, limits=Limits(connections_max=1)) as endpoint,
        device(endpoint, HELLO) as (first, _),
    ):
        await exactly(first, 4)
        async with device(endpoint, connect(Connect(4, "d2"))) as (second, _):
            assert await rest(second) == b""


async def test_random_bytes_neither_hang_nor_hurt_other_devices(sink):
    chance = random.Random(1)
    async with running(sink) as endpoint, device(endpoint, HELLO) as (good, writer):
        await exactly(good, 4)
        for round_ in range(150):
            noise = bytearray(connect(Connect(4, f"n{round_}")) + message(1, 1) * 3)
            for _ in range(chance.randint(1, 6)):
                noise[chance.randrange(len(noise))] = chance.randrange(256)
            async with device(endpoint, noise) as (reader, other):
                other.write_eof()
                await rest(reader)
        writer.write(message("still here", 77))
        assert await exactly(good, 4) == b"\x40\x02\x00\x4d"
    assert b"still here" in sink.payloads()


async def test_paho_publishes_a_thousand_readings(sink):
    async with running(sink) as endpoint:
        await asyncio.to_thread(publish_with_paho, int(endpoint.address.split(":")[1]), 1000)
    assert sink.payloads() == [str(i).encode() for i in range(1000)]


def publish_with_paho(port, count):
    client = Client(CallbackAPIVersion.VERSION2, "paho")
    client.max_inflight_messages_set(100)
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent = [client.publish(TOPIC, str(i), qos=1) for i in range(count)]
    sent[-1].wait_for_publish(20)
    client.disconnect()
    client.loop_stop()
