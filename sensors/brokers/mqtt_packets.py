"""MQTT 3.1.1 (OASIS, 2014) as far as a listener for publishing devices needs it. No I/O.

Numbers in brackets are the standard's normative statements. What a device can't know to be
accepted (QoS 2, wildcards in a topic, reserved flags) is Invalid("packet_malformed"): the caller
closes the connection.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from identity.errors import Invalid

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14

LEVEL_311, LEVEL_5 = 4, 5
ACCEPTED, BAD_PROTOCOL, BAD_CLIENT, BAD_LOGIN, NOT_ALLOWED = 0, 1, 2, 4, 5
PACKET_BYTES_MAX = 256 * 1024
TOPIC_BYTES_MAX = 1_024  # the standard allows 65,535; ours have four short levels
TOPICS_CACHED = 65_536
FAILURE = 0x80
PING_RESPONSE = bytes([PINGRESP << 4, 0])
PING_REQUEST = bytes([PINGREQ << 4, 0])
GOODBYE = bytes([DISCONNECT << 4, 0])


class Will(NamedTuple):
    """What is to be published when the device goes without a word."""

    topic: str
    payload: bytes


class Connect(NamedTuple):
    """The first packet; ``level`` 4 is MQTT 3.1.1, all else is without further fields."""

    level: int
    client: str = ""
    clean: bool = True
    keep_alive_s: int = 0
    user: str | None = None
    password: bytes | None = None
    will: Will | None = None


class Publish(NamedTuple):
    """A message; ``packet_id`` its two bytes as they came (empty with QoS 0)."""

    topic: str
    payload: bytes
    packet_id: bytes = b""
    retain: bool = False


class Subscribe(NamedTuple):
    """A wish for so many subscriptions."""

    packet_id: bytes
    filters: int


class Unsubscribe(NamedTuple):
    """The end of subscriptions."""

    packet_id: bytes


class Ping(NamedTuple):
    """A sign of life that wants an answer."""


class Disconnect(NamedTuple):
    """A farewell: the will is not published."""


Packet = Connect | Publish | Subscribe | Unsubscribe | Ping | Disconnect


class Reader:
    """Cuts a byte stream into packets."""

    def __init__(self, packet_bytes_max: int = PACKET_BYTES_MAX) -> None:
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
                length, body = _long_length(data, at + 1, end)
                if not body:
                    self._needed = end - at + 1
                    break
            if length > self._packet_bytes_max:
                raise Invalid("packet_malformed", reason="too large", bytes=length)
            stop = body + length
            if stop > end:
                self._needed = stop - at
                break
            # Nearly all packets are publications: they are cut from the stream without a copy.
            yield (
                _publish(data, first, body, stop)
                if first & 0xF0 == PUBLISH << 4
                else _packet(first, data[body:stop])
            )
            at = stop
        self._rest += data[at:]

    def expect_connect(self, data: bytes) -> None:
        """Refuse at its first byte a stream that does not begin with CONNECT."""
        if not self._rest and data[0] != CONNECT << 4:
            raise _malformed("CONNECT must come first")


def _long_length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return the remaining length and where the body begins (0: the length is not whole yet)."""
    length = shift = 0
    for position in range(at, min(end, at + 4)):
        byte = data[position]
        length |= (byte & 0x7F) << shift
        if byte <= 0x7F:  # noqa: PLR2004 - no continuation bit
            return length, position + 1
        shift += 7
    if end - at >= 4:  # noqa: PLR2004 - a length has at most four bytes [2.2.3]
        raise _malformed("a length of more than four bytes")
    return 0, 0


