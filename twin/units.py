"""Units by UCUM (the Unified Code for Units of Measure), converted exactly. Pure, by a table.

``units.json`` holds the atoms (exact factors over base units), prefixes, what people write instead
(``aliases``, ``signs``) and the names of SenML (RFC 8428, RFC 8798). Arithmetic is rational: a
converted number is what the written decimal becomes, rounded once.

Differs from UCUM on purpose: bit, mol and the logarithmic units are dimensions of their own, so
that a percentage never becomes a number of bits, nor decibels a plain ratio.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from math import prod
from typing import Any

from identity.errors import Invalid

UNIT_CHARS_MAX = 64
UNITS_CACHED = 4_096
EXPONENT_MAX = 30  # of 10*30; of metres nobody needs more than a few
DEPTH_MAX = 9  # of brackets
Dimension = tuple[tuple[str, int], ...]
"""(base unit, exponent) by name; () is dimensionless."""


@dataclass(frozen=True, slots=True)
class Unit:
    """``value`` in it is ``value * factor + zero`` in base units; ``zero`` only of temperatures."""

    factor: Fraction
    dimension: Dimension = ()
    zero: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Conversion:
    """``value * gain + shift``; ``same``: nothing changes, not even the number's type."""

    gain: Fraction
    shift: Fraction

    @property
    def same(self) -> bool:
        """Whether a value stays what it is."""
        return self.gain == 1 and not self.shift

    def __call__(self, value: float) -> float:
        """Return the converted number, rounded once; Invalid("value_not_finite") beyond floats."""
        if self.same:
            return value
        try:
            return float(Fraction(repr(value)) * self.gain + self.shift)
        except OverflowError:
            raise Invalid("value_not_finite", value=repr(value)) from None


@lru_cache(UNITS_CACHED)
def conversion(source: str, target: str) -> Conversion:
    """Return how numbers in ``source`` become numbers in ``target``.

    Raises Invalid("unit_unknown") for a text that is no unit of the table, and
    Invalid("unit_unconvertible") for units of different dimensions.
    """
    one, other = unit(source), unit(target)
    if one.dimension != other.dimension:
        raise Invalid("unit_unconvertible", unit=source, wanted=target)
    return Conversion(one.factor / other.factor, (one.zero - other.zero) / other.factor)


@lru_cache(UNITS_CACHED)
def unit(text: str) -> Unit:
    """Return the unit of a UCUM text, or of what people write for it; Invalid("unit_unknown")."""
    code = canonical(text)
    if len(code) > UNIT_CHARS_MAX or not code:
        raise Invalid("unit_unknown", unit=text[:UNIT_CHARS_MAX])
    known = _scaled(code)
    if known is not None:  # the only place where a temperature scale may stand
        return known
    reader = _Reader(code)
    read = reader.term()
    if reader.rest:
        raise reader.refusal()
    return read


def canonical(text: str) -> str:
    """Return UCUM's own writing of a common one: ``°C`` is Cel, ``µg/m³`` ug/m3, ``kWh`` kW.h."""
    table = _table()
    if text in table["aliases"]:
        return str(table["aliases"][text])
    for sign, code in table["signs"].items():
        text = text.replace(sign, code)
    return str(table["aliases"].get(text, text))


def of_senml(name: str) -> str:
    """Return the UCUM code of a SenML unit name; most are the same."""
    return str(_table()["senml"].get(name, name))


