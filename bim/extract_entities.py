"""Reading attributes that may hold anything: the parser does not check types against the schema.

A relation may name a number where an entity belongs. What is not of the kind asked for is absent
here; what else goes wrong in one row is caught there (``MALFORMED``) and said by a finding.
"""

import math
from typing import Any

from ifcopenshell import entity_instance

MALFORMED = (TypeError, ValueError, AttributeError, LookupError, RuntimeError, ArithmeticError)
"""What reading an attribute of the wrong type raises, in Python or in the parser."""


def entity(value: Any, ifc_class: str = "") -> Any:
    """Return ``value`` when it is an entity (of that class), else None."""
    if not isinstance(value, entity_instance) or not value.id():
        return None
    return value if not ifc_class or is_a(value, ifc_class) else None


def is_a(value: Any, ifc_class: str) -> bool:
    """Tell whether an instance is of a class or below it."""
    return bool(value.is_a(ifc_class))


def entities(value: Any) -> list[Any]:
    """Return the entities in a list attribute; a single entity is a list of one."""
    items = value if isinstance(value, tuple | list) else (value,)
    return [item for item in items if isinstance(item, entity_instance) and item.id()]


def number(value: Any) -> float | None:
    """Return a finite number, also out of a measure (IfcLengthMeasure(3.)), else None."""
    if isinstance(value, entity_instance):
        value = None if value.id() else value[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def numbers(value: Any) -> tuple[float, ...]:
    """Return a list of finite numbers (coordinates, ratios), empty when one of them is none."""
    items = value if isinstance(value, tuple | list) else ()
    found = [number(item) for item in items]
    return () if None in found else tuple(item for item in found if item is not None)
