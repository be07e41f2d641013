import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.brokers import connection as connections
from sensors.brokers import mqtt_write as mqtt
from sensors.brokers.connection import CHOKED_S, Connection
from sensors.brokers.embedded import Endpoint
from sensors.brokers.mqtt_packets import Connect, Publish
from sensors.brokers.outgoing import WAITING_MAX, Event

pytestmark = pytest.mark.anyio
HELLO = mqtt.connect(Connect(4, "d"))
HELLO_5 = mqtt.connect(Connect(5, "d"))
WHOLE = [
    HELLO,
    mqtt.publish(Publish("city/a/d/p", b"1", b"\x00\x07")),
    mqtt.publish(Publish("city/a/d/p", b"1")),
    b"\x82\x06\x00\x01\x00\x01a\x00",
    b"\xa2\x05\x00\x08\x00\x01#",
    mqtt.PING_REQUEST,
    mqtt.GOODBYE,
    HELLO_5,
    mqtt.publish(Publish("city/a/d/p", b"1", b"\x00\x07"), 5),
    b"\x34\x07\x00\x01a\x00\x01xx",
]


class Wire:
    """Remembers what was written; closed it delivers nothing more. No class of asyncio's own."""

    def __init__(self):
        self.written, self.closed, self.aborted = b"", False, False

    def write(self, data):
        assert not self.closed
        self.written += data

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

    def abort(self):
        self.closed = self.aborted = True

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


async def delivered(data, piece):
    """Feed ``data`` in pieces until the connection closes; return the wire and what was taken."""
    with socket.socket() as port:
        endpoint = Endpoint(port, clock=lambda: 0.0)
    connection, wire = Connection(endpoint), Wire()
    connection.connection_made(wire)
    for start in range(0, len(data), piece):
        if wire.closed:
            break
        connection.data_received(data[start : start + piece])
    connection.connection_lost(None)
    return wire, [message for _, taken in endpoint._pending for message in taken.messages]


@given(st.binary(min_size=1, max_size=300), st.integers(1, 60))
def test_no_bytes_of_a_stranger_raise_or_are_taken(data, piece):
    wire, taken = asyncio.run(delivered(data, piece))
    assert taken == [] or data[:1] == b"\x10"
    assert wire.closed or data[:1] == b"\x10"


@given(
    st.sampled_from([HELLO, HELLO_5]),
    st.lists(st.sampled_from(WHOLE) | st.binary(min_size=1, max_size=20)),
    st.integers(1, 60),
)
def test_no_bytes_of_a_greeted_device_raise(hello, parts, piece):
    wire, _ = asyncio.run(delivered(hello + b"".join(parts), piece))
    assert wire.written[0] == 0x20
    assert wire.written[3] == 0
    assert mqtt.pubacks([b"\x00\x07"]) not in wire.written, "acknowledged without a sink"


@given(st.sampled_from([HELLO, HELLO_5]), st.lists(st.sampled_from(WHOLE)), st.integers(1, 60))
def test_how_the_stream_is_cut_changes_nothing(hello, parts, piece):
    data = hello + b"".join(parts)
    whole, taken = asyncio.run(delivered(data, len(data)))
    cut, taken_cut = asyncio.run(delivered(data, piece))
    assert (cut.written, cut.closed, taken_cut) == (whole.written, whole.closed, taken)


def greeted(*more):
    """Return a connection and its wire after CONNECT and ``more``."""
    with socket.socket() as port:
        endpoint = Endpoint(port, clock=lambda: 0.0)
    connection, wire = Connection(endpoint), Wire()
    connection.connection_made(wire)
    connection.data_received(b"".join((HELLO, *more)))
    return endpoint, connection, wire


async def test_a_subscriber_that_was_let_go_and_still_reads_nothing_gets_no_more(monkeypatch):
    monkeypatch.setattr(connections, "FAREWELL_S", 0.01)
    wanted = mqtt.subscribe(b"\0\1", [("twin/events/#", 0)], 4)
    endpoint, connection, wire = greeted(wanted)
    connection.pause_writing()
    waiting = connection._outgoing._waiting
    event = Event("twin/events/wuhan/model", b"{}")
    for _ in range(3 * WAITING_MAX):
        endpoint.deliver([event])
    assert (wire.closed, len(waiting)) == (True, WAITING_MAX + 1)
    await asyncio.sleep(0.1)
    assert wire.aborted


async def test_a_device_that_takes_no_answers_is_overdue():
    _, connection, _ = greeted()
    now_s = asyncio.get_running_loop().time()
    connection.pause_writing()
    assert (connection.held, connection.is_overdue(now_s + CHOKED_S / 2)) == (True, False)
    assert connection.is_overdue(now_s + 2 * CHOKED_S)
    connection.resume_writing()
    assert (connection.held, connection.is_overdue(now_s + 2 * CHOKED_S)) == (False, False)


async def test_nothing_is_taken_of_a_device_that_was_let_go():
    endpoint, connection, _ = greeted()
    connection.close("client id taken over")
    connection.data_received(mqtt.publish(Publish("city/a/d/p", b"1", b"\0\7")))
    assert endpoint._pending == []
