from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import Invalid
from sensors.brokers import mqtt_write as mqtt
from sensors.brokers.mqtt_packets import (
    BAD_ALIAS,
    MALFORMED,
    NO_QOS,
    PROTOCOL_ERROR,
    TOO_LARGE,
    Acknowledged,
    Connect,
    Disconnect,
    Packet,
    Ping,
    Publish,
    Subscribe,
    Unsubscribe,
    Will,
)
from sensors.brokers.mqtt_read import Reader

NAMES = st.text(
    st.characters(exclude_characters="+#\x00", exclude_categories=["Cs"]), min_size=1, max_size=200
)
PACKET_IDS = st.sampled_from([b"", b"\x00\x01", b"\xff\xff"])
BARE = st.just({})
PUBLISHES = st.builds(Publish, NAMES, st.binary(max_size=300), PACKET_IDS, st.booleans(), BARE)
WILLS = st.builds(Will, NAMES, st.binary(), st.integers(0, 2), st.booleans(), BARE)
CONNECTS = st.builds(
    Connect,
    st.just(4),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    st.booleans(),
    st.integers(0, 65535),
    st.just("user"),
    st.none() | st.binary(),
    st.none() | WILLS,
    BARE,
)
KINDS = (Connect, Publish, Acknowledged, Subscribe, Unsubscribe, Ping, Disconnect)

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3)
MESSAGE_PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "payload_format": st.integers(0, 1),
        "message_expiry_s": st.integers(0, 2**32 - 1),
        "content_type": TEXTS,
        "response_topic": NAMES.filter(lambda name: len(name.encode()) < 1000),
        "correlation_data": st.binary(max_size=20),
        "user_property": PAIRS,
    },
)
CONNECT_PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "session_expiry_s": st.integers(0, 2**32 - 1),
        "receive_maximum": st.integers(1, 65_535),
        "packet_bytes_max": st.integers(1, 2**32 - 1),
        "topic_alias_maximum": st.integers(0, 65_535),
        "request_problem_information": st.integers(0, 1),
        "user_property": PAIRS,
    },
)
PUBLISHES_5 = st.builds(
    Publish, NAMES, st.binary(max_size=300), PACKET_IDS, st.booleans(), MESSAGE_PROPERTIES
)
CONNECTS_5 = st.builds(
    Connect,
    st.just(5),
    TEXTS,
    st.booleans(),
    st.integers(0, 65535),
    st.none() | TEXTS,
    st.none() | st.binary(max_size=20),
    st.none()
    | st.builds(
        Will, NAMES, st.binary(max_size=20), st.integers(0, 2), st.booleans(), MESSAGE_PROPERTIES
    ),
    CONNECT_PROPERTIES,
)


