"""What is thought of a state: range, rate, frozen, stale, and why."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from twin.judging import RATE_SPAN_S_MIN, judge
from twin.properties import STALE_AFTER_S, Property, known
from twin.reading import Before, Quality, Reading, State
from twin.state import apply

GOOD, UNCERTAIN, BAD, STALE = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.STALE
ROW = Property("p", "Cel", -10, 40, 900, bad_below=-100, rate_max=0.5, frozen_after_s=500)


def state(value=1.0, quality=GOOD, at=1000.0, **more):
    facts = {"received_at": at, "changed_at": at, **more}
    received_at, changed_at = facts.pop("received_at"), facts.pop("changed_at")
    return State("c", "p", "s", value, "Cel", at, received_at, changed_at, quality, **facts)


def thought(held, row=ROW, now=1000.0, interval_s=None):
    return judge(held, now, row, interval_s)


@pytest.mark.parametrize(
    ("age_s", "interval_s", "quality"),
    [
        (900, None, GOOD),
        (901, None, STALE),
        (901, 60, STALE),
        (181, 60, STALE),
        (180, 60, GOOD),
        (901, 600, GOOD),
        (1801, 600, STALE),
    ],
)
def test_a_state_is_stale_after_three_announced_intervals_or_its_propertys_limit(
    age_s, interval_s, quality
):
    assert thought(state(), now=1000.0 + age_s, interval_s=interval_s).quality is quality


def test_an_unknown_property_has_the_general_limit_and_nothing_else_to_check():
    row = known("unheard_of")

    assert thought(state(1e9), row, 1000.0 + STALE_AFTER_S) == (GOOD, ())
    assert thought(state(), row, 1001.0 + STALE_AFTER_S) == (STALE, ("stale",))


@pytest.mark.parametrize(
    ("held", "quality", "reasons"),
    [
        (state(), GOOD, ()),
        (state(None), GOOD, ()),
        (state("warm"), GOOD, ()),
        (state(41), UNCERTAIN, ("out_of_range",)),
        (state(-101), BAD, ("out_of_range",)),
        (state(quality=UNCERTAIN), UNCERTAIN, ("flagged",)),
        (state(quality=BAD), BAD, ("flagged",)),
        (state(41, UNCERTAIN), UNCERTAIN, ("out_of_range",)),
        (state(2, before=Before(999.0, None, 1)), UNCERTAIN, ("rate",)),
        (state(2, before=Before(998.0, None, 1)), GOOD, ()),
        (state(2, before=Before(999.0, None, None)), GOOD, ()),
        (state(True, before=Before(999.0, None, 100)), GOOD, ()),
        (state(changed_at=500.0), UNCERTAIN, ("frozen",)),
        (state(changed_at=501.0), GOOD, ()),
        (state(None, changed_at=1.0), GOOD, ()),
        (state(received_at=960.0), UNCERTAIN, ("clock_ahead",)),
        (state(41, changed_at=1.0), UNCERTAIN, ("out_of_range", "frozen")),
    ],
)
def test_each_doubt_has_its_reason(held, quality, reasons):
    assert thought(held) == (quality, reasons)


@pytest.mark.parametrize(("said", "told"), [(BAD, BAD), (UNCERTAIN, STALE), (GOOD, STALE)])
def test_bad_stays_bad_when_it_is_old(said, told):
    assert thought(state(quality=said), now=1e9).quality is told


def test_a_number_in_another_unit_is_in_no_range():
    assert thought(replace(state(1e6), unit="K")) == (GOOD, ())


def test_readings_of_one_moment_are_taken_as_a_second_apart():
    held = state(1.4, n=2, before=Before(1000.0, 1, 1))

    assert RATE_SPAN_S_MIN == 1
    assert thought(held).quality is GOOD
    assert thought(replace(held, value=1.6)).reasons == ("rate",)


@given(
    st.dictionaries(st.integers(0, 9), st.none() | st.integers(-200, 60), min_size=1),
    st.randoms(use_true_random=False),
)
def test_what_is_thought_does_not_depend_on_the_order_of_arrival_but_for_frozen(told, random):
    row = dataclasses.replace(ROW, frozen_after_s=None)
    stream = [Reading("c", "p", v, float(at), at + 5.0, "s", "Cel") for at, v in told.items()]
    judged = set()
    for _ in range(3):
        random.shuffle(stream)
        held = None
        for reading in [*stream, *stream[:2]]:
            held, _ = apply(held, reading)
        judged.add(thought(held, row, 20.0))
    assert len(judged) == 1
