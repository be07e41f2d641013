"""What a property is measured in, what is plausible, and when its state is stale: data, not code.

The table is ``properties.json`` beside this file; a city may load one of its own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from identity.errors import Invalid
from twin.reading import Quality, State, Value

STALE_AFTER_S = 3_600.0  # of properties that the table does not name
STALE_INTERVALS = 3.0  # a device that announced its interval may miss this many less one


@dataclass(frozen=True, slots=True)
class Property:
    """One row: the customary unit (UCUM-like text), plausible range, seconds until stale.

    ``low``/``high`` are in ``unit``; None is unbounded. A value outside is kept, but "uncertain".
    """

    name: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    stale_after_s: float = STALE_AFTER_S


Table = Mapping[str, Property]


def fresh(
    state: State, now: float, *, table: Table | None = None, interval_s: float | None = None
) -> Quality:
    """Return the quality of ``state`` at ``now`` (Unix seconds): stale when it is too old.

    Too old is ``stale_after_s`` of its property, or STALE_INTERVALS announced intervals if longer.
    Bad stays bad: an old wrong value is wrong first of all.
    """
    if state.quality is Quality.BAD or now - state.observed_at <= stale_after(
        state.property, table=table, interval_s=interval_s
    ):
        return state.quality
    return Quality.STALE


def stale_after(name: str, *, table: Table | None = None, interval_s: float | None = None) -> float:
    """Return after how many seconds without a reading the property is stale."""
    limit_s = known(name, table).stale_after_s
    return limit_s if interval_s is None else max(limit_s, STALE_INTERVALS * interval_s)


def plausible(name: str, value: Value, unit: str, *, table: Table | None = None) -> bool:
    """Return whether a number in the customary unit (or without one) lies in the range."""
    row = known(name, table)
    if isinstance(value, bool) or not isinstance(value, int | float) or unit not in {"", row.unit}:
        return True
    return (row.low is None or value >= row.low) and (row.high is None or value <= row.high)


def known(name: str, table: Table | None = None) -> Property:
    """Return the row of a property; an unknown one has no unit and no range."""
    rows = default_table() if table is None else table
    return rows.get(name) or Property(name)


@cache
def default_table() -> Table:
    """Return the table that comes with the product."""
    return parse(files("twin").joinpath("properties.json").read_text(encoding="utf-8"))


def load(path: Path) -> Table:
    """Return the table of a city's own file; Invalid("property_table_unreadable")."""
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> Table:
    """Return the table in a JSON text ``{name: {unit, low, high, stale_after_s}}``."""
    try:
        rows: dict[str, dict[str, Any]] = json.loads(text)
        return {name: Property(name, **row) for name, row in rows.items()}
    except (ValueError, TypeError, AttributeError) as wrong:
        raise Invalid("property_table_unreadable", reason=str(wrong)) from wrong
