from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.device import is_name
from identity.errors import Invalid
from sensors.codecs.json import Payload, decode
from sensors.topics import Address, parse


def refusal(payload: bytes) -> str:
    with pytest.raises(Invalid) as refused:
        decode(payload)
    return refused.value.code


def test_the_object_form_gives_value_time_unit_and_number():
    payload = b'{"v":21.5,"t":"2026-11-22T08:00:00+08:00","u":"Cel","n":17}'
    assert decode(payload) == Payload(21.5, "2026-11-22T08:00:00+08:00", "Cel", 17)


def test_a_bare_number_is_a_value_without_a_time():
    assert decode(b"21.5") == Payload(21.5)
    assert decode(b" -3 ") == Payload(-3)


@pytest.mark.parametrize(
    ("text", "value"),
    [(b"true", True), (b'"open"', "open"), (b"7", 7), (b"7.0", 7.0), (b"1e3", 1000.0)],
)
def test_values_keep_their_type(text, value):
    read = decode(b'{"v":' + text + b"}").value
    assert (read, type(read)) == (value, type(value))


def test_null_means_not_available_and_never_zero():
    assert decode(b'{"v":null}').value is None


def test_time_may_be_unix_seconds_and_unknown_fields_are_ignored():
    assert decode(b'{"v":1,"t":1795305600.25,"battery":3}').observed_at == 1795305600.25


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "payload_unreadable"),
        (b"{", "payload_unreadable"),
        (b"{}", "payload_unreadable"),
        (b"[1]", "payload_unreadable"),
        (b'"open"', "payload_unreadable"),
        (b"true", "payload_unreadable"),
        (b"null", "payload_unreadable"),
        (b"\xff\xfe", "payload_unreadable"),
        (b'{"v":"\xff"}', "payload_unreadable"),
        (b'{"v":{"a":1}}', "payload_unreadable"),
        (b'{"v":1,"u":7}', "payload_unreadable"),
        (b'{"v":1,"t":[1]}', "payload_unreadable"),
        (b"[" * 100_000, "payload_unreadable"),
        (b'{"v":1,"x":' + b"[" * 100_000, "payload_unreadable"),
        (b"NaN", "value_not_finite"),
        (b'{"v":NaN}', "value_not_finite"),
        (b'{"v":-Infinity}', "value_not_finite"),
    ],
)
def test_poison_is_refused_with_its_reason(payload, code):
    assert refusal(payload) == code


@given(st.binary(max_size=200))
def test_any_bytes_are_a_measurement_or_a_typed_refusal(payload):
    with suppress(Invalid):
        assert isinstance(decode(payload), Payload)


def test_a_topic_names_tenant_device_and_property():
    assert parse("city/demo/光谷-001/temperature") == Address("demo", "光谷-001", "temperature")
    assert parse("city//d/p") == Address("", "d", "p")


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "city",
        "city/a/b",
        "city/a/b/c/d",
        "town/a/b/c",
        "city/a//c",
        "city/a/b/",
        "city/a/b\n/c",
    ],
)
def test_other_topics_are_refused(topic):
    with pytest.raises(Invalid) as refused:
        parse(topic)
    assert refused.value.code == "topic_unknown"


def test_a_topic_of_the_longest_names_is_read_and_a_longer_one_is_not():
    longest = "/".join(["city", *["d" * 128] * 3])
    assert parse(longest) == Address(*["d" * 128] * 3)
    with pytest.raises(Invalid):
        parse(longest + "d")


def test_names_are_bounded():
    assert is_name("d" * 128)
    assert not is_name("d" * 129)
