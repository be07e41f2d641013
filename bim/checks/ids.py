"""Read an IDS 1.0 (buildingSMART Information Delivery Specification) and hold a file against it.

read (limits, no DTD, XSD, ``ids_audit``) → tolerances (``ids_values``) → check (``ids_run``)

A pattern is a regular expression of a stranger: IDS files are read and run in children alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import ifcopenshell
import ifctester.facet
import ifctester.ids

from bim.checks import ids_audit, ids_run, ids_values
from bim.checks.ids_run import Outcome, Requirement, Rule
from identity.errors import Invalid, TooLarge

BYTES_MAX = 4 * 1024 * 1024
SPECIFICATIONS_MAX = 1_000
FACETS_MAX = 10_000  # of all specifications together
_SPECIFICATION = "{http://standards.buildingsmart.org/IDS}specification"
_REASON_CHARS_MAX = 300


@dataclass(frozen=True, slots=True)
class Rules:
    """An IDS that was read; ``title`` as its author wrote it."""

    title: str
    rules: tuple[Rule, ...]


def check(file: ifcopenshell.file, data: bytes) -> Iterator[Outcome]:
    """Yield what each specification of the IDS in ``data`` says of ``file``; raises as ``read``."""
    return (ids_run.outcome(rule, file) for rule in read(data).rules)


def passed(outcomes: list[Outcome]) -> bool:
    """Tell whether no specification is missed."""
    return all(outcome.passed for outcome in outcomes)


def read(data: bytes) -> Rules:
    """Return the rules of an IDS. Raises TooLarge("ids_too_large"), Invalid("ids_invalid")."""
    if len(data) > BYTES_MAX:
        raise TooLarge("ids_too_large", what="bytes", count=len(data), limit=BYTES_MAX)
    text = _text(data)
    try:
        ifctester.ids.get_schema().validate(text)
        parsed = ifctester.ids.from_string(text)
    except (ValueError, RecursionError, ifctester.ids.IdsXmlValidationError) as error:
        raise _invalid(getattr(error, "reason", None) or error) from error
    for rule in parsed.specifications:
        ids_audit.audit(rule)
    return Rules(str(parsed.info["title"]), tuple(_rule(rule) for rule in parsed.specifications))


def _text(data: bytes) -> str:
    """Return the XML, UTF-8 only: a DTD in another encoding would pass the look for one."""
    try:
        text = data.decode("utf-8-sig").strip()
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise _invalid("DOCTYPE")
        root = ET.fromstring(text)  # noqa: S314 - no DTD; no XML would be taken for a path below
    except (ValueError, ET.ParseError) as error:
        raise _invalid(error) from error
    _bound("specifications", sum(1 for _ in root.iter(_SPECIFICATION)), SPECIFICATIONS_MAX)
    _bound("elements", sum(1 for _ in root.iter()), 10 * FACETS_MAX)
    return text


def _bound(what: str, count: int, limit: int) -> None:
    if count > limit:
        raise TooLarge("ids_too_large", what=what, count=count, limit=limit)


def _invalid(reason: object) -> Invalid:
    return Invalid("ids_invalid", reason=str(reason)[:_REASON_CHARS_MAX])


def _rule(said: Any) -> Rule:
    """Return a specification as it is run: words first, then tolerances move its numbers."""
    kinds = [ids_audit.kinds(said, facet) for facet in said.requirements]
    named = [(facet, ids_values.said(facet)) for facet in said.requirements]
    for facet in said.applicability:
        ids_values.prepare(facet, ids_audit.kinds(said, facet))
    for facet, kind in zip(said.requirements, kinds, strict=True):
        ids_values.prepare(facet, kind)
    return Rule(
        name=str(said.name),
        schemas=tuple(said.ifcVersion),
        required=said.minOccurs != 0,
        prohibited=said.maxOccurs == 0,
        applicability=tuple(said.applicability),
        requirements=tuple(Requirement(_nullable(facet), what) for facet, what in named),
        instructions=str(said.instructions or ""),
    )


def _nullable(facet: Any) -> Any:
    """Return an attribute that may be left out as one that passes where nothing stands.

    "If the attribute exists on applicable objects, it needs to have the value" (IDS 1.0, user
    manual, attribute facet, OPTIONAL); ifctester 0.9.0 fails what is null.
    """
    if isinstance(facet, ifctester.facet.Attribute) and facet.cardinality == "optional":
        return _Nullable(facet.name, facet.value, facet.cardinality, facet.instructions)
    return facet


class _Nullable(ifctester.facet.Attribute):  # type: ignore[misc] # the library has no types
    def __call__(self, inst: Any, logger: Any = None) -> Any:
        names = [name for name in inst.get_info(recursive=False) if name == self.name]
        if all(getattr(inst, name, None) is None for name in names):
            return ifctester.facet.AttributeResult(True)
        return super().__call__(inst, logger)
