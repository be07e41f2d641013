"""Replays recorded files as MQTT through the real endpoint, and digests what the state became."""

import asyncio
import hashlib
import json
import socket
import time
from contextlib import asynccontextmanager, suppress

from msgspec.structs import replace
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from cim.model import Entity, Kind
from cim.ports import Batch
from cim.stores.sqlite import SqliteGraph
from identity import code as universal
from sensors.bindings import BIND_MAX, bind_many
from sensors.brokers.embedded import Endpoint
from sensors.intake import Intake
from sensors.journal import Journal
from sensors.lookup import batches
from twin.ports import PAGE_LIMIT, Where
from twin.stores.sqlite import SqliteStates

REGION = "420111"
WAIT_S = 900.0
QUEUED_MAX = 10_000  # messages that paho is given before it is waited for


class Town:
    """Stores in a folder, an endpoint that listens, and a device that publishes to it."""

    def __init__(self, graph, states, journal, endpoint):
        self.graph, self.states, self.journal, self.endpoint = graph, states, journal, endpoint
        self.intake = Intake(graph, graph, states, time.time)

    async def build(self, count, kind=Kind.FACILITY):
        """Make things; return their codes."""
        prefix = universal.prefix(REGION, kind)
        codes = [universal.issue(prefix, n) for n in range(1, count + 1)]
        activation = await self.graph.activate("test", wait_s=5)
        for piece in batches([Entity(code, kind) for code in codes], 5_000):
            await activation.write(Batch(entities=piece))
        await activation.commit({})
        return codes

    async def bind(self, wanted):
        rows = []
        for piece in batches(wanted, BIND_MAX):
            rows += await bind_many(self.graph, self.graph, time.time, REGION, piece)
        return rows

    async def publish(self, messages):
        """Publish (topic, payload) with QoS 1 and wait until all of it is applied."""
        wanted = self.intake.applied_offset + len(messages)
        host, port = self.endpoint.address.rsplit(":", 1)
        await asyncio.to_thread(_publish, host, int(port), messages)
        async with asyncio.timeout(WAIT_S):
            while self.intake.applied_offset < wanted:  # noqa: ASYNC110 - seen from outside only
                await asyncio.sleep(0.01)

    async def all_states(self):
        """Return every state row by (code, property, source)."""
        rows, after = [], ""
        while True:
            page, after = await self.states.query(Where(), limit=PAGE_LIMIT, after=after)
            rows += page
            if not after:
                return rows

    async def history(self, code, name):
        rows, after = [], None
        while page := await self.states.history(
            code, name, start=0, stop=4e9, limit=PAGE_LIMIT, after=after
        ):
            rows += page
            last = page[-1]
            after = (last.observed_at, last.source, -1 if last.n is None else last.n)
        return rows

    async def quarantined(self):
        rows, after = [], 0
        while page := await self.states.quarantined(limit=PAGE_LIMIT, after=after):
            rows += page
            after = page[-1].id
        return rows


@asynccontextmanager
async def town(folder):
    """Open everything in ``folder`` and listen until the end."""
    folder.mkdir(parents=True, exist_ok=True)
    graph = await SqliteGraph.open(folder / "graph.db", time.time)
    states = await SqliteStates.open(folder / "state.db")
    journal = await Journal.open(folder / "journal", "main")
    port = socket.socket()
    port.bind(("127.0.0.1", 0))
    port.listen()
    made = Town(graph, states, journal, Endpoint(port, clock=time.time))
    listening = asyncio.create_task(made.intake.run(made.endpoint, journal))
    while not made.endpoint.connected:  # noqa: ASYNC110 - seen from outside only
        await asyncio.sleep(0.01)
    try:
        yield made
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        for part in (journal, states, graph):
            await part.close()


def digest(rows):
    """Return a digest of states as they follow from what was observed.

    Without ``received_at`` and ``changed_at``, which tell when it came and what was seen.
    """
    plain = [replace(row, received_at=0.0, changed_at=0.0) for row in rows]
    text = json.dumps([repr(row) for row in plain])
    return hashlib.sha256(text.encode()).hexdigest()


def _publish(host, port, messages):
    client = Client(CallbackAPIVersion.VERSION2, "replay")
    client.max_inflight_messages_set(500)
    client.connect(host, port)
    client.loop_start()
    for piece in batches(messages, QUEUED_MAX):
        for info in [client.publish(topic, payload, qos=1) for topic, payload in piece]:
            info.wait_for_publish(WAIT_S)
    client.disconnect()
    client.loop_stop()
