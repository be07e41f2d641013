"""How a reading changes a state: pure, no I/O, no clock."""

from msgspec.structs import replace

from twin.reading import Before, Reading, State, Value

APPLIED, LATE, DUPLICATE = "applied", "late", "duplicate"

UNTIMED_TIE_S = 0.1
"""Untimed readings of one group commit share a receipt time; within this span arrival decides."""
UNTIMED_STEP_S = 1e-6  # what parts two untimed readings; a double holds 2.4e-7 s at today's date


def apply(state: State | None, reading: Reading) -> tuple[State, str]:
    """Return the state after ``reading`` and what happened: applied, late or duplicate.

    ``state`` is that of the same (code, property, source), or None. Readings are ordered by
    (observed_at, n), a missing n before every n. Laws (tests/unit/twin/test_state.py):

    - late never overwrites newer: the key of the state never goes back;
    - a duplicate (equal key) changes nothing, so applying twice is applying once;
    - the order of arrival does not change the final value, unit, quality, n, times and ``before``,
      but for ``changed_at``, which tells what was seen: it moves to ``observed_at`` when an applied
      value differs from the one before, and only then;
    - None (NA) is a value of its own: kept as None, never 0.

    A late reading changes nothing but ``before``, and that only where it lies between.
    """
    if state is not None:
        newest, now = order(state.observed_at, state.n), order(reading.observed_at, reading.n)
        if now == newest:
            return state, DUPLICATE
        if now < newest:
            return _between(state, reading), LATE
    return _after(state, reading), APPLIED


def order(observed_at: float, n: int | None) -> tuple[float, int]:
    """Return what readings of one source are ordered and told apart by; a missing n is -1."""
    return observed_at, -1 if n is None else n


def settle(state: State | None, reading: Reading) -> Reading:
    """Give an untimed reading a time of its own: arrival orders what has no time.

    Many untimed messages may be received in one moment. One that is not newer than ``state`` by
    less than UNTIMED_TIE_S is put UNTIMED_STEP_S behind it; all others are returned as they are.
    """
    if reading.timed or state is None:
        return reading
    if 0 <= state.observed_at - reading.observed_at < UNTIMED_TIE_S:
        return replace(reading, observed_at=state.observed_at + UNTIMED_STEP_S)
    return reading


def same_value(one: Value, other: Value) -> bool:
    """Return whether two values are equal; True is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _after(state: State | None, reading: Reading) -> State:
    unchanged = state is not None and same_value(state.value, reading.value)
    return State(
        reading.code,
        reading.property,
        reading.source,
        reading.value,
        reading.unit,
        reading.observed_at,
        reading.received_at,
        state.changed_at if state is not None and unchanged else reading.observed_at,
        reading.quality,
        reading.n,
        None if state is None else Before(state.observed_at, state.n, state.value),
    )


def _between(state: State, reading: Reading) -> State:
    before = state.before
    now = order(reading.observed_at, reading.n)
    if before is not None and now <= order(before.observed_at, before.n):
        return state
    return replace(state, before=Before(reading.observed_at, reading.n, reading.value))
