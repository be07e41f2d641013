from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import Invalid
from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers.mqtt_packets import Connect, Disconnect, Ping, Publish, Reader, Subscribe, Will

NAMES = st.text(
    st.characters(exclude_characters="+#\x00", exclude_categories=["Cs"]), min_size=1, max_size=200
)
PACKET_IDS = st.sampled_from([b"", b"\x00\x01", b"\xff\xff"])
PUBLISHES = st.builds(Publish, NAMES, st.binary(max_size=300), PACKET_IDS, st.booleans())
CONNECTS = st.builds(
    Connect,
    st.just(4),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    st.booleans(),
    st.integers(0, 65535),
    st.just("user"),
    st.none() | st.binary(),
    st.none() | st.builds(Will, NAMES, st.binary()),
)
KINDS = (Connect, Publish, Subscribe, mqtt.Unsubscribe, Ping, Disconnect)


def read(data: bytes, **options) -> list[mqtt.Packet]:
    return list(Reader(**options).feed(data))


@given(st.lists(PUBLISHES | CONNECTS, max_size=5), st.integers(1, 50))
def test_packets_come_back_however_the_stream_is_cut(packets, piece):
    stream = b"".join(
        mqtt.publish(p) if isinstance(p, Publish) else mqtt.connect(p) for p in packets
    )
    reader = Reader()
    cut = [stream[i : i + piece] for i in range(0, len(stream), piece)]
    assert [p for part in cut for p in reader.feed(part)] == packets


@given(st.binary(max_size=400), st.integers(1, 40))
def test_any_bytes_are_packets_or_one_typed_refusal(data, piece):
    reader = Reader(packet_bytes_max=100)
    with suppress(Invalid):
        for i in range(0, len(data), piece):
            assert all(isinstance(p, KINDS) for p in reader.feed(data[i : i + piece]))


@given(st.data())
def test_a_damaged_packet_is_a_packet_or_a_typed_refusal(data):
    whole = data.draw(PUBLISHES.map(mqtt.publish) | CONNECTS.map(mqtt.connect))
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
    with suppress(Invalid):
        assert all(isinstance(p, KINDS) for p in read(damaged))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x30\x00", "publish without a topic"),
        (b"\x30\x03\x00\x05a", "topic beyond its packet"),
        (b"\x30\x02\x00\x00", "empty topic"),
        (b"\x30\x03\x00\x01#", "wildcard"),
        (b"\x30\x03\x00\x01+", "wildcard"),
        (b"\x30\x03\x00\x01\x00", "U+0000"),
        (b"\x30\x03\x00\x01\xff", "not UTF-8"),
        (mqtt.publish(Publish("t" * 1025, b"")), "topic too long"),
        (mqtt.connect(Connect(4, will=Will("t" * 1025, b""))), "will topic too long"),
        (b"\x32\x05\x00\x01a\x00\x00", "packet id 0"),
        (b"\x32\x03\x00\x01a", "packet id missing"),
        (b"\x34\x05\x00\x01a\x00\x01", "QoS 2"),
        (b"\x36\x05\x00\x01a\x00\x01", "QoS 3"),
        (b"\x82\x02\x00\x01", "no filter"),
        (b"\x82\x06\x00\x01\x00\x01a\x03", "subscription QoS 3"),
        (b"\x80\x06\x00\x01\x00\x01a\x00", "subscribe without its flag"),
        (b"\xc0\x01\x00", "ping with a body"),
        (b"\xc1\x00", "ping with flags"),
        (b"\x00\x00", "packet type 0"),
        (b"\xf0\x00", "packet type 15"),
        (b"\x20\x02\x00\x00", "a server's packet"),
        (b"\x40\x02\x00\x01", "an acknowledgement nobody waits for"),
        (b"\x30\xff\xff\xff\xff\x01", "length of five bytes"),
        (b"\x10\x0d\x00\x04MQTT\x04\x01\x00\x00\x00\x01a", "reserved connect flag"),
        (b"\x10\x0d\x00\x04MQTT\x04\x42\x00\x00\x00\x01a", "password without user"),
        (b"\x10\x0d\x00\x04MQTT\x04\x08\x00\x00\x00\x01a", "will QoS without will"),
        (b"\x10\x0d\x00\x04MQTT\x04\x1e\x00\x00\x00\x01a", "will of QoS 3"),
        (b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x01ab", "bytes behind"),
    ],
)
def test_what_the_standard_forbids_is_malformed(data, why):
    with pytest.raises(Invalid) as refused:
        read(data)
    assert refused.value.code == "packet_malformed", why


def test_a_packet_beyond_the_limit_is_refused_before_its_body_arrives():
    with pytest.raises(Invalid):
        read(b"\x30\xff\x7f", packet_bytes_max=16_382)
    assert read(b"\x30\xff\x7f", packet_bytes_max=16_383) == []


def test_other_levels_are_read_no_further():
    five = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x14\x00\x00"
    assert read(five) == [Connect(5)]
    assert read(b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00") == [Connect(0)]


def test_small_packets_and_answers_have_the_standards_bytes():
    assert read(mqtt.PING_REQUEST + mqtt.GOODBYE) == [Ping(), Disconnect()]
    subscribe = b"\x82\x0a\x00\x07\x00\x01a\x00\x00\x01#\x01"
    assert read(subscribe) == [Subscribe(b"\x00\x07", 2)]
    assert mqtt.connack(0) == b"\x20\x02\x00\x00"
    assert mqtt.connack(1, level=5) == b"\x20\x03\x00\x84\x00"
    assert mqtt.pubacks([b"\x00\x01", b"\x00\x02"]) == b"\x40\x02\x00\x01\x40\x02\x00\x02"
    assert mqtt.pubacks([]) == b""
    assert mqtt.suback(b"\x00\x07", 2) == b"\x90\x04\x00\x07\x80\x80"
    assert mqtt.unsuback(b"\x00\x07") == b"\xb0\x02\x00\x07"
