"""The conditions of a Where as SQL over things (t), series (s) and a row (x): values are bound."""

from typing import Any

from cim.model import Box
from twin.ports import Comparison, Where
from twin.stores.columns import NUMBERS

Condition = tuple[str, tuple[Any, ...]]

_OPS = {">": "> %s", ">=": ">= %s", "<": "< %s", "<=": "<= %s", "=": "= %s"}
_FORMS = ", ".join(f"'{form}'" for form in NUMBERS)


def conditions(where: Where) -> tuple[str, list[Any]]:
    """Return ``" AND …"`` ("": every row) and its values."""
    lists = (
        ("t.code", where.codes),
        ("t.kind", where.kinds),
        ("s.property", where.properties),
        ("x.quality", tuple(quality.value for quality in where.qualities)),
    )
    equal = (("t.building", where.building), ("t.region", where.region))
    found: list[Condition] = [
        *((f"{name} = ANY(%s)", (list(wanted),)) for name, wanted in lists if wanted),
        *((f"{name} = %s", (wanted,)) for name, wanted in equal if wanted is not None),
        *([_within(where.box)] if where.box is not None else []),
        *([_compared(where.value)] if where.value is not None else []),
    ]
    values = [value for _, bound in found for value in bound]
    return "".join(f" AND {text}" for text, _ in found), values


def _within(box: Box) -> Condition:
    west, south, east, north = box
    text = (
        "point(t.lon, t.lat) <@ box(point(%s, %s), point(%s, %s))"
        " AND t.lon BETWEEN %s AND %s AND t.lat BETWEEN %s AND %s"
    )
    return text, (west, south, east, north, west, east, south, north)


def _compared(asked: Comparison) -> Condition:
    op, bound = _OPS.get(asked.op, "BETWEEN %s AND %s"), (asked.property, asked.number)
    text = f"s.property = %s AND x.form IN ({_FORMS}) AND x.number {op}"
    return text, bound if asked.high is None else (*bound, asked.high)
