import json
from importlib.resources import files
from pathlib import Path

import pytest

TEXTS = json.loads(files("identity").joinpath("texts/sensors.json").read_text(encoding="utf-8"))
SOURCES = sorted((Path(__file__).parents[3] / "sensors").rglob("*.py"))


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_each_text_exists_in_both_languages_with_message_and_hint(code):
    assert set(TEXTS[code]) == {"en", "zh"}
    assert [len(entry) for entry in TEXTS[code].values()] == [2, 2]


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_each_text_belongs_to_a_refusal_in_the_package(code):
    assert any(f'"{code}"' in source.read_text(encoding="utf-8") for source in SOURCES)
