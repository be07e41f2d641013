"""The tail answers as the outbox does, and reads each row once for all."""

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import tail as tails
from twin.ports import Commit
from twin.reading import Reading
from twin.stores.memory import MemoryStates
from twin.tail import Tail

pytestmark = pytest.mark.anyio


class Counted(MemoryStates):
    looks = 0

    async def changes(self, after, *, limit):
        self.looks += 1
        await anyio.lowlevel.checkpoint()
        return await super().changes(after, limit=limit)


async def write(states, count):
    at = await states.sequence()
    rows = [Reading(f"c{at + i}", "p", at + i, 1.0, 1.0, "s") for i in range(count)]
    await states.commit(Commit(rows))


def numbers(changes):
    return [change.sequence for change in changes]


async def test_many_readers_at_one_place_cost_one_look():
    states = Counted()
    await write(states, 5)
    tail = Tail(states)
    await tail.changes(0)
    await write(states, 3)
    states.looks = 0
    found = []

    async def read():
        found.append(numbers(await tail.changes(5)))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(read)
    assert (found, states.looks) == ([[6, 7, 8]] * 20, 1)


async def test_a_reader_behind_the_tail_asks_the_store(monkeypatch):
    monkeypatch.setattr(tails, "ROWS_KEPT", 4)
    monkeypatch.setattr(tails, "ROWS_READ", 2)
    states = Counted(outbox_kept=8)
    tail = Tail(states)
    told = 0
    for _ in range(6):
        await write(states, 2)
        told = (await tail.changes(told))[-1].sequence

    assert (told, numbers(await tail.changes(4)), numbers(await tail.changes(10))) == (
        12,
        [5, 6],
        [11, 12],
    )
    assert numbers(await tail.changes(0)) == [5, 6]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40)), min_size=1, max_size=25))
def test_whatever_is_asked_the_answer_is_the_beginning_of_the_outboxs(steps):
    async def run():
        states = MemoryStates(outbox_kept=15)
        tail = Tail(states)
        for count, after in steps:
            await write(states, count)
            newest = await states.sequence()
            oldest = newest - min(newest, 15)
            asked = min(max(after, oldest), newest)
            expected = numbers(await states.changes(asked, limit=1000))
            told = numbers(await tail.changes(asked))
            assert told == expected[: len(told)]
            assert bool(told) == bool(expected)

    anyio.run(run)
