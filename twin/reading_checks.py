"""The door of readings: raw fields become a Reading or a typed refusal."""

import math
from functools import lru_cache
from typing import Any

from identity.errors import Invalid
from twin.channels import NO_CHANNEL, Channel, row_of
from twin.properties import Property, Table, within_range
from twin.reading import Quality, Reading, Value
from twin.times import unix
from twin.units import conversion

FUTURE_S_MAX = 300.0  # a device's clock may be ahead by this much
TEXT_CHARS_MAX = 4_096  # of a text value
NAME_CHARS_MAX = 128  # of a property, unit or source
NAMES_CACHED = 65_536
INTEGER_MAX = 2**63 - 1  # of a value and of n, either sign: what every store holds exactly
_WRITABLE = {q.value: q for q in (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD)}


def accept(
    *,
    code: str,
    property: Any,  # noqa: A002 - the wire's word
    value: Any,
    source: str,
    received_at: float,
    now: float,
    observed_at: Any = None,
    unit: Any = "",
    quality: Any = None,
    n: Any = None,
    future_s_max: float = FUTURE_S_MAX,
    table: Table | None = None,
    channel: Channel = NO_CHANNEL,
) -> Reading:
    """Return the reading that the raw (JSON) fields tell, or raise Invalid saying what is wrong.

    ``observed_at``: RFC 3339 text or Unix seconds; None: the time of receipt (``timed`` False).
    ``now`` and ``received_at``: Unix seconds. ``channel``: how the sensor's property is read.
    ``quality``: good, uncertain or bad; None: what the range of the property says.

    A number in another unit is converted into the property's own, then calibrated. Raises Invalid:
    value_not_finite, value_type, value_too_long, value_out_of_range, property_invalid,
    unit_invalid, unit_unknown, unit_unconvertible, source_invalid, sequence_invalid,
    quality_unknown, time_unreadable, time_without_zone, time_in_future.
    """
    name = _name(property, "property_invalid")
    row = row_of(name, channel, table)
    at = _time(observed_at, received_at, now, future_s_max)
    said, in_unit = _measured(_value(value), _unit(unit or channel.unit), row, channel, at)
    return Reading(
        code=code,
        property=name,
        value=said,
        observed_at=at,
        received_at=received_at,
        source=_name(source, "source_invalid"),
        unit=in_unit,
        quality=_quality(quality) or within_range(row, said, in_unit),
        n=_sequence(n),
        timed=observed_at is not None,
    )


def finite(value: Value) -> bool:
    """Return whether a value is anything but NaN and the infinities."""
    return not isinstance(value, float) or math.isfinite(value)


def finite_value(value: float) -> float:
    """Return a computed number; Invalid("value_not_finite") where it left the floats."""
    if not finite(value):
        raise Invalid("value_not_finite", value=str(value))
    return value


def _value(value: Any) -> Value:
    if value is not None and not isinstance(value, bool | int | float | str):
        raise Invalid("value_type", type=type(value).__name__)
    if not finite(value):
        raise Invalid("value_not_finite", value=str(value))
    if isinstance(value, str) and len(value) > TEXT_CHARS_MAX:
        raise Invalid("value_too_long", chars=len(value), limit=TEXT_CHARS_MAX)
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise Invalid("value_out_of_range", limit=INTEGER_MAX)
    return value


def _time(observed_at: Any, received_at: float, now: float, future_s_max: float) -> float:
    if observed_at is None:
        return received_at
    if not isinstance(observed_at, str | int | float):
        raise Invalid("time_unreadable", time=type(observed_at).__name__)
    at = unix(observed_at)
    if at > now + future_s_max:
        raise Invalid("time_in_future", ahead_s=round(at - now, 3), limit_s=future_s_max)
    return at


def _name(name: Any, refusal: str) -> str:
    if isinstance(name, str) and len(name) <= NAME_CHARS_MAX and _is_name(name):
        return name
    raise Invalid(refusal, name=str(name)[:NAME_CHARS_MAX], limit=NAME_CHARS_MAX)


@lru_cache(NAMES_CACHED)
def _is_name(text: str) -> bool:
    return bool(text.strip()) and text.isprintable()


def _unit(unit: Any) -> str:
    if unit is None or unit == "":
        return ""
    return _name(unit, "unit_invalid")


def _sequence(n: Any) -> int | None:
    if n is None:
        return None
    if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n <= INTEGER_MAX:
        raise Invalid("sequence_invalid", n=str(n)[:64])
    return n


def _quality(quality: Any) -> Quality | None:
    if quality is None:
        return None
    known = _WRITABLE.get(quality) if isinstance(quality, str) else None
    if known is None:
        raise Invalid("quality_unknown", quality=str(quality)[:64], known=sorted(_WRITABLE))
    return known


def _measured(
    value: Value, unit: str, row: Property, channel: Channel, at: float
) -> tuple[Value, str]:
    """Return the value in the row's unit, calibrated as of ``at``, and the unit it is in."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if unit and row.unit and unit != row.unit:
        change = conversion(unit, row.unit)
        unit, value = row.unit, change(value) if number else value  # type: ignore[arg-type]
    adjust = channel.calibration(at) if channel.calibrations and number else None
    if adjust is not None:
        value = finite_value(value * adjust.gain + adjust.offset)  # type: ignore[operator]
    return value, unit
