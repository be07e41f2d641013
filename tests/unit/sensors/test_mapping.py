"""Mappings: what a person writes down about the JSON of some topic, and what it reads."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import CityError, Invalid
from sensors.codecs.mapping import VALUES_MAX, Mapping
from sensors.codecs.paths import Path, Scope, parse
from sensors.codecs.said import Said
from sensors.ports import Message
from sensors.routes import Routes, route_of
from sensors.topics import is_filter, matches
from tests.unit.sensors.test_codecs import JSON

NOW = 1_795_305_600.0
TEMPERATURE = {"property": "=temperature", "value": "@.t"}


def read(mapping, body, topic="plant/line-7/data"):
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Mapping.of(mapping).read(Message(topic, payload, NOW))


def refusal(call, *args):
    with pytest.raises(CityError) as refused:
        call(*args)
    return refused.value.code


def test_one_message_tells_several_properties_of_one_device():
    mapping = {
        "device": "topic[1]",
        "tenant": "=wuhan",
        "time": "$.ts",
        "time_format": "epoch_ms",
        "n": "$.seq",
        "values": [
            {
                "property": "=temperature",
                "value": "$.t",
                "unit": "=Cel",
                "scale": 0.1,
                "offset": -4,
            },
            {
                "property": "=door_open",
                "value": "$.io.door",
                "words": {"OPEN": True, "SHUT": False},
            },
            {"property": "$.extra.name", "value": "$.extra.list[1]", "unit": "$.extra.u"},
            {"property": "=absent", "value": "$.nothing"},
        ],
    }
    body = {
        "ts": 1_795_305_599_250,
        "seq": 7,
        "t": 255,
        "io": {"door": "OPEN"},
        "extra": {"name": "level", "list": [1, "2.5"], "u": "m"},
    }
    facts = ("wuhan", "line-7"), 1_795_305_599.25
    assert read(mapping, body) == [
        Said(*facts[0], "temperature", 21.5, facts[1], "Cel", 7),
        Said(*facts[0], "door_open", True, facts[1], None, 7),
        Said(*facts[0], "level", 2.5, facts[1], "m", 7),
    ]


def test_an_array_fans_out_and_an_object_by_its_keys():
    array = {"each": "$.rows", "device": "@.id", "time": "@.at", "values": [TEMPERATURE]}
    rows = {"rows": [{"id": 1, "t": 20, "at": "2026-11-22T08:00:00Z"}, {"id": "b", "t": None}]}
    wide = {
        "each": "$",
        "skip": ["timestamp"],
        "device": "@key",
        "time": "$.timestamp",
        "values": [{"property": "=free_places", "value": "@"}],
    }
    table = {
        "timestamp": "2026-08-17T00:00:01+00:00",
        "a": "195",
        "b": "",
        "c": "-3",
        "d": "closed",
    }

    assert read(array, rows) == [
        Said("", "1", "temperature", 20, "2026-11-22T08:00:00Z"),
        Said("", "b", "temperature", None),
    ]
    assert [said[1:4] for said in read(wide, table)] == [
        ("a", "free_places", 195),
        ("c", "free_places", -3),
        ("d", "free_places", "closed"),
    ]


@pytest.mark.parametrize(
    ("more", "value", "told"),
    [
        ({}, "NA", "NA"),
        ({"na": ["NA", "-9999"]}, "NA", None),
        ({"na": ["NA", "-9999"]}, "-9999", None),
        ({"blank": "na"}, " ", None),
        ({}, "1e3", 1000.0),
        ({}, " 12 ", 12),
        ({}, "٣", "٣"),
        ({}, "9" * 65, "9" * 65),
        ({}, True, True),
    ],
)
def test_texts_become_numbers_na_or_stay(more, value, told):
    mapping = {"device": "=d", "values": [{"property": "=p", "value": "$"}], **more}

    assert [said.value for said in read(mapping, value)] == [told]


def test_a_time_without_a_zone_gets_that_of_the_mapping():
    mapping = {"device": "=d", "time": "$.at", "zone": "+08:00", "values": [TEMPERATURE]}
    told = {"2026-11-22 08:00:00": "2026-11-22 08:00:00+08:00", "2026-11-22T08:00:00Z": None}

    for at, observed_at in told.items():
        assert read(mapping, {"t": 1, "at": at})[0].observed_at == (observed_at or at)
    assert refusal(read, mapping, {"t": 1, "at": "soon"}) == "time_unreadable"
    assert refusal(read, mapping, {"t": 1, "at": 5}) == "time_unreadable"


def test_a_message_with_nothing_but_blanks_is_no_error_and_one_with_nothing_at_all_is():
    mapping = {"device": "=d", "values": [TEMPERATURE]}

    assert read(mapping, {"t": ""}) == []
    assert refusal(read, mapping, {"x": 1}) == "mapping_found_nothing"


@pytest.mark.parametrize(
    ("body", "more", "code"),
    [
        (b"{", {}, "payload_unreadable"),
        ({"t": 1}, {"device": "$.id"}, "payload_field"),
        ({"t": 1, "id": 1.5}, {"device": "$.id"}, "payload_field"),
        ({"t": 1}, {"each": "$.t"}, "payload_field"),
        ({"t": 1, "at": "x"}, {"time": "$.at", "time_format": "epoch_s"}, "time_unreadable"),
        ({"t": 1, "at": 10**400}, {"time": "$.at", "time_format": "epoch_s"}, "value_out_of_range"),
        ({"t": "1e999"}, {}, "value_not_finite"),
        ({"rows": [{"t": 1}] * 1001}, {"each": "$.rows"}, "payload_readings"),
    ],
)
def test_a_message_that_does_not_fit_is_refused_by_name(body, more, code):
    assert refusal(read, {"device": "=d", "values": [TEMPERATURE], **more}, body) == code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ([], "mapping_invalid"),
        ({"device": "=d"}, "mapping_invalid"),
        ({"device": "=d", "values": []}, "mapping_invalid"),
        ({"device": "=d", "values": [TEMPERATURE] * (VALUES_MAX + 1)}, "mapping_invalid"),
        ({"device": "=d", "values": [TEMPERATURE], "colour": 1}, "mapping_invalid"),
        ({"device": "=d", "values": [TEMPERATURE], "time_format": "moon"}, "mapping_invalid"),
        ({"device": "=d", "values": [TEMPERATURE], "blank": "zero"}, "mapping_invalid"),
        ({"device": "=d", "values": [TEMPERATURE], "zone": "CET"}, "mapping_invalid"),
        ({"device": "=d", "values": [TEMPERATURE], "na": ["x"] * 201}, "mapping_invalid"),
        ({"values": [TEMPERATURE]}, "mapping_path"),
        ({"device": "d", "values": [TEMPERATURE]}, "mapping_path"),
        ({"device": "=d", "values": [{"property": "=p", "value": "$..x"}]}, "mapping_path"),
    ],
)
def test_a_mapping_that_is_none_is_refused_when_it_is_written(written, code):
    assert refusal(Mapping.of, written) == code


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$", Path("$")),
        ("$.a.b[0]", Path("$", ("a", "b", 0))),
        ('@["odd name"].c', Path("@", ("odd name", "c"))),
        ('$["a\\"b"]', Path("$", ('a"b',))),
        ("@key", Path("key")),
        ("topic[2]", Path("topic", (2,))),
        ("=", Path("=", ("",))),
        ("=$.x", Path("=", ("$.x",))),
    ],
)
def test_paths_are_read(text, path):
    assert parse(text) == path


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "$x", "$.", "$[", "$[-1]", "$['a']", "topic", "topic.a.b", "@keys"),
        *('$["\\x"]', "$" + ".a" * 17, "$." + "a" * 300, 5, None),
    ],
)
def test_what_is_no_path_is_refused(text):
    assert refusal(parse, text) == "mapping_path"


def test_a_path_beside_the_message_finds_nothing_but_never_fails():
    scope = Scope({"a": [1]}, 5, "k", ("t",))
    for text in ("$.b.c", "$.a.b", "$.a[1]", "@.x", "topic[9]", "$.a[0].b"):
        assert parse(text).find(scope) is parse("$.missing").find(scope)


@pytest.mark.parametrize(
    ("filter_", "topic", "taken"),
    [
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a/b/d", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/+", "a", False),
        ("#", "x/y", True),
        ("+", "x", True),
        ("a", "a/b", False),
    ],
)
def test_filters_take_topics_as_mqtt_says(filter_, topic, taken):
    assert (is_filter(filter_), matches(filter_, topic)) == (True, taken)


@pytest.mark.parametrize("text", ["", "a/#/b", "a+/b", "a/b#", "a\0", "x" * 500])
def test_what_is_no_filter_is_refused(text):
    assert refusal(route_of, text, {}) == "topic_filter_invalid"


def test_the_exactest_mapping_comes_first_and_the_own_form_is_not_to_be_had():
    mapping = {"device": "=d", "values": [TEMPERATURE]}
    routes = Routes({"#": mapping, "p/+/d": mapping, "p/1/d": mapping, "p/#": mapping})

    assert [route.filter for route in routes.table[1:5]] == ["p/1/d", "p/+/d", "#", "p/#"]
    assert refusal(route_of, "city/+/x/p", mapping) == "topic_filter_own"
    with pytest.raises(Invalid):
        Routes({"p": {"codec": "json"}})


PATHS = st.sampled_from(["$", "$.a", "@", "@.a", "@key", "topic[0]", "=x", "$.a[0]", "@.b"])
VALUE = st.fixed_dictionaries(
    {"property": PATHS, "value": PATHS},
    optional={"unit": PATHS, "time": PATHS, "n": PATHS, "scale": st.floats(-1e308, 1e308)},
)
MAPPINGS = st.fixed_dictionaries(
    {"device": PATHS, "values": st.lists(VALUE, min_size=1, max_size=3)},
    optional={
        "each": PATHS,
        "time": PATHS,
        "time_format": st.sampled_from(["rfc3339", "epoch_s", "epoch_us"]),
        "zone": st.just("Z"),
        "blank": st.just("na"),
    },
)


@given(MAPPINGS, JSON | st.dictionaries(st.sampled_from("ab"), JSON))
def test_no_mapping_makes_anything_of_a_message_but_readings_or_a_refusal(mapping, body):
    made = Mapping.of(mapping)
    try:
        said = made.read(Message("x/y", msgspec.json.encode(body), NOW))
    except CityError:
        said = []
    assert all(isinstance(one.device, str) and isinstance(one.property, str) for one in said)
