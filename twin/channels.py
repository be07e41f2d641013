"""How one property of one sensor is read: unit, interval, bounds of its own, calibrations.

Kept as ``channels`` among a Sensor's properties, ``{property: {"unit", "interval_s", "low", "high",
"calibrations": [{"since", "gain", "offset"}]}}``; a sensor without any takes every property.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

from cim.model import Entity
from twin.properties import Property, Table, known

ROWS_CACHED = 65_536


@dataclass(frozen=True, slots=True)
class Calibration:
    """From ``since`` (Unix seconds) on, a value is ``value * gain + offset``.

    Both in the unit that the state is kept in.
    """

    since: float
    gain: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Channel:
    """One property of a sensor. ``low``/``high``: plausible here (places of this car park).

    ``unit``: of messages that name none. ``calibrations``: oldest first.
    """

    unit: str = ""
    interval_s: float | None = None
    low: float | None = None
    high: float | None = None
    calibrations: tuple[Calibration, ...] = ()

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """Return the channel that a Sensor's properties tell of."""
        calibrations = tuple(Calibration(**row) for row in said.get("calibrations", ()))
        kept = {name: said.get(name) for name in ("interval_s", "low", "high")}
        return cls(said.get("unit") or "", calibrations=calibrations, **kept)

    def said(self) -> dict[str, Any]:
        """Return what ``of`` reads; what is not set is left out."""
        facts = {"unit": self.unit, "interval_s": self.interval_s, "low": self.low}
        rows = [{"since": c.since, "gain": c.gain, "offset": c.offset} for c in self.calibrations]
        told = {**facts, "high": self.high, "calibrations": rows}
        return {name: value for name, value in told.items() if value not in (None, [])}

    def calibration(self, at: float) -> Calibration | None:
        """Return the calibration in force at ``at`` (Unix seconds)."""
        return next((c for c in reversed(self.calibrations) if c.since <= at), None)


NO_CHANNEL = Channel()


def channels_of(sensor: Entity) -> dict[str, Channel]:
    """Return {property: channel} that a sensor is bound for; {}: it takes every property."""
    rows = sensor.properties.get("channels")
    if isinstance(rows, Mapping) and rows:
        return {name: Channel.of(row) for name, row in rows.items()}
    name = sensor.properties.get("property")
    return {name: Channel.of(sensor.properties)} if name else {}


@lru_cache(ROWS_CACHED)
def _merged(row: Property, channel: Channel) -> Property:
    low = row.low if channel.low is None else channel.low
    high = row.high if channel.high is None else channel.high
    return replace(row, unit=row.unit or channel.unit, low=low, high=high)


def row_of(name: str, channel: Channel = NO_CHANNEL, table: Table | None = None) -> Property:
    """Return the row of a property with the bounds of the channel in place of the table's.

    The table's unit stands, so that all sources of a property can be compared; a property that the
    table does not know is kept in the unit of the channel.
    """
    row = known(name, table)
    if channel.low is None and channel.high is None and (row.unit or not channel.unit):
        return row
    return _merged(row, channel)
