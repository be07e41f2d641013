"""The class table of the universal code: which six digits stand for which kind of thing.

The table is data that a city replaces by its official one (CJ/T 553-2024, 2 + 2 + 2 digits). Ours
lies in 99xxxx, which that standard leaves to local extension. Kinds are plain words here, because
identity knows nothing of the city model above it.

One table is in force in a process: ``use`` puts a city's own there at the start, before anything
is issued or read.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from identity.errors import Invalid

CLASS_DIGITS = 6
LOCAL = (
    "99"  # the head of the classes that CJ/T 553 leaves to local extension: ours carry our check
)
ROWS_MAX = 10_000  # of a table; three levels of two digits hold more than anyone has classes


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class: its six digits, the kind it codes, its names in Chinese and English."""

    code: str
    kind: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class ClassTable:
    """Classes both ways: a class has one kind; of a kind's classes the first is issued under."""

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


_in_force: list[ClassTable] = []  # of this process; empty: the package's own


def current() -> ClassTable:
    """Return the table in force: a city's own where one was put there, else the package's."""
    return _in_force[-1] if _in_force else default()


def use(table: ClassTable | None) -> None:
    """Put a table in force in this process; None: the package's own."""
    _in_force[:] = [] if table is None else [table]


@cache
def default() -> ClassTable:
    """Return the table that comes with the package."""
    return table(json.loads(files("identity").joinpath("classes.json").read_text("utf-8")))


def load(path: Path, kinds: Collection[str] | None = None) -> ClassTable:
    """Return a city's table: a JSON list of {"code", "kind", "zh", "en"}, over the package's own.

    A kind that the file leaves out keeps our class, and our classes keep their names: codes are
    issued under them. ``kinds``: the words that may stand there.

    Raises Invalid("table_unreadable"), Invalid("class_table") where a row is malformed, a class
    stands twice or a kind is none, Invalid("class_meaning") where a class of ours would mean
    another kind.
    """
    made = table(rows_of(path))
    for number, row in enumerate(made.by_code.values(), start=1):
        if kinds is not None and row.kind not in kinds:
            raise Invalid("class_table", row=number, reason=f"there is no kind {row.kind}")
        ours = default().row(row.code)
        if ours is not None and ours.kind != row.kind:
            raise Invalid("class_meaning", class_code=row.code, was=ours.kind, kind=row.kind)
    return ClassTable({**default().by_kind, **made.by_kind}, {**default().by_code, **made.by_code})


def table(rows: Iterable[Mapping[str, Any]]) -> ClassTable:
    """Return the table of plain rows; see ``load``."""
    by_kind: dict[str, ClassRow] = {}
    by_code: dict[str, ClassRow] = {}
    for number, raw in enumerate(rows, start=1):
        row = _row(raw, number)
        if row.code in by_code:
            raise Invalid("class_table", row=number, reason=f"{row.code} stands twice")
        by_kind.setdefault(row.kind, row)
        by_code[row.code] = row
    return ClassTable(by_kind, by_code)


def rows_of(path: Path) -> list[Mapping[str, Any]]:
    """Return the rows of a table's file; Invalid("table_unreadable") where it is none."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as wrong:
        raise Invalid("table_unreadable", path=str(path), reason=str(wrong)) from wrong
    if not isinstance(said, list) or not said or len(said) > ROWS_MAX:
        reason = f"it is no list of 1 to {ROWS_MAX} rows"
        raise Invalid("table_unreadable", path=str(path), reason=reason)
    return said


def _row(raw: Mapping[str, Any], number: int) -> ClassRow:
    if not isinstance(raw, Mapping):
        raise Invalid("class_table", row=number, reason="it is no object")
    missing = [key for key in ("code", "kind", "zh", "en") if not isinstance(raw.get(key), str)]
    if missing:
        raise Invalid("class_table", row=number, reason=f"no text in {', '.join(missing)}")
    code = raw["code"]
    if len(code) != CLASS_DIGITS or not (code.isascii() and code.isdigit()):
        raise Invalid("class_table", row=number, reason=f"{code!r} is not six digits")
    return ClassRow(code, raw["kind"], raw["zh"], raw["en"])
