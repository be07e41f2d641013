"""Values of an IDS: what they ask for in a formula, and the tolerance of real numbers.

IDS 1.0 (Documentation, tolerance): x equals v between v - |v| * 1e-6 - 1e-6 and v + |v| * 1e-6
+ 1e-6. The official cases let these bounds themselves pass, each summed in decimal and rounded
once; of ranges, "<= 0" lets 1e-6 in and "> 0" needs more than 1e-6 (a draft after 1.0 gives ranges
no tolerance).
"""

import re
from decimal import Decimal
from typing import Any

import ifctester.facet
from elementpath.regex import RegexError, translate_pattern

from bim.checks.ids_types import NUMBER
from identity.errors import Invalid

TOLERANCE = Decimal("1e-6")
PATTERN_CHARS_MAX = 2_000
WORD_CHARS_MAX = 200
_OUTWARD = {"minInclusive": -1, "maxInclusive": 1, "minExclusive": 1, "maxExclusive": -1}
_SIGNS = {"minInclusive": "≥", "maxInclusive": "≤", "minExclusive": ">", "maxExclusive": "<"}
_REALS = frozenset({"double", "decimal", "float"})


class AnyOf:
    """Equal to what any of the choices is equal to: enumerated numbers, each with its tolerance."""

    __hash__ = None  # type: ignore[assignment] # a rule, not a value

    def __init__(self, choices: list[Any]) -> None:
        self._choices = choices

    def __eq__(self, other: object) -> bool:
        return any(choice == other for choice in self._choices)


def prepare(facet: Any, kinds: set[str] | None) -> None:
    """Give the numbers of a facet their tolerance, and patterns their meaning in XSD.

    ``kinds``: what the value may be ("real", "integer", "string" …); None where nobody knows.
    """
    for name in facet.parameters:
        value = getattr(facet, name.replace("@", ""))
        if isinstance(value, ifctester.facet.Restriction):
            setattr(facet, name, _restricted(value))
        elif name == "value" and isinstance(value, str) and value and kinds == {"real"}:
            facet.value = _around(float(value))


def said(facet: Any) -> str:
    """Return what a requirement asks for as a formula of no language."""
    name = type(facet).__name__
    if name == "Property":
        kind = f" ({facet.dataType})" if facet.dataType else ""
        text = f"{word(facet.propertySet)}.{word(facet.baseName)}{kind}{_equals(facet.value)}"
    elif name == "Attribute":
        text = f"{word(facet.name)}{_equals(facet.value)}"
    elif name == "Classification":
        text = f"{word(facet.system)}{_equals(facet.value)}"
    elif name == "Material":
        text = word(facet.value) if facet.value else "*"
    else:
        kind = f".{word(facet.predefinedType)}" if facet.predefinedType else ""
        relation = getattr(facet, "relation", None)
        text = f"{word(facet.name)}{kind}" + (f" ({relation})" if relation else "")
    return text[:WORD_CHARS_MAX]


def word(value: Any) -> str:
    """Return a value or a restriction in words: a | b, /pattern/, ≥ 1, 2…5 characters."""
    if not isinstance(value, ifctester.facet.Restriction):
        return str(value)
    return " ∧ ".join(_condition(name, option) for name, option in value.options.items())


def texts(option: Any) -> list[str]:
    """Return the values of an option of a restriction, be it one or several."""
    return [str(each) for each in option] if isinstance(option, list) else [str(option)]


def matcher(pattern: str) -> re.Pattern[str]:
    """Return an XSD pattern as Python matches it; Invalid("ids_invalid")."""
    try:
        if len(pattern) > PATTERN_CHARS_MAX:
            raise Invalid("ids_invalid", reason=f"pattern: > {PATTERN_CHARS_MAX}")
        translated = translate_pattern(
            pattern, back_references=False, lazy_quantifiers=False, anchors=False
        )
        return re.compile(translated)
    except (RegexError, re.error, OverflowError, RecursionError) as error:
        raise Invalid("ids_invalid", reason=f"pattern: {error}"[:300]) from error


def _equals(value: Any) -> str:
    return f" = {word(value)}" if value else ""


def _condition(name: str, option: Any) -> str:
    if name == "enumeration":
        return " | ".join(texts(option))
    if name == "pattern":
        return " | ".join(f"/{pattern}/" for pattern in texts(option))
    return f"{_SIGNS.get(name, name)} {option}"


def _around(number: float) -> Any:
    bounds = {"minInclusive": _moved(number, -1), "maxInclusive": _moved(number, 1)}
    return ifctester.facet.Restriction(bounds, "double")


def _moved(number: float, way: int) -> float:
    """Return a bound moved by the tolerance; binary sums would miss the printed bounds."""
    exact = Decimal(repr(number))
    return float(exact + way * (abs(exact) * TOLERANCE + TOLERANCE))


def _restricted(value: Any) -> Any:
    """Return a restriction with its bounds moved; enumerated reals become ranges.

    Several patterns are alternatives (XML Schema Part 2, 4.3.4.3); the library asks for all.
    """
    if value.base != "integer":
        for bound in _OUTWARD.keys() & value.options.keys():
            value.options[bound] = _moved(float(value.options[bound]), _OUTWARD[bound])
    patterns = value.options.get("pattern")
    if isinstance(patterns, list):
        value.options["pattern"] = "|".join(f"({pattern})" for pattern in patterns)
    choices = texts(value.options.get("enumeration", []))
    if value.base in _REALS and choices and all(NUMBER.fullmatch(text) for text in choices):
        return AnyOf([_around(float(text)) for text in choices])
    return value
