"""The class table of the universal code: which six digits stand for which kind of thing.

The table is data that a city replaces by its official one (CJ/T 553-2024, 2 + 2 + 2 digits). Ours
lies in 99xxxx, which that standard leaves to local extension. Kinds are plain words here, because
identity knows nothing of the city model above it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from identity.errors import Invalid

CLASS_DIGITS = 6


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class: its six digits, the kind it codes, its names in Chinese and English."""

    code: str
    kind: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class ClassTable:
    """Classes both ways; a kind has one class and a class one kind."""

    by_kind: Mapping[str, ClassRow]
    by_code: Mapping[str, ClassRow]

    def code(self, kind: str) -> str:
        """Return the six digits of ``kind``; Invalid("class_unknown")."""
        row = self.by_kind.get(kind)
        if row is None:
            raise Invalid("class_unknown", kind=kind)
        return row.code

    def row(self, code: str) -> ClassRow | None:
        """Return the row of six digits, None for a class of somebody else's table."""
        return self.by_code.get(code)


def load(path: Path) -> ClassTable:
    """Return the table of a JSON file: a list of {"code", "kind", "zh", "en"}.

    Raises Invalid("class_table") where a row is malformed or a code or a kind stands twice.
    """
    return table(json.loads(path.read_text(encoding="utf-8")))


@cache
def default() -> ClassTable:
    """Return the table that comes with the package."""
    return table(json.loads(files("identity").joinpath("classes.json").read_text("utf-8")))


def table(rows: Iterable[Mapping[str, Any]]) -> ClassTable:
    """Return the table of plain rows; see ``load``."""
    by_kind: dict[str, ClassRow] = {}
    by_code: dict[str, ClassRow] = {}
    for number, raw in enumerate(rows, start=1):
        row = _row(raw, number)
        if row.kind in by_kind or row.code in by_code:
            raise Invalid("class_table", row=number, reason=f"{row.code} {row.kind} stands twice")
        by_kind[row.kind] = by_code[row.code] = row
    return ClassTable(by_kind, by_code)


def _row(raw: Mapping[str, Any], number: int) -> ClassRow:
    missing = [key for key in ("code", "kind", "zh", "en") if not isinstance(raw.get(key), str)]
    if missing:
        raise Invalid("class_table", row=number, reason=f"no text in {', '.join(missing)}")
    code = raw["code"]
    if len(code) != CLASS_DIGITS or not (code.isascii() and code.isdigit()):
        raise Invalid("class_table", row=number, reason=f"{code!r} is not six digits")
    return ClassRow(code, raw["kind"], raw["zh"], raw["en"])
