"""What a codec finds in a message: unchecked readings by device and property."""

from typing import Any, NamedTuple

import msgspec

from identity.errors import Invalid, TooLarge
from twin.reading_checks import INTEGER_MAX

PAYLOAD_BYTES_MAX = 1024 * 1024  # of a message that a codec takes apart
SAID_MAX = 1_000  # readings of one message
REASON_CHARS_MAX = 200


class Said(NamedTuple):
    """One reading as the message says it; its meaning is checked by ``twin.reading_checks``.

    ``property`` "": the one property that the device is bound for. ``observed_at``: RFC 3339 text,
    Unix seconds, or None. ``unit``: UCUM, "" or None where the message names none.
    """

    tenant: str
    device: str
    property: str
    value: Any
    observed_at: str | float | None = None
    unit: str | None = None
    n: int | None = None


def read_json(payload: bytes) -> Any:
    """Return the JSON value of a payload.

    Raises TooLarge("payload_too_large"), Invalid("value_not_finite") and
    Invalid("payload_unreadable").
    """
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise TooLarge("payload_too_large", bytes=len(payload), limit=PAYLOAD_BYTES_MAX)
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(payload, error) from error


def unreadable(payload: bytes, error: Exception) -> Invalid:
    """Return why a payload is no JSON; NaN is named, since many devices write it."""
    for word in (b"NaN", b"nan", b"Infinity"):
        if word in payload:
            return Invalid("value_not_finite", value=word.decode())
    return Invalid("payload_unreadable", reason=str(error)[:REASON_CHARS_MAX])


def wanted(value: Any, kind: type, field: str) -> Any:
    """Return ``value`` when it is of that kind; Invalid("payload_field") otherwise."""
    if not isinstance(value, kind):
        raise Invalid("payload_field", field=field, wanted=_KINDS[kind])
    return value


def countable(value: float) -> float:
    """Return a number that can be reckoned with; Invalid("value_out_of_range") for a longer one."""
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise Invalid("value_out_of_range", limit=INTEGER_MAX)
    return value


_KINDS: dict[type, str] = {dict: "object", list: "array", str: "text"}


def bounded(said: list[Said]) -> list[Said]:
    """Return the readings of one message; TooLarge("payload_readings") beyond SAID_MAX."""
    if len(said) > SAID_MAX:
        raise TooLarge("payload_readings", count=len(said), limit=SAID_MAX)
    return said
