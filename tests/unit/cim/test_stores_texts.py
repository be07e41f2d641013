"""Every refusal of the stores speaks both languages and fills in its facts."""

import re
from pathlib import Path

import pytest

import cim.stores
from identity.errors import catalogue, render

SOURCES = sorted(Path(cim.stores.__file__).parent.glob("*.py"))
KINDS = "Invalid|NotFound|Conflict|TooLarge|Unavailable"
RAISED = re.compile(rf"\b(?:raise|return) (?:{KINDS})\(\s*\"(\w+)\"((?:[^()]|\([^()]*\))*)\)")
REFUSALS = sorted(
    {
        (code, tuple(sorted(re.findall(r"(\w+)=(?!=)", facts))))
        for source in SOURCES
        for code, facts in RAISED.findall(source.read_text(encoding="utf-8"))
    }
)


def test_refusals_were_found():
    assert {"lease_lost", "batch_limit", "blob_unknown"} <= {code for code, _ in REFUSALS}


@pytest.mark.parametrize(("code", "facts"), REFUSALS)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_refusal_has_a_message_and_a_hint(code, facts, lang):
    assert lang in catalogue()[code]
    message, hint = render(code, dict.fromkeys(facts, "FACT"), lang)
    assert message
    assert hint
    assert re.findall(r"\{\w+\}", message + hint) == []
