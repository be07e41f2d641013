"""MQTT 3.1.1 (OASIS, 2014) and 5.0 (OASIS, 2019): the packets of an intake endpoint as values.

``mqtt_read`` makes them of bytes, ``mqtt_write`` bytes of them. Numbers in brackets are normative
statements of 3.1.1, with "5:" in front those of 5.0. Reason codes are those of 5.0 everywhere;
``RETURN_CODES`` tells them to a 3.1.1 client.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14

LEVEL_311, LEVEL_5 = 4, 5
PACKET_BYTES_MAX = 256 * 1024
TOPIC_BYTES_MAX = 1_024  # the standard allows 65,535; ours have four short levels
TOPICS_CACHED = 65_536

# Reason codes of 5.0, 2.4.
SUCCESS, WITH_WILL, NO_SUBSCRIPTION = 0x00, 0x04, 0x11
UNSPECIFIED, MALFORMED, PROTOCOL_ERROR = 0x80, 0x81, 0x82
BAD_VERSION, BAD_CLIENT, BAD_LOGIN, NOT_AUTHORIZED = 0x84, 0x85, 0x86, 0x87
UNAVAILABLE, BUSY, SHUTTING_DOWN, BAD_METHOD = 0x88, 0x89, 0x8B, 0x8C
KEEP_ALIVE_TIMEOUT, TAKEN_OVER, BAD_FILTER, BAD_TOPIC = 0x8D, 0x8E, 0x8F, 0x90
RECEIVE_MAXIMUM_EXCEEDED, BAD_ALIAS, TOO_LARGE = 0x93, 0x94, 0x95
QUOTA_EXCEEDED, NO_RETAIN, NO_QOS = 0x97, 0x9A, 0x9B
NO_SHARED, NO_IDENTIFIERS = 0x9E, 0xA1

RETURN_CODES = {
    SUCCESS: 0,
    BAD_VERSION: 1,
    BAD_CLIENT: 2,
    UNAVAILABLE: 3,
    BUSY: 3,
    BAD_LOGIN: 4,
    NOT_AUTHORIZED: 5,
}
"""CONNACK of 3.1.1 for a reason code; what is not here closes the connection without a word."""

NONE: Mapping[str, Any] = MappingProxyType({})


class Will(NamedTuple):
    """What is to be published when the device goes without a word."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Mapping[str, Any] = NONE


class Connect(NamedTuple):
    """The first packet; ``level`` 4 is 3.1.1, 5 is 5.0, all else is without further fields."""

    level: int
    client: str = ""
    clean: bool = True
    keep_alive_s: int = 0
    user: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: Mapping[str, Any] = NONE


class Publish(NamedTuple):
    """A message; ``packet_id`` its two bytes as they came (empty with QoS 0)."""

    topic: str
    payload: bytes
    packet_id: bytes = b""
    retain: bool = False
    properties: Mapping[str, Any] = NONE


class Acknowledged(NamedTuple):
    """A subscriber's PUBACK."""

    packet_id: bytes
    reason: int = SUCCESS


class Subscribe(NamedTuple):
    """A wish for subscriptions: (filter, QoS at most) each."""

    packet_id: bytes
    filters: Sequence[tuple[str, int]]
    properties: Mapping[str, Any] = NONE


class Unsubscribe(NamedTuple):
    """The end of subscriptions."""

    packet_id: bytes
    filters: Sequence[str]


class Ping(NamedTuple):
    """A sign of life that wants an answer."""


class Disconnect(NamedTuple):
    """A farewell; the will is published only WITH_WILL or for an error."""

    reason: int = SUCCESS
    properties: Mapping[str, Any] = NONE


Packet = Connect | Publish | Acknowledged | Subscribe | Unsubscribe | Ping | Disconnect
