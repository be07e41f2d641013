"""Codes whose layout we do not know: kept whole, with a pattern that the city may configure.

JGJ/T 496-2022, DB42/T 2175-2024 and GB/T 39609-2020 are in force but their digits were not found.
Without a pattern such a code is recognised only when named ("jgj496:…"). The table is data: a list
of {"scheme", "pattern" (a regular expression for the whole text, or null), "zh", "en"}. One is in
force in a process: ``use`` puts a city's own there at the start.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from identity.classes import rows_of
from identity.errors import Invalid
from identity.schemes.values import Problem, Recognition, Segment, Words, judged

LENGTH_MAX = 128
PATTERN_MAX = 200
_SURE_PATTERN, _SURE_NAMED = 0.7, 0.5
_NAME = re.compile(r"[a-z0-9_]{2,16}")  # what may stand before the colon of "scheme:text"


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


_in_force: list[tuple[Opaque, ...]] = []  # of this process; empty: the package's own


def current() -> tuple[Opaque, ...]:
    """Return the schemes in force: a city's own where they were put there, else the package's."""
    return _in_force[-1] if _in_force else default()


def use(schemes: tuple[Opaque, ...] | None) -> None:
    """Put schemes in force in this process; None: the package's own."""
    _in_force[:] = [] if schemes is None else [schemes]


def load(path: Path, taken: Collection[str] = ()) -> tuple[Opaque, ...]:
    """Return the schemes of a city's file, over the package's own; its rows replace ours by name.

    ``taken``: names that have readers of their own. Raises Invalid("table_unreadable"),
    Invalid("scheme_table") naming the row.
    """
    made = table(rows_of(path))
    for number, row in enumerate(made, start=1):
        if row.scheme in taken:
            reason = f"{row.scheme} is read by its standard"
            raise Invalid("scheme_table", row=number, reason=reason)
    names = {row.scheme for row in made}
    return (*made, *(row for row in default() if row.scheme not in names))


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
    if not isinstance(raw, Mapping):
        raise Invalid("scheme_table", row=number, reason="it is no object")
    missing = [key for key in ("scheme", "zh", "en") if not isinstance(raw.get(key), str)]
    if missing:
        raise Invalid("scheme_table", row=number, reason=f"no text in {', '.join(missing)}")
    if not _NAME.fullmatch(raw["scheme"]):
        reason = f"{raw['scheme'][:40]!r} is no name: {_NAME.pattern}"
        raise Invalid("scheme_table", row=number, reason=reason)
    pattern = raw.get("pattern")
    if pattern is not None and not (isinstance(pattern, str) and len(pattern) <= PATTERN_MAX):
        raise Invalid("scheme_table", row=number, reason=f"pattern: text to {PATTERN_MAX}")
    try:
        compiled = re.compile(pattern) if pattern else None
    except re.error as wrong:
        raise Invalid("scheme_table", row=number, reason=str(wrong)) from wrong
    return Opaque(raw["scheme"], Words(raw["zh"], raw["en"]), compiled)
