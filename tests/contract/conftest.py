"""One suite per port, run on every adapter.

``GRAPHS`` and ``BLOBS`` name the adapters: a factory gets a place (a folder of its own) and opens
a store there; called again with the same place it opens another handle of the same store, as
another process would. Adapters of a server share one, which each test finds empty; where it cannot
be started they are skipped with the reason, and in CI (marker ``adapter``) that is a failure.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cim.ports import Batch, Graph
from cim.stores.files import FileBlobs
from cim.stores.memory import MemoryBlobs, MemoryGraph
from cim.stores.neo4j import Neo4jGraph
from cim.stores.sqlite import SqliteGraph
from tests.parts.neo4j_server import Server
from tests.parts.neo4j_wipe import wipe
from twin.ports import States
from twin.quarantine import Bounds
from twin.retention import Retention, Tier
from twin.stores.memory import MemoryStates
from twin.stores.postgres import PostgresStates
from twin.stores.sqlite import SqliteStates

LEASE_TTL_S = 15.0


class Clock:
    """Time as the tests want it, in Unix seconds."""

    def __init__(self) -> None:
        self.now_s = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


async def _made(store):
    return store


_memory: dict[Path, MemoryGraph] = {}


async def open_memory(place: Path, clock: Clock) -> MemoryGraph:
    return _memory.setdefault(place, MemoryGraph(clock, lease_ttl_s=LEASE_TTL_S))


async def open_sqlite(place: Path, clock: Clock) -> SqliteGraph:
    return await SqliteGraph.open(place / "graph.db", clock, lease_ttl_s=LEASE_TTL_S)


_wiped: list[Path] = []  # places that have been emptied


async def open_neo4j(place: Path, clock: Clock, server: Server) -> Neo4jGraph:
    """Open the one server; a place not seen before begins empty."""
    login = (server.url, server.user, server.password)
    if place not in _wiped:
        _wiped.append(place)
        await wipe(*login)
    return await Neo4jGraph.open(*login, clock, lease_ttl_s=LEASE_TTL_S)


GRAPHS: dict[str, Callable[..., Awaitable[Graph]]] = {
    "memory": open_memory,
    "sqlite": open_sqlite,
    "neo4j": open_neo4j,
}
SERVERS = {"neo4j": "neo4j"}  # the session fixture whose value a factory gets as third argument
MARKS: dict[str, list[pytest.MarkDecorator]] = {
    "neo4j": [pytest.mark.neo4j, pytest.mark.adapter],
    "postgres": [pytest.mark.postgres, pytest.mark.adapter],
}
BOUNDS = Bounds(rows=3, device_messages=3, bytes=20_000, message_bytes=5_500)
STATES = {
    "memory": lambda _place, **kept: _made(MemoryStates(**kept)),
    "sqlite": lambda place, **kept: SqliteStates.open(place / "state.db", **kept),
    "postgres": PostgresStates.open,
}
BLOBS = {"memory": lambda _place: MemoryBlobs(), "files": FileBlobs}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, [])) for name in GRAPHS])
async def opens(request, tmp_path, clock):
    """A function that opens one more handle of the store of this test."""
    handles = []
    name = request.param
    server = [request.getfixturevalue(SERVERS[name])] if name in SERVERS else []

    async def open_one() -> Graph:
        handles.append(await GRAPHS[name](tmp_path, clock, *server))
        return handles[-1]

    yield open_one
    for handle in handles:
        await handle.close()
    _memory.pop(tmp_path, None)


@pytest.fixture
async def graph(opens) -> Graph:
    return await opens()


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, [])) for name in STATES])
async def states(request, tmp_path) -> States:
    """A store of states that keeps 5 outbox rows and little in quarantine."""
    place = request.getfixturevalue("database") if request.param == "postgres" else tmp_path
    store = await STATES[request.param](place, outbox_kept=5, bounds=BOUNDS)
    yield store
    await store.close()


RETENTION = Retention(raw_days=10, tiers=(Tier(300, 20), Tier(3_600, 40)), late_rows=5)


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, [])) for name in STATES])
async def kept(request, tmp_path) -> States:
    """A store of states that keeps readings 10 days and what stands for them 20 and 40."""
    place = request.getfixturevalue("database") if request.param == "postgres" else tmp_path
    store = await STATES[request.param](place, retention=RETENTION)
    yield store
    await store.close()


@pytest.fixture
def change():
    """A function that makes one generation of some batches and returns its number."""

    async def activate(graph: Graph, *batches: Batch, event: dict | None = None) -> int:
        activation = await graph.activate("test", wait_s=0)
        for batch in batches:
            await activation.write(batch)
        return (await activation.commit(event or {})).generation

    return activate


@pytest.fixture(params=list(BLOBS))
def blobs(request, tmp_path):
    return BLOBS[request.param](tmp_path / "blobs")
