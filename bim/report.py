"""Findings as a page of their own: grouped by rule, the gravest first, to print or to send."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from bim.findings import RANK

ROWS_MAX = 200  # of one rule; the rest is counted
_WORDS = {
    "en": {
        "title": "Findings",
        "none": "Nothing was found.",
        "element": "Element",
        "line": "Line",
        "said": "What it says",
        "check": "What to check",
        "more": "… and {count} more",
        "error": "Error",
        "warning": "Warning",
        "info": "Note",
    },
    "zh": {
        "title": "检查结果",
        "none": "未发现问题。",
        "element": "构件",
        "line": "行",
        "said": "说明",
        "check": "处理建议",
        "more": "……另有 {count} 条",
        "error": "错误",
        "warning": "警告",
        "info": "提示",
    },
}
_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1c2530}"
    "h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #d5dae0;padding:.3rem .5rem;"
    "text-align:left;vertical-align:top}code{font-size:.85em}"
    ".error{color:#b3261e}.warning{color:#8a5a00}.info{color:#3a5a80}"
)


def document(findings: Sequence[Mapping[str, Any]], title: str, lang: str) -> str:
    """Return an HTML document without scripts and without anything from elsewhere.

    ``findings``: as ``GET /models/{model}/findings`` tells them. ``lang``: zh or en.
    """
    words = _WORDS[lang]
    ordered = sorted(findings, key=lambda f: (RANK.get(f["severity"], len(RANK)), f["code"]))
    groups = [list(rows) for _, rows in groupby(ordered, key=lambda f: (f["severity"], f["code"]))]
    counts = ", ".join(
        f'<span class="{severity}">{words[severity]}: {count}</span>'
        for severity in RANK
        if (count := sum(f["severity"] == severity for f in findings))
    )
    body = "".join(_group(rows, words, lang) for rows in groups) or f"<p>{words['none']}</p>"
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{words['title']}: {escape(title)}</h1><p>{counts}</p>{body}</body></html>"
    )


def _group(rows: Sequence[Mapping[str, Any]], words: Mapping[str, str], lang: str) -> str:
    severity, code = escape(rows[0]["severity"]), escape(rows[0]["code"])
    head = "".join(f"<th>{words[name]}</th>" for name in ("element", "line", "said", "check"))
    shown = "".join(_row(row, lang) for row in rows[:ROWS_MAX])
    hidden = len(rows) - ROWS_MAX
    more = f"<p>{words['more'].format(count=hidden)}</p>" if hidden > 0 else ""
    return (
        f'<h2><span class="{severity}">{words.get(severity, severity)}</span> '
        f"<code>{code}</code> ({len(rows)})</h2>"
        f"<table><tr>{head}</tr>{shown}</table>{more}"
    )


def _row(row: Mapping[str, Any], lang: str) -> str:
    names = [str(row[name]) for name in ("element", "guid") if row.get(name)]
    place = "<br>".join(f"<code>{escape(name)}</code>" for name in names)
    line = "" if row.get("step_id") is None else f"#{row['step_id']}"
    said, hint = (escape(str(row[name].get(lang, ""))) for name in ("text", "hint"))
    return f"<tr><td>{place}</td><td>{line}</td><td>{said}</td><td>{hint}</td></tr>"
