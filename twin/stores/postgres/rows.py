"""Values to columns and back (schema.sql and history.sql say how each is kept)."""

import json
from collections.abc import Sequence
from typing import Any

from twin.ports import Change, Projection, Sample
from twin.quarantine import Kept, Quarantined
from twin.reading import Before, Quality, Reading, State
from twin.retention import day_of
from twin.stores.columns import columns, value

_QUALITIES = {quality.value: quality for quality in Quality}

BEFORE = "before_at, before_tie, before_form, before_number, before_exact"
STATE = f"form, number, exact, unit, observed_at, received_at, changed_at, quality, tie, {BEFORE}"
SAMPLE = "observed_at, tie, received_at, form, number, exact, unit, quality"
HISTORY = f"series, day, {SAMPLE}, changed_at"
PLACE = "kind, name, region, building, lon, lat, grid2d"


def state_row(state: State) -> tuple[Any, ...]:
    """Return the columns STATE."""
    return (
        *columns(state.value),
        state.unit,
        state.observed_at,
        state.received_at,
        state.changed_at,
        state.quality._value_,
        tie_of(state.n),
        *_before_row(state.before),
    )


def history_row(series: int, reading: Reading, changed_at: float | None) -> tuple[Any, ...]:
    """Return the columns HISTORY; ``changed_at`` None: the row was never the state."""
    return (
        series,
        day_of(reading.observed_at),
        reading.observed_at,
        tie_of(reading.n),
        reading.received_at,
        *columns(reading.value),
        reading.unit,
        reading.quality._value_,
        changed_at,
    )


def state_of(row: Sequence[Any]) -> State:
    """Return the state from code, property, source and the columns STATE."""
    code, name, source, form, number, exact, unit, observed_at, received_at = row[:9]
    changed_at, quality, tie, *before = row[9:]
    return State(
        code,
        name,
        source,
        value(form, number, exact),
        unit,
        observed_at,
        received_at,
        changed_at,
        _QUALITIES[quality],
        n_of(tie),
        None if before[0] is None else Before(before[0], n_of(before[1]), value(*before[2:])),
    )


def tie_of(n: int | None) -> int:
    """Return n as a column; a missing n is -1 and sorts before every n."""
    return -1 if n is None else n


def n_of(tie: int) -> int | None:
    """Return the n that ``tie_of`` made a column of."""
    return None if tie < 0 else tie


def _before_row(before: Before | None) -> tuple[Any, ...]:
    if before is None:
        return (None, None, None, None, None)
    return before.observed_at, tie_of(before.n), *columns(before.value)


def sample_of(source: str, row: Sequence[Any]) -> Sample:
    """Return the sample from the columns SAMPLE."""
    observed_at, tie, received_at, form, number, exact, unit, quality = row
    said = value(form, number, exact)
    return Sample(observed_at, received_at, said, unit, _QUALITIES[quality], source, n_of(tie))


def change_of(row: Sequence[Any]) -> Change:
    """Return the change from sequence, code, property, source, STATE and PLACE."""
    known = Projection(*row[18:])
    return Change(row[0], state_of(row[1:18]), known if known.kind else None)


def quarantined_of(row: Sequence[Any]) -> Quarantined:
    """Return the quarantined message from its columns; the last: how many are kept whole."""
    identity, reason, device, topic, payload, received_at, facts, count, tenant, kept = row
    return Quarantined(
        *(reason, device, topic, bytes(payload), received_at),
        *(json.loads(facts), identity, count, tenant),
        kept=kept,
    )


def kept_of(row: Sequence[Any]) -> Kept:
    """Return a whole message from the columns payload, received_at, client, retained, id."""
    payload, received_at, client, retained, identity = row
    return Kept(bytes(payload), received_at, client, retained, identity)


def quarantine_row(row: Quarantined) -> tuple[Any, ...]:
    """Return the columns reason … tenant."""
    facts = json.dumps(dict(row.facts), ensure_ascii=False, default=str)
    texts = (row.reason, row.device, row.topic, facts, row.tenant)
    reason, device, topic, told, tenant = map(shown, texts)
    return reason, device, topic, row.payload, row.received_at, told, row.count, tenant


def shown(text: str) -> str:
    """Return a text that PostgreSQL holds: without NUL, and whole characters only."""
    kept = text.encode("utf-8", "replace").decode("utf-8")
    return kept.replace("\0", "\N{SYMBOL FOR NULL}")
