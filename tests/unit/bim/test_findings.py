"""Findings on the wire: both languages, a stable id, each once."""

import json

import pytest

from bim.findings import compared, finding_id, refusal, wire, wires
from bim.rows import Finding, Severity
from identity.errors import Invalid, catalogue

LOOSE = Finding("ifc_loose", Severity.WARNING, {"count": 2, "samples": ["a"]}, guid="a", step_id=7)


def test_a_finding_is_said_in_both_languages_with_its_place():
    said = wire(LOOSE, {"a": "420111"})
    assert {k: said[k] for k in ("severity", "code", "guid", "step_id", "element")} == {
        "severity": "warning",
        "code": "ifc_loose",
        "guid": "a",
        "step_id": 7,
        "element": "420111",
    }
    assert wire(LOOSE)["element"] is None
    assert set(said["text"]) == set(said["hint"]) == {"zh", "en"}
    assert said["text"]["en"].startswith("2 elements")
    assert said["text"]["zh"].startswith("2 个构件")
    assert json.loads(json.dumps(said)) == said


@pytest.mark.parametrize(
    "same",
    [
        Finding("ifc_loose", Severity.WARNING, {"count": 9, "samples": ["b"]}, guid="a", step_id=7),
        Finding("ifc_loose", Severity.INFO, {}, guid="a", step_id=99),
    ],
)
def test_the_id_outlives_counts_and_moved_lines(same):
    assert finding_id(same) == finding_id(LOOSE)


@pytest.mark.parametrize(
    "other",
    [
        Finding("ifc_loose", Severity.WARNING, {}, guid="b"),
        Finding("ifc_parent_twice", Severity.WARNING, {}, guid="a"),
        Finding("ifc_loose", Severity.WARNING, {"kind": "x"}, guid="a"),
    ],
)
def test_another_rule_element_or_case_has_another_id(other):
    assert finding_id(other) != finding_id(LOOSE)


def test_the_gravest_come_first_and_each_id_once():
    refused = refusal(Invalid("ifc_hazard", kind="placement_cycle", step_id=5))
    listed = wires([LOOSE, Finding("ifc_bom", Severity.INFO), LOOSE, refused])
    assert [item["code"] for item in listed] == ["ifc_hazard", "ifc_loose", "ifc_bom"]
    assert (listed[0]["severity"], listed[0]["step_id"]) == ("error", 5)


def test_every_code_of_this_package_has_both_texts_and_hints():
    texts = {code: text for code, text in catalogue().items() if code.startswith(("ifc_", "zip_"))}
    assert all(len(text[lang]) == 2 for text in texts.values() for lang in ("en", "zh"))
    assert all(all(text[lang]) for text in texts.values() for lang in ("en", "zh"))


def test_the_text_may_name_the_line_of_the_file():
    facts = {"count": 1, "text": "0wALL"}
    finding = Finding("ifc_guid_repeated", Severity.WARNING, facts, step_id=90)
    assert "used again by #90" in wire(finding)["text"]["en"]


def test_findings_of_two_versions_are_new_still_there_or_fixed():
    def rows(*ids):
        return [{"id": id_, "code": "c"} for id_ in ids]

    told = {row["id"]: row["change"] for row in compared(rows("a", "b"), rows("b", "d"))}
    assert told == {"a": "new", "b": "still", "d": "fixed"}
    assert compared([], []) == []
