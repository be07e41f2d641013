"""The printed page of findings: the gravest first, grouped, nothing unescaped."""

import re

import pytest

from bim import report


def row(severity, code, text, **more):
    said = {"zh": f"中{text}", "en": text}
    return {"severity": severity, "code": code, "text": said, "hint": said, **more}


def test_the_gravest_come_first_and_rules_are_grouped():
    rows = [row("info", "b", "x"), row("error", "z", "y"), row("error", "z", "w")]
    page = report.document(rows, "tower", "en")
    heads = re.findall(r"<h2>.*?<code>(\w+)</code> \((\d)\)", page)
    assert heads == [("z", "2"), ("b", "1")]
    assert "Error: 2" in page


def test_texts_are_escaped_and_told_in_the_language_asked_for():
    page = report.document([row("error", "z", "<script>", guid="0$", step_id=7)], "<b>", "zh")
    assert "<script>" not in page
    assert "中&lt;script&gt;" in page
    assert "#7" in page
    assert "<title>&lt;b&gt;</title>" in page


def test_many_of_one_rule_are_counted():
    page = report.document(
        [row("info", "b", str(n)) for n in range(report.ROWS_MAX + 5)], "t", "en"
    )
    assert page.count("<tr>") == report.ROWS_MAX + 1
    assert "and 5 more" in page


@pytest.mark.parametrize(("lang", "text"), [("en", "Nothing was found."), ("zh", "未发现问题。")])
def test_nothing_found_is_said(lang, text):
    assert text in report.document([], "t", lang)
