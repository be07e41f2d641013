import asyncio
import socket

from hypothesis import given
from hypothesis import strategies as st

from sensors.brokers import mqtt_write as mqtt
from sensors.brokers.connection import Connection
from sensors.brokers.embedded import Endpoint
from sensors.brokers.mqtt_packets import Connect, Publish

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
        self.written, self.closed = b"", False

    def write(self, data):
        assert not self.closed
        self.written += data

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

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
