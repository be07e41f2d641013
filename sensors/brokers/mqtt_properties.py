"""The properties of MQTT 5.0 packets (2.2.2.2): which there are, where they may stand, their types.

A packet's properties are a mapping of name → value; ``user_property`` alone may be repeated and is
a list of (name, value).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sensors.brokers.mqtt_fields import Fields, malformed
from sensors.brokers.mqtt_packets import MALFORMED, PROTOCOL_ERROR

REPEATED = "user_property"


class _Property(NamedTuple):
    """``kind``: byte, flag (0 or 1), two, four, length, text, bytes or pair."""

    name: str
    kind: str
    places: frozenset[str]
    zero: bool = True  # whether 0 is allowed


def _known(name: str, kind: str, places: str, *, zero: bool = True) -> _Property:
    return _Property(name, kind, frozenset(places.split()), zero)


_MESSAGE = "publish will"
_PROPERTIES = {
    0x01: _known("payload_format", "flag", _MESSAGE),
    0x02: _known("message_expiry_s", "four", _MESSAGE),
    0x03: _known("content_type", "text", _MESSAGE),
    0x08: _known("response_topic", "topic", _MESSAGE),
    0x09: _known("correlation_data", "bytes", _MESSAGE),
    0x0B: _known("subscription_identifier", "length", "subscribe", zero=False),
    0x11: _known("session_expiry_s", "four", "connect connack disconnect"),
    0x12: _known("assigned_client", "text", "connack"),
    0x13: _known("server_keep_alive_s", "two", "connack"),
    0x15: _known("authentication_method", "text", "connect connack"),
    0x16: _known("authentication_data", "bytes", "connect connack"),
    0x17: _known("request_problem_information", "flag", "connect"),
    0x18: _known("will_delay_s", "four", "will"),
    0x19: _known("request_response_information", "flag", "connect"),
    0x1A: _known("response_information", "text", "connack"),
    0x1C: _known("server_reference", "text", "connack disconnect"),
    0x1F: _known("reason", "text", "connack puback suback disconnect"),
    0x21: _known("receive_maximum", "two", "connect connack", zero=False),
    0x22: _known("topic_alias_maximum", "two", "connect connack"),
    0x23: _known("topic_alias", "two", "publish"),
    0x24: _known("qos_maximum", "flag", "connack"),
    0x25: _known("retain_available", "flag", "connack"),
    0x26: _known(REPEATED, "pair", "connect publish will puback subscribe unsubscribe disconnect"),
    0x27: _known("packet_bytes_max", "four", "connect connack", zero=False),
    0x28: _known("wildcards_available", "flag", "connack"),
    0x29: _known("identifiers_available", "flag", "connack"),
    0x2A: _known("shared_available", "flag", "connack"),
}
_NUMBERS = {known.name: number for number, known in _PROPERTIES.items()}
_SERVERS = ("publish", "subscription_identifier")  # from a server only [MQTT-3.3.4-6]
_SIZES = {"flag": 1, "two": 2, "four": 4}


def read(fields: Fields, place: str) -> dict[str, Any]:
    """Return the properties of a packet (``place``: connect, will, publish, puback …)."""
    inner = fields.part(fields.length())
    found: dict[str, Any] = {}
    while inner.left():
        known = _PROPERTIES.get(inner.length())
        if known is None or place not in known.places:
            ours_to_say = known is not None and (place, known.name) == _SERVERS
            code = PROTOCOL_ERROR if ours_to_say else MALFORMED
            raise malformed("a property that may not stand here", code)  # [5:2.2.2.2]
        value = _value(inner, known)
        if known.name == REPEATED:
            found.setdefault(REPEATED, []).append(value)
        elif known.name in found:
            raise malformed("a property twice", PROTOCOL_ERROR)
        else:
            found[known.name] = value
    return found


def _value(fields: Fields, known: _Property) -> Any:
    match known.kind:
        case "text":
            return fields.text()
        case "topic":
            return fields.topic()  # [5:3.3.2-14]
        case "bytes":
            return fields.binary()
        case "pair":
            return (fields.text(), fields.text())
        case "length":
            value = fields.length()
        case _:
            value = fields.number(_SIZES[known.kind])
    if (known.kind == "flag" and value > 1) or not (value or known.zero):
        raise malformed("a property with a value that is none", PROTOCOL_ERROR)
    return value


def write(properties: Mapping[str, Any]) -> bytes:
    """Return properties with their length in front."""
    parts: list[bytes] = []
    for name, value in properties.items():
        kind, number = _PROPERTIES[_NUMBERS[name]].kind, bytes([_NUMBERS[name]])
        values = value if name == REPEATED else [value]
        parts += [number + _written(kind, one) for one in values]
    body = b"".join(parts)
    return length(len(body)) + body


def _written(kind: str, value: Any) -> bytes:
    if kind == "pair":
        return _written("text", value[0]) + _written("text", value[1])
    if kind == "length":
        return length(value)
    if kind in _SIZES:
        return int(value).to_bytes(_SIZES[kind])
    raw: bytes = value if kind == "bytes" else value.encode()
    return len(raw).to_bytes(2) + raw


def length(value: int) -> bytes:
    """Return a variable byte integer [5:1.5.5-1]."""
    written = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
