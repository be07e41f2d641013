"""The door of readings: what is accepted, and what is refused by which code."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import Invalid, render
from twin.channels import Calibration, Channel
from twin.reading import Quality
from twin.reading_checks import FUTURE_S_MAX, INTEGER_MAX, accept
from twin.times import UNIX_S_MAX, rfc3339

NOW = 1_700_000_000.0


def door(**fields):
    known = {"code": "c", "property": "temperature", "value": 21.5, "source": "s"}
    return accept(**{**known, "received_at": NOW, "now": NOW, **fields})


def test_a_reading_without_a_time_has_that_of_receipt_and_says_so():
    reading = door()

    assert (reading.observed_at, reading.timed, reading.value) == (NOW, False, 21.5)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-15T06:13:20+08:00", NOW),
        ("2023-11-15T06:13:20.250+08:00", NOW + 0.25),
        (NOW + FUTURE_S_MAX, NOW + FUTURE_S_MAX),
        (0, 0.0),
    ],
)
def test_times_are_rfc_3339_with_a_zone_or_unix_seconds(told, seconds):
    reading = door(observed_at=told)

    assert (reading.observed_at, reading.timed) == (seconds, True)


@pytest.mark.parametrize("value", [None, True, 0, -1, 2.5, "开", "", INTEGER_MAX])
def test_every_json_scalar_is_a_value_and_none_stays_none(value):
    assert door(value=value).value is value


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"value": math.nan}, "value_not_finite"),
        ({"value": math.inf}, "value_not_finite"),
        ({"value": -math.inf}, "value_not_finite"),
        ({"value": [1]}, "value_type"),
        ({"value": {"v": 1}}, "value_type"),
        ({"value": "x" * 5_000}, "value_too_long"),
        ({"value": 2**63}, "value_out_of_range"),
        ({"value": -(2**63)}, "value_out_of_range"),
        ({"observed_at": NOW + FUTURE_S_MAX + 1}, "time_in_future"),
        ({"observed_at": NOW * 1000}, "time_unreadable"),
        ({"observed_at": -1}, "time_unreadable"),
        ({"observed_at": math.nan}, "time_unreadable"),
        ({"observed_at": True}, "time_unreadable"),
        ({"observed_at": [NOW]}, "time_unreadable"),
        ({"observed_at": "yesterday"}, "time_unreadable"),
        ({"observed_at": "1969-12-31T00:00:00Z"}, "time_unreadable"),
        ({"observed_at": "2023-11-14T22:13:20"}, "time_without_zone"),
        ({"property": ""}, "property_invalid"),
        ({"property": 7}, "property_invalid"),
        ({"property": "a\tb"}, "property_invalid"),
        ({"property": "x" * 200}, "property_invalid"),
        ({"source": " "}, "source_invalid"),
        ({"unit": 5}, "unit_invalid"),
        ({"n": -1}, "sequence_invalid"),
        ({"n": 1.5}, "sequence_invalid"),
        ({"n": True}, "sequence_invalid"),
        ({"n": 2**63}, "sequence_invalid"),
        ({"quality": "stale"}, "quality_unknown"),
        ({"quality": 1}, "quality_unknown"),
    ],
)
def test_what_is_wrong_is_refused_by_its_own_code_with_a_text_in_both_languages(fields, code):
    with pytest.raises(Invalid) as refused:
        door(**fields)

    assert refused.value.code == code
    texts = [*refused.value.text("en"), *refused.value.text("zh")]
    assert all(texts)
    assert "{" not in "".join(texts)


def test_the_limit_of_the_future_is_the_callers():
    assert door(observed_at=NOW + 900, future_s_max=1000).observed_at == NOW + 900


@pytest.mark.parametrize(
    ("fields", "quality"),
    [
        ({}, Quality.GOOD),
        ({"quality": "bad"}, Quality.BAD),
        ({"value": 900.0}, Quality.UNCERTAIN),
        ({"value": 900.0, "unit": "Cel"}, Quality.UNCERTAIN),
        ({"value": 290.0, "unit": "K"}, Quality.GOOD),
        ({"value": 900.0, "quality": "good"}, Quality.GOOD),
        ({"value": 900.0, "property": "unheard_of"}, Quality.GOOD),
        ({"value": True}, Quality.GOOD),
    ],
)
def test_quality_is_what_was_said_else_uncertain_outside_the_plausible_range(fields, quality):
    assert door(**fields).quality is quality


def test_every_text_of_this_package_names_only_facts_in_plain_braces():
    assert render("code_unknown", {"text": "x", "tried": ["code"]}, "zh")[0].startswith("城市")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"value": 70.7, "unit": "[degF]"}, (21.5, "Cel", Quality.GOOD)),
        ({"value": 300, "unit": "K"}, (26.85, "Cel", Quality.GOOD)),
        ({"value": 500, "unit": "K"}, (226.85, "Cel", Quality.UNCERTAIN)),
        ({"value": -1, "unit": "K"}, (-274.15, "Cel", Quality.BAD)),
        ({"value": 21, "unit": "°C"}, (21, "Cel", Quality.GOOD)),
        ({"value": None, "unit": "K"}, (None, "Cel", Quality.GOOD)),
        ({"value": "warm", "unit": "K"}, ("warm", "Cel", Quality.GOOD)),
        ({"value": 21, "unit": ""}, (21, "", Quality.GOOD)),
        ({"value": 3.6, "unit": "m3/h", "property": "flow"}, (3.6, "m3/h", Quality.GOOD)),
        ({"value": 5, "unit": "klick", "property": "unheard_of"}, (5, "klick", Quality.GOOD)),
    ],
)
def test_a_number_is_kept_in_the_unit_of_its_property(fields, told):
    reading = door(**fields)

    assert (reading.value, reading.unit, reading.quality) == told


@pytest.mark.parametrize(
    ("unit", "code"), [("C", "unit_unconvertible"), ("klick", "unit_unknown"), ("%", "unit_unconv")]
)
def test_a_unit_that_cannot_become_that_of_the_property_is_refused(unit, code):
    with pytest.raises(Invalid) as refused:
        door(unit=unit)

    assert refused.value.code.startswith(code)


def test_a_channel_gives_the_unit_and_the_bounds_of_its_sensor():
    places = Channel("{places}", low=0, high=605)
    said = {"property": "spaces", "channel": places}

    assert door(value=605, **said).quality is Quality.GOOD
    assert door(value=606, **said).quality is Quality.UNCERTAIN
    assert door(value=606, **said).unit == "{places}"
    assert door(value=2, unit="10*2", **said).value == 200.0


def test_a_calibration_holds_from_its_date_on_and_after_the_conversion():
    since = (Calibration(NOW - 100, 1.0, 0.5), Calibration(NOW - 10, 2.0, 0.0))
    channel = Channel("K", calibrations=since)
    read = [
        door(value=274.15, observed_at=NOW - age, channel=channel).value for age in (200, 50, 10)
    ]

    assert read == [1.0, 1.5, 2.0]
    assert door(value=None, channel=channel).value is None
    assert door(value=True, channel=channel).value is True


def test_a_calibrated_number_that_leaves_the_floats_is_refused():
    channel = Channel(calibrations=(Calibration(0, 1e308, 0),))
    with pytest.raises(Invalid) as refused:
        door(value=1e10, channel=channel)

    assert refused.value.code == "value_not_finite"


@given(st.floats(0, UNIX_S_MAX - 1) | st.integers(0, 2**35).map(lambda n: n / 8 + 0.9999995))
def test_a_wire_time_is_the_moment_to_the_microsecond_cut_to_milliseconds(at):
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    assert rfc3339(at) == text.removesuffix("+00:00") + "Z"
