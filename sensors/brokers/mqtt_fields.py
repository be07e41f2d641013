"""The fields of an MQTT packet's body, from front to back, and the refusal of what is malformed."""

from functools import lru_cache

from identity.errors import Invalid
from sensors.brokers.mqtt_packets import BAD_TOPIC, MALFORMED, TOPIC_BYTES_MAX, TOPICS_CACHED


class Fields:
    """Takes one field after the other; a field beyond the packet is malformed."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        taken = self._body[self._at : self._at + count]
        if len(taken) < count:
            raise malformed("a field reaches beyond its packet")
        self._at += count
        return taken

    def number(self, count: int) -> int:
        """Return an integer of ``count`` bytes."""
        return int.from_bytes(self.take(count))

    def length(self) -> int:
        """Return a variable byte integer [5:1.5.5-1]."""
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte <= 0x7F:  # noqa: PLR2004 - no continuation bit
                if not byte and shift > 7:  # noqa: PLR2004 - more than the one byte of 0
                    raise malformed("a length that is not the shortest")
                return value
            if shift == 28:  # noqa: PLR2004 - four bytes of seven bits
                raise malformed("a length of more than four bytes")

    def binary(self) -> bytes:
        """Return bytes with their length in front."""
        return self.take(self.number(2))

    def text(self) -> str:
        """Return text with its length in front."""
        return text(self.binary())

    def topic(self) -> str:
        """Return the name of a topic (no filter)."""
        return topic(self.binary())

    def packet_id(self) -> bytes:
        """Return the two bytes that name a packet; 0 is none [MQTT-2.3.1-1]."""
        packet_id = self.take(2)
        if packet_id == b"\x00\x00":
            raise malformed("a packet id of 0")
        return packet_id

    def part(self, count: int) -> "Fields":
        """Return the next ``count`` bytes as fields of their own."""
        return Fields(self.take(count))

    def rest(self) -> bytes:
        """Return what is left."""
        return self.take(self.left())

    def left(self) -> int:
        """Return how many bytes are left."""
        return len(self._body) - self._at

    def end(self) -> None:
        """Refuse bytes behind the last field."""
        if self.left():
            raise malformed("bytes behind the last field")


@lru_cache(TOPICS_CACHED)
def topic(raw: bytes) -> str:
    """Return the topic that a message is published to [MQTT-3.3.2-2]."""
    if len(raw) > TOPIC_BYTES_MAX:
        raise malformed("a topic that is too long", BAD_TOPIC)
    name = text(raw)
    if not name or "+" in name or "#" in name:
        raise malformed("a topic without a name or with wildcards", BAD_TOPIC)
    return name


def text(raw: bytes) -> str:
    """Return UTF-8 without U+0000 [MQTT-1.5.3-1], [MQTT-1.5.3-2]."""
    try:
        decoded = raw.decode()
    except UnicodeDecodeError as error:
        raise malformed("text that is not UTF-8") from error
    if "\x00" in decoded:
        raise malformed("U+0000 in a text")
    return decoded


def malformed(reason: str, code: int = MALFORMED) -> Invalid:
    """Return the refusal of a packet; ``code`` is what a 5.0 client is told."""
    return Invalid("packet_malformed", reason=reason, mqtt_reason=code)
