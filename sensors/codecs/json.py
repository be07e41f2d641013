"""The default payload: ``{"v":21.5,"t":"2026-11-22T08:00:00+08:00","u":"Cel","n":17}`` or a number.

``v`` number, text, truth value or null (not available; never 0) · ``t`` RFC 3339 with zone, or Unix
seconds · ``u`` unit (UCUM where there is one) · ``n`` sequence number of the device. What the
values mean and may be is checked by ``twin.reading_checks``; here only the bytes are understood.
"""

from collections.abc import Callable

import msgspec

from identity.errors import Invalid

REASON_CHARS_MAX = 200


class Payload(msgspec.Struct, frozen=True):
    """What a payload says, unchecked; fields we do not know are ignored: devices may send more."""

    value: float | int | str | bool | None = msgspec.field(name="v")
    observed_at: str | float | int | None = msgspec.field(default=None, name="t")
    unit: str | None = msgspec.field(default=None, name="u")
    n: int | None = None


_decode: Callable[[bytes], Payload | float] = msgspec.json.Decoder(Payload | int | float).decode


def decode(payload: bytes) -> Payload:
    """Return what ``payload`` says. Raises Invalid: payload_unreadable or value_not_finite."""
    read = _read(payload)
    return read if isinstance(read, Payload) else Payload(read)


def _read(payload: bytes) -> Payload | float:
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # JSON has no word for it, but many devices write it: say what is wrong, not where.
        for word in (b"NaN", b"nan", b"Infinity"):
            if word in payload:
                raise Invalid("value_not_finite", value=word.decode()) from error
        raise Invalid("payload_unreadable", reason=str(error)[:REASON_CHARS_MAX]) from error
