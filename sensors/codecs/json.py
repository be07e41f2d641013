"""The default payload: ``{"v":21.5,"t":"2026-11-22T08:00:00+08:00","u":"Cel","n":17}`` or a number.

``v`` number, text, truth value or null (not available; never 0) · ``t`` RFC 3339 with zone, or Unix
seconds · ``u`` unit (UCUM where there is one) · ``n`` sequence number of the device. What the
values mean and may be is checked by ``twin.reading_checks``; here only the bytes are understood.
"""

from collections.abc import Callable

import msgspec

from identity.errors import Invalid
from sensors.codecs.said import Said, unreadable
from sensors.ports import Message
from sensors.topics import address


class Payload(msgspec.Struct, frozen=True):
    """What a payload says, unchecked; fields we do not know are ignored: devices may send more."""

    value: float | int | str | bool | None = msgspec.field(name="v")
    observed_at: str | float | int | None = msgspec.field(default=None, name="t")
    unit: str | None = msgspec.field(default=None, name="u")
    n: int | None = None


_decode: Callable[[bytes], Payload | float] = msgspec.json.Decoder(Payload | int | float).decode
_encode = msgspec.json.Encoder().encode


def read(message: Message) -> list[Said]:
    """Return the one reading of a message on ``city/{tenant}/{device}/{property}``."""
    where = address(message.topic)
    if where is None:
        raise Invalid("topic_unknown", topic=message.topic)
    payload = decode(message.payload)
    return [Said(*where, payload.value, payload.observed_at, payload.unit, payload.n)]


def decode(payload: bytes) -> Payload:
    """Return what ``payload`` says. Raises Invalid: payload_unreadable or value_not_finite."""
    try:
        read_ = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(payload, error) from error
    return read_ if isinstance(read_, Payload) else Payload(read_)


def encode(said: Said, received_at: float) -> bytes:
    """Return a reading in the default form; one without a time gets that of its receipt."""
    at = received_at if said.observed_at is None else said.observed_at
    fields = {"v": said.value, "t": at, "u": said.unit or None, "n": said.n}
    return _encode(
        {name: value for name, value in fields.items() if name == "v" or value is not None}
    )
