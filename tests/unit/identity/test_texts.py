import json
from collections import Counter
from importlib.resources import files

import pytest

from identity.errors import catalogue, render

FILES = sorted(f.name for f in files("identity").joinpath("texts").iterdir())


@pytest.mark.parametrize("name", FILES)
def test_every_text_has_message_and_hint_in_both_languages(name):
    texts = json.loads(files("identity").joinpath("texts", name).read_text(encoding="utf-8"))
    for code, entry in texts.items():
        assert sorted(entry) == ["en", "zh"], code
        reason = code.startswith("why_")  # says why something was chosen: nothing to check
        assert all(len(p) == 2 and p[0] and (p[1] or reason) for p in entry.values()), code


def twice(texts):
    """Return the keys that one object names twice, of all objects (JSON itself keeps the last)."""
    found = []

    def pairs(rows):
        found.extend(key for key, count in Counter(key for key, _ in rows).items() if count > 1)
        return dict(rows)

    json.loads(texts, object_pairs_hook=pairs)
    return found


@pytest.mark.parametrize("name", FILES)
def test_no_code_stands_twice_in_a_file(name):
    assert twice(files("identity").joinpath("texts", name).read_text("utf-8")) == []


def test_a_key_that_stands_twice_is_found_at_every_depth():
    assert twice('{"a": {"en": [], "zh": [], "en": []}, "b": {}, "b": {}}') == ["en", "b"]


def test_no_code_stands_in_two_files():
    folder = files("identity").joinpath("texts")
    codes = Counter(
        code for name in FILES for code in json.loads(folder.joinpath(name).read_text("utf-8"))
    )
    assert [code for code, count in codes.items() if count > 1] == []
    assert set(codes) == set(catalogue())


def test_facts_stand_in_the_text_of_the_language_asked():
    facts = {"text": "1", "position": 21, "expected": "0", "found": "2"}
    assert "应为 0" in render("code_check", facts, "zh")[0]
    assert "expected 0" in render("code_check", facts, "en")[0]
