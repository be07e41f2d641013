"""The laws of apply, as properties over drawn readings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from twin.reading import Quality, Reading
from twin.state import UNTIMED_STEP_S, apply, order, same_value, settle

values = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.5, "开", ""])
keys = st.tuples(st.integers(0, 6), st.none() | st.integers(0, 3))


def reading(value=1, at=100.0, n=None, **more):
    more = {"received_at": at + 1, "source": "s", **more}
    return Reading("thing", "temperature", value, at, n=n, **more)


@st.composite
def streams(draw):
    """Readings of one source: one value a key, keys repeat as devices repeat themselves."""
    known = {key: draw(values) for key in draw(st.lists(keys, min_size=1, unique=True))}
    sent = draw(st.lists(st.sampled_from(sorted(known, key=repr)), min_size=len(known)))
    return [reading(known[key], float(key[0]), key[1]) for key in [*known, *sent]]


def fold(readings):
    state, results = None, []
    for one in readings:
        state, result = apply(state, one)
        results.append(result)
    return state, results


def lasting(state):
    return replace(state, changed_at=0.0)


def without_before(state):
    return state and replace(state, before=None)


@given(streams(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_change_the_final_state(stream, random):
    shuffled = list(stream)
    random.shuffle(shuffled)

    assert lasting(fold(shuffled)[0]) == lasting(fold(stream)[0])


@given(streams())
def test_applying_a_stream_twice_is_applying_it_once(stream):
    once, _ = fold(stream)
    twice, results = fold([*stream, *stream])

    assert twice == once
    assert "applied" not in results[len(stream) :]


@given(streams())
def test_late_never_overwrites_newer(stream):
    state = None
    for one in stream:
        before, (state, result) = state, apply(state, one)
        if before is not None:
            assert order(state.observed_at, state.n) >= order(before.observed_at, before.n)
        assert (result == "applied") == (without_before(state) != without_before(before))


@given(streams())
def test_changed_at_moves_to_observed_at_exactly_when_an_applied_value_differs(stream):
    state = None
    for one in stream:
        before, (state, _) = state, apply(state, one)
        if before is None or not same_value(before.value, state.value):
            assert state.changed_at == one.observed_at
        else:
            assert state.changed_at == before.changed_at


@given(streams())
def test_the_final_state_is_the_reading_with_the_greatest_time_and_sequence(stream):
    newest = max(stream, key=lambda r: order(r.observed_at, r.n))
    state, _ = fold(stream)

    assert (state.observed_at, state.n) == (newest.observed_at, newest.n)
    assert same_value(state.value, newest.value)


@given(streams())
def test_what_stands_before_the_newest_is_the_next_in_the_order_of_observation(stream):
    known = {order(r.observed_at, r.n): r for r in reversed(stream)}  # the first of a key counts
    below = sorted(known)[:-1]
    state, _ = fold(stream)
    before = state.before and order(state.before.observed_at, state.before.n)

    assert before == (below[-1] if below else None)
    assert not below or same_value(state.before.value, known[below[-1]].value)


def test_not_available_stays_none_and_is_a_change_from_zero():
    state, _ = apply(None, reading(0, at=1))
    state, result = apply(state, reading(None, at=2))

    assert (state.value, state.changed_at, result) == (None, 2, "applied")


def test_true_is_not_one():
    state, _ = apply(None, reading(1, at=1))
    state, _ = apply(state, reading(True, at=2))

    assert state.changed_at == 2


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        (None, 1, "applied"),
        (1, 2, "applied"),
        (2, 1, "late"),
        (1, None, "late"),
        (1, 1, "duplicate"),
    ],
)
def test_ties_of_time_are_broken_by_the_sequence_number(first, second, result):
    state, _ = apply(None, reading(n=first))

    assert apply(state, reading(n=second))[1] == result


@given(st.integers(1, 50))
def test_untimed_readings_of_one_moment_are_all_applied_in_order_of_arrival(count):
    state = None
    for value in range(count):
        one = settle(state, reading(value, at=1_700_000_000.0, timed=False))
        state, result = apply(state, one)
        assert (state.value, result) == (value, "applied")


def test_a_timed_reading_keeps_its_time_and_a_long_past_untimed_one_too():
    state, _ = apply(None, reading(at=100))
    timed, old = reading(at=100), reading(at=90, timed=False)

    assert (settle(state, timed), settle(state, old)) == (timed, old)
    assert settle(state, reading(at=100, timed=False)).observed_at == 100 + UNTIMED_STEP_S


def test_quality_and_receipt_are_those_of_the_newest_reading():
    state, _ = apply(None, reading(at=1))
    state, _ = apply(state, reading(at=2, quality=Quality.BAD, received_at=9, unit="K"))

    assert (state.quality, state.received_at, state.unit) == (Quality.BAD, 9, "K")
