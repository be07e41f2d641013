"""Bytes from a device become packets. No I/O.

What a device can't know to be accepted (QoS 2, wildcards in a topic, reserved flags) is
Invalid("packet_malformed"): the caller closes the connection; ``mqtt_reason`` is what 5.0 says why.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sensors.brokers import mqtt_properties as properties
from sensors.brokers.mqtt_fields import Fields, malformed, topic
from sensors.brokers.mqtt_packets import (
    BAD_ALIAS,
    CONNECT,
    DISCONNECT,
    LEVEL_5,
    LEVEL_311,
    NO_QOS,
    NONE,
    PACKET_BYTES_MAX,
    PINGREQ,
    PROTOCOL_ERROR,
    PUBACK,
    PUBLISH,
    SUBSCRIBE,
    SUCCESS,
    TOO_LARGE,
    UNSUBSCRIBE,
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

PUBACK_REASONS = frozenset({0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99})
DISCONNECT_REASONS = frozenset({0x00, 0x04, *range(0x80, 0x84), 0x90, *range(0x93, 0x9A)})
"""What a client may say [5:3.4.2-1], [5:3.14.2-1]."""


class Reader:
    """Cuts a byte stream into packets; ``level`` follows from the CONNECT it has seen."""

    def __init__(self, packet_bytes_max: int = PACKET_BYTES_MAX, *, level: int = LEVEL_311) -> None:
        self.level = level
        self._packet_bytes_max = packet_bytes_max
        self._rest = bytearray()
        self._needed = 2

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Yield the packets that ``data`` completes. Raises Invalid("packet_malformed")."""
        if self._rest or len(data) < self._needed:
            # A large packet in small pieces is put together once, not copied with each piece.
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data, self._rest = bytes(self._rest), bytearray()
        at, end = 0, len(data)
        self._needed = 2
        while end - at >= 2:  # noqa: PLR2004 - the shortest packet
            first, length, body = data[at], data[at + 1], at + 2
            if length > 0x7F:  # noqa: PLR2004 - the continuation bit [2.2.3]
                length, body = _long_length(data, at + 1, end, self.level)
                if not body:
                    self._needed = end - at + 1
                    break
            if length > self._packet_bytes_max:
                raise malformed("a packet that is too large", TOO_LARGE)
            stop = body + length
            if stop > end:
                self._needed = stop - at
                break
            # Nearly all packets are publications: they are cut from the stream without a copy.
            yield (
                _publish(data, first, body, stop, self)
                if first & 0xF0 == PUBLISH << 4
                else self._packet(first, data[body:stop])
            )
            at = stop
        self._rest += data[at:]

    @staticmethod
    def topic(raw: bytes) -> str:
        """Return the topic of a publication."""
        return topic(raw)

    def expect_connect(self, data: bytes) -> None:
        """Refuse at its first byte a stream that does not begin with CONNECT."""
        if not self._rest and data[0] != CONNECT << 4:
            raise malformed("CONNECT must come first", PROTOCOL_ERROR)

    def _packet(self, first: int, body: bytes) -> Packet:
        packet = _packet(first, Fields(body), self.level)
        if isinstance(packet, Connect) and packet.level == LEVEL_5:
            self.level = LEVEL_5
        return packet


def _long_length(data: bytes, at: int, end: int, level: int) -> tuple[int, int]:
    """Return the remaining length and where the body begins (0: the length is not whole yet).

    5.0 asks for the shortest form [5:1.5.5-1], 3.1.1 does not.
    """
    length = shift = 0
    for position in range(at, min(end, at + 4)):
        byte = data[position]
        length |= (byte & 0x7F) << shift
        if byte <= 0x7F:  # noqa: PLR2004 - no continuation bit
            if level == LEVEL_5 and not byte:
                raise malformed("a length that is not the shortest")
            return length, position + 1
        shift += 7
    if end - at >= 4:  # noqa: PLR2004 - a length has at most four bytes [2.2.3]
        raise malformed("a length of more than four bytes")
    return 0, 0


def _packet(first: int, fields: Fields, level: int) -> Packet:
    kind, flags = first >> 4, first & 0x0F
    if flags != (2 if kind in {SUBSCRIBE, UNSUBSCRIBE} else 0):
        raise malformed("reserved flags are set")  # [MQTT-2.2.2-2]
    match kind:
        case _ if kind == CONNECT:
            return _connect(fields)
        case _ if kind == PUBACK:
            return _acknowledged(fields, level)
        case _ if kind == SUBSCRIBE:
            return _subscribe(fields, level)
        case _ if kind == UNSUBSCRIBE:
            return _unsubscribe(fields, level)
        case _ if kind == PINGREQ:
            fields.end()
            return Ping()
        case _ if kind == DISCONNECT:
            return _disconnect(fields, level)
        case _:
            raise malformed("not a device's packet", PROTOCOL_ERROR)


