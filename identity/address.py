"""A Chinese address taken apart after the BNF of GB/T 35639-2017: pure, by endings and numbers.

    湖北省孝感市孝南区下湾开发区罗坡村十二组17号
    湖北省 | 孝感市 | 孝南区 | 下湾开发区 | 罗坡村 | 十二组 | 17号

Normalise → where may a component end (endings, numbers, known names) → the cheapest way through.
Components come in the order division, locality, premises, dwelling (ranks of address.json); a way
costs more for a weak ending, a name that runs over a possible end, a name too long to be one.
What no rule reads is "other", so nothing is lost. Where two readings are open without knowing the
city ("瓦房店市" is a county), the classes may be a neighbour's; a gazetteer settles it
(``Vocabulary.knowing``). The costs are ours, no standard's.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from identity.address_words import OTHER, Ending, Kind, Vocabulary, default

__all__ = ["OTHER", "Address", "Part", "looks", "normalise", "split"]

TEXT_CHARS_MAX = 256
PARTS_MIN = 2  # of a text that is taken for an address
KNOWN_SHARE_MIN = 0.6  # of its characters that are in parts that were recognised

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
_BLANK = re.compile(r"[\s\u200b\ufeff]+")
_SEPARATOR = re.compile(r"(?<![0-9A-Za-z])[,;|、。]+|[,;|、。]+(?![0-9A-Za-z])")
_CHINESE = re.compile(r"[\u3400-\u9fff]")

_CHINESE_NUMBER = r"[〇零一二两三四五六七八九十百千廿]+|[甲乙丙丁戊己庚辛]"
_ONE = rf"(?:[0-9]+[A-Za-z]?|[A-Za-z]{{1,2}}[0-9]*|{_CHINESE_NUMBER})"
_NUMBER = re.compile(
    rf"(?:附|临|特|新|老|负|地下|第|[东西南北中])?[甲乙丙丁]?{_ONE}(?:[-~至/、.]{_ONE})*"
)
_PLAIN = re.compile(r"[A-Z]{0,2}[0-9][0-9A-Z/~.-]*")
_BEHIND = re.compile(rf"(?:附|之|-){_ONE}号?|内|院内")
_STOP = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]|\(|(?<=\))")
_NO_NAME = re.compile(r"[()号]")
_DIGIT = re.compile(r"[0-9]")
_COUNTED_CHARS_MAX = 4
_SIDES = frozenset("东西南北中前后")
_SIDED = frozenset({"block", "zone", "courtyard"})  # 东座, 北区
_UNSURE_UNITS = frozenset({"楼", "门", "期", "区", "道", "路", "街", "条", "村", "院"})
_UNSURE = 0.3
_LATER = {"room": 0.1, "block": 0.1}  # 12号 is a house number where it may be one, 3楼 a floor

_PART, _WEAK, _BARE, _KNOWN, _KNOWN_SHORT = 1.0, 0.3, 2.5, 0.6, 0.9
_OVER, _OVER_WEAK, _OVER_DIVISION, _OVER_LAST, _OVER_KNOWN = 1.5, 0.7, 2.0, 0.5, 1.2
_FIRST_IS_END, _ONE_CHAR, _ONE_SIDE, _LONG, _LONG_FROM = 0.8, 0.5, 0.7, 0.3, 4
_DIGITS_INSIDE, _BACK, _NO_WORD, _UNKNOWN, _UNKNOWN_CHAR = 1.5, 3.0, 0.8, 2.0, 0.8
_STEM_CHARS_MAX = 20
_PROVINCE, _LOCALITY, _SITE = 1, 5, 6


@dataclass(frozen=True, slots=True)
class Part:
    """One component: ``kind`` says its class and group; ``start`` counts from 0."""

    text: str
    kind: Kind
    start: int

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Address:
    """A normalised text and its parts. Laws: they join to the text, touch, and none is empty."""

    text: str
    parts: tuple[Part, ...]

    @property
    def plausible(self) -> bool:
        """Whether the text reads as an address: parts enough, most of it recognised."""
        read = [part for part in self.parts if part.kind.sort != OTHER]
        told = sum(len(part.text) for part in read)
        mixed = len({part.kind.rank for part in read}) > 1
        return len(read) >= PARTS_MIN and mixed and told >= KNOWN_SHARE_MIN * len(self.text)


def split(text: str, words: Vocabulary | None = None) -> Address:
    """Return the parts of ``text`` (its first TEXT_CHARS_MAX characters, normalised)."""
    wanted = normalise(text)[:TEXT_CHARS_MAX]
    known = words or default()
    return Address(wanted, tuple(_Way(wanted, known).parts()))


def normalise(text: str) -> str:
    """Return ``text`` narrow, without blanks, with one kind of dash; idempotent.

    Separators go, but for those between numbers or letters ("1、2号楼" are two blocks).
    """
    narrow = _BLANK.sub("", text.translate(_FULL_WIDTH).translate(_DASHES))
    return _SEPARATOR.sub("", narrow)


def looks(text: str) -> bool:
    """Return whether ``text`` reads as an address; cheap for texts without Chinese."""
    if text.isascii() or len(text) > TEXT_CHARS_MAX or not _CHINESE.search(text):
        return False
    return split(text).plausible


Step = tuple[float, int, int, Kind]
"""cost so far, where the component began, rank before it, its kind."""

Edge = tuple[int, float, Kind, int]
"""end, cost, kind, and the rank of a known name that it runs over (0: none)."""


class _Way:
    """The cheapest way from the beginning of one text to its end."""

    def __init__(self, text: str, words: Vocabulary) -> None:
        self._text = text
        self._words = words
        self._other = words.kinds[OTHER]
        self._ends = {at: found for at in range(1, len(text) + 1) if (found := self._ending(at))}
        costs = (_run_over(self._ends.get(at)) for at in range(len(text) + 1))
        self._over = list(accumulate(costs))

    def parts(self) -> list[Part]:
        """Return the components of the cheapest way; where none leads through, with unread ones."""
        if not self._text:
            return []
        best = self._best(unread=False)
        if not best[-1]:
            best = self._best(unread=True)
        return list(reversed(list(self._walked(best))))

    def _best(self, *, unread: bool) -> list[dict[int, Step]]:
        """Return for every place and rank the cheapest step that leads there."""
        best: list[dict[int, Step]] = [{} for _ in range(len(self._text) + 1)]
        best[0][0] = (0.0, 0, 0, self._other)
        for at in range(len(self._text)):
            if best[at]:
                edges = [*self._edges(at), *(self._unread(at) if unread else ())]
                for rank, (cost, *_) in list(best[at].items()):
                    for edge in edges:
                        _offer(best, at, rank, cost, edge)
        return best

    def _walked(self, best: list[dict[int, Step]]) -> Iterator[Part]:
        at = len(self._text)
        rank = min(best[at], key=lambda held: best[at][held][0])
        while at:
            _, start, before, kind = best[at][rank]
            yield Part(self._text[start:at], kind, start)
            at, rank = start, before

    def _ending(self, at: int) -> tuple[Ending, ...]:
        """Return the endings with which a name may end before ``at``, of the longest text."""
        for text, endings in self._words.endings.get(self._text[at - 1], ()):
            if self._text.endswith(text, 0, at):
                return endings
        return ()

    def _edges(self, at: int) -> Iterator[Edge]:
        """Yield every component that may begin at ``at``."""
        known = self._known(at)
        for name, kind in known:
            yield at + len(name), _KNOWN if name == known[0][0] else _KNOWN_SHORT, kind, 0
        yield from self._named(at, known[0][1].rank if known else 0)
        yield from self._counted(at)

    def _known(self, at: int) -> list[tuple[str, Kind]]:
        """Return the names known by heart that stand here, the longest first."""
        rows = self._words.known.get(self._text[at], ())
        return [row for row in rows if self._text.startswith(row[0], at)]

    def _named(self, at: int, held: int) -> Iterator[Edge]:
        for end, endings in self._ends.items():
            stop = end - len(endings[0].text)
            if stop < at:
                continue
            if stop - at > _STEM_CHARS_MAX:
                return
            for ending in endings:
                price = self._price(at, stop, ending)
                if price is not None:
                    spared = held == _PROVINCE and ending.kind.group != "division"  # 北京西路
                    yield end, price, ending.kind, 0 if spared else held

    def _price(self, at: int, stop: int, ending: Ending) -> float | None:
        """Return what a name costs whose stem is [at, stop), None where it is none."""
        stem = self._text[at:stop]
        price = _PART + (_WEAK if ending.weak else 0.0)
        if not stem:
            return price + _BARE if len(ending.text) > 1 else None
        if _NO_NAME.search(stem):
            return None
        over = self._over[stop] - self._over[at]
        inner = self._ends.get(stop)
        if inner is not None and _may_end_inside(inner[0], stem):
            over += _OVER_LAST - _run_over(inner)
        if at + 1 in self._ends and len(stem) > 1:  # begins with an ending: 市中区, 镇海区
            over += _FIRST_IS_END - _run_over(self._ends[at + 1])
        if len(stem) == 1:
            over += _ONE_CHAR + (_ONE_SIDE if stem in _SIDES else 0.0)
        if _DIGIT.search(stem):
            over += _DIGITS_INSIDE
        return price + over + _LONG * max(0, len(stem) + 1 - _LONG_FROM)

    def _counted(self, at: int) -> Iterator[Edge]:
        """Yield the components that are a number and what it counts, or a number alone."""
        number = _NUMBER.match(self._text, at)
        if number is None and self._text[at] not in _SIDES:
            return
        end = at + 1 if number is None else number.end()
        for length in range(_COUNTED_CHARS_MAX, 0, -1):
            unit = self._text[end : end + length]
            kinds = self._words.counted.get(unit, ()) if len(unit) == length else ()
            for kind in kinds:
                if number is not None or kind.sort in _SIDED:
                    yield from self._after_number(end + length, kind, unit)
        if number is not None and _PLAIN.fullmatch(number[0]):
            for sort in ("door", "room"):
                yield end, _PART + _NO_WORD, self._words.kinds[sort], 0

    def _after_number(self, end: int, kind: Kind, unit: str) -> Iterator[Edge]:
        """Yield a counted component; a house number may go on: 12号附3号, 12号之一."""
        unsure = _UNSURE if unit in _UNSURE_UNITS else 0.0
        yield end, _PART + unsure + _LATER.get(kind.sort, 0.0), kind, 0
        behind = _BEHIND.match(self._text, end) if kind.sort == "door" else None
        if behind is not None:
            yield behind.end(), _PART, kind, 0

    def _unread(self, at: int) -> Iterator[Edge]:
        """Yield what no rule reads, up to each place where something may begin or end."""
        stops = {*self._ends, *(m.start() for m in _STOP.finditer(self._text)), len(self._text)}
        for end in stops:
            if end > at:
                yield end, _UNKNOWN + _UNKNOWN_CHAR * (end - at), self._other, 0


def _offer(best: list[dict[int, Step]], at: int, rank: int, cost: float, edge: Edge) -> None:
    """Keep the edge from ``at`` where it follows ``rank`` and is the cheapest so far."""
    end, price, kind, held = edge
    follows = _rank_after(rank, kind)
    if follows is None:
        return
    following, step = follows
    total = cost + price + step + (_OVER_KNOWN if held > rank else 0.0)
    known = best[end].get(following)
    if known is None or total < known[0]:
        best[end][following] = (total, at, rank, kind)


def _rank_after(rank: int, kind: Kind) -> tuple[int, float] | None:
    """Return the rank after a component of ``kind`` and what the step costs; None: out of order."""
    if kind.sort == OTHER or (kind.after and rank == kind.after):
        return rank, 0.0
    if kind.rank > rank or (kind.rank == rank and rank in {_LOCALITY, _SITE}):
        return kind.rank, 0.0
    if rank == _SITE and kind.group == "locality":
        return _LOCALITY, _BACK
    return None


def _run_over(endings: Sequence[Ending] | None) -> float:
    """Return what it costs when a name runs over these endings."""
    if not endings:
        return 0.0
    if all(ending.weak for ending in endings):
        return _OVER_WEAK
    return _OVER_DIVISION if endings[0].kind.group == "division" else _OVER


def _may_end_inside(inner: Ending, stem: str) -> bool:
    """Tell 沙市区 and 赵屯乡 from 洪山区街道: no division of several characters ends inside."""
    return inner.kind.group != "division" or len(stem) <= len(inner.text) + 1
