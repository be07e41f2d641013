"""``python -m bench graph``: the city graph in Neo4j against the bare driver on the same server.

Ours writes entities, relations and aliases through the adapter: facts with generations, anchors,
indexes, full text, places, the log of undo, under the lease. The peer writes the same things with
the same driver as plain nodes and relations with one unique constraint, without versions. Then
both look single codes up. Runs alternate, the median counts; beside it our SQLite adapter.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import neo4j

from bench.report import line
from cim.model import Entity, Kind, Relation, Verb
from cim.ports import BATCH_ROWS, Activation, Batch, Graph
from cim.stores.neo4j import Neo4jGraph
from cim.stores.sqlite import SqliteGraph
from identity.ports import Alias
from tests.parts import neo4j_server
from tests.parts.neo4j_wipe import wipe

HOUSE = "420111990101000000011"
PIECE = BATCH_ROWS // 3  # entities of one batch, each with its relation and its alias
SEED = 20261122
BARE = """UNWIND $rows AS row CREATE (n:Bare) SET n = row
WITH n MATCH (h:Bare {code: $house}) CREATE (h)-[:CONTAINS]->(n)"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run measured: entities/s written, and ms of one lookup (median and 99 %)."""

    loaded_per_s: float
    lookup_ms: float
    lookup_p99_ms: float


