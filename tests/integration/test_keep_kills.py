"""SIGKILL a process that writes and rolls at once: every reading is there once, hot or cold.

Run as a script this file is that process: it continues behind the committed journal offset, an
hour of readings a commit, and rolls ended days all the while.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest

from twin.buckets import Buckets
from twin.ports import Commit, Where
from twin.reading import Reading
from twin.retention import DAY_S, Retention
from twin.stores import sqlite_roll
from twin.stores.cold import writer
from twin.stores.memory import MemoryStates
from twin.stores.sqlite import SqliteStates

HOUR_S, SERIES = 3_600, 24
RULES = Retention(roll_after_s=0, late_rows=10)


def hour(number):
    """One hour's readings: each series two, one of them sent twice, and some for older days."""
    readings = []
    for i in range(SERIES):
        at = float(number * HOUR_S + 60 * i)
        one = Reading(f"c{i % 6}", f"p{i % 4}", number, at, at, "s", n=number)
        late = Reading(one.code, one.property, -number, max(0.0, at - 3 * DAY_S), at, "s", n=number)
        readings += [one, one] if number % 3 else [one, late]
    return readings


async def write_and_roll(path):
    writer.GROUP_ROWS, writer.PART_ROWS, sqlite_roll.SWEEP_ROWS = 50, 150, 40
    store = await SqliteStates.open(path, retention=RULES)
    number = await store.offset("journal")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(roll, store, lambda: number * HOUR_S)
        while True:
            await store.commit(Commit(hour(number), journal="journal", offset=number + 1))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            number += 1
            await anyio.sleep(0.005)


async def roll(store, clock):
    while True:
        await store.keep(float(clock()))
        await anyio.sleep(0.001)


def killed(path, hours, wait_s):
    """Start a process, let it commit so many hours, wait, kill it; return the last hour told."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, __file__, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        for _ in range(hours):
            line = process.stdout.readline()
            assert line, "the process ended by itself"
        time.sleep(wait_s)
    finally:
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
        process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return int((rest.split() or [line])[-1])


async def told(store):
    rows = [r async for some in store.export(Where(), start=0, stop=1e9) for r in some]
    sums, _ = await store.series(Where(), Buckets(0, 20 * DAY_S, HOUR_S, "sum"), limit=100)
    return sorted(map(str, rows)), sums


async def check(path, last):
    store = await SqliteStates.open(path, retention=RULES)
    committed = await store.offset("journal")
    assert committed > last, "an acknowledged commit is missing"
    oracle = MemoryStates()
    for number in range(committed):
        await oracle.commit(Commit(hour(number)))
    assert await told(store) == await told(oracle)
    assert await store.states([f"c{i}" for i in range(6)]) == await oracle.states(
        [f"c{i}" for i in range(6)]
    )
    await store.close()


async def kills(path, count, seed):
    chance = random.Random(seed)
    for _ in range(count):
        await check(path, killed(path, chance.randint(5, 30), chance.random() * 0.2))


@pytest.mark.anyio
async def test_three_kills_while_days_are_rolled_lose_nothing_and_double_nothing(tmp_path):
    await kills(tmp_path / "state.db", 3, seed=1)
    assert len(list((tmp_path / "state.history").glob("readings-*.parquet"))) > 0


@pytest.mark.anyio
@pytest.mark.long
@pytest.mark.timeout(3_000)
async def test_a_hundred_kills_while_days_are_rolled_lose_nothing_and_double_nothing(tmp_path):
    for seed in range(10):
        await kills(tmp_path / f"state{seed}.db", 10, seed)


if __name__ == "__main__":
    anyio.run(write_and_roll, Path(sys.argv[1]))
