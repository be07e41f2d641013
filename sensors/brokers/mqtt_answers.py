"""Bytes from a broker become packets: the other direction of ``mqtt_read``. No I/O.

A broker is taken as it is: what it published under a topic that we would refuse to a device comes
with the topic "", for refusing it would bring it again after each reconnection.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from identity.errors import Invalid
from sensors.brokers import mqtt_properties as properties
from sensors.brokers.mqtt_fields import Fields, malformed, text
from sensors.brokers.mqtt_packets import (
    CONNACK,
    DISCONNECT,
    LEVEL_5,
    NONE,
    PINGRESP,
    PROTOCOL_ERROR,
    SUBACK,
    SUCCESS,
    TOPIC_BYTES_MAX,
    TOPICS_CACHED,
)
from sensors.brokers.mqtt_read import Reader

PACKET_BYTES_MAX = 268_435_455  # what MQTT can say: a broker has a limit of its own
REFUSED = 0x80  # the first reason that is a failure; 3.1.1 uses it in SUBACK too


class Welcomed(NamedTuple):
    """CONNACK; ``reason`` 0 is success, else the code of the version spoken."""

    reason: int
    kept: bool  # the session was there
    properties: Mapping[str, Any] = NONE


class Granted(NamedTuple):
    """SUBACK: granted QoS, or a reason from REFUSED on, for each filter."""

    answers: tuple[int, ...]


class Alive(NamedTuple):
    """PINGRESP."""


class Ended(NamedTuple):
    """DISCONNECT of a 5.0 broker."""

    reason: int


def _read_topic(raw: bytes) -> str:
    try:
        return text(raw)
    except Invalid:
        return ""


_known_topic = lru_cache(TOPICS_CACHED)(_read_topic)  # short ones only: 64 MB at the most


class Answers(Reader):
    """Cuts what a broker says into packets; ``level`` is the version that we asked for."""

    def __init__(self, level: int) -> None:
        super().__init__(PACKET_BYTES_MAX, level=level)

    @staticmethod
    def topic(raw: bytes) -> str:
        """Return any topic, "" for one that is no text."""
        return _known_topic(raw) if len(raw) <= TOPIC_BYTES_MAX else _read_topic(raw)

    def _packet(self, first: int, body: bytes) -> Any:
        fields = Fields(body)
        match first >> 4:
            case kind if kind == CONNACK:
                return _welcomed(fields, self.level)
            case kind if kind == SUBACK:
                return _granted(fields, self.level)
            case kind if kind == PINGRESP:
                return Alive()
            case kind if kind == DISCONNECT:
                return Ended(fields.number(1) if fields.left() else SUCCESS)
            case _:
                raise malformed("not a broker's packet", PROTOCOL_ERROR)


def _welcomed(fields: Fields, level: int) -> Welcomed:
    kept, reason = fields.number(1) & 1, fields.number(1)
    said = properties.read(fields, "connack") if level == LEVEL_5 and fields.left() else NONE
    return Welcomed(reason, bool(kept), said)


def _granted(fields: Fields, level: int) -> Granted:
    fields.packet_id()
    if level == LEVEL_5:
        fields.part(fields.length())  # reasons in words
    return Granted(tuple(fields.rest()))
