import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import Invalid
from sensors.users import EVERYTHING, PUBLISH, RULES_MAX, SUBSCRIBE, Users, covers, is_filter, line

SALT = b"0123456789abcdef"
LEVELS = st.lists(st.sampled_from(["a", "b", "", "+", "#"]), min_size=1, max_size=4)
FILTERS = LEVELS.map("/".join).filter(is_filter)
TOPICS = st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=4).map("/".join)


def written(path, name="meter-7", **rules):
    text = line(name, "secret", SALT, **{"publish": (), "subscribe": (), **rules})
    path.write_text(text + "\n", "utf-8")
    return path


@pytest.mark.parametrize(
    ("rule", "asked", "expected"),
    [
        ("#", "city/a/b", True),
        ("city/+/m/#", "city/a/m/temperature", True),
        ("city/+/m/#", "city/a/m", True),
        ("city/+/m/#", "city/a/n/temperature", False),
        ("city/a", "city/a/b", False),
        ("twin/events/#", "twin/events/wuhan/+/c/#", True),
        ("twin/events/wuhan/#", "twin/events/#", False),
        ("twin/events/wuhan/#", "twin/events/+/x", False),
        ("twin/events/+/x", "twin/events/+/x", True),
        ("twin/+/x", "twin/#", False),
    ],
)
def test_a_rule_covers_a_topic_or_a_filter(rule, asked, expected):
    assert expected == covers(rule, asked)


@given(FILTERS, FILTERS, TOPICS)
def test_what_a_covered_filter_matches_its_rule_matches_too(rule, asked, topic):
    if covers(rule, asked) and covers(asked, topic):
        assert covers(rule, topic)


@pytest.mark.parametrize("text", ["", "a/#/b", "a+", "a/b#", "#/a"])
def test_what_is_no_filter(text):
    assert not is_filter(text)


def test_a_user_may_publish_its_own_topics_and_read_events(tmp_path):
    users = Users(written(tmp_path / "users"))
    access = users.access("any", "meter-7", b"secret")
    assert access.may_publish("city/wuhan/meter-7/temperature")
    assert not access.may_publish("city/wuhan/meter-8/temperature")
    assert access.may_subscribe("twin/events/#")
    assert not access.may_subscribe("city/#")
    assert not access.may_subscribe("#")


def test_the_client_id_fills_a_rule_only_as_one_level(tmp_path):
    users = Users(written(tmp_path / "users", publish=["city/wuhan/%c/#"]))
    assert users.access("d1", "meter-7", b"secret").may_publish("city/wuhan/d1/p")
    for client in ("+", "#", "a/b", ""):
        assert users.access(client, "meter-7", b"secret").publish == ()


@pytest.mark.parametrize(
    ("user", "password"),
    [(None, None), ("meter-7", None), ("meter-7", b""), ("other", b"secret"), ("", b"secret")],
)
def test_who_is_not_known_may_nothing(tmp_path, user, password):
    assert Users(written(tmp_path / "users")).access("c", user, password) is None


def test_a_changed_file_is_taken_and_a_broken_one_leaves_the_users_as_they_were(tmp_path):
    path = written(tmp_path / "users")
    users = Users(path)
    written(path, "meter-8")
    assert users.access("c", "meter-7", b"secret") is None
    assert users.access("c", "meter-8", b"secret") is not None
    for broken in (b"broken and of another size", b"not \xff UTF-8"):
        path.write_bytes(broken)
        assert users.access("c", "meter-8", b"secret") is not None


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "[]",
        '{"user":"a"}',
        '{"user":"a","salt":"zz","hash":""}',
        '{"user":"a","salt":"","hash":"","publish":["a+"]}',
        '{"user":"a","salt":"","hash":"","publish":"city/#"}',
        json.dumps({"user": "a", "salt": "", "hash": "", "subscribe": ["a"] * (RULES_MAX + 1)}),
    ],
)
def test_an_unreadable_file_names_the_line(tmp_path, text):
    path = written(tmp_path / "users")
    path.write_text(path.read_text() + "\n" + text)
    with pytest.raises(Invalid) as refused:
        Users(path)
    assert ("mqtt_users_unreadable", 3) == (refused.value.code, refused.value.facts["line"])


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path):
    path = tmp_path / "users"
    for content in (None, b"\xff"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(Invalid):
            Users(path)


@pytest.mark.parametrize(("name", "rule"), [("a/b", "a"), ("", "a"), ("a", "a/#/b")])
def test_a_user_or_rule_that_cannot_be_is_not_written(name, rule):
    with pytest.raises(Invalid):
        line(name, "p", SALT, publish=[rule], subscribe=[])


def test_everybody_on_this_machine_may_publish_all_and_read_events_alone():
    assert EVERYTHING.may_publish("city/a/b/c")
    assert EVERYTHING.may_subscribe("twin/events/+/x")
    assert not EVERYTHING.may_subscribe("city/#")
    assert (PUBLISH, SUBSCRIBE) == (("city/+/%u/#",), ("twin/events/#",))