def _publish(data: bytes, first: int, body: int, stop: int, of: Reader) -> Publish:
    qos = first & 0x06
    if qos > 2:  # noqa: PLR2004 - bits 1-2: 0, 2 (QoS 1), 4 (QoS 2), 6 (reserved)
        raise malformed("QoS 2 is not offered", NO_QOS)
    if first & 0x0E == 0x08:  # noqa: PLR2004 - DUP with QoS 0
        raise malformed("a duplicate of QoS 0")  # [MQTT-3.3.1-2]
    name = body + 2
    split = name + (data[body] << 8 | data[body + 1]) if name <= stop else stop + 1
    start = split + qos  # QoS 1 happens to have a packet id of two bytes
    if start > stop:
        raise malformed("a field reaches beyond its packet")
    packet_id = data[split:start]
    if packet_id == b"\x00\x00":
        raise malformed("a packet id of 0")  # [MQTT-2.3.1-1]
    said: Mapping[str, Any] = NONE
    if of.level == LEVEL_5:
        if start < stop and data[start] == 0:
            start += 1
        else:
            said, start = _publish_properties(data, start, stop)
    return Publish(of.topic(data[name:split]), data[start:stop], packet_id, bool(first & 1), said)


def _publish_properties(data: bytes, start: int, stop: int) -> tuple[dict[str, Any], int]:
    fields = Fields(data[start:stop])
    said = properties.read(fields, "publish")
    if "topic_alias" in said:
        raise malformed("a topic alias", BAD_ALIAS)  # our maximum is 0 [5:3.3.2-9]
    return said, stop - fields.left()


def _connect(fields: Fields) -> Connect:
    name, level = fields.binary(), fields.number(1)
    if name != b"MQTT" or level not in {LEVEL_311, LEVEL_5}:
        return Connect(level if name == b"MQTT" else 0)
    flags, keep_alive_s = fields.number(1), fields.number(2)
    if flags & 1 or (level == LEVEL_311 and flags & 0x40 and not flags & 0x80):
        raise malformed("reserved flags are set")  # [MQTT-3.1.2-3], [MQTT-3.1.2-22]
    said = properties.read(fields, "connect") if level == LEVEL_5 else NONE
    if "authentication_data" in said and "authentication_method" not in said:
        raise malformed("authentication data without a method", PROTOCOL_ERROR)
    client = fields.text()
    will = _will(flags, fields, level)
    user = fields.text() if flags & 0x80 else None
    password = fields.binary() if flags & 0x40 else None
    fields.end()
    return Connect(level, client, bool(flags & 2), keep_alive_s, user, password, will, said)


def _will(flags: int, fields: Fields, level: int) -> Will | None:
    qos = flags >> 3 & 3
    if not flags & 4:
        if flags & 0x38:
            raise malformed("will flags without a will")  # [MQTT-3.1.2-11]
        return None
    if qos == 3:  # noqa: PLR2004 - reserved [MQTT-3.1.2-14]
        raise malformed("a will of QoS 3")
    said = properties.read(fields, "will") if level == LEVEL_5 else NONE
    return Will(fields.topic(), fields.binary(), qos, bool(flags & 0x20), said)


def _acknowledged(fields: Fields, level: int) -> Acknowledged:
    packet_id, reason = fields.packet_id(), SUCCESS
    if level == LEVEL_5 and fields.left():
        reason = _reason(fields, PUBACK_REASONS)
        if fields.left():
            properties.read(fields, "puback")
    fields.end()
    return Acknowledged(packet_id, reason)


def _reason(fields: Fields, known: frozenset[int]) -> int:
    reason = fields.number(1)
    if reason not in known:
        raise malformed("a reason code that is none", PROTOCOL_ERROR)
    return reason


def _subscribe(fields: Fields, level: int) -> Subscribe:
    packet_id = fields.packet_id()
    said = properties.read(fields, "subscribe") if level == LEVEL_5 else NONE
    filters = []
    while fields.left():
        name, options = fields.text(), fields.number(1)
        # 3.1.1 has the QoS alone [MQTT-3.8.3-4]; 5.0 retain handling too, 3 is none [5:3.8.3-5]
        above = options >> 6 or options & 0x30 == 0x30 if level == LEVEL_5 else options >> 2  # noqa: PLR2004
        if above or options & 3 == 3:  # noqa: PLR2004 - QoS 0 to 2
            raise malformed("reserved bits of a subscription", PROTOCOL_ERROR)
        filters.append((name, options & 3))
    if not filters:
        raise malformed("no subscription", PROTOCOL_ERROR)  # [MQTT-3.8.3-3]
    return Subscribe(packet_id, tuple(filters), said)


def _unsubscribe(fields: Fields, level: int) -> Unsubscribe:
    packet_id = fields.packet_id()
    if level == LEVEL_5:
        properties.read(fields, "unsubscribe")
    filters = []
    while fields.left():
        filters.append(fields.text())
    if not filters:
        raise malformed("no subscription", PROTOCOL_ERROR)  # [MQTT-3.10.3-2]
    return Unsubscribe(packet_id, tuple(filters))


def _disconnect(fields: Fields, level: int) -> Disconnect:
    reason, said = SUCCESS, NONE
    if level == LEVEL_5 and fields.left():
        reason = _reason(fields, DISCONNECT_REASONS)
        said = properties.read(fields, "disconnect") if fields.left() else NONE
    fields.end()
    return Disconnect(reason, said)