def main(argv: list[str]) -> int:
    """Run the bench and print its line."""
    parser = argparse.ArgumentParser(prog="python -m bench graph")
    parser.add_argument("--entities", type=int, default=20_000)
    parser.add_argument("--lookups", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args(argv)
    server = neo4j_server.start(quick=False)
    try:
        with asyncio.Runner() as runner:
            runner.run(measure(server, asked.entities, asked.lookups, asked.runs))
    finally:
        server.kill()
    return 0


async def measure(server: neo4j_server.Server, entities: int, lookups: int, runs: int) -> None:
    """Alternate the runs, the first of each to warm up, and print the line."""
    things = list(city(entities))
    ours, bare, embedded = [], [], []
    for _ in range(runs + 1):
        ours.append(await run_neo4j(server, things, lookups))
        bare.append(await run_bare(server, things, lookups))
        embedded.append(await run_sqlite(things, lookups))
    a, b, c = middle(ours[1:]), middle(bare[1:]), middle(embedded[1:])
    notes = "; ".join(
        f"{name} {run.loaded_per_s:.0f}/s, a code in {run.lookup_ms:.3f} ms "
        f"(p99 {run.lookup_p99_ms:.3f})"
        for name, run in (("ours", a), ("bare", b), ("ours on SQLite", c))
    )
    name = "bare neo4j driver: plain nodes and relations, no versions, no full text"
    line("graph", a.loaded_per_s, "entities/s written", b.loaded_per_s, name, entities, notes)


def city(entities: int) -> list[Entity]:
    """Return a building's elements as an import writes them."""
    return [
        Entity(
            f"{HOUSE}-E{n:07d}X",
            Kind.ELEMENT,
            f"Basic Wall:外墙-{n % 97}:{n}",
            lon=114.39 + n % 1_000 / 1e6,
            lat=30.5 + n // 1_000 / 1e6,
            height_m=3.0 * (n % 30),
            grid2d="N50H0513548370124463",
            properties={
                "ifc_class": "IfcWall",
                "ifc_guid": f"{n:022d}",
                "type": f"外墙-{n % 97}",
                "storey": f"{HOUSE}-S{n % 30:07d}X",
                "psets": {"Pset_WallCommon": {"IsExternal": True, "FireRating": "2h"}},
            },
        )
        for n in range(entities)
    ]


async def run_neo4j(server: neo4j_server.Server, things: list[Entity], lookups: int) -> Run:
    """Load and look up through our adapter on Neo4j."""
    await wipe(server.url, server.user, server.password)
    graph = await Neo4jGraph.open(server.url, server.user, server.password, time.time)
    return await run_port(graph, things, lookups)


async def run_sqlite(things: list[Entity], lookups: int) -> Run:
    """Load and look up through our adapter on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        graph = await SqliteGraph.open(Path(folder) / "graph.db", time.time)
        return await run_port(graph, things, lookups)


async def run_port(graph: Graph, things: list[Entity], lookups: int) -> Run:
    """Load and look up through the port; closes the graph."""
    activation = await graph.activate("bench", wait_s=0)
    await activation.write(Batch(entities=[Entity(HOUSE, Kind.BUILDING, "bench")]))
    started = time.perf_counter()
    await load(activation, things)
    moved = await activation.commit({})
    elapsed_s = time.perf_counter() - started

    async def look(code: str) -> int:
        return len(await graph.entities(moved.generation, [code]))

    times_ms = await looked_up(look, things, lookups)
    await graph.close()
    return result(len(things), elapsed_s, times_ms)


async def load(activation: Activation, things: list[Entity]) -> None:
    """Write entities, their relations and aliases in batches."""
    for start in range(0, len(things), PIECE):
        piece = things[start : start + PIECE]
        await activation.write(
            Batch(
                entities=piece,
                relations=[Relation(Verb.CONTAINS, HOUSE, e.code) for e in piece],
                aliases=[
                    Alias("ifc_guid", "bench", e.properties["ifc_guid"], e.code) for e in piece
                ],
            )
        )


async def run_bare(server: neo4j_server.Server, things: list[Entity], lookups: int) -> Run:
    """Write and look up with the driver alone."""
    await wipe(server.url, server.user, server.password)
    async with bare_session(server) as session:
        await (await session.run("CREATE (:Bare {code: $code})", code=HOUSE)).consume()
        started = time.perf_counter()
        for start in range(0, len(things), PIECE):
            rows = [plain(e) for e in things[start : start + PIECE]]
            await (await session.run(BARE, rows=rows, house=HOUSE)).consume()
        elapsed_s = time.perf_counter() - started

        async def look(code: str) -> int:
            found = await session.run("MATCH (n:Bare {code: $code}) RETURN n", code=code)
            return len(await found.values())

        return result(len(things), elapsed_s, await looked_up(look, things, lookups))


@asynccontextmanager
async def bare_session(server: neo4j_server.Server) -> AsyncIterator[neo4j.AsyncSession]:
    """Open the driver with a unique constraint on the codes of plain nodes."""
    driver = neo4j.AsyncGraphDatabase.driver(
        server.url, auth=(server.user, server.password), notifications_min_severity="OFF"
    )
    async with driver, driver.session() as session:
        unique = "CREATE CONSTRAINT bare IF NOT EXISTS FOR (n:Bare) REQUIRE n.code IS UNIQUE"
        await (await session.run(unique)).consume()
        yield session


def plain(entity: Entity) -> dict[str, str | float | None]:
    """Return the properties of a plain node: what ours keeps too, without versions."""
    flat = {k: v for k, v in entity.properties.items() if isinstance(v, str)}
    place = {"lon": entity.lon, "lat": entity.lat, "height_m": entity.height_m}
    named = {"code": entity.code, "kind": entity.kind.value, "name": entity.name}
    return flat | place | named | {"psets": str(entity.properties["psets"])}


async def looked_up(
    look: Callable[[str], Awaitable[int]], things: list[Entity], lookups: int
) -> list[float]:
    """Look random codes up one after the other; return the milliseconds of each, sorted."""
    chosen = random.Random(SEED)  # noqa: S311 - a sample, no secret
    times_ms = []
    for _ in range(lookups):
        code = chosen.choice(things).code
        started = time.perf_counter()
        if await look(code) != 1:
            message = f"{code} was not found"
            raise RuntimeError(message)
        times_ms.append((time.perf_counter() - started) * 1e3)
    return sorted(times_ms)


def result(entities: int, elapsed_s: float, times_ms: list[float]) -> Run:
    """Return what was measured."""
    return Run(entities / elapsed_s, median(times_ms), times_ms[int(len(times_ms) * 0.99)])


def middle(runs: list[Run]) -> Run:
    """Return the run with the median load rate."""
    return sorted(runs, key=lambda run: run.loaded_per_s)[len(runs) // 2]
