"""The root of the error tree: every refusal is typed: a stable code, the facts, what to check.

CityError
├── Invalid      the input is wrong                      (HTTP 422; 400 on OGC doors)
├── NotFound     no such thing, or not allowed to see it (404)
├── Conflict     the state of the city forbids it now    (409)
├── Denied       who asks may not                        (401 / 403)
├── TooLarge     a limit was reached                     (413 / 429)
└── Unavailable  a part we need does not answer          (503)

Texts live in ``identity/texts/<package>.json``, one file a package::

    {"ifc_truncated": {
        "en": ["The file ends after {read} of {declared} entities.", "Export it again."],
        "zh": ["文件在 {read}/{declared} 个实体后中断。", "请重新导出。"]}}

The first string is the message, the second the hint (what to check); both may name facts in braces.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any


class CityError(Exception):
    """A refusal: ``code`` is stable, ``facts`` are JSON values, ``text(lang)`` is for people."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    def text(self, lang: str = "en") -> tuple[str, str]:
        """Return (message, hint) in ``lang`` ("en" or "zh")."""
        return render(self.code, self.facts, lang)

    @property
    def hint(self) -> str:
        """What to check, in English."""
        return self.text()[1]

    def __str__(self) -> str:
        return f"{self.code}: {self.text()[0]}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep code and facts when the error crosses a process border."""
        return (_rebuild, (type(self), self.code, self.facts))


class Invalid(CityError):
    """The input is wrong."""


class NotFound(CityError):
    """No such thing, or not allowed to see it."""


class Conflict(CityError):
    """The state of the city forbids it now."""


class Denied(CityError):
    """Who asks may not. ``authenticated`` in the facts tells 403 from 401."""


class TooLarge(CityError):
    """A limit was reached. ``rate=True`` in the facts tells 429 from 413."""


class Unavailable(CityError):
    """A part we need does not answer; try again."""


def render(code: str, facts: dict[str, Any], lang: str = "en") -> tuple[str, str]:
    """Return (message, hint) of ``code`` in ``lang``; an unknown code is shown with its facts.

    Findings use it too: a finding is a code with facts, so that both languages stay possible.
    """
    entry = catalogue().get(code)
    if entry is None:
        return f"{code} {json.dumps(facts, ensure_ascii=False, default=str)}", ""
    message, hint = entry.get(lang, entry["en"])
    said = _Facts({name: _listed(value) for name, value in facts.items()})
    return message.format_map(said), hint.format_map(said)


@cache
def catalogue() -> dict[str, dict[str, list[str]]]:
    """Return every known code with its texts, of all packages."""
    texts: dict[str, dict[str, list[str]]] = {}
    for file in sorted(files("identity").joinpath("texts").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".json"):
            texts.update(json.loads(file.read_text(encoding="utf-8")))
    return texts


def _listed(value: Any) -> Any:
    """Say a list as people do, not as Python writes it."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


class _Facts(dict[str, Any]):
    """A missing fact stays readable instead of breaking the message."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _rebuild(kind: type[CityError], code: str, facts: dict[str, Any]) -> CityError:
    return kind(code, **facts)
