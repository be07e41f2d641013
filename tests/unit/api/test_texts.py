"""Every code that the source raises has its texts in English and Chinese."""

import ast
from pathlib import Path

import pytest

from identity.errors import catalogue, render

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("identity", "cim", "twin", "bim", "sensors", "api")
KINDS = {"Invalid", "NotFound", "Conflict", "Denied", "TooLarge", "Unavailable", "Finding"}


def raised_codes() -> dict[str, str]:
    """Return code → file of every literal first argument of an error or a finding."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) in KINDS and node.args:
                    first = node.args[0]
                    if isinstance(first, ast.Constant) and isinstance(first.value, str):
                        found[first.value] = str(path.relative_to(ROOT))
    return found


def _name(func: ast.expr) -> str:
    return func.id if isinstance(func, ast.Name) else getattr(func, "attr", "")


def test_the_scan_sees_codes_of_every_package():
    seen = {path.split("/")[0] for path in raised_codes().values()}
    assert seen == set(PACKAGES)


def test_every_raised_code_has_texts():
    missing = {code: path for code, path in raised_codes().items() if code not in catalogue()}
    assert missing == {}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_text_has_message_and_hint_in_both_languages(lang):
    bad = [code for code, entry in catalogue().items() if len(entry.get(lang, [])) != 2]
    assert bad == []


def test_chinese_texts_are_chinese():
    plain = [
        code
        for code, entry in catalogue().items()
        if not any("\u4e00" <= char <= "\u9fff" for char in entry["zh"][0])
    ]
    assert plain == []


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_a_text_can_be_rendered_without_its_facts(code):
    for lang in ("en", "zh"):
        message, _hint = render(code, {}, lang)
        assert message
