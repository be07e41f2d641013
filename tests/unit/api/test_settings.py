"""Settings: unknown names are refused, stores have files of their own."""

import pytest

from api.settings import load, names, refuse_unknown
from identity.errors import Invalid


def test_an_unknown_name_is_refused_and_names_its_near_misses():
    with pytest.raises(Invalid) as refused:
        refuse_unknown({"TWIN_GRAPH_URI": "memory://", "HOME": "/"})
    assert refused.value.code == "setting_unknown"
    assert "TWIN_GRAPH_URL" in refused.value.facts["near"]


def test_every_known_name_is_accepted():
    refuse_unknown(dict.fromkeys(names(), "x"))


def test_two_stores_may_not_share_a_file():
    with pytest.raises(Invalid) as refused:
        load(state_url="sqlite:///one.db", jobs_url="sqlite:///one.db")
    assert refused.value.code == "setting_urls_equal"


def test_memory_urls_are_not_the_same_place():
    assert load(graph_url="memory://", state_url="memory://").state_url == "memory://"


def test_a_wrong_value_is_refused_with_its_name(monkeypatch):
    monkeypatch.setenv("TWIN_REGION", "wuhan")
    with pytest.raises(Invalid) as refused:
        load()
    assert (refused.value.code, refused.value.facts["name"]) == ("setting_invalid", "TWIN_REGION")


def test_the_environment_sets_and_the_caller_overrides(monkeypatch):
    monkeypatch.setenv("TWIN_BIND", "127.0.0.1:9000")
    assert load().bind == "127.0.0.1:9000"
    assert load(bind="127.0.0.1:9001").bind == "127.0.0.1:9001"


def test_a_password_is_not_shown():
    assert "geheim" not in repr(load(graph_password="geheim"))


def test_what_settings_show_of_themselves_holds_no_password():
    urls = {
        "graph_url": "neo4j://u:secret@host:7687",
        "state_url": "postgresql://u:secret@host/db",
        "broker_url": "mqtt://u:secret@host",
    }
    assert "secret" not in repr(load({}, **urls, graph_password="secret"))
