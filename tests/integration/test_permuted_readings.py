"""Readings permuted and sent again end in the state of a sorted, deduplicated oracle."""

import random

import pytest
from msgspec.structs import replace

from twin.ports import COMMIT_READINGS, Commit
from twin.reading import Before, Quality, Reading, State
from twin.stores.memory import MemoryStates
from twin.stores.postgres import PostgresStates
from twin.stores.sqlite import SqliteStates

pytestmark = pytest.mark.anyio

SERIES, SEED, DAY_S = 500, 20_261_125, 86_400
STORES = ["memory", "sqlite"]
POSTGRES = pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.adapter])
VALUES = (None, True, "开", 0, 0.0, -3, 21.5, 2**60)


@pytest.fixture(params=[*STORES, POSTGRES])
async def store(request, tmp_path):
    if request.param == "memory":
        opened = MemoryStates()
    elif request.param == "sqlite":
        opened = await SqliteStates.open(tmp_path / "state.db")
    else:
        opened = await PostgresStates.open(request.getfixturevalue("database"))
    yield opened
    await opened.close()


def sent(count, seed):
    """So many readings, a tenth of them repetitions, in no order; several at one moment."""
    chance = random.Random(seed)
    fresh = []
    for n in range(count * 9 // 10):
        at = float(chance.randrange(3 * DAY_S) // 30 * 30)
        thing = chance.randrange(SERIES)
        quality = chance.choice((Quality.GOOD, Quality.UNCERTAIN, Quality.BAD))
        value = chance.choice(VALUES)
        fresh.append(
            Reading(f"c{thing}", "p", value, at, at + 9, f"s{thing % 7}", "Cel", quality, n)
        )
    readings = fresh + chance.choices(fresh, k=count - len(fresh))
    chance.shuffle(readings)
    return readings


def oracle(readings):
    """The newest of each series after sorting by (observed_at, n); repetitions count once."""
    of_series = {}
    for reading in readings:
        rows = of_series.setdefault((reading.code, reading.property, reading.source), {})
        rows[reading.observed_at, reading.n] = reading
    found = {}
    for key, rows in of_series.items():
        ordered = [rows[place] for place in sorted(rows)]
        last, before = ordered[-1], ordered[-2] if len(ordered) > 1 else None
        known = None if before is None else Before(before.observed_at, before.n, before.value)
        times = (last.observed_at, last.received_at, 0.0)
        said = (last.value, last.unit, *times, last.quality, last.n, known)
        found[key] = (State(*key, *said), len(ordered))
    return found


async def permuted(store, count):
    readings = sent(count, SEED)
    told = {"applied": 0, "late": 0, "duplicate": 0}
    for begin in range(0, count, COMMIT_READINGS):
        outcome = await store.commit(Commit(readings[begin : begin + COMMIT_READINGS]))
        for result in told:
            told[result] += outcome.count(result)
    wanted = oracle(readings)
    kept = sum(rows for _, rows in wanted.values())
    print(f"\n{type(store).__name__}: {count} sent, {told}, {kept} kept")  # what was counted
    states = await store.states([f"c{n}" for n in range(SERIES)])
    found = {(s.code, s.property, s.source): s for rows in states.values() for s in rows}
    assert {key: replace(s, changed_at=0.0) for key, s in found.items()} == {
        key: state for key, (state, _) in wanted.items()
    }
    assert (told["applied"] + told["late"], told["duplicate"]) == (kept, count - kept)


async def test_twenty_thousand_readings_permuted_and_repeated_end_as_the_oracle_says(store):
    await permuted(store, 20_000)


@pytest.mark.long
@pytest.mark.timeout(3_000)
async def test_a_million_readings_permuted_and_repeated_end_as_the_oracle_says(store):
    await permuted(store, 1_000_000)
