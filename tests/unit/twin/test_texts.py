"""Every refusal of this package has a message and a hint in both languages."""

import ast
from pathlib import Path

import pytest

import twin
from identity.errors import catalogue

REFUSALS = {"Invalid", "NotFound", "Conflict", "Denied", "TooLarge", "Unavailable"}


def raised():
    """Return the codes that stand as texts in calls of an error's class, or are handed to one."""
    found = {"store_busy", "store_failed", "job_gave_up", "property_invalid", "source_invalid"}
    for file in sorted(Path(twin.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in REFUSALS:
                found |= {a.value for a in node.args[:1] if isinstance(a, ast.Constant)}
    return sorted(found)


@pytest.mark.parametrize("code", raised())
def test_a_code_has_its_texts(code):
    assert {lang: len(texts) for lang, texts in catalogue()[code].items()} == {"en": 2, "zh": 2}


def test_the_codes_were_seen():
    assert len(raised()) > 20