class _Reader:
    """Reads ``term := [/] component {(. | /) component}`` from left to right."""

    def __init__(self, text: str, depth: int = 0) -> None:
        self.text, self.rest, self.depth = text, text, depth

    def term(self) -> Unit:
        """Read factors up to the end or a closing bracket."""
        read = Unit(Fraction(1)) if self.rest.startswith("/") else self._component()
        while self.rest and self.rest[0] in "./":
            sign, self.rest = self.rest[0], self.rest[1:]
            read = _times(read, self._component(), 1 if sign == "." else -1)
        return read

    def refusal(self) -> Invalid:
        """Return what to say of a text that is no unit."""
        return Invalid("unit_unknown", unit=self.text)

    def _component(self) -> Unit:
        if self.rest.startswith("("):
            return self._bracket()
        found = _COMPONENT.match(self.rest)
        if found is None:
            raise self.refusal()
        self.rest = self.rest[found.end() :]
        if found["note"] is not None and not found["simple"]:
            return Unit(Fraction(1))
        return self._simple(found["simple"])

    def _bracket(self) -> Unit:
        inner = _Reader(self.text, self.depth + 1)
        inner.rest = self.rest[1:]
        if inner.depth > DEPTH_MAX:
            raise self.refusal()
        read = inner.term()
        if not inner.rest.startswith(")"):
            raise self.refusal()
        self.rest = inner.rest[1:]
        return read

    def _simple(self, text: str) -> Unit:
        if text.isascii() and text.isdecimal() and int(text):
            return Unit(Fraction(int(text)))
        symbol, exponent = _SIMPLE.fullmatch(text).groups()  # type: ignore[union-attr]  # any text
        known = _scaled(symbol)
        if known is None or known.zero or abs(int(exponent or 1)) > EXPONENT_MAX:
            raise self.refusal()
        return _times(Unit(Fraction(1)), known, int(exponent or 1))


_COMPONENT = re.compile(r"(?P<simple>(?:10[*^]|\[[^\]]*\]|[^./(){}\[\]])*)(?P<note>\{[^{}]*\})?")
_SIMPLE = re.compile(r"(10[*^]|.*?)([+-]?[0-9]+)?", re.DOTALL)


def _times(one: Unit, other: Unit, power: int) -> Unit:
    bases = dict(one.dimension)
    for base, exponent in other.dimension:
        bases[base] = bases.get(base, 0) + power * exponent
    dimension = tuple(sorted((base, exponent) for base, exponent in bases.items() if exponent))
    return Unit(one.factor * other.factor**power, dimension)


def _scaled(symbol: str) -> Unit | None:
    """Return an atom with its prefix, if it has one."""
    atoms = _atoms()
    if symbol in atoms:
        return atoms[symbol][0]
    for prefix, scale in _prefixes().items():
        known = atoms.get(symbol[len(prefix) :]) if symbol.startswith(prefix) else None
        if known is not None and known[1]:
            return Unit(known[0].factor * scale, known[0].dimension, known[0].zero)
    return None


@cache
def _atoms() -> Mapping[str, tuple[Unit, bool]]:
    """Return code -> (unit, takes prefixes)."""
    return {code: (_atom(*row), row[2:3] == ["metric"]) for code, row in _table()["atoms"].items()}


def _atom(factor: str, dimension: str, _metric: str = "", zero: str = "0") -> Unit:
    return Unit(_number(factor), _dimension(dimension), _number(zero))


def _dimension(text: str) -> Dimension:
    """Return the dimension written as a term of base units."""
    bases: dict[str, int] = {}
    for sign, base, exponent in re.findall(r"([./]?)([^./\d]+)(\d*)", text):
        step = int(exponent or 1) * (-1 if sign == "/" else 1)
        bases[base] = bases.get(base, 0) + step
    return tuple(sorted(bases.items()))


def _number(text: str) -> Fraction:
    """Return a product of quotients, ``a*b/c``, of decimals."""
    return prod((_quotient(part) for part in text.split("*")), start=Fraction(1))


def _quotient(text: str) -> Fraction:
    first, *others = (Fraction(part) for part in text.split("/"))
    return first / prod(others, start=Fraction(1))


@cache
def _prefixes() -> Mapping[str, Fraction]:
    table = _table()
    tens = {prefix: Fraction(10) ** power for prefix, power in table["prefixes"].items()}
    return tens | {prefix: Fraction(2) ** power for prefix, power in table["binary"].items()}


@cache
def _table() -> dict[str, Any]:
    text = files("twin").joinpath("units.json").read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read
