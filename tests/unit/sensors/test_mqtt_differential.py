"""Our codec beside an independent one (mqttium), packet by packet: whole ones and damaged ones.

Both must come to the same verdict and the same fields. Where we are stricter on purpose the reason
is named: no QoS 2, no topic alias, no topic beyond TOPIC_BYTES_MAX.
"""

from itertools import islice

import pytest
from mqttium.codec.buffer import IncrementalDecoder
from mqttium.codec.packet_validation import validate_raw_packet
from mqttium.enums import MQTTProtocolVersion, PacketType, QoS
from mqttium.errors import MQTTError
from mqttium.packets.acks import PubAckPacket
from mqttium.packets.connect import ConnAckPacket, ConnectPacket
from mqttium.packets.control import DisconnectPacket
from mqttium.packets.publish import PublishPacket
from mqttium.packets.subscription import (
    SubAckPacket,
    SubscribeOptions,
    SubscribePacket,
    Subscription,
    UnsubAckPacket,
    UnsubscribePacket,
)

from identity.errors import Invalid
from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers import mqtt_write as write
from sensors.brokers.mqtt_packets import Acknowledged, Connect, Disconnect, Publish, Subscribe, Will
from sensors.brokers.mqtt_read import Reader
from tests.parts import mqtt_noise

VERSIONS = {4: MQTTProtocolVersion.MQTTv311, 5: MQTTProtocolVersion.MQTTv5}
BOTH_WAYS = {4: {PacketType.PUBLISH, PacketType.PUBACK}}  # what a client's codec reads as well
BOTH_WAYS[5] = BOTH_WAYS[4] | {PacketType.DISCONNECT}
BOTH_SIDES = {*range(0x80, 0x84), 0x90, *range(0x93, 0x9A)}  # reasons of DISCONNECT
STRICTER = {mqtt.NO_QOS, mqtt.BAD_ALIAS, mqtt.BAD_TOPIC}
COUNTS = [100_000, pytest.param(1_000_000, marks=[pytest.mark.long, pytest.mark.timeout(1_200)])]


def ours(data, level):
    """Return our first packet, the refusal's reason code, or None: more bytes are needed."""
    try:
        return next(Reader(level=level).feed(data), None)
    except Invalid as refused:
        return refused.facts["mqtt_reason"]


def theirs(data, level):
    """Return mqttium's first packet, its error, or None; only of kinds that it decodes."""
    decoder = IncrementalDecoder(mqtt.PACKET_BYTES_MAX)
    try:
        decoder.feed(data)
        raw = decoder.next_packet()
        if raw is None:
            return None
        validate_raw_packet(raw)
        match raw.packet_type:
            case PacketType.PUBLISH:
                return PublishPacket.decode(raw.flags, raw.remaining, VERSIONS[level])
            case PacketType.PUBACK:
                return PubAckPacket.decode(raw.remaining, VERSIONS[level])
            case _:
                return DisconnectPacket.decode(raw.remaining, VERSIONS[level])
    except MQTTError as error:
        return error


def fields(packet):
    """Return what both must agree on."""
    match packet:
        case Publish():
            packet_id = int.from_bytes(packet.packet_id) or None
            return packet.topic, packet.payload, packet_id, packet.retain
        case PublishPacket():
            return packet.topic, packet.payload, packet.mid, packet.retain
        case Acknowledged():
            return int.from_bytes(packet.packet_id), packet.reason
        case PubAckPacket():
            return packet.mid, int(packet.reason_code)
        case Disconnect():
            return (packet.reason,)
        case _:
            return (int(packet.reason_code),)


def compare(data, level):
    """Return "same", "stricter" (a named refusal of ours), or what differs."""
    if data[0] & 0xF0 not in BOTH_WAYS[level]:
        return "left out"
    our, their = ours(data, level), theirs(data, level)
    if _is_laxer(data, level, their) or _is_one_sided(data) or _is_a_servers(our, their):
        return "left out"
    if our is None or their is None:
        return "same" if our is None and their is None else f"{data.hex()}: {our} and {their}"
    if isinstance(our, int) or isinstance(their, MQTTError):
        if isinstance(our, int) and isinstance(their, MQTTError):
            return "same"
        stricter = isinstance(our, int) and our in STRICTER
        return "stricter" if stricter else f"{data.hex()}: {our} and {their!r}"
    return "same" if fields(our) == fields(their) else f"{data.hex()}: {our} and {their}"


