"""A rule's outcome: pass, fail or not applicable, with the instances that break it (bounded).

A rule is a generator over a ``Case``: it yields None for each thing it applies to that is right, a
``Fault`` for each that is not, and nothing where it does not apply.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bim.extract_entities import MALFORMED, is_a
from bim.rules.case import Case

FAULTS_KEPT = 20  # a rule; all are counted


class Verdict(StrEnum):
    """What a rule says of a file."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    FAIL = "fail"
    NA = "na"


@dataclass(frozen=True, slots=True)
class Fault:
    """One instance that breaks a rule; ``seen`` is what stands there, in terms of the schema.

    ``step_id`` and ``ifc_class`` are None and "" where what is missing has no instance.
    """

    seen: str
    step_id: int | None = None
    guid: str | None = None
    ifc_class: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict of one rule; ``faults`` are the first FAULTS_KEPT of ``fault_count``."""

    verdict: Verdict
    faults: tuple[Fault, ...] = ()
    fault_count: int = 0


Rule = Callable[[Case], Iterator[Fault | None]]


def judge(found: Iterable[Fault | None]) -> Outcome:
    """Run a rule to its end; keeps FAULTS_KEPT faults and counts the rest."""
    applied, kept, count = False, [], 0
    for fault in found:
        applied = True
        if fault is not None:
            count += 1
            if count <= FAULTS_KEPT:
                kept.append(fault)
    verdict = Verdict.FAIL if count else Verdict.PASS if applied else Verdict.NA
    return Outcome(verdict, tuple(kept), count)


def fault(entity: Any, seen: str) -> Fault:
    """Return the fault of one instance."""
    guid = value(entity, "GlobalId")
    return Fault(seen, entity.id(), guid if isinstance(guid, str) else None, entity.is_a())


def verdict_on(entity: Any, *, right: bool, seen: str) -> Fault | None:
    """Return None for what is right, else its fault."""
    return None if right else fault(entity, seen)


def value(entity: Any, name: str) -> Any:
    """Return an attribute, direct or inverse; None where the schema has none or it is malformed."""
    try:
        return getattr(entity, name, None)
    except MALFORMED:
        return None


def empty(entity: Any, name: str) -> bool:
    """Tell whether an attribute is unset, "" or an empty list; one the schema lacks is empty."""
    found = value(entity, name)
    return found is None or (isinstance(found, str | tuple) and not found)


def is_any(entity: Any, classes: Iterable[str]) -> bool:
    """Tell whether an instance is of one of the classes or below one."""
    return any(is_a(entity, ifc_class) for ifc_class in classes)
