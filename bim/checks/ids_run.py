"""Hold an open file against the specifications of an IDS, one by one.

The library's facets decide about one element; who is asked, how often something may be missing and
what is kept of it stands here, so that a specification is bounded and says what it found as facts.
"""

from dataclasses import dataclass, field
from typing import Any

import ifcopenshell
import ifctester.facet

from bim.extract_entities import MALFORMED

MISSED_MAX = 100  # elements kept of one requirement; ``Missing.count`` counts all
SEEN_CHARS_MAX = 120
_BROKEN = (*MALFORMED, AssertionError, StopIteration)
"""What the library raises over values that the schema does not allow."""
_SCHEMAS = {"IFC4X3": "IFC4X3_ADD2"}  # as IDS 1.0 names them


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement: the facet that decides, and what it asks for in a formula."""

    facet: Any
    what: str

    @property
    def kind(self) -> str:
        """Return "entity", "attribute", "classification", "partof", "property" or "material"."""
        kinds = (kind.__name__ for kind in type(self.facet).__mro__)
        return next(kind.lower() for kind in kinds if not kind.startswith("_"))


@dataclass(frozen=True, slots=True)
class Rule:
    """One specification. ``schemas``: those it is for; ``instructions``: of its author."""

    name: str
    schemas: tuple[str, ...]
    required: bool
    prohibited: bool
    applicability: tuple[Any, ...]
    requirements: tuple[Requirement, ...]
    instructions: str = ""


@dataclass(frozen=True, slots=True)
class Missed:
    """An element that misses a requirement; ``guid`` is None where it has no GlobalId.

    ``why``: the library's word for it (NOVALUE, NOPSET, FALSEY, VALUE, DATATYPE, NAME …), or
    "BROKEN" where it could not decide. ``seen``: what stands there instead.
    """

    guid: str | None
    step_id: int
    why: str
    seen: str


@dataclass(slots=True)
class Missing:
    """Who misses one requirement: the number, and the first MISSED_MAX of them."""

    requirement: Requirement
    count: int = 0
    first: list[Missed] = field(default_factory=list)

    def add(self, missed: Missed) -> None:
        """Count one."""
        self.count += 1
        if len(self.first) < MISSED_MAX:
            self.first.append(missed)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one specification says of a file.

    ``meant``: whether the file is of a schema that it names. IDS 1.0 checks it all the same: its
    official case "specification version is purely metadata and does not impact pass or fail
    result". ``found``: how many elements it speaks about; ``named``: the first of them, where it
    forbids them.
    """

    rule: Rule
    meant: bool
    found: int
    named: tuple[Missed, ...] = ()
    missing: tuple[Missing, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing is missed."""
        return not (self.absent or self.forbidden or any(each.count for each in self.missing))

    @property
    def absent(self) -> bool:
        """Whether it asks for something that the file does not have at all."""
        return self.rule.required and not self.found

    @property
    def forbidden(self) -> bool:
        """Whether it forbids what the file has."""
        return self.rule.prohibited and self.found > 0


def outcome(rule: Rule, file: ifcopenshell.file) -> Outcome:
    """Ask ``rule`` about every element it applies to."""
    meant = _SCHEMAS.get(file.schema, file.schema) in rule.schemas
    elements = _applicable(rule, file)
    missing = tuple(Missing(requirement) for requirement in rule.requirements)
    for element in elements:
        for each in missing:
            missed = _missed(each.requirement.facet, element)
            if missed is not None:
                each.add(missed)
    named = elements[:MISSED_MAX] if rule.prohibited else []
    told = tuple(_named(element, "PROHIBITED", "") for element in named)
    return Outcome(rule, meant, len(elements), told, missing)


def _applicable(rule: Rule, file: ifcopenshell.file) -> list[Any]:
    """Return the elements that meet every facet of the applicability."""
    elements: Any = None
    for facet in rule.applicability:
        elements = facet.filter(file, elements)
    others = [f for f in rule.applicability if not isinstance(f, ifctester.facet.Entity)]
    return [element for element in elements or [] if all(_holds(f, element) for f in others)]


def _holds(facet: Any, element: Any) -> bool:
    try:
        return bool(facet(element))
    except _BROKEN:
        return False


def _missed(facet: Any, element: Any) -> Missed | None:
    try:
        result = facet(element)
    except _BROKEN as failure:
        return _named(element, "BROKEN", f"{type(failure).__name__}: {failure}")
    if result:
        return None
    reason = result.reason or {}
    return _named(element, str(reason.get("type", "")), _seen(reason.get("actual")))


def _named(element: Any, why: str, seen: str) -> Missed:
    return Missed(getattr(element, "GlobalId", None), element.id(), why, seen[:SEEN_CHARS_MAX])


def _seen(actual: Any) -> str:
    """Return the value that stands there in words; "" where none does."""
    if actual is None:
        return ""
    if isinstance(actual, list | tuple | set):
        return ", ".join(sorted({str(value) for value in actual if value is not None}))
    return str(actual)