def read(data: bytes, **options) -> list[Packet]:
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
        (b"\x38\x03\x00\x01a", "a duplicate of QoS 0"),
        (b"\x82\x02\x00\x01", "no filter"),
        (b"\x82\x06\x00\x01\x00\x01a\x03", "subscription QoS 3"),
        (b"\x80\x06\x00\x01\x00\x01a\x00", "subscribe without its flag"),
        (b"\xc0\x01\x00", "ping with a body"),
        (b"\xc1\x00", "ping with flags"),
        (b"\x00\x00", "packet type 0"),
        (b"\xf0\x00", "packet type 15"),
        (b"\x20\x02\x00\x00", "a server's packet"),
        (b"\x40\x02\x00\x00", "an acknowledgement of nothing"),
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
    six = b"\x10\x10\x00\x04MQTT\x06\x02\x00\x3c\x03\x21\x00\x14\x00\x00"
    assert read(six) == [Connect(6)]
    assert read(b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00") == [Connect(0)]


def test_small_packets_and_answers_have_the_standards_bytes():
    assert read(mqtt.PING_REQUEST + mqtt.GOODBYE) == [Ping(), Disconnect()]
    subscribe = b"\x82\x0a\x00\x07\x00\x01a\x00\x00\x01#\x01"
    assert read(subscribe) == [Subscribe(b"\x00\x07", (("a", 0), ("#", 1)))]
    assert mqtt.subscribe(b"\x00\x07", [("a", 0), ("#", 1)]) == subscribe
    assert mqtt.connack(0) == b"\x20\x02\x00\x00"
    assert mqtt.connack(0x87) == b"\x20\x02\x00\x05"
    assert mqtt.connack(0x9A) == b"", "3.1.1 has no word for it"
    assert mqtt.bad_version(3) == b"\x20\x02\x00\x01"
    assert mqtt.bad_version(6) == b"\x20\x03\x00\x84\x00"
    assert mqtt.pubacks([b"\x00\x01", b"\x00\x02"]) == b"\x40\x02\x00\x01\x40\x02\x00\x02"
    assert mqtt.pubacks([]) == b""
    assert mqtt.suback(b"\x00\x07", [1, 0x87]) == b"\x90\x04\x00\x07\x01\x80"
    assert mqtt.suback(b"\x00\x07", [1, 0x87], 5) == b"\x90\x05\x00\x07\x00\x01\x87"
    assert mqtt.unsuback(b"\x00\x07") == b"\xb0\x02\x00\x07"
    assert mqtt.unsuback(b"\x00\x07", [0x11], 5) == b"\xb0\x04\x00\x07\x00\x11"
    assert mqtt.connack(0, 5, {"qos_maximum": 1}) == b"\x20\x05\x00\x00\x02\x24\x01"


@given(CONNECTS_5, st.lists(PUBLISHES_5, max_size=4), st.integers(1, 50))
def test_packets_of_version_5_come_back_with_their_properties(hello, packets, piece):
    stream = mqtt.connect(hello) + b"".join(mqtt.publish(p, 5) for p in packets)
    reader = Reader()
    cut = [stream[i : i + piece] for i in range(0, len(stream), piece)]
    assert [p for part in cut for p in reader.feed(part)] == [hello, *packets]


@given(st.binary(max_size=400), st.integers(1, 40))
def test_any_bytes_are_packets_of_version_5_or_one_typed_refusal(data, piece):
    reader = Reader(packet_bytes_max=100, level=5)
    with suppress(Invalid):
        for i in range(0, len(data), piece):
            assert all(isinstance(p, KINDS) for p in reader.feed(data[i : i + piece]))


@given(st.data())
def test_a_damaged_packet_of_version_5_is_a_packet_or_a_typed_refusal(data):
    whole = data.draw(PUBLISHES_5.map(lambda p: mqtt.publish(p, 5)) | CONNECTS_5.map(mqtt.connect))
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
    with suppress(Invalid):
        assert all(isinstance(p, KINDS) for p in read(damaged, level=5))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x30\x03\x00\x01a", MALFORMED),  # no properties
        (b"\x30\x06\x00\x01a\x02\x01\x02", PROTOCOL_ERROR),  # payload format 2
        (b"\x30\x08\x00\x01a\x04\x01\x01\x01\x01", PROTOCOL_ERROR),  # the same twice
        (b"\x30\x07\x00\x01a\x03\x23\x00\x01", BAD_ALIAS),
        (b"\x30\x06\x00\x01a\x02\x0b\x01", PROTOCOL_ERROR),  # a subscription identifier
        (b"\x30\x05\x00\x01a\x01\x7f", MALFORMED),  # no such property
        (b"\x34\x06\x00\x01a\x00\x01\x00", NO_QOS),
        (b"\x30\x07\x00\x01a\xff\xff\xff\xff", MALFORMED),  # a length of five bytes
        (b"\x82\x08\x00\x01\x00\x00\x01a\x30\x00", PROTOCOL_ERROR),  # retain handling 3
        (b"\x82\x07\x00\x01\x00\x00\x01a\x40", PROTOCOL_ERROR),  # reserved bit
        (b"\x82\x09\x00\x01\x02\x0b\x00\x00\x01a\x00", PROTOCOL_ERROR),  # identifier 0
        (b"\x30\x84\x00\x00\x01a\x00", MALFORMED),  # not the shortest length
        (b"\x30\x05\x00\x01a\x80\x00", MALFORMED),  # nor that of its properties
        (b"\xe0\x01\x8b", PROTOCOL_ERROR),  # a server's reason
        (b"\x40\x03\x00\x01\x01", PROTOCOL_ERROR),  # no reason at all
        (b"\xf0\x02\x18\x00", PROTOCOL_ERROR),  # AUTH without a method
        (b"\x30\x80\x80\x80\x01", TOO_LARGE),
    ],
)
def test_what_version_5_forbids_is_refused_with_its_reason(data, reason):
    with pytest.raises(Invalid) as refused:
        read(data, level=5)
    assert refused.value.facts["mqtt_reason"] == reason


def test_small_packets_of_version_5():
    assert read(b"\xe0\x00\xe0\x01\x04", level=5) == [Disconnect(), Disconnect(4)]
    ended = b"\xe0\x07\x00\x05\x11\x00\x00\x00\x07"
    assert read(ended, level=5) == [Disconnect(0, {"session_expiry_s": 7})]
    acknowledged = b"\x40\x02\x00\x01\x40\x03\x00\x01\x10\x40\x04\x00\x01\x00\x00"
    expected = [Acknowledged(b"\x00\x01", reason) for reason in (0, 0x10, 0)]
    assert read(acknowledged, level=5) == expected
    wanted = b"\x82\x07\x00\x01\x00\x00\x01a\x2d"  # QoS 1, no local, retain as published
    assert read(wanted, level=5) == [Subscribe(b"\x00\x01", (("a", 1),))]
    assert read(b"\xa2\x06\x00\x01\x00\x00\x01a", level=5) == [Unsubscribe(b"\x00\x01", ("a",))]
