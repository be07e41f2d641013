"""A row beside a Comparison, for stores whose rows are not compared by SQL. Pure."""

import operator
from collections.abc import Callable
from typing import Any

from twin.ports import Comparison
from twin.reading import State

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
}


def compares(row: State, asked: Comparison) -> bool:
    """Return whether the row is of that property and its number stands so."""
    value = row.value
    if row.property != asked.property or isinstance(value, bool | str) or value is None:
        return False
    if asked.high is not None:
        return asked.number <= value <= asked.high
    return _COMPARE[asked.op](value, asked.number)
