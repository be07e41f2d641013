"""State on the wire: the freshest good source of each property, the others beside it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from twin.ports import Sample
from twin.properties import Table, fresh
from twin.reading import Quality, State
from twin.times import rfc3339

_TRUST = {Quality.GOOD: 0, Quality.UNCERTAIN: 1, Quality.STALE: 2, Quality.BAD: 3}

Intervals = Mapping[tuple[str, str], float]
"""(source, property) -> the interval in seconds that the sensor announced."""


def properties_wire(
    states: Iterable[State], now: float, table: Table, intervals: Intervals
) -> dict[str, Any]:
    """Return ``properties`` of /objects/{code}/state: one entry a property, by name."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for state, quality in ranked(states, now, table, intervals):
        by_name.setdefault(state.property, []).append(state_wire(state, quality))
    return {name: {**rows[0], "sources": rows[1:]} for name, rows in sorted(by_name.items())}


def ranked(
    states: Iterable[State], now: float, table: Table, intervals: Intervals
) -> list[tuple[State, Quality]]:
    """Return the states with their quality now: the best quality first, then the newest."""
    rows = [
        (s, fresh(s, now, table=table, interval_s=intervals.get((s.source, s.property))))
        for s in states
    ]
    return sorted(rows, key=lambda row: (_TRUST[row[1]], -row[0].observed_at, row[0].source))


def state_wire(state: State, quality: Quality) -> dict[str, Any]:
    """Return one state row as JSON."""
    return {
        "value": state.value,
        "unit": state.unit,
        "observed_at": rfc3339(state.observed_at),
        "received_at": rfc3339(state.received_at),
        "changed_at": rfc3339(state.changed_at),
        "quality": quality.value,
        "source": state.source,
    }


def samples_wire(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Return history rows as JSON; ``n`` only where the device sent one."""
    return [
        {
            "observed_at": rfc3339(sample.observed_at),
            "received_at": rfc3339(sample.received_at),
            "value": sample.value,
            "unit": sample.unit,
            "quality": sample.quality.value,
            "source": sample.source,
        }
        | ({} if sample.n is None else {"n": sample.n})
        for sample in samples
    ]
