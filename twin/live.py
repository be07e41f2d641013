"""State on the wire: the freshest good source of each property, the others beside it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from twin.channels import NO_CHANNEL, Channel, row_of
from twin.judging import Judged, judge
from twin.ports import Sample
from twin.properties import Table
from twin.reading import Quality, State
from twin.times import rfc3339

_TRUST = {Quality.GOOD: 0, Quality.UNCERTAIN: 1, Quality.STALE: 2, Quality.BAD: 3}

Channels = Mapping[tuple[str, str], Channel]
"""(source, property) -> how the sensor's property is read."""


def properties_wire(
    states: Iterable[State], now: float, table: Table, channels: Channels
) -> dict[str, Any]:
    """Return ``properties`` of /objects/{code}/state: one entry a property, by name."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for state, judged in ranked(states, now, table, channels):
        by_name.setdefault(state.property, []).append(state_wire(state, judged))
    return {name: {**rows[0], "sources": rows[1:]} for name, rows in sorted(by_name.items())}


def ranked(
    states: Iterable[State], now: float, table: Table, channels: Channels
) -> list[tuple[State, Judged]]:
    """Return the states with what is thought of them now: the best first, then the newest."""
    rows = [
        (s, judged(s, now, table, channels.get((s.source, s.property), NO_CHANNEL))) for s in states
    ]
    return sorted(
        rows, key=lambda row: (_TRUST[row[1].quality], -row[0].observed_at, row[0].source)
    )


def judged(state: State, now: float, table: Table, channel: Channel = NO_CHANNEL) -> Judged:
    """Return what is thought of a state now, its sensor's channel considered."""
    row = row_of(state.property, channel, table)
    return judge(state, now, row, channel.interval_s)


def state_wire(state: State, judged: Judged) -> dict[str, Any]:
    """Return one state row as JSON; ``reasons`` say why its quality is not good."""
    observed_at = rfc3339(state.observed_at)
    steady = state.changed_at != state.observed_at
    return {
        "value": state.value,
        "unit": state.unit,
        "observed_at": observed_at,
        "received_at": rfc3339(state.received_at),
        "changed_at": rfc3339(state.changed_at) if steady else observed_at,
        "quality": judged.quality.value,
        "reasons": list(judged.reasons),
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
