"""What a property is measured in, what is plausible, and when its state is stale: data, not code.

The table is ``properties.json`` beside this file; a city may load one of its own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from identity.errors import Invalid
from twin.reading import Quality, Value

UNKNOWN_CACHED = 4_096
STALE_AFTER_S = 3_600.0  # of properties that the table does not name


@dataclass(frozen=True, slots=True)
class Property:
    """One row: the unit it is kept in (UCUM), what is plausible, seconds until stale.

    ``low``/``high``: a value outside is "uncertain"; ``bad_below``/``bad_above``: it cannot be, and
    is "bad". ``rate_max``: more change a second than this is "uncertain". ``frozen_after_s``: so is
    a value that readings have repeated unchanged for so long. All in ``unit``; None: not checked.
    """

    name: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    stale_after_s: float = STALE_AFTER_S
    bad_below: float | None = None
    bad_above: float | None = None
    rate_max: float | None = None
    frozen_after_s: float | None = None


Table = Mapping[str, Property]


def outside(number: float, low: float | None, high: float | None) -> bool:
    """Return whether a number lies outside of bounds, of which each may be missing."""
    return (low is not None and number < low) or (high is not None and number > high)


def within_range(row: Property, value: Value, unit: str) -> Quality:
    """Return good, uncertain or bad for a number in the row's unit; other values are good."""
    if isinstance(value, bool) or not isinstance(value, int | float) or unit not in {"", row.unit}:
        return Quality.GOOD
    if outside(value, row.bad_below, row.bad_above):
        return Quality.BAD
    return Quality.UNCERTAIN if outside(value, row.low, row.high) else Quality.GOOD


def known(name: str, table: Table | None = None) -> Property:
    """Return the row of a property; an unknown one has no unit and no range."""
    rows = default_table() if table is None else table
    return rows.get(name) or _unknown(name)


@lru_cache(UNKNOWN_CACHED)
def _unknown(name: str) -> Property:
    return Property(name)


@cache
def default_table() -> Table:
    """Return the table that comes with the product."""
    return parse(files("twin").joinpath("properties.json").read_text(encoding="utf-8"))


def load(path: Path) -> Table:
    """Return the table of a city's own file; Invalid("property_table_unreadable")."""
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> Table:
    """Return the table in a JSON text ``{name: {"unit", "low", …}}``, see ``Property``."""
    try:
        rows: dict[str, dict[str, Any]] = json.loads(text)
        return {name: Property(name, **row) for name, row in rows.items()}
    except (ValueError, TypeError, AttributeError) as wrong:
        raise Invalid("property_table_unreadable", reason=str(wrong)) from wrong
