"""A small city in memory: one building with two rooms, and the means to listen to it."""

import asyncio
from contextlib import asynccontextmanager, suppress

from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Batch
from cim.stores.memory import MemoryGraph
from identity import code as universal
from sensors.intake import Intake
from sensors.journal import Journal
from sensors.ports import Message
from twin.stores.memory import MemoryStates

NOW = 1_795_305_600.0  # 2026-11-22T00:00:00Z
REGION = "420111"
BUILDING = universal.issue(universal.prefix(REGION, "Building"), 1)
ROOM = universal.issue(universal.part_prefix(BUILDING, "R"), 1)
HALL = universal.issue(universal.part_prefix(BUILDING, "R"), 2)


class StandingClock:
    """Time that moves only when told."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


class FakeBroker:
    """Messages put into it are received once ``run`` is on; ``acknowledged`` counts them."""

    address, connected = "nowhere:0", True

    def __init__(self):
        self.queue = asyncio.Queue()
        self.acknowledged = 0

    async def run(self, sink):
        while True:
            messages = await self.queue.get()
            await sink(messages)
            self.acknowledged += len(messages)


class City:
    def __init__(self, journals):
        self.clock = StandingClock()
        self.graph = MemoryGraph(self.clock)
        self.states = MemoryStates()
        self.broker = FakeBroker()
        self.journals = journals
        self.journal = None

    async def build(self):
        things = [(BUILDING, Kind.BUILDING), (ROOM, Kind.SPACE), (HALL, Kind.SPACE)]
        entities = [Entity(code, kind) for code, kind in things]
        rooms = [Relation(Verb.CONTAINS, BUILDING, code) for code in (ROOM, HALL)]
        activation = await self.graph.activate("test", wait_s=1)
        await activation.write(Batch(entities=entities, relations=rooms))
        await activation.commit({})

    def intake(self, **options):
        return Intake(self.graph, self.graph, self.states, self.clock, **options)

    @asynccontextmanager
    async def listening(self, **options):
        """Run an intake on the city's journal."""
        journal = await Journal.open(self.journals, "main")
        intake = self.intake(**options)
        self.journal = journal
        task = asyncio.create_task(intake.run(self.broker, journal))
        try:
            yield intake
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await journal.close()

    async def publish(self, intake, *messages):
        """Publish and wait until all of it is applied."""
        wanted = intake.applied_offset + len(messages)
        await self.broker.queue.put(messages)
        await until(lambda: intake.applied_offset >= wanted)

    async def values(self, code):
        return {
            (s.property, s.source): s.value
            for s in (await self.states.states([code])).get(code, [])
        }

    async def samples(self, code, name):
        return await self.states.history(code, name, start=0, stop=NOW * 2, limit=1000)


def said(topic, payload, **facts):
    """A message received now."""
    return Message(topic, payload.encode(), NOW, **facts)


async def until(holds, limit_s=10):
    """Wait until ``holds()``; fail after ``limit_s``."""
    async with asyncio.timeout(limit_s):
        while not holds():  # noqa: ASYNC110 - what is waited for is seen from outside only
            await asyncio.sleep(0.002)
