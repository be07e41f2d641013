"""Codes whose layout we do not know: kept whole, with a pattern that the city may configure.

JGJ/T 496-2022, DB42/T 2175-2024 and GB/T 39609-2020 are in force but their digits were not found.
Without a pattern such a code is recognised only when named ("jgj496:…"). The table is data: a list
of {"scheme", "pattern" (a regular expression for the whole text, or null), "zh", "en"}.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from identity.errors import Invalid
from identity.schemes.values import Problem, Recognition, Segment, Words, judged

LENGTH_MAX = 128
PATTERN_MAX = 200
_SURE_PATTERN, _SURE_NAMED = 0.7, 0.5


@dataclass(frozen=True, slots=True)
class Opaque:
    """One scheme; ``pattern`` None: anything goes that is named so."""

    scheme: str
    name: Words
    pattern: re.Pattern[str] | None = None

    def looks(self, text: str) -> bool:
        """Return whether the configured pattern fits."""
        if self.pattern is None or len(text) > LENGTH_MAX:
            return False
        return self.pattern.fullmatch(text) is not None

    def read(self, text: str) -> Recognition:
        """Return the text whole; wrong where it is empty, too long or does not fit the pattern."""
        problems = []
        if not 0 < len(text) <= LENGTH_MAX:
            at = min(len(text), LENGTH_MAX) + 1
            problems = [Problem("scheme_length", at, f"1-{LENGTH_MAX}", str(len(text)))]
        elif self.pattern is not None and not self.pattern.fullmatch(text):
            problems = [Problem("scheme_shape", None, self.pattern.pattern, text)]
        label = Words("整体（结构未公开）", "whole (its layout is not known)")
        segments = (Segment("code", text[:LENGTH_MAX], 1, label),)
        sure = _SURE_PATTERN if self.pattern else _SURE_NAMED
        read = Recognition(self.scheme, self.name, text, "none", segments)
        return judged(read, problems, sure)


def load(path: Path) -> tuple[Opaque, ...]:
    """Return the schemes of a city's file; Invalid("scheme_table") names the row."""
    return table(json.loads(path.read_text(encoding="utf-8")))


@cache
def default() -> tuple[Opaque, ...]:
    """Return the schemes that come with the package, without patterns."""
    return table(json.loads(files("identity.schemes").joinpath("opaque.json").read_text("utf-8")))


def table(rows: Iterable[Mapping[str, Any]]) -> tuple[Opaque, ...]:
    """Return the schemes of plain rows."""
    made = [_row(raw, number) for number, raw in enumerate(rows, start=1)]
    seen: set[str] = set()
    for number, row in enumerate(made, start=1):
        if row.scheme in seen:
            raise Invalid("scheme_table", row=number, reason=f"{row.scheme} stands twice")
        seen.add(row.scheme)
    return tuple(made)


def _row(raw: Mapping[str, Any], number: int) -> Opaque:
    missing = [key for key in ("scheme", "zh", "en") if not isinstance(raw.get(key), str)]
    if missing:
        raise Invalid("scheme_table", row=number, reason=f"no text in {', '.join(missing)}")
    pattern = raw.get("pattern")
    if pattern is not None and not (isinstance(pattern, str) and len(pattern) <= PATTERN_MAX):
        raise Invalid("scheme_table", row=number, reason=f"pattern: text to {PATTERN_MAX}")
    try:
        compiled = re.compile(pattern) if pattern else None
    except re.error as wrong:
        raise Invalid("scheme_table", row=number, reason=str(wrong)) from wrong
    return Opaque(raw["scheme"], Words(raw["zh"], raw["en"]), compiled)
