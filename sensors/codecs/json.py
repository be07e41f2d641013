"""The default payload: ``{"v":21.5,"t":"2026-11-22T08:00:00+08:00","u":"Cel","n":17}`` or a number.

``v`` number, text, truth value or null (not available; never 0) · ``t`` RFC 3339 with zone, or Unix
seconds · ``u`` unit (UCUM where there is one) · ``n`` sequence number of the device. What the
values mean and may be is checked by ``twin.reading_checks``; here only the bytes are understood.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from identity.errors import Invalid
from twin.reading import Value

REASON_CHARS_MAX = 200


class Payload(msgspec.Struct):
    """The object form; fields we do not know are ignored, so that devices may send more."""

    v: float | int | str | bool | None
    t: str | float | int | None = None
    u: str | None = None
    n: int | None = None


class Measurement(NamedTuple):
    """What a payload says, unchecked; ``observed_at`` None: the device gave no time."""

    value: Value
    observed_at: str | float | None = None
    unit: str | None = None
    n: int | None = None


_decode: Callable[[bytes], Payload | float] = msgspec.json.Decoder(Payload | int | float).decode


def decode(payload: bytes) -> Measurement:
    """Return what ``payload`` says. Raises Invalid: payload_unreadable or value_not_finite."""
    read = _read(payload)
    if isinstance(read, Payload):
        return Measurement(read.v, read.t, read.u, read.n)
    return Measurement(read)


def _read(payload: bytes) -> Payload | float:
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # JSON has no word for it, but many devices write it: say what is wrong, not where.
        for word in (b"NaN", b"nan", b"Infinity"):
            if word in payload:
                raise Invalid("value_not_finite", value=word.decode()) from error
        raise Invalid("payload_unreadable", reason=str(error)[:REASON_CHARS_MAX]) from error
