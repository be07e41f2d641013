"""The cities of ``bench resolve`` in real stores.

A city in SQLite is built once and kept under ``.cache/resolve``; one in Neo4j is built into a
server of its own, through the adapter or, where it is large, by the server's import tool.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import neo4j

from bench import resolve_bulk
from bench import resolve_city as city
from cim.batches import batches
from cim.ports import Graph
from cim.stores.neo4j import Neo4jGraph
from cim.stores.neo4j.statements import SCHEMA
from cim.stores.sqlite import SqliteGraph
from tests.parts import neo4j_server
from twin.ports import Commit, States
from twin.stores.sqlite import SqliteStates

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "resolve"
HOUSES = 20  # written together
BULK = 50_000  # entities of a city from which on the import tool is quicker than its start
INDEXES_S = 1_800  # for the indexes of a city that was there before them


def in_sqlite(entities: int) -> dict[str, str]:
    """Return the settings that name a city of about so many entities; built if it is not there."""
    folder = CACHE / f"sqlite-{entities}"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.db*"):
            left.unlink()
        asyncio.run(_build_sqlite(folder, entities))
        (folder / "complete").touch()
    return _urls(f"sqlite:///{folder}/graph.db", folder)


@contextmanager
def in_neo4j(entities: int, *, bulk: int = BULK) -> Iterator[dict[str, str]]:
    """Give the settings that name a city in a server of its own; from ``bulk`` on imported."""
    many = entities >= bulk
    fill = partial(resolve_bulk.load, entities=entities) if many else None
    server = neo4j_server.start(quick=False, fill=fill)
    try:
        asyncio.run(_build_neo4j(server, entities, filled=many))
        login = f"{server.user}:{server.password}@"
        yield _urls(server.url.replace("://", f"://{login}"), server.home)
    finally:
        server.kill()


def _urls(graph: str, folder: Path) -> dict[str, str]:
    return {"TWIN_GRAPH_URL": graph, "TWIN_STATE_URL": f"sqlite:///{folder}/state.db"}


async def _build_sqlite(folder: Path, entities: int) -> None:
    graph = await SqliteGraph.open(folder / "graph.db", time.time)
    states = await SqliteStates.open(folder / "state.db")
    await _fill(graph, states, entities)
    await states.close()
    await graph.close()


async def _build_neo4j(server: neo4j_server.Server, entities: int, *, filled: bool) -> None:
    login = (server.url, server.user, server.password)
    if filled:
        _index(*login)
    graph = await Neo4jGraph.open(*login, time.time)
    states = await SqliteStates.open(server.home / "state.db")
    if filled:
        await _heard_all(states, entities)
        await (await graph.activate("bench", wait_s=0)).commit({"event": "bench"})
    else:
        await _fill(graph, states, entities)
    await states.close()
    await graph.close()


def _index(url: str, user: str, password: str) -> None:
    """Make the schema over what is there: that takes longer than the adapter waits at a start."""
    with neo4j.GraphDatabase.driver(url, auth=(user, password)) as driver, driver.session() as run:
        for statement in SCHEMA.values():
            run.run(statement).consume()
        run.run("CALL db.awaitIndexes($seconds)", seconds=INDEXES_S).consume()


async def _fill(graph: Graph, states: States, entities: int) -> None:
    activation = await graph.activate("bench", wait_s=0)
    for made in _houses(entities):
        for batch in batches(
            entities=[row for house in made for row in house.entities],
            relations=[row for house in made for row in house.relations],
            aliases=[row for house in made for row in house.aliases],
        ):
            await activation.write(batch)
        await _heard(states, made)
    await activation.commit({"event": "bench"})


def _houses(entities: int) -> Iterator[list[city.House]]:
    count = city.houses(entities)
    for first in range(0, count, HOUSES):
        yield [city.house(n) for n in range(first, min(count, first + HOUSES))]


async def _heard_all(states: States, entities: int) -> None:
    for made in _houses(entities):
        await _heard(states, made)


async def _heard(states: States, made: list[city.House]) -> None:
    await states.commit(Commit(readings=[row for house in made for row in house.readings]))
