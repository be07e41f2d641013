"""Check an opened IFC file against an IDS 1.0 (buildingSMART Information Delivery Specification).

read (limits, no DTD, XSD, what the XSD cannot say) → tolerate → validate → ``Checked``

A pattern is a regular expression of a stranger: untrusted IDS files belong into a child.
"""

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import ifcopenshell
import ifctester.facet
import ifctester.ids

from bim.checks import ids_types
from identity.errors import Invalid, TooLarge

BYTES_MAX = 4 * 1024 * 1024
SPECIFICATIONS_MAX = 1_000
FAILURES_MAX = 1_000  # kept for each requirement; ``Requirement.failed`` counts all
TOLERANCE = 1e-6  # IDS 1.0, "Floating point tolerance": |v| * 1e-6 + 1e-6
BOUNDS = {"minInclusive": -1, "maxInclusive": 1, "minExclusive": 1, "maxExclusive": -1}
"""Where the tolerance moves a bound: inclusive ones let more in, exclusive ones less."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One element that misses one requirement; ``guid`` is None where it has no GlobalId."""

    guid: str | None
    step_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement: its kind ("Property", …), how many elements miss it, and the first."""

    kind: str
    passed: bool
    failed: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Specification:
    """One specification; ``applicable``: how many elements it speaks about."""

    name: str
    passed: bool
    applicable: int
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What an IDS says of a file."""

    title: str
    specifications: tuple[Specification, ...]

    @property
    def passed(self) -> bool:
        """Whether every specification is met."""
        return all(specification.passed for specification in self.specifications)


def check(file: ifcopenshell.file, data: bytes) -> Checked:
    """Check ``file`` against the IDS in ``data``.

    Raises TooLarge("ids_too_large"), Invalid("ids_invalid").
    """
    rules = read(data)
    rules.validate(file)
    return Checked(str(rules.info["title"]), tuple(_said(rule) for rule in rules.specifications))


def read(data: bytes) -> Any:
    """Return ifctester's IDS of ``data``; raises as ``check`` does."""
    if len(data) > BYTES_MAX:
        raise TooLarge("ids_too_large", what="bytes", count=len(data), limit=BYTES_MAX)
    rules = _parsed(data)
    if len(rules.specifications) > SPECIFICATIONS_MAX:
        count = len(rules.specifications)
        raise TooLarge(
            "ids_too_large", what="specifications", count=count, limit=SPECIFICATIONS_MAX
        )
    for rule in rules.specifications:
        _refuse(rule)
        for facet in (*rule.applicability, *rule.requirements):
            _tolerate(facet)
    return rules


def _parsed(data: bytes) -> Any:
    """Parse UTF-8 only: a DTD in another encoding would pass the look for one."""
    try:
        text = data.decode("utf-8-sig").strip()
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise Invalid("ids_invalid", reason="DOCTYPE")
        ET.fromstring(text)  # noqa: S314 - no DTD; what is no XML would be taken for a path below
        ifctester.ids.get_schema().validate(text)
        return ifctester.ids.from_string(text)
    except (ValueError, ET.ParseError, ifctester.ids.IdsXmlValidationError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise Invalid("ids_invalid", reason=str(reason)[:300]) from error


def _refuse(rule: Any) -> None:
    """Refuse what the XSD lets pass and the official invalid cases ask to be refused."""
    if rule.maxOccurs == 0 and rule.requirements:
        raise Invalid("ids_invalid", reason=f"{rule.name}: prohibited, with requirements")
    for facet in (*rule.applicability, *rule.requirements):
        if isinstance(facet, ifctester.facet.Entity):
            _entity(rule, facet.name)
        elif isinstance(facet, ifctester.facet.Property) and isinstance(facet.dataType, str):
            _typed(rule, facet, _data_type(rule, facet.dataType))
        elif isinstance(facet, ifctester.facet.Attribute) and isinstance(facet.name, str):
            _attribute(rule, facet)


def _entity(rule: Any, name: Any) -> None:
    if not isinstance(name, str):
        return
    known = any(ids_types.declared(version, name) for version in rule.ifcVersion)
    if not known or name != name.upper():
        raise Invalid("ids_invalid", reason=f"{rule.name}: {name}")


def _attribute(rule: Any, facet: Any) -> None:
    """Check an attribute by the classes the specification applies to, where it names them."""
    entities = [f.name for f in rule.applicability if isinstance(f, ifctester.facet.Entity)]
    for entity in (name for name in entities if isinstance(name, str)):
        kind = ids_types.attribute(rule.ifcVersion, entity, facet.name)
        if kind is None or (kind == "object" and facet.value):
            raise Invalid("ids_invalid", reason=f"{rule.name}: {entity}.{facet.name}")
        _typed(rule, facet, kind)


def _data_type(rule: Any, name: str) -> str:
    found = [ids_types.declared(version, name) for version in rule.ifcVersion]
    return next((ids_types.base(one) for one in found if one is not None), "object")


def _typed(rule: Any, facet: Any, kind: str) -> None:
    """Refuse a value its type cannot have; a plain real becomes the range its tolerance allows."""
    value = facet.value
    if isinstance(value, ifctester.facet.Restriction):
        if "pattern" in value.options and kind in ids_types.WRITTEN:
            raise Invalid("ids_invalid", reason=f"{rule.name}: pattern of a {kind}")
    elif isinstance(value, str) and value:
        if not ids_types.written(kind, value):
            raise Invalid("ids_invalid", reason=f"{rule.name}: {value}")
        if kind == "real":
            bounds = {"minInclusive": value, "maxInclusive": value}
            facet.value = ifctester.facet.Restriction(bounds, "double")


def _tolerate(facet: Any) -> None:
    """Give real numbers the tolerance of IDS 1.0, which the library has only in part (0025)."""
    value = getattr(facet, "value", None)
    if isinstance(value, ifctester.facet.Restriction) and value.base != "integer":
        for bound in BOUNDS.keys() & value.options.keys():
            number = float(value.options[bound])
            value.options[bound] = number + BOUNDS[bound] * _tolerance(number)


def _tolerance(number: float) -> float:
    return abs(number) * TOLERANCE + TOLERANCE


def _said(rule: Any) -> Specification:
    requirements = tuple(
        Requirement(
            type(facet).__name__,
            bool(facet.status),
            len(facet.failures),
            tuple(_failure(failure) for failure in facet.failures[:FAILURES_MAX]),
        )
        for facet in rule.requirements
    )
    return Specification(rule.name, bool(rule.status), len(rule.applicable_entities), requirements)


def _failure(failure: Any) -> Failure:
    element = failure["element"]
    return Failure(getattr(element, "GlobalId", None), element.id(), str(failure["reason"]))
