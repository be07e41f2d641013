"""How far a state can be trusted now, and why not: pure, from the state and its property's row.

Everything here follows from the state, so that it does not depend on the order in which readings
came: a rate is that between the two newest readings in the order of observation. Two exceptions,
which tell what was seen rather than what is: ``frozen`` follows ``changed_at``, and ``clock_ahead``
the time of receipt.
"""

from collections.abc import Iterator
from typing import NamedTuple

from twin.properties import Property, outside
from twin.reading import Quality, State, Value

STALE_INTERVALS = 3.0  # a device that announced its interval may miss this many less one
RATE_SPAN_S_MIN = 1.0  # readings closer than this are taken as this far apart: steps are not rates
CLOCK_AHEAD_S_MAX = 30.0  # an observation this far ahead of its receipt was timed by a wrong clock

OUT_OF_RANGE = "out_of_range"
RATE = "rate"
FROZEN = "frozen"
CLOCK_AHEAD = "clock_ahead"
FLAGGED = "flagged"  # on receipt: by the source itself, or by bounds of its sensor
STALE = "stale"

_RANK = {Quality.GOOD: 0, Quality.UNCERTAIN: 1, Quality.STALE: 2, Quality.BAD: 3}


class Judged(NamedTuple):
    """The quality of a state now, and the reasons why it is not good."""

    quality: Quality
    reasons: tuple[str, ...] = ()


_GOOD = Judged(Quality.GOOD)


def judge(state: State, now: float, row: Property, interval_s: float | None = None) -> Judged:
    """Return the quality of ``state`` at ``now`` (Unix seconds) and its reasons.

    ``interval_s``: what the sensor announced. The worst counts, and bad is worse than stale: an old
    wrong value is wrong first of all.
    """
    found = dict(_found(state, row))
    if state.quality is not Quality.GOOD and OUT_OF_RANGE not in found:
        found[FLAGGED] = state.quality
    if now - state.observed_at > stale_after(row, interval_s):
        found[STALE] = Quality.STALE
    if not found:
        return _GOOD
    worst = max((state.quality, *found.values()), key=_RANK.__getitem__)
    return Judged(worst, tuple(found))


def stale_after(row: Property, interval_s: float | None = None) -> float:
    """Return after how many seconds without a reading a state is stale.

    STALE_INTERVALS of the announced interval; without one what the property's row says.
    """
    return row.stale_after_s if interval_s is None else STALE_INTERVALS * interval_s


def _found(state: State, row: Property) -> Iterator[tuple[str, Quality]]:
    number = _number(state.value)
    if number is not None and state.unit in {"", row.unit}:
        if outside(number, row.bad_below, row.bad_above):
            yield OUT_OF_RANGE, Quality.BAD
        elif outside(number, row.low, row.high):
            yield OUT_OF_RANGE, Quality.UNCERTAIN
    if row.rate_max is not None and _rate(state) > row.rate_max:
        yield RATE, Quality.UNCERTAIN
    held_s = state.observed_at - state.changed_at
    if row.frozen_after_s is not None and held_s >= row.frozen_after_s and number is not None:
        yield FROZEN, Quality.UNCERTAIN
    if state.observed_at - state.received_at > CLOCK_AHEAD_S_MAX:
        yield CLOCK_AHEAD, Quality.UNCERTAIN


def _rate(state: State) -> float:
    """Return the change a second between the newest reading and the one before, 0 without one."""
    number = _number(state.value)
    before = None if state.before is None else _number(state.before.value)
    if number is None or before is None or state.before is None:
        return 0.0
    return abs(number - before) / max(state.observed_at - state.before.observed_at, RATE_SPAN_S_MIN)


def _number(value: Value) -> float | None:
    return None if isinstance(value, bool | str) or value is None else float(value)
