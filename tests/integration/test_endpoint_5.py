"""The intake endpoint and MQTT 5: what it says of itself, and the reason of every end."""

import asyncio
import threading

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from identity.errors import Unavailable
from sensors.brokers import embedded
from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers.embedded import Limits
from sensors.brokers.mqtt_packets import Connect, Publish, Will
from sensors.brokers.mqtt_write import (
    GOODBYE,
    connack,
    connect,
    puback_refused,
    pubacks,
    publish,
    subscribe,
)
from sensors.users import Access
from tests.integration.test_endpoint import Sink, device, exactly, rest, running, until

pytestmark = pytest.mark.anyio
TOPIC = "city/a/d/p"
HELLO = connect(Connect(5, "d1", keep_alive_s=60))
TERMS = {
    "session_expiry_s": 0,
    "receive_maximum": 5_000,
    "qos_maximum": 1,
    "retain_available": 0,
    "packet_bytes_max": 256 * 1024,
    "topic_alias_maximum": 0,
    "identifiers_available": 0,
    "shared_available": 0,
}
WELCOME = connack(0, 5, TERMS)


@pytest.fixture
def sink():
    return Sink()


def message(payload, packet_id=b"", **facts):
    return publish(Publish(TOPIC, payload, packet_id, **facts), 5)


async def test_a_client_is_told_the_terms_and_acknowledged_after_the_sink(sink):
    said = {"payload_format": 1, "content_type": "application/json", "user_property": [("a", "b")]}
    async with running(sink) as endpoint:
        sent = (HELLO, message(b"1", b"\x00\x01"), message(b"2", b"\x00\x02", properties=said))
        async with device(endpoint, *sent) as (reader, _):
            assert await exactly(reader, len(WELCOME)) == WELCOME
            assert await exactly(reader, 8) == pubacks([b"\x00\x01", b"\x00\x02"])
    assert [b"1", b"2"] == sink.payloads()


async def test_a_client_without_a_name_or_an_end_of_silence_gets_both(sink):
    said = {**TERMS, "assigned_client": "assigned-1", "server_keep_alive_s": 600}
    hello, answer = connect(Connect(5)), connack(0, 5, said)
    async with running(sink) as endpoint, device(endpoint, hello, message(b"1")) as (reader, _):
        assert await exactly(reader, len(answer)) == answer
        await until(lambda: sink.messages)
    assert "assigned-1" == sink.messages[0].client


ALIAS = b"\x30\x07\x00\x01a\x03\x23\x00\x01"


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (message(b"1", retain=True), mqtt.NO_RETAIN),
        (b"\x34\x06\x00\x01a\x00\x01\x00", mqtt.NO_QOS),
        (ALIAS, mqtt.BAD_ALIAS),
        (b"\x30\xff\xff\xff\x7f", mqtt.TOO_LARGE),
        (b"\x30\x04\x00\x01#\x00", mqtt.BAD_TOPIC),
        (b"\x30\x04\x00\x01\xff\x00", mqtt.MALFORMED),
        (HELLO, mqtt.PROTOCOL_ERROR),
        (b"\xf0\x02\x18\x00", mqtt.PROTOCOL_ERROR),
        (b"\x40\x02\x00\x01", mqtt.PROTOCOL_ERROR),
        (b"\xe0\x07\x00\x05\x11\x00\x00\x00\x07", mqtt.PROTOCOL_ERROR),
    ],
)
async def test_what_ends_a_connection_is_told(sink, sent, reason):
    async with running(sink) as endpoint, device(endpoint, HELLO, sent) as (reader, _):
        assert await rest(reader) == WELCOME + bytes([0xE0, 1, reason])
    assert [] == sink.messages


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (Connect(5, "d", will=Will(TOPIC, b"", retain=True)), mqtt.NO_RETAIN),
        (Connect(5, "d", will=Will(TOPIC, b"", qos=2)), mqtt.NO_QOS),
        (Connect(5, "d", properties={"authentication_method": "x"}), mqtt.BAD_METHOD),
    ],
)
async def test_a_greeting_that_cannot_be_met_is_refused_with_its_reason(sink, wanted, reason):
    async with running(sink) as endpoint, device(endpoint, connect(wanted)) as (reader, _):
        assert await rest(reader) == connack(reason, 5)


async def test_logins_are_refused_with_the_reasons_of_version_5(sink):
    async with running(sink, authenticate=lambda *_: None) as endpoint:
        for wanted, reason in [
            (Connect(5, "d"), mqtt.NOT_AUTHORIZED),
            (Connect(5, "d", user="u", password=b"p"), mqtt.BAD_LOGIN),
        ]:
            async with device(endpoint, connect(wanted)) as (reader, _):
                assert await rest(reader) == connack(reason, 5)


