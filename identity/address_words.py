"""The vocabulary of Chinese standard addresses: how each kind of component ends, or is counted.

The table (address.json) is data after the BNF of GB/T 35639-2017 and the element types of GA/T
2000.32-2014: kinds in the order in which an address names them, each with its usual endings,
with weak ones (an ending that is as often inside a name as at its end), and with what follows a
number ("3号楼"). Names that need no ending (provinces said short) are known by heart; a city adds
its own as data.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

OTHER = "other"
PROVINCE_DIGITS = 2
GROUPS = {
    "division": ("行政区划", "administrative division"),
    "locality": ("街路巷、片区", "street or locality"),
    "site": ("院门楼址", "premises"),
    "dwelling": ("单元户室", "unit and room"),
    "other": ("未识别", "not recognised"),
}
"""What the BNF calls the groups of components, in Chinese and English."""

_KIND_KEYS = ("sort", "group", "rank", "zh", "en", "after")
_AUTONOMOUS = ("维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "特别行政区", "省", "市")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of component, named in Chinese and English.

    Ranks grow from the province to the room; streets and localities mix freely, and so do
    premises. ``after``: the kind may also follow a component of that rank and keeps it.
    """

    sort: str
    group: str
    rank: int
    zh: str
    en: str
    after: int = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a name of a kind ends: ``text``, and whether it is weak."""

    text: str
    kind: Kind
    weak: bool


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Kinds, endings by their last character (longest first), counting words, and known names."""

    kinds: Mapping[str, Kind]
    endings: Mapping[str, tuple[tuple[str, tuple[Ending, ...]], ...]]
    counted: Mapping[str, tuple[Kind, ...]]
    known: Mapping[str, tuple[tuple[str, Kind], ...]] = field(default_factory=dict)

    def knowing(self, more: Mapping[str, str]) -> "Vocabulary":
        """Return the vocabulary that also knows names → sort (a city's gazetteer)."""
        held = {name: kind for rows in self.known.values() for name, kind in rows}
        return Vocabulary(
            self.kinds,
            self.endings,
            self.counted,
            _by_first(held | {name: self.kinds[sort] for name, sort in more.items()}),
        )


@cache
def default() -> Vocabulary:
    """Return the vocabulary that comes with the package; it knows the provinces by heart."""
    raw = json.loads(files("identity").joinpath("address.json").read_text("utf-8"))
    return table(raw).knowing(provinces())


def table(rows: Iterable[Mapping[str, Any]]) -> Vocabulary:
    """Return the vocabulary of plain rows."""
    kinds: dict[str, Kind] = {}
    endings: dict[str, list[Ending]] = {}
    counted: dict[str, list[Kind]] = {}
    for row in rows:
        kind = Kind(**{key: row[key] for key in _KIND_KEYS if key in row})
        kinds[kind.sort] = kind
        for strength in ("ends", "weak"):
            for text in row.get(strength, "").split():
                endings.setdefault(text, []).append(Ending(text, kind, strength == "weak"))
        for text in row.get("counted", "").split():
            counted.setdefault(text, []).append(kind)
    return Vocabulary(kinds, _by_last(endings), {t: tuple(k) for t, k in counted.items()})


def provinces() -> dict[str, str]:
    """Return the names of provinces in full and short (新疆, 内蒙古, 北京), each → "province"."""
    raw = json.loads(files("identity").joinpath("schemes/divisions.json").read_text("utf-8"))
    full = [zh for code, (zh, _) in raw.items() if len(code) == PROVINCE_DIGITS]
    return dict.fromkeys([*full, *map(_short, full)], "province")


def _short(name: str) -> str:
    ending = next(ending for ending in _AUTONOMOUS if name.endswith(ending))
    return name.removesuffix(ending)


def _by_last(
    endings: Mapping[str, list[Ending]],
) -> dict[str, tuple[tuple[str, tuple[Ending, ...]], ...]]:
    found: dict[str, list[str]] = {}
    for text in sorted(endings, key=len, reverse=True):
        found.setdefault(text[-1], []).append(text)
    return {
        last: tuple((text, tuple(endings[text])) for text in texts) for last, texts in found.items()
    }


def _by_first(known: Mapping[str, Kind]) -> dict[str, tuple[tuple[str, Kind], ...]]:
    found: dict[str, list[tuple[str, Kind]]] = {}
    for name in sorted(known, key=len, reverse=True):
        found.setdefault(name[0], []).append((name, known[name]))
    return {first: tuple(rows) for first, rows in found.items()}
