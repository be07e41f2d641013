"""Which thing of a new delivery is which thing of the old one, when the GUIDs say nothing.

Pure. Rules run from sure to less sure; each pairs what agrees in its features and is alone with
that on both sides, so the answer is one to one and never a guess between equals. Containers come
first (their codes are features of what they hold). Hash buckets only: time grows with the number
of things. Source: standards, identity §8 (tag, then fingerprint, then new).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from cim.matching_rules import RULES, Rule
from cim.merge import BOX_TOLERANCE_M, Traits, same_box
from cim.placement import Box3

SIZE_STEP_M = 0.01  # sizes of one shape in two exports differ by less
ELEVATION_STEP_M = 0.01
CELL_M = 0.05  # of the grid that finds near boxes: far above the tolerance, below a thickness
ROUNDS_MAX = 4  # what a round finds is a feature for the next: assemblies in assemblies
PARTS_CONFIDENCE = 0.9

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Thing:
    """One side's statement. ``code`` is empty in a delivery; then ``traits`` names storey and
    parent by key, else by code. ``box_m``: metres of the local frame.
    """  # noqa: D205 - one sentence says it

    key: str
    traits: Traits
    box_m: Box3 | None = None
    own_shape: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """``key`` of the delivery is the entity ``code``. ``confidence`` 0..1.

    ``rule``: guid | container | tag | place | fingerprint | number | parts; ``reason`` lists the
    features that agree.
    """

    key: str
    code: str
    rule: str
    confidence: float
    reason: str


def match(
    incoming: Sequence[Thing],
    held: Sequence[Thing],
    known: Mapping[str, str],
    *,
    confidence_min: float = 0.0,
) -> list[Match]:
    """Pair the things of a delivery that have no code with the held ones it does not deliver.

    ``incoming`` and ``held`` are whole (what is known already decides what is unique); ``known``
    gives key -> code of what is identified. Rules below ``confidence_min`` do not run.
    """
    work = _Work(incoming, held, known)
    rules = [rule for rule in RULES if rule.confidence >= confidence_min]
    for _ in range(ROUNDS_MAX):
        before = len(work.found)
        for rule in rules:
            work.run(rule)
        if confidence_min <= PARTS_CONFIDENCE:
            work.parts()
        if len(work.found) == before:
            break
    return work.found


class _Work:
    """The state of one matching: rows of features, and who is still alone."""

    def __init__(
        self, incoming: Sequence[Thing], held: Sequence[Thing], known: Mapping[str, str]
    ) -> None:
        places = _places([thing.box_m for thing in (*held, *incoming)])
        rows = [_row(t, p) for t, p in zip((*held, *incoming), places, strict=True)]
        self._old = {str(row["code"]): row for row in rows[: len(held)]}
        self._new = {str(row["key"]): row for row in rows[len(held) :]}
        self._codes = dict(known)
        taken = set(known.values())
        self._free_old = {c: row for c, row in self._old.items() if c not in taken}
        self._free_new = {k: row for k, row in self._new.items() if k not in known}
        self.found: list[Match] = []

    def run(self, rule: Rule) -> None:
        """Pair what is alone with its features on both sides."""
        if "storey" in rule.also or "parent" in rule.also:
            self._refresh()
        new = _alone(self._free_new.values(), rule)
        old = _alone(self._free_old.values(), rule)
        if rule.whole and new and old:
            repeated = _repeated(self._new.values(), rule) | _repeated(self._old.values(), rule)
            new = {key: row for key, row in new.items() if key not in repeated}
        for key, row in new.items():
            other = old.get(key)
            if other is not None and not (rule.tags_agree and _quarrel(row, other)):
                self._pair(row, other, rule.name, rule.confidence, rule.reason)

    def parts(self) -> None:
        """Pair wholes whose parts, as far as they are known, all come from one another."""
        self._refresh()
        pairs = {(r["parent_key"], self._old_parent(k)) for k, r in self._new.items()}
        pairs = {(n, o) for n, o in pairs if n in self._new and o in self._old}
        news, olds = Counter(n for n, _ in pairs), Counter(o for _, o in pairs)
        for n, o in sorted(pairs):
            free = n in self._free_new and o in self._free_old
            if free and news[n] == olds[o] == 1:
                row, other = self._free_new[n], self._free_old[o]
                if row["sort"] == other["sort"]:
                    self._pair(row, other, "parts", PARTS_CONFIDENCE, "sort, parts")

    def _old_parent(self, key: str) -> str:
        row = self._old.get(self._codes.get(key, ""))
        return str(row["parent"]) if row is not None else ""

    def _pair(self, row: Row, other: Row, rule: str, confidence: float, reason: str) -> None:
        key, code = str(row["key"]), str(other["code"])
        self._codes[key] = code
        del self._free_new[key], self._free_old[code]
        self.found.append(Match(key, code, rule, confidence, reason))

    def _refresh(self) -> None:
        """Name storeys and parents of the delivery by code where the code is known now."""
        for row in self._new.values():
            for name in ("storey", "parent"):
                key = row[f"{name}_key"]
                row[name] = self._codes.get(key, f"?{key}") if key else ""


def _alone(rows: Iterable[Row], rule: Rule) -> dict[tuple[Any, ...], Row]:
    """Return the rows that have the rule's features and share them with no other."""
    seen: dict[tuple[Any, ...], Row | None] = {}
    for row in rows:
        key = _features(row, rule)
        if key is not None:
            seen[key] = None if key in seen else row
    return {key: row for key, row in seen.items() if row is not None}


