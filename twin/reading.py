"""A reading: one value of one property of one thing, from one source, at one time."""

from enum import StrEnum
from typing import NamedTuple

import msgspec

Value = float | int | str | bool | None
"""A measured value; None is NA (not available) and never becomes 0."""


class Quality(StrEnum):
    """How far a value can be trusted."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"
    STALE = "stale"


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One observation of ``code``; ``source`` is the sensor's code or the writer's name.

    Times are Unix seconds. ``n`` is the device's sequence number where it sends one. Two readings
    with the same (source, code, property, observed_at, n) are one.
    ``timed``: the device gave ``observed_at``; without it the time of receipt stands there.
    """

    code: str
    property: str
    value: Value
    observed_at: float
    received_at: float
    source: str
    unit: str = ""
    quality: Quality = Quality.GOOD
    n: int | None = None
    timed: bool = True


class Before(NamedTuple):
    """The reading next to the newest, in the order of observation."""

    observed_at: float
    n: int | None
    value: Value


class State(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The newest reading of one (code, property, source) and when its value last changed.

    ``before``: the one observed before it, as far as it was received; for the rate of change.
    A Struct: made ten times as fast as a frozen dataclass, and a page of answers is 1,000 of them.
    ``array_like``: stores keep it encoded, without names; a new field goes to the end.
    """

    code: str
    property: str
    source: str
    value: Value
    unit: str
    observed_at: float
    received_at: float
    changed_at: float
    quality: Quality
    n: int | None = None
    before: Before | None = None
