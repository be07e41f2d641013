"""SenML, SensorThings, ChirpStack: what they say and refuse, and that no bytes break them."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import CityError
from sensors.codecs.said import PAYLOAD_BYTES_MAX, SAID_MAX, Said
from sensors.ports import Message
from sensors.routes import Routes

NOW = 1_795_305_600.0
UP = "application/1/device/24e124136b502217/event/up"
STREAM = "v1.1/Datastreams(7)/Observations"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
SENML_KEYS = st.sampled_from(
    ["bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut", "x_"]
)


def read(topic, body, received_at=NOW):
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Routes().read(Message(topic, payload, received_at))


def refused(topic, body):
    with pytest.raises(CityError) as refusal:
        read(topic, body)
    return refusal.value.code


def test_senml_records_are_resolved_by_their_base_fields():
    pack = [
        {"bn": "urn:dev:ow:10e2073a01080063:", "bt": 1.320067464e09, "bu": "A", "bver": 5},
        {"n": "voltage", "u": "V", "v": 120.1},
        {"n": "current", "t": -5, "v": 1.2},
        {"n": "current", "t": -4, "v": 1.3},
        {"bn": "urn:dev:mac:0024befffe804ff1/", "bt": 1.276020076e09, "bv": 20.0, "n": "a/temp",
         "u": "Cel", "v": 1.5},
        {"n": "label", "vs": "front"},
        {"n": "open", "vb": True},
        {"n": "flow", "u": "m3/s", "v": 1, "s": 44},
    ]  # fmt: skip
    one, other = "urn:dev:ow:10e2073a01080063", "urn:dev:mac:0024befffe804ff1"
    assert read("senml/wuhan", pack) == [
        Said("wuhan", one, "voltage", 120.1, 1320067464, "V"),
        Said("wuhan", one, "current", 1.2, 1320067459, "A"),
        Said("wuhan", one, "current", 1.3, 1320067460, "A"),
        Said("wuhan", f"{other}:a", "temp", 21.5, 1276020076, "Cel"),
        Said("wuhan", other, "label", "front", 1276020076, "A"),
        Said("wuhan", other, "open", True, 1276020076, "A"),
        Said("wuhan", other, "flow", 21.0, 1276020076, "m3/s"),
        Said("wuhan", other, "flow.sum", 44, 1276020076, "m3/s"),
    ]


def test_senml_times_are_relative_to_the_receipt_below_two_to_the_28():
    pack = [{"n": "d:p", "v": 1}, {"n": "d:p", "t": -60, "v": 2}, {"n": "d:p", "t": 2**28, "v": 3}]

    assert [said.observed_at for said in read("senml/t", pack)] == [None, NOW - 60, 2.0**28]


def test_where_the_topic_names_the_device_the_record_cannot_name_another():
    pack = [{"bn": "urn:dev:other:", "n": "humidity", "u": "%RH", "v": 44}]

    assert read("senml/t/dev1", pack) == [Said("t", "dev1", "humidity", 44, None, "%")]


@pytest.mark.parametrize(
    ("pack", "code"),
    [
        ({"n": "d:p", "v": 1}, "payload_field"),
        ([1], "payload_field"),
        ([{"n": "p", "v": 1}], "senml_record"),
        ([{"n": "d:", "v": 1}], "senml_record"),
        ([{"n": "d:p", "v": "1", "bv": 1}], "senml_record"),
        ([{"n": "d:p", "v": 1, "vs": "x"}], "senml_record"),
        ([{"n": "d:p", "vb": 1}], "senml_record"),
        ([{"n": "d:p", "v": 1, "bver": 11}], "senml_record"),
        ([{"n": "d:p", "v": 1, "must_": 1}], "senml_record"),
        ([{"n": "d:p", "v": 1, "t": "now"}], "senml_record"),
        ([{"n": "d:p", "v": 1, "bt": 10**400, "t": 1}], "value_out_of_range"),
        ([{"n": "d:p", "v": 1}] * (SAID_MAX + 1), "payload_readings"),
        (b"[", "payload_unreadable"),
        (b'[{"n":"d:p","v":NaN}]', "value_not_finite"),
        (b" " * (PAYLOAD_BYTES_MAX + 1), "payload_too_large"),
    ],
)
def test_what_is_wrong_in_a_pack_is_refused_by_name(pack, code):
    assert refused("senml/t", pack) == code


def test_an_observation_is_of_the_datastream_that_its_topic_or_payload_names():
    said = {"result": 21.5, "phenomenonTime": "2026-11-22T08:00:00+08:00"}
    interval = {"result": 1, "phenomenonTime": "2026-11-22T07:00:00Z/2026-11-22T08:00:00Z"}
    named = {"result": True, "resultTime": "2026-11-22T08:00:00Z", "Datastream": {"@iot.id": "a"}}

    assert read(STREAM, said) == [Said("", "Datastreams(7)", "", 21.5, "2026-11-22T08:00:00+08:00")]
    assert read(STREAM, interval)[0].observed_at == "2026-11-22T08:00:00Z"
    assert read("v1.0/Observations", named) == [
        Said("", "Datastreams('a')", "", True, "2026-11-22T08:00:00Z")
    ]


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        (STREAM, []),
        (STREAM, {"phenomenonTime": "x"}),
        (STREAM, {"result": 1, "phenomenonTime": 5}),
        ("v1.1/Observations", {"result": 1}),
        ("v1.1/Observations", {"result": 1, "Datastream": {"@iot.id": True}}),
    ],
)
def test_an_observation_that_is_none_is_refused(topic, body):
    assert refused(topic, body) == "payload_field"


def test_each_decoded_field_of_an_uplink_is_a_property():
    up = {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": "2022-07-18T09:34:15.775023242+00:00",
        "deviceInfo": {"devEui": "24e124136b502217", "deviceName": "am"},
        "fCnt": 4,
        "object": {"temperature": 21.5, "io": {"door": True}, "counts": [3, 4], "note": None},
    }
    at, device = up["time"], "24e124136b502217"
    told = [
        ("temperature", 21.5),
        ("io.door", True),
        ("counts.0", 3),
        ("counts.1", 4),
        ("note", None),
    ]
    expected = [Said("", device, name, value, at, None, 4) for name, value in told]

    assert read(UP, up) == expected
    elsewhere = Routes({"lora/#": {"codec": "chirpstack"}})
    assert elsewhere.read(Message("lora/x", json.dumps(up).encode(), NOW)) == expected


@pytest.mark.parametrize(
    ("up", "code"),
    [
        ({"data": "qg=="}, "chirpstack_not_decoded"),
        ({"object": 5}, "payload_field"),
        ({"object": {"a": 1}, "time": 5}, "payload_field"),
        (
            {"object": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}},
            "payload_field",
        ),
        ({"object": {str(n): n for n in range(SAID_MAX + 1)}}, "payload_readings"),
    ],
)
def test_an_uplink_that_says_nothing_is_refused(up, code):
    assert refused(UP, up) == code


def test_a_topic_that_nobody_reads_is_unknown_and_the_own_form_cannot_be_taken():
    routes = Routes({"#": {"codec": "senml"}})

    assert refused("town/a", 1) == "topic_unknown"
    assert routes.of("town/a").codec == "senml"
    assert routes.of("city/a/b/c").codec == "json"


def said_or_refused(topic, payload):
    """Return whether a payload was read; anything but a refusal or readings fails the test."""
    try:
        said = Routes().read(Message(topic, payload, NOW))
    except CityError:
        return False
    assert all(isinstance(one, Said) and isinstance(one.property, str) for one in said)
    return True


topics = st.sampled_from(["city/a/b/c", "senml/t", "senml/t/d", UP, STREAM, "v1.1/Observations"])


@given(topics, st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_refusal(topic, payload):
    said_or_refused(topic, payload)


@given(topics, JSON)
def test_no_json_raises_anything_but_a_refusal(topic, body):
    said_or_refused(topic, msgspec.json.encode(body))


@given(st.lists(st.dictionaries(SENML_KEYS, JSON, max_size=6), max_size=5))
def test_no_pack_raises_anything_but_a_refusal(pack):
    said_or_refused("senml/t", msgspec.json.encode(pack))


@given(
    st.dictionaries(
        st.sampled_from(["result", "phenomenonTime", "Datastream", "object", "time", "fCnt"]), JSON
    )
)
def test_no_object_with_known_fields_raises_anything_but_a_refusal(body):
    for topic in (UP, STREAM, "v1.1/Observations"):
        said_or_refused(topic, msgspec.json.encode(body))