def _repeated(rows: Iterable[Row], rule: Rule) -> set[tuple[Any, ...]]:
    counts = Counter(_features(row, rule) for row in rows)
    return {key for key, count in counts.items() if key is not None and count > 1}


def _features(row: Row, rule: Rule) -> tuple[Any, ...] | None:
    if row["kind"] not in rule.kinds:
        return None
    needed = tuple(row[name] for name in rule.needs)
    if None in needed or "" in needed:
        return None
    return (*needed, *[row[name] for name in rule.also])


def _quarrel(row: Row, other: Row) -> bool:
    return bool(row["tag"] and other["tag"] and row["tag"] != other["tag"])


def _row(thing: Thing, place: int | None) -> Row:
    said = thing.traits
    return {
        "key": thing.key,
        "code": thing.code,
        "kind": said.kind,
        "sort": said.sort,
        "name": said.name,
        "tag": said.tag,
        "type": said.type,
        "meaning": said.meaning,
        "drawn": said.drawn,
        "elevation": _step(said.elevation_m, ELEVATION_STEP_M),
        "size": _size(thing.box_m) if thing.own_shape else (),
        "place": place,
        "spot": place if thing.own_shape else None,
        "storey": said.storey,
        "parent": said.parent,
        "storey_key": said.storey,
        "parent_key": said.parent,
    }


def _size(box: Box3 | None) -> tuple[int | None, ...]:
    return () if box is None else tuple(_step(box[i + 3] - box[i], SIZE_STEP_M) for i in range(3))


def _step(value: float | None, step: float) -> int | None:
    return None if value is None else round(value / step)


def _places(boxes: Sequence[Box3 | None]) -> list[int | None]:
    """Give each box the number of its place; boxes within the tolerance share one."""
    cells: dict[tuple[int, ...], list[int]] = {}
    spots: list[Box3] = []
    return [None if box is None else _place(box, cells, spots) for box in boxes]


def _place(box: Box3, cells: dict[tuple[int, ...], list[int]], spots: list[Box3]) -> int:
    near = product(*[{_cell(v - BOX_TOLERANCE_M), _cell(v + BOX_TOLERANCE_M)} for v in box])
    for cell in near:
        for number in cells.get(cell, ()):
            if same_box(spots[number], box):
                return number
    spots.append(box)
    cells.setdefault(tuple(_cell(v) for v in box), []).append(len(spots) - 1)
    return len(spots) - 1


def _cell(value_m: float) -> int:
    return math.floor(value_m / CELL_M)
