"""Units by UCUM: exact, and nothing is converted that cannot be."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import CityError, Invalid
from twin.units import UNIT_CHARS_MAX, canonical, conversion, of_senml, unit

ALIKE = [
    ("Cel", "K", "[degF]"),
    ("m3/h", "L/s", "l/min", "[gal_us]/min"),
    ("kPa", "bar", "mbar", "[psi]", "mm[Hg]", "m[H2O]", "atm", "hPa"),
    ("ug/m3", "mg/m3", "g/L", "kg/m3"),
    ("%", "[ppm]", "[ppth]", "1", "{count}", "10*-3"),
    ("kW.h", "J", "MJ", "W.s"),
    ("km/h", "m/s", "[kn_i]", "[mi_i]/h"),
    ("deg", "rad", "gon"),
    ("By", "KiBy", "bit", "MBy"),
]


@pytest.mark.parametrize(
    ("value", "source", "target", "told"),
    [
        (21.5, "Cel", "K", 294.65),
        (98.6, "[degF]", "Cel", 37.0),
        (-40, "[degF]", "Cel", -40.0),
        (1.1, "bar", "kPa", 110.0),
        (1013.25, "mbar", "kPa", 101.325),
        (1, "atm", "hPa", 1013.25),
        (1, "L/s", "m3/h", 3.6),
        (3.6, "m3/h", "L/s", 1.0),
        (1.5, "mg/m3", "ug/m3", 1500.0),
        (0.5, "1", "%", 50.0),
        (0.04, "%", "[ppm]", 400.0),
        (180, "deg", "rad", 3.141592653589793),
        (36, "km/h", "m/s", 10.0),
        (1, "kW.h", "MJ", 3.6),
        (760, "mm[Hg]", "kPa", 101.32472),
        (3, "KiBy", "By", 3072.0),
        (2.5, "10*3/uL", "10*9/L", 2.5),
        (1, "W/(m2.K)", "mW/cm2/K", 0.1),
    ],
)
def test_a_number_becomes_what_the_written_decimal_becomes(value, source, target, told):
    assert conversion(source, target)(value) == told


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("°C", "Cel"),
        ("℃", "Cel"),
        ("°F", "[degF]"),
        ("µg/m³", "ug/m3"),
        ("μg/m^3", "ug/m3"),
        ("ppm", "[ppm]"),
        ("kWh", "kW.h"),
        ("°", "deg"),
        ("mmHg", "mm[Hg]"),
        ("Cel", "Cel"),
    ],
)
def test_what_people_write_is_understood(written, code):
    assert (canonical(written), unit(written)) == (code, unit(code))


def test_the_same_unit_leaves_a_number_and_its_type_alone():
    assert type(conversion("°C", "Cel")(21)) is int
    assert conversion("m3/h", "m3/h")(0.1) == 0.1


@pytest.mark.parametrize(
    ("source", "target"),
    [("C", "Cel"), ("ug/m3", "ppm"), ("dB", "%"), ("dB", "dB[SPL]"), ("bit", "%"), ("m", "s")],
)
def test_different_dimensions_are_refused_by_name(source, target):
    with pytest.raises(Invalid) as refused:
        conversion(source, target)

    assert refused.value.code == "unit_unconvertible"


@pytest.mark.parametrize(
    "text",
    [
        *("", "foo", "m//s", "m/", "(m", "m)", "Cel/h", "kmin", "mdeg", "{a", "[ft", "0", "m31"),
        *("(" * 20 + "m" + ")" * 20, "m" * (UNIT_CHARS_MAX + 1), "10*99", "٣", "⁴", "m²²⁴"),
    ],
)
def test_what_is_no_unit_is_refused(text):
    with pytest.raises(Invalid) as refused:
        unit(text)

    assert refused.value.code == "unit_unknown"


@given(st.text(max_size=20) | st.text("mskgK10*./(){}[]%23-", max_size=12))
def test_no_text_raises_anything_but_a_refusal(text):
    try:
        found = "known" if unit(text).factor > 0 else "nonsense"
    except CityError as refused:
        found = refused.code
    assert found in {"known", "unit_unknown"}


@given(st.sampled_from(ALIKE), st.data(), st.decimals(-1000, 1000, places=3))
def test_there_and_back_is_exactly_the_identity(alike, data, number):
    one, other = data.draw(st.sampled_from(alike)), data.draw(st.sampled_from(alike))
    there, back = conversion(one, other), conversion(other, one)

    exact = Fraction(number) * there.gain + there.shift
    assert exact * back.gain + back.shift == Fraction(number)


def test_beyond_the_floats_is_refused():
    with pytest.raises(Invalid) as refused:
        conversion("Ym", "ym".replace("y", "f"))(1e300)

    assert refused.value.code == "value_not_finite"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(("%RH", "%"), ("lat", "deg"), ("count", "{count}"), ("1/min", "/min"), ("Cel", "Cel")),
        *(("B", "By"), ("kWh", "kW.h"), ("beat/min", "{beats}/min"), ("m3/s", "m3/s")),
    ],
)
def test_senml_names_are_ucum_or_mapped_to_it(name, code):
    assert of_senml(name) == code
    assert unit(code)
