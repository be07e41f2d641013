"""Packets become bytes: what the endpoint answers, and what clients of ours send. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Any

from sensors.brokers import mqtt_properties as properties
from sensors.brokers.mqtt_packets import (
    BAD_VERSION,
    CONNACK,
    CONNECT,
    DISCONNECT,
    LEVEL_5,
    LEVEL_311,
    NONE,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBLISH,
    RETURN_CODES,
    SUBACK,
    SUBSCRIBE,
    UNSPECIFIED,
    UNSUBACK,
    Connect,
    Publish,
    Will,
)

PING_RESPONSE = bytes([PINGRESP << 4, 0])
PING_REQUEST = bytes([PINGREQ << 4, 0])
GOODBYE = bytes([DISCONNECT << 4, 0])
_PUBACK_HEAD = bytes([PUBACK << 4, 2])


def connack(reason: int, level: int = LEVEL_311, said: Mapping[str, Any] = NONE) -> bytes:
    """Return the answer to CONNECT, empty where 3.1.1 has no code for the reason."""
    if level >= LEVEL_5:
        return framed(CONNACK << 4, bytes([0, reason]) + properties.write(said))
    if reason not in RETURN_CODES:
        return b""
    return bytes([CONNACK << 4, 2, 0, RETURN_CODES[reason]])


def bad_version(level: int) -> bytes:
    """Return the refusal of a version nobody here speaks; newer ones are told as 5.0 does."""
    return connack(BAD_VERSION, LEVEL_5 if level > LEVEL_5 else LEVEL_311)


def pubacks(packet_ids: Sequence[bytes]) -> bytes:
    """Return the acknowledgements of ``packet_ids``, in order; the same bytes in both versions."""
    return _PUBACK_HEAD + _PUBACK_HEAD.join(packet_ids) if packet_ids else b""


def puback_refused(packet_id: bytes, reason: int) -> bytes:
    """Return the refusal of one message (5.0 only)."""
    return bytes([PUBACK << 4, 3]) + packet_id + bytes([reason])


def suback(packet_id: bytes, answers: Sequence[int], level: int = LEVEL_311) -> bytes:
    """Return the answer to SUBSCRIBE: granted QoS or reason for each filter, in order."""
    if level == LEVEL_5:
        return framed(SUBACK << 4, packet_id + b"\0" + bytes(answers))
    failed = bytes(min(UNSPECIFIED, answer) for answer in answers)
    return framed(SUBACK << 4, packet_id + failed)


def unsuback(packet_id: bytes, answers: Sequence[int] = (), level: int = LEVEL_311) -> bytes:
    """Return the answer to UNSUBSCRIBE."""
    body = packet_id + b"\0" + bytes(answers) if level == LEVEL_5 else packet_id
    return framed(UNSUBACK << 4, body)


def disconnect(reason: int) -> bytes:
    """Return the endpoint's farewell (5.0 only: a 3.1.1 server just closes)."""
    return bytes([DISCONNECT << 4, 1, reason])


def publish(message: Publish, level: int = LEVEL_311, *, duplicate: bool = False) -> bytes:
    """Return a PUBLISH: QoS 1 when it has a packet id, else QoS 0."""
    first = PUBLISH << 4 | (2 if message.packet_id else 0) | int(message.retain) | duplicate << 3
    said = properties.write(message.properties) if level == LEVEL_5 else b""
    body = _field(message.topic.encode()) + message.packet_id + said + message.payload
    return framed(first, body)


def connect(wanted: Connect) -> bytes:
    """Return the CONNECT of a client (simulated devices, benches, tests)."""
    will = wanted.will
    flags = (0x80 if wanted.user is not None else 0) | (0x40 if wanted.password is not None else 0)
    flags |= (4 | will.qos << 3 | will.retain << 5 if will else 0) | (2 if wanted.clean else 0)
    head = _field(b"MQTT") + bytes([wanted.level, flags]) + wanted.keep_alive_s.to_bytes(2)
    head += properties.write(wanted.properties) if wanted.level == LEVEL_5 else b""
    head += _field(wanted.client.encode()) + (_will(will, wanted.level) if will else b"")
    head += _field(wanted.user.encode()) if wanted.user is not None else b""
    head += _field(wanted.password) if wanted.password is not None else b""
    return framed(CONNECT << 4, head)


def subscribe(
    packet_id: bytes, filters: Sequence[tuple[str, int]], level: int = LEVEL_311
) -> bytes:
    """Return the SUBSCRIBE of a client: (filter, QoS) each."""
    said = b"\0" if level == LEVEL_5 else b""
    wanted = b"".join(_field(name.encode()) + bytes([qos]) for name, qos in filters)
    return framed(SUBSCRIBE << 4 | 2, packet_id + said + wanted)


def framed(first: int, body: bytes) -> bytes:
    """Return a packet: its first byte, its length, its body."""
    return bytes([first]) + properties.length(len(body)) + body


def _will(will: Will, level: int) -> bytes:
    said = properties.write(will.properties) if level == LEVEL_5 else b""
    return said + _field(will.topic.encode()) + _field(will.payload)


def _field(data: bytes) -> bytes:
    return len(data).to_bytes(2) + data
