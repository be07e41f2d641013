"""Codes of fixed length: a table of fields read by one function.

Shape first (length, then each character against its field's alphabet); rules on values and the
check digits are asked only of a text whose shape is right.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field

from identity import checks
from identity.schemes.values import NOTHING, Problem, Recognition, Segment, Words, judged

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LENGTH_OFF_MAX = 2  # characters too few or too many for a text to be taken for a mistyped code
_REGIONS = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 82))
PROVINCES = frozenset(str(n) for low, high in _REGIONS for n in range(low, high + 1))
FIT_MIN = 0.85  # share of characters that must fit their fields for the same

Meaning = Callable[[str], Words]
Rule = Callable[[str], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class Field:
    """One piece: ``width`` characters of ``alphabet``; ``meaning`` puts its value into words."""

    name: str
    width: int
    alphabet: str
    label: Words
    meaning: Meaning | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A scheme of fixed length.

    ``source`` is the standard. A text that is up to ``length_off`` characters longer or shorter is
    taken for a mistyped one only where every other character fits and a province's number stands at
    ``region_at`` (from 0).
    """

    scheme: str
    name: Words
    source: str
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...] = ()
    check: Callable[[str], str] = lambda _: "none"
    also: Callable[[str], tuple[tuple[str, str], ...]] = lambda _: ()
    sure: float = 0.8
    length_off: int = LENGTH_OFF_MAX
    region_at: int = 0

    alphabets: tuple[str, ...] = dataclass_field(init=False)
    length: int = dataclass_field(init=False)

    def __post_init__(self) -> None:
        """Lay out the alphabet of each character once: every text that is looked up is asked."""
        spread = tuple(field.alphabet for field in self.fields for _ in range(field.width))
        object.__setattr__(self, "alphabets", spread)
        object.__setattr__(self, "length", len(spread))

    def looks(self, text: str) -> bool:
        """Return whether ``text`` is, or nearly is, of this shape."""
        off = abs(len(text) - self.length)
        if off > self.length_off or (off and not self._in_province(text)):
            return False
        fits = sum(char in known for known, char in zip(self.alphabets, text, strict=False))
        return fits >= (min(len(text), self.length) if off else FIT_MIN * self.length)

    def read(self, text: str) -> Recognition:
        """Return what ``text`` (already in capitals, without blanks) is in this scheme."""
        problems = self.shape(text)
        shaped = not problems
        if shaped:
            problems = [problem for rule in self.rules for problem in rule(text)]
        read = Recognition(
            self.scheme,
            self.name,
            text,
            self.check(text) if shaped else "none",
            self.segments(text),
            also=self.also(text) if shaped and not problems else (),
        )
        return judged(read, problems, self.sure)

    def shape(self, text: str) -> list[Problem]:
        """Return the characters that do not belong, else the wrong length."""
        wrong = [
            Problem("scheme_character", at, named(known), char)
            for at, (known, char) in enumerate(zip(self.alphabets, text, strict=False), start=1)
            if char not in known
        ]
        if len(text) == self.length:
            return wrong
        at = min(len(text), self.length) + 1
        return [Problem("scheme_length", at, str(self.length), str(len(text)))]

    def segments(self, text: str) -> tuple[Segment, ...]:
        """Return the pieces that ``text`` has, the last ones empty where it is too short."""
        made, at = [], 0
        for field in self.fields:
            piece = text[at : at + field.width]
            whole = len(piece) == field.width and all(char in field.alphabet for char in piece)
            meaning = field.meaning(piece) if whole and field.meaning else NOTHING
            made.append(Segment(field.name, piece, at + 1, field.label, meaning))
            at += field.width
        return tuple(made)

    def _in_province(self, text: str) -> bool:
        return text[self.region_at : self.region_at + 2] in PROVINCES


def named(alphabet: str) -> str:
    """Return an alphabet as people write it."""
    plain = {checks.DIGITS: "0-9", checks.ALPHANUMERIC: "0-9 A-Z", LETTERS: "A-Z"}
    if alphabet not in plain and len(alphabet) > len(LETTERS):
        return "0-9 A-Z, not " + " ".join(c for c in LETTERS if c not in alphabet)
    return plain.get(alphabet) or " ".join(alphabet)


def digits(name: str, width: int, zh: str, en: str, meaning: Meaning | None = None) -> Field:
    """Return a field of decimal digits."""
    return Field(name, width, checks.DIGITS, Words(zh, en), meaning)


def words(table: dict[str, tuple[str, str]], unknown: Words = NOTHING) -> Meaning:
    """Return the function that puts a coded value into words."""
    return lambda value: Words(*table[value]) if value in table else unknown


def between(text: str, at: int, width: int, low: int, high: int) -> Iterator[Problem]:
    """Yield a problem unless the digits at ``at`` (from 0) lie within low … high."""
    piece = text[at : at + width]
    if not low <= int(piece) <= high:
        yield Problem("scheme_value", at + 1, f"{low:0{width}d}-{high:0{width}d}", piece)


def one_of(text: str, at: int, allowed: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem unless one of ``allowed`` stands at ``at`` (from 0)."""
    width = len(allowed[0])
    if text[at : at + width] not in allowed:
        yield Problem("scheme_value", at + 1, " ".join(allowed), text[at : at + width])


def last_is(text: str, expected: str, at: int | None = None) -> Iterator[Problem]:
    """Yield a problem unless the check character is the expected one."""
    place = len(text) - 1 if at is None else at
    if text[place] != expected:
        yield Problem("scheme_check", place + 1, expected, text[place])
