"""Subscriptions at the intake endpoint: events, and nothing else; bounded for each client."""

import asyncio

import pytest

from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers import outgoing
from sensors.brokers.mqtt_packets import Connect, Publish
from sensors.brokers.mqtt_write import connack, connect, pubacks, publish, suback, subscribe
from sensors.users import Access
from tests.integration.test_endpoint import Sink, device, exactly, rest, running, until
from tests.integration.test_endpoint_5 import TERMS

pytestmark = pytest.mark.anyio
TOPIC = "twin/events/wuhan/Space/c1/temperature"
EVENT = (TOPIC, b"{}")
WELCOME = {4: connack(0), 5: connack(0, 5, {**TERMS, "server_keep_alive_s": 600})}
ONE = b"\x00\x01"


@pytest.fixture
def sink():
    return Sink()


def hello(level, **properties):
    return connect(Connect(level, f"s{level}", properties=properties))


async def welcomed(endpoint, reader, level, answers):
    expected = WELCOME[level] + suback(ONE, answers, level)
    assert await exactly(reader, len(expected)) == expected
    await until(lambda: endpoint.wanted)


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_subscriber_gets_the_events_it_asked_for_at_most_with_qos_1(sink, level, qos):
    async with running(sink) as endpoint:
        wanted = subscribe(ONE, [("twin/events/+/Space/#", qos)], level)
        async with device(endpoint, hello(level), wanted) as (reader, writer):
            granted = min(qos, 1)
            await welcomed(endpoint, reader, level, [granted])
            endpoint.deliver([("twin/events/wuhan/Sensor/c1/t", b"other"), EVENT])
            event = publish(Publish(*EVENT, ONE if granted else b""), level)
            assert await exactly(reader, len(event)) == event
            if granted:
                writer.write(pubacks([ONE]))
            writer.write(b"\xc0\x00")
            assert await exactly(reader, 2) == b"\xd0\x00"


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ("city/#", mqtt.NOT_AUTHORIZED),
        ("#", mqtt.NOT_AUTHORIZED),
        ("+/events/#", mqtt.NOT_AUTHORIZED),
        ("twin/events/other/#", mqtt.NOT_AUTHORIZED),
        ("$share/g/twin/events/#", mqtt.NO_SHARED),
        ("twin/events/a#", mqtt.BAD_FILTER),
        ("", mqtt.BAD_FILTER),
    ],
)
async def test_everything_else_is_refused_beside_what_is_granted(sink, wanted, reason):
    def authenticate(*_):
        return Access(subscribe=("twin/events/wuhan/#",))

    async with running(sink, authenticate=authenticate) as endpoint:
        both = subscribe(ONE, [(wanted, 1), ("twin/events/wuhan/#", 1)], 5)
        async with device(endpoint, hello(5), both) as (reader, _):
            await welcomed(endpoint, reader, 5, [reason, 1])


async def test_a_subscription_with_an_identifier_is_refused(sink):
    wanted = b"\x82\x15\x00\x01\x02\x0b\x07\x00\x0dtwin/events/#\x01"
    async with running(sink) as endpoint, device(endpoint, hello(5), wanted) as (reader, _):
        expected = WELCOME[5] + suback(ONE, [mqtt.NO_IDENTIFIERS], 5)
        assert await exactly(reader, len(expected)) == expected


async def test_nobody_wants_events_after_the_last_has_unsubscribed_or_left(sink):
    told = []
    async with running(sink) as endpoint:
        endpoint.on_wanted = lambda: told.append(endpoint.wanted)
        wanted = subscribe(ONE, [("twin/events/#", 0)])
        async with device(endpoint, hello(4), wanted) as (reader, writer):
            await welcomed(endpoint, reader, 4, [0])
            writer.write(b"\xa2\x11\x00\x02\x00\x0dtwin/events/#")
            assert await exactly(reader, 4) == b"\xb0\x02\x00\x02"
            writer.write(wanted)
            await exactly(reader, 5)
        await until(lambda: not endpoint.wanted)
    assert told == [True, False, True, False]


async def test_as_many_are_on_their_way_as_the_receive_maximum_allows(sink):
    async with running(sink) as endpoint:
        wanted = subscribe(ONE, [("twin/events/#", 1)], 5)
        async with device(endpoint, hello(5, receive_maximum=2), wanted) as (reader, writer):
            await welcomed(endpoint, reader, 5, [1])
            endpoint.deliver([EVENT] * 3)
            events = [publish(Publish(*EVENT, n.to_bytes(2)), 5) for n in (1, 2, 3)]
            both = b"".join(events[:2])
            assert await exactly(reader, len(both)) == both
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await reader.read(1)
            writer.write(pubacks([ONE]))
            assert await exactly(reader, len(events[2])) == events[2]


async def test_an_event_larger_than_the_client_takes_is_left_out(sink):
    async with running(sink) as endpoint:
        wanted = subscribe(ONE, [("twin/events/#", 1)], 5)
        async with device(endpoint, hello(5, packet_bytes_max=100), wanted) as (reader, _):
            await welcomed(endpoint, reader, 5, [1])
            endpoint.deliver([(TOPIC, bytes(100)), EVENT])
            event = publish(Publish(*EVENT, (2).to_bytes(2)), 5)
            assert await exactly(reader, len(event)) == event


async def test_a_subscriber_that_acknowledges_nothing_is_let_go_and_hurts_nobody(sink, monkeypatch):
    monkeypatch.setattr(outgoing, "WAITING_MAX", 10)
    async with running(sink) as endpoint:
        wanted = [("twin/events/#", 1)]
        slow, quick = hello(5, receive_maximum=1), hello(4)
        async with (
            device(endpoint, slow, subscribe(ONE, wanted, 5)) as (stalled, _),
            device(endpoint, quick, subscribe(ONE, wanted)) as (other, writer),
        ):
            await welcomed(endpoint, stalled, 5, [1])
            await welcomed(endpoint, other, 4, [1])
            for number in range(1, 21):
                endpoint.deliver([EVENT])
                event = publish(Publish(*EVENT, number.to_bytes(2)))
                assert await exactly(other, len(event)) == event
                writer.write(pubacks([number.to_bytes(2)]))
                await asyncio.sleep(0)
            assert (await rest(stalled))[-3:] == bytes([0xE0, 1, mqtt.QUOTA_EXCEEDED])


async def test_an_acknowledgement_of_nothing_ends_the_connection(sink):
    async with running(sink) as endpoint:
        wanted = subscribe(ONE, [("twin/events/#", 1)], 5)
        async with device(endpoint, hello(5), wanted, pubacks([ONE])) as (reader, _):
            assert (await rest(reader))[-3:] == bytes([0xE0, 1, mqtt.PROTOCOL_ERROR])
