"""Findings for the wire: stable id, place, and texts in both languages.

The id is a hash of the rule's code, the element and the facts that name the case, so the same
fault in the next delivery has the same id; counts and samples may change without changing it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bim.rows import Finding, Severity
from identity.errors import CityError, render

LANGUAGES = ("zh", "en")
_ID_DIGITS = 16  # 64 bits: findings of one model are far fewer than 2^32
_PASSING_FACTS = frozenset(
    {"count", "samples", "sample", "seen", "read", "declared", "distance_km"}
    | {"where", "texts", "replaced"}  # of a text: its line is its place
)
RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def wire(finding: Finding, elements: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return {"id", "severity", "code", "guid", "step_id", "facts", "element", "text", "hint"}.

    ``text`` and ``hint`` are {"zh": …, "en": …}; ``elements``: the city's codes, by GUID.
    """
    texts = {lang: said(finding, lang) for lang in LANGUAGES}
    return {
        "id": finding_id(finding),
        "severity": finding.severity.value,
        "code": finding.code,
        "guid": finding.guid,
        "step_id": finding.step_id,
        "facts": dict(finding.facts),
        "element": (elements or {}).get(finding.guid or ""),
        "text": {lang: text for lang, (text, _) in texts.items()},
        "hint": {lang: hint for lang, (_, hint) in texts.items()},
    }


def said(finding: Finding, lang: str) -> tuple[str, str]:
    """Return (message, hint) in "zh" or "en"; texts may name the line and the GUID, too."""
    place = {"step_id": finding.step_id, "guid": finding.guid}
    return render(finding.code, {**place, **finding.facts}, lang)


def wires(
    findings: Iterable[Finding], elements: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return findings for the wire, the gravest first, each id once."""
    ordered = sorted(findings, key=lambda finding: (RANK[finding.severity], finding.code))
    told = (wire(finding, elements) for finding in ordered)
    return list({item["id"]: item for item in told}.values())


def compared(
    now: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return findings of two versions by id, each with ``change``: new, still or fixed (at last).

    Both as they are on the wire, with an ``id``.
    """
    old, left = {row["id"] for row in before}, {row["id"] for row in now}
    stands = [{**row, "change": "still" if row["id"] in old else "new"} for row in now]
    return stands + [{**row, "change": "fixed"} for row in before if row["id"] not in left]


def refusal(error: CityError) -> Finding:
    """Return the finding of a refused file: an ERROR on the whole of it."""
    step_id = error.facts.get("step_id")
    known = step_id if isinstance(step_id, int) else None
    return Finding(error.code, Severity.ERROR, dict(error.facts), step_id=known)


def finding_id(finding: Finding) -> str:
    """Return 16 hex digits: equal for the same rule, element and case."""
    case = {k: v for k, v in finding.facts.items() if k not in _PASSING_FACTS}
    # Without a GUID the line tells cases apart; with one, the line may move and the case stays.
    place = finding.guid or finding.step_id
    key = json.dumps([finding.code, place, case], sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(key.encode()).hexdigest()[:_ID_DIGITS]
