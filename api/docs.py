"""The reference of the API as one page of plain HTML: no script, no request to anywhere. Pure."""

from html import escape
from typing import Any

WORDS = {
    "en": {
        "title": "Wanwu Twin – API reference",
        "intro": "Lists answer {items, next}; pass next as cursor. Errors are problem documents "
        "with code, hint and facts. Every answer names the generation it was read at in "
        "X-Twin-Generation. Lengths in metres, lon/lat in degrees (CGCS2000), times RFC 3339.",
        "machine": "Machine readable",
        "parameters": "Parameters",
        "body": "Body",
        "required": "required",
        "try": "Try",
    },
    "zh": {
        "title": "万物孪生 – 接口参考",
        "intro": "列表返回 {items, next}，将 next 作为 cursor 传回即得下一页。错误为 problem 文档，"
        "含 code、hint、facts。每个应答在 X-Twin-Generation 中注明其读取的版本代次。"
        "长度单位为米，经纬度为度（CGCS2000），时间为 RFC 3339。",
        "machine": "机器可读",
        "parameters": "参数",
        "body": "请求体",
        "required": "必填",
        "try": "试用",
    },
}

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;
margin:2rem auto;padding:0 1rem;color:#1c2330}
h1{font-size:1.6rem}h2{margin-top:2rem;border-bottom:1px solid #d7dde8;text-transform:capitalize}
details{border:1px solid #d7dde8;border-radius:6px;margin:.4rem 0;padding:.5rem .8rem}
summary{cursor:pointer}code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:#f3f5f9;padding:.7rem;overflow:auto;border-radius:4px}
b.m{display:inline-block;min-width:3.2rem;color:#0b5cad}b.POST{color:#9a4a00}
table{border-collapse:collapse}td{padding:.15rem .8rem .15rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{background:#12161e;color:#dbe2ee}pre{background:#1c2330}
details,h2{border-color:#2f3a4d}b.m{color:#7ab8ff}b.POST{color:#ffb26b}a{color:#7ab8ff}}
"""


def page(openapi: dict[str, Any], lang: str) -> str:
    """Return the reference in ``lang`` ("en" or "zh")."""
    words = WORDS[lang]
    groups: dict[str, list[str]] = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["other"])[0]
            row = _operation(openapi, path, method.upper(), operation, words)
            groups.setdefault(tag, []).append(row)
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(rows)}" for tag, rows in groups.items())
    link = f'<p>{words["machine"]}: <a href="/openapi.json">/openapi.json</a></p>'
    intro = f"<h1>{escape(words['title'])}</h1><p>{escape(words['intro'])}</p>{link}"
    return _document(words["title"], intro + body, lang)


def plain(message: str, hint: str) -> str:
    """Return a page that says one thing."""
    return _document("Wanwu Twin", f"<h1>{escape(message)}</h1><p>{escape(hint)}</p>", "zh")


def _document(title: str, body: str, lang: str) -> str:
    return (
        f'<!doctype html><html lang="{lang}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><body>{body}</body></html>"
    )


def _operation(
    openapi: dict[str, Any],
    path: str,
    method: str,
    operation: dict[str, Any],
    words: dict[str, str],
) -> str:
    summary = escape(operation.get("summary", ""))
    rows = "".join(_parameter(p, words) for p in operation.get("parameters", []))
    table = f"<p>{words['parameters']}</p><table>{rows}</table>" if rows else ""
    body = _body(openapi, operation, words)
    link = path if method == "GET" and "{" not in path and path != "/stream" else ""
    tried = f'<p>{words["try"]}: <a href="{link}">{link}</a></p>' if link else ""
    said = escape(operation.get("description", ""))
    return (
        f'<details><summary><b class="m {method}">{method}</b> <code>{escape(path)}</code> '
        f"– {summary}</summary><p>{said}</p>{table}{body}{tried}</details>"
    )


def _parameter(parameter: dict[str, Any], words: dict[str, str]) -> str:
    needed = words["required"] if parameter.get("required") else ""
    said = parameter.get("description") or parameter.get("schema", {}).get("description", "")
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{escape(parameter['in'])}</td>"
        f"<td>{needed}</td><td>{escape(said)}</td></tr>"
    )


def _body(openapi: dict[str, Any], operation: dict[str, Any], words: dict[str, str]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    rows = []
    for kind, said in content.items():
        schema = _resolved(openapi, said.get("schema", {}))
        fields = schema.get("properties", {})
        needed = set(schema.get("required", []))
        rows += [_field(name, field, needed, words) for name, field in fields.items()]
        rows.insert(0, f"<tr><td colspan=4>{escape(kind)}</td></tr>")
    return f"<p>{words['body']}</p><table>{''.join(rows)}</table>" if rows else ""


def _field(name: str, field: dict[str, Any], needed: set[str], words: dict[str, str]) -> str:
    mark = words["required"] if name in needed else ""
    return (
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(str(field.get('type', '')))}</td>"
        f"<td>{mark}</td><td>{escape(field.get('description', ''))}</td></tr>"
    )


def _resolved(openapi: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found = openapi.get("components", {}).get("schemas", {}).get(name, schema)
    assert isinstance(found, dict)
    return found
