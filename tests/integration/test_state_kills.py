"""SIGKILL the writing process: what was acknowledged is there exactly once, nothing by halves.

Run as a script this file is the writer: it continues behind the committed journal offset, commits
batches that follow from their number, and prints each number after its commit returned.
"""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from twin.ports import Commit, Projection
from twin.reading import Reading
from twin.stores.postgres import PostgresStates
from twin.stores.sqlite import SqliteStates

BATCH, SERIES = 200, 40
HERE = Projection("Element", building="tower", lon=114.4, lat=30.5)


def batch(number):
    """Readings numbered through; every fifth one is late, every seventh is sent twice."""
    readings = []
    for i in range(BATCH):
        at = float(number * BATCH + i)
        at = at - 10_000_000 if i % 5 == 0 else at
        one = Reading(f"thing{i % SERIES}", "power", i, at, at, "s", n=number)
        readings += [one, one] if i % 7 == 0 else [one]
    return readings


def expected(batches):
    keys = {(r.code, r.observed_at, r.n) for number in range(batches) for r in batch(number)}
    return sorted(keys)


async def opened(place):
    """Open the store of a URL or a file."""
    adapter = PostgresStates if str(place).startswith("postgresql:") else SqliteStates
    return await adapter.open(place)


async def write_for_ever(place):
    store = await opened(place)
    number = await store.offset("journal")
    while True:
        readings = batch(number)
        projections = {r.code: HERE for r in readings}
        await store.commit(Commit(readings, projections, journal="journal", offset=number + 1))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += 1


def killed_writer(path, acknowledged):
    """Start a writer, let it acknowledge so many commits, kill it; return the last number told."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    writer = subprocess.Popen(
        [sys.executable, __file__, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        for _ in range(acknowledged):
            line = writer.stdout.readline()
            assert line, "the writer ended by itself"
    finally:
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read()
        writer.stdout.close()
    assert writer.wait() == -signal.SIGKILL
    told = rest.split() or [line]
    return int(told[-1])


async def all_keys(store):
    keys = []
    for thing in (f"thing{i}" for i in range(SERIES)):
        after = None
        while page := await store.history(
            thing, "power", start=-1e12, stop=1e12, limit=1000, after=after
        ):
            keys += [(thing, s.observed_at, s.n) for s in page]
            after = (page[-1].observed_at, page[-1].source, page[-1].n)
    return sorted(keys)


async def check(path, last_told):
    store = await opened(path)
    committed = await store.offset("journal")
    assert committed >= last_told + 1, "an acknowledged commit is missing"
    assert await all_keys(store) == expected(committed)
    changes, after = [], 0
    while page := await store.changes(after, limit=5000):
        changes += page
        after = page[-1].sequence
    assert [c.sequence for c in changes] == list(range(1, len(changes) + 1))
    newest = {c.state.code: c.state for c in changes}
    states = await store.states(sorted(newest))
    assert {code: rows[0] for code, rows in states.items()} == newest
    await store.close()


async def kills(path, count, seed):
    chance = random.Random(seed)
    for _ in range(count):
        await check(path, killed_writer(path, chance.randint(1, 12)))


@pytest.mark.anyio
async def test_five_kills_lose_nothing_and_repeat_nothing(tmp_path):
    await kills(tmp_path / "state.db", 5, seed=1)


@pytest.mark.anyio
@pytest.mark.long
@pytest.mark.timeout(900)
async def test_a_hundred_kills_lose_nothing_and_repeat_nothing(tmp_path):
    for seed in range(10):
        await kills(tmp_path / f"state{seed}.db", 10, seed)


@pytest.mark.anyio
@pytest.mark.postgres
@pytest.mark.adapter
async def test_five_kills_lose_nothing_and_repeat_nothing_on_postgresql(database):
    await kills(database, 5, seed=1)


@pytest.mark.anyio
@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.adapter
@pytest.mark.timeout(1800)
async def test_a_hundred_kills_lose_nothing_and_repeat_nothing_on_postgresql(postgres):
    for seed in range(10):
        database = postgres.create()
        await kills(database, 10, seed)
        postgres.drop(database)


if __name__ == "__main__":
    anyio.run(write_for_ever, sys.argv[1])