async def test_a_foreign_topic_is_refused_in_its_turn_and_the_connection_stays(sink):
    def authenticate(*_):
        return Access(publish=(TOPIC,))

    foreign = publish(Publish("city/a/e/p", b"2", b"\x00\x02"), 5)
    sent = message(b"1", b"\x00\x01") + foreign + message(b"3", b"\x00\x03")
    answers = pubacks([b"\x00\x01"]) + puback_refused(b"\x00\x02", 0x87) + pubacks([b"\x00\x03"])
    async with (
        running(sink, authenticate=authenticate) as endpoint,
        device(endpoint, HELLO, sent) as (reader, writer),
    ):
        expected = WELCOME + answers
        assert await exactly(reader, len(expected)) == expected
        writer.write(foreign)
        alone = puback_refused(b"\x00\x02", 0x87)
        assert await exactly(reader, len(alone)) == alone
    assert [b"1", b"3"] == sink.payloads()


async def test_more_than_the_receive_maximum_ends_the_connection(sink):
    sink.open.clear()
    limits = Limits(in_flight_max=3)
    async with running(sink, limits=limits) as endpoint:
        sent = b"".join(message(b"1", n.to_bytes(2)) for n in range(1, 5))
        async with device(endpoint, HELLO, sent) as (reader, _):
            answer = connack(0, 5, {**TERMS, "receive_maximum": 3})
            assert await rest(reader) == answer + bytes([0xE0, 1, mqtt.RECEIVE_MAXIMUM_EXCEEDED])


async def test_a_client_that_takes_no_answer_of_our_size_is_let_go(sink):
    wanted = connect(Connect(5, "d", properties={"packet_bytes_max": len(WELCOME) - 1}))
    async with running(sink) as endpoint, device(endpoint, wanted) as (reader, _):
        assert await rest(reader) == b""


@pytest.mark.parametrize("leave", [b"\xe0\x01\x04", b"", b"\xe0\x01\x80"])
async def test_a_will_with_a_delay_is_published_when_the_session_ends(sink, leave):
    """No session outlives its connection, so that is at once; only a plain farewell drops it."""
    will = Will(TOPIC, b"gone", properties={"will_delay_s": 3_600})
    wanted = connect(Connect(5, "d", will=will))
    async with running(sink) as endpoint:
        async with device(endpoint, wanted, GOODBYE) as (reader, _):
            await rest(reader)
        async with device(endpoint, wanted, leave) as (reader, _):
            await exactly(reader, 4)
        await until(lambda: sink.payloads() == [b"gone"])


async def test_silence_take_over_and_shutting_down_have_their_reasons(sink, monkeypatch):
    monkeypatch.setattr(embedded, "SWEEP_S", 0.01)
    limits = Limits(keep_alive_s_max=1)
    async with running(sink, limits=limits) as endpoint:
        async with device(endpoint, HELLO) as (reader, _):
            assert (await rest(reader))[-3:] == bytes([0xE0, 1, mqtt.KEEP_ALIVE_TIMEOUT])
        async with device(endpoint, HELLO) as (first, _):
            await exactly(first, 4)
            async with device(endpoint, HELLO) as (second, _):
                await exactly(second, 4)
                assert (await rest(first))[-3:] == bytes([0xE0, 1, mqtt.TAKEN_OVER])
                endpoint.close()
                assert (await rest(second))[-3:] == bytes([0xE0, 1, mqtt.SHUTTING_DOWN])


async def test_a_sink_that_refuses_is_told_as_unavailable(sink):
    sink.error = Unavailable("journal_unavailable", reason="disk full")
    sent = (HELLO, message(b"1", b"\x00\x01"))
    async with running(sink) as endpoint, device(endpoint, *sent) as (reader, _):
        assert await rest(reader) == WELCOME + bytes([0xE0, 1, mqtt.UNAVAILABLE])


async def test_a_foreign_subscription_is_refused_with_its_reason(sink):
    async with running(sink) as endpoint:
        wanted = subscribe(b"\x00\x07", [("city/#", 1)], 5)
        async with device(endpoint, HELLO, wanted) as (reader, _):
            expected = WELCOME + b"\x90\x04\x00\x07\x00\x87"
            assert await exactly(reader, len(expected)) == expected


async def test_paho_speaks_version_5_with_properties(sink):
    async with running(sink) as endpoint:
        port = int(endpoint.address.split(":")[1])
        terms = await asyncio.to_thread(publish_with_paho, port, 1_000)
    assert (terms.ReceiveMaximum, terms.MaximumQoS, terms.RetainAvailable) == (5_000, 1, 0)
    assert sink.payloads() == [str(i).encode() for i in range(1_000)]


def publish_with_paho(port, count):
    told, terms = threading.Event(), []
    client = Client(CallbackAPIVersion.VERSION2, "five", protocol=MQTTv5)
    client.max_inflight_messages_set(100)
    client.on_connect = lambda *answer: (terms.append(answer[4]), told.set())
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert told.wait(10)
    said = Properties(PacketTypes.PUBLISH)
    said.UserProperty = ("unit", "Cel")
    sent = [client.publish(TOPIC, str(i), qos=1, properties=said) for i in range(count)]
    sent[-1].wait_for_publish(20)
    client.disconnect()
    client.loop_stop()
    return terms[0]