def _is_laxer(data, level, their):
    """3.1.1 does not ask for the shortest form of a length; mqttium does."""
    return level == 4 and "Non-canonical" in str(their)


def _is_a_servers(our, their):
    """A PUBLISH with a subscription identifier, which no client may send [MQTT-3.3.4-6]."""
    told = getattr(getattr(their, "properties", None), "values", {})
    return our == mqtt.PROTOCOL_ERROR and "subscription_identifier" in told


def _is_one_sided(data):
    """A reason in DISCONNECT that only a server or only a client may give."""
    reason = data[2] if len(data) > 2 and data[0] & 0xF0 == PacketType.DISCONNECT else 0
    return reason != 0 and reason not in BOTH_SIDES


@pytest.mark.timeout(300)
@pytest.mark.parametrize("count", COUNTS)
def test_both_codecs_come_to_the_same_verdict_and_fields(count):
    told = {}
    for level in (4, 5):
        for data in islice(mqtt_noise.stream(level, level), count // 2):
            verdict = compare(data, level)
            told[verdict] = told.get(verdict, 0) + 1
    print(told)
    assert {"same", "stricter", "left out"} == set(told), [k for k in told if len(k) > 10][:5]
    assert told["same"] > count / 3


@pytest.mark.parametrize("level", [4, 5])
def test_what_the_other_codec_sends_is_read_with_its_fields(level):
    version = VERSIONS[level]
    sent = ConnectPacket(
        client_id="d1", clean_start=True, keepalive=60, username="u", password=b"p",
        will_topic="city/a/d/p", will_payload=b"gone", will_qos=QoS.AT_LEAST_ONCE,
        protocol=version,
    )  # fmt: skip
    will = Will("city/a/d/p", b"gone", 1)
    assert ours(sent.encode(), level) == Connect(level, "d1", True, 60, "u", b"p", will)
    options = SubscribeOptions(qos=QoS.AT_LEAST_ONCE)
    wanted = SubscribePacket(7, (Subscription("twin/events/#", options), Subscription("a")))
    expected = Subscribe(b"\x00\x07", (("twin/events/#", 1), ("a", 0)))
    assert ours(wanted.encode(version), level) == expected
    ended = ours(UnsubscribePacket(8, ("a", "b")).encode(version), level)
    assert (ended.packet_id, ended.filters) == (b"\x00\x08", ("a", "b"))
    message = PublishPacket("t", b"1", QoS.AT_LEAST_ONCE, retain=False, dup=False, mid=9)
    assert ours(message.encode(version), level) == Publish("t", b"1", b"\x00\x09")


def body_of(data):
    decoder = IncrementalDecoder(mqtt.PACKET_BYTES_MAX)
    decoder.feed(data)
    return decoder.next_packet().remaining


@pytest.mark.parametrize("level", [4, 5])
def test_what_we_answer_is_read_by_the_other_codec(level):
    version = VERSIONS[level]
    terms = {"receive_maximum": 5_000, "qos_maximum": 1, "assigned_client": "a"}
    welcome = ConnAckPacket.decode(
        body_of(write.connack(0, level, terms if level == 5 else {})), version
    )
    assert 0 == int(welcome.reason_code)
    granted = SubAckPacket.decode(body_of(write.suback(b"\x00\x07", [1, 0x87], level)), version)
    assert 7 == granted.mid
    assert [1, 0x87 if level == 5 else 0x80] == [int(code) for code in granted.reason_codes]
    ended = UnsubAckPacket.decode(body_of(write.unsuback(b"\x00\x08", [0x11], level)), version)
    assert 8 == ended.mid
    answered = PubAckPacket.decode(body_of(write.pubacks([b"\x00\x09"])), version)
    assert (9, 0) == (answered.mid, int(answered.reason_code))
    if level == 5:
        assert 0x87 == int(PubAckPacket.decode(
            body_of(write.puback_refused(b"\x00\x09", 0x87)), version
        ).reason_code)  # fmt: skip
        assert 0x95 == int(DisconnectPacket.decode(
            body_of(write.disconnect(0x95)), version
        ).reason_code)  # fmt: skip