class _Fields:
    """The fields of one packet's body, from front to back."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._body[self._at : self._at + count]
        if len(taken) < count:
            raise _malformed("a field reaches beyond its packet")
        self._at += count
        return taken

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count))

    def binary(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        return _text(self.binary())

    def left(self) -> int:
        return len(self._body) - self._at


def _packet(first: int, body: bytes) -> Packet:
    kind, flags = first >> 4, first & 0x0F
    if flags != (2 if kind in {SUBSCRIBE, UNSUBSCRIBE} else 0):
        raise _malformed("reserved flags are set")  # [MQTT-2.2.2-2]
    if kind == CONNECT:
        return _connect(_Fields(body))
    if kind == SUBSCRIBE:
        return _subscribe(_Fields(body))
    if kind == UNSUBSCRIBE:
        return Unsubscribe(_packet_id(_Fields(body)))
    if kind in {PINGREQ, DISCONNECT} and not body:
        return Ping() if kind == PINGREQ else Disconnect()
    raise Invalid("packet_malformed", reason="not a device's packet", type=kind)


def _publish(data: bytes, first: int, body: int, stop: int) -> Publish:
    qos = first & 0x06
    if qos > 2:  # noqa: PLR2004 - bits 1-2: 0, 2 (QoS 1), 4 (QoS 2), 6 (reserved)
        raise _malformed("QoS 2 is not offered")
    name = body + 2
    split = name + (data[body] << 8 | data[body + 1]) if name <= stop else stop + 1
    start = split + qos  # QoS 1 happens to have a packet id of two bytes
    if start > stop:
        raise _malformed("a field reaches beyond its packet")
    packet_id = data[split:start]
    if packet_id == b"\x00\x00":
        raise _malformed("a packet id of 0")  # [MQTT-2.3.1-1]
    if split - name > TOPIC_BYTES_MAX:
        raise _malformed("a topic that is too long")
    return Publish(_topic(data[name:split]), data[start:stop], packet_id, bool(first & 1))


def _connect(fields: _Fields) -> Connect:
    name, level = fields.binary(), fields.number(1)
    if name != b"MQTT" or level != LEVEL_311:
        return Connect(level if name == b"MQTT" else 0)
    flags, keep_alive_s = fields.number(1), fields.number(2)
    if flags & 1 or (flags & 0x40 and not flags & 0x80):
        raise _malformed("reserved flags are set")  # [MQTT-3.1.2-3], [MQTT-3.1.2-22]
    client = fields.text()
    will = _will(flags, fields)
    user = fields.text() if flags & 0x80 else None
    password = fields.binary() if flags & 0x40 else None
    if fields.left():
        raise _malformed("bytes behind the last field")
    return Connect(level, client, bool(flags & 2), keep_alive_s, user, password, will)


def _will(flags: int, fields: _Fields) -> Will | None:
    qos = flags >> 3 & 3
    if not flags & 4:
        if flags & 0x38:
            raise _malformed("will flags without a will")  # [MQTT-3.1.2-11]
        return None
    if qos == 3:  # noqa: PLR2004 - reserved [MQTT-3.1.2-14]
        raise _malformed("a will of QoS 3")
    topic = fields.binary()
    if len(topic) > TOPIC_BYTES_MAX:
        raise _malformed("a topic that is too long")
    return Will(_topic(topic), fields.binary())


def _subscribe(fields: _Fields) -> Subscribe:
    packet_id, count = _packet_id(fields), 0
    while fields.left():
        fields.text()
        if fields.number(1) > 2:  # noqa: PLR2004 - QoS 0 to 2 [MQTT-3.8.3-4]
            raise _malformed("a subscription of QoS 3")
        count += 1
    if not count:
        raise _malformed("no subscription")  # [MQTT-3.8.3-3]
    return Subscribe(packet_id, count)


def _packet_id(fields: _Fields) -> bytes:
    packet_id = fields.take(2)
    if packet_id == b"\x00\x00":
        raise _malformed("a packet id of 0")
    return packet_id


@lru_cache(TOPICS_CACHED)
def _topic(raw: bytes) -> str:
    topic = _text(raw)
    if not topic or "+" in topic or "#" in topic:
        raise _malformed("a topic without a name or with wildcards")  # [MQTT-3.3.2-2]
    return topic


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _malformed("text that is not UTF-8") from error  # [MQTT-1.5.3-1]
    if "\x00" in text:
        raise _malformed("U+0000 in a text")  # [MQTT-1.5.3-2]
    return text


def _malformed(reason: str) -> Invalid:
    return Invalid("packet_malformed", reason=reason)


def connack(code: int, level: int = LEVEL_311) -> bytes:
    """Return the answer to CONNECT; MQTT 5 is told so in its own form (0x84, no properties)."""
    if level >= LEVEL_5:
        return bytes([CONNACK << 4, 3, 0, 0x84, 0])
    return bytes([CONNACK << 4, 2, 0, code])


def pubacks(packet_ids: Sequence[bytes]) -> bytes:
    """Return the acknowledgements of ``packet_ids``, in order."""
    head = bytes([PUBACK << 4, 2])
    return head + head.join(packet_ids) if packet_ids else b""


def suback(packet_id: bytes, count: int) -> bytes:
    """Return the refusal of ``count`` subscriptions."""
    return _framed(SUBACK << 4, packet_id + bytes([FAILURE]) * count)


def unsuback(packet_id: bytes) -> bytes:
    """Return the answer to UNSUBSCRIBE."""
    return _framed(UNSUBACK << 4, packet_id)


def connect(wanted: Connect) -> bytes:
    """Return the CONNECT of a client (simulated devices, benches, tests)."""
    flags = (0x80 if wanted.user is not None else 0) | (0x40 if wanted.password is not None else 0)
    flags |= (4 if wanted.will else 0) | (2 if wanted.clean else 0)
    fields = [wanted.client.encode()]
    fields += [wanted.will.topic.encode(), wanted.will.payload] if wanted.will else []
    fields += [wanted.user.encode()] if wanted.user is not None else []
    fields += [wanted.password] if wanted.password is not None else []
    head = _field(b"MQTT") + bytes([wanted.level, flags]) + wanted.keep_alive_s.to_bytes(2)
    return _framed(CONNECT << 4, head + b"".join(map(_field, fields)))


def publish(message: Publish) -> bytes:
    """Return the PUBLISH of a client: QoS 1 when it has a packet id, else QoS 0."""
    first = PUBLISH << 4 | (2 if message.packet_id else 0) | int(message.retain)
    body = _field(message.topic.encode()) + message.packet_id + message.payload
    return _framed(first, body)


def _field(data: bytes) -> bytes:
    return len(data).to_bytes(2) + data


def _framed(first: int, body: bytes) -> bytes:
    length, head = len(body), bytearray([first])
    while length > 0x7F:  # noqa: PLR2004 - seven bits a byte [2.2.3]
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(head) + bytes([length]) + body
