"""The cities of ``bench resolve`` in real stores, written through the product's own adapters.

A city in SQLite is built once and kept under ``.cache/resolve``; one in Neo4j is built into the
server that the bench started.
"""

import asyncio
import time
from pathlib import Path

from bench import resolve_city as city
from cim.batches import batches
from cim.ports import Graph
from cim.stores.neo4j import Neo4jGraph
from cim.stores.sqlite import SqliteGraph
from tests.parts.neo4j_server import Server
from tests.parts.neo4j_wipe import wipe
from twin.ports import Commit, States
from twin.stores.sqlite import SqliteStates

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "resolve"
HOUSES = 20  # written together


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


def in_neo4j(server: Server, entities: int) -> dict[str, str]:
    """Return the settings that name a city, built into the server, which is emptied first."""
    folder = server.home / f"states-{entities}"
    folder.mkdir(exist_ok=True)
    asyncio.run(_build_neo4j(server, folder, entities))
    login = f"{server.user}:{server.password}@"
    return _urls(server.url.replace("://", f"://{login}"), folder)


def _urls(graph: str, folder: Path) -> dict[str, str]:
    return {"TWIN_GRAPH_URL": graph, "TWIN_STATE_URL": f"sqlite:///{folder}/state.db"}


async def _build_sqlite(folder: Path, entities: int) -> None:
    graph = await SqliteGraph.open(folder / "graph.db", time.time)
    await _fill(graph, await SqliteStates.open(folder / "state.db"), entities)
    await graph.close()


async def _build_neo4j(server: Server, folder: Path, entities: int) -> None:
    login = (server.url, server.user, server.password)
    await wipe(*login)
    graph = await Neo4jGraph.open(*login, time.time)
    await _fill(graph, await SqliteStates.open(folder / "state.db"), entities)
    await graph.close()


async def _fill(graph: Graph, states: SqliteStates, entities: int) -> None:
    activation = await graph.activate("bench", wait_s=0)
    count = city.houses(entities)
    for first in range(0, count, HOUSES):
        made = [city.house(n) for n in range(first, min(count, first + HOUSES))]
        for batch in batches(
            entities=[row for house in made for row in house.entities],
            relations=[row for house in made for row in house.relations],
            aliases=[row for house in made for row in house.aliases],
        ):
            await activation.write(batch)
        await _heard(states, made)
    await activation.commit({"event": "bench"})
    await states.close()


async def _heard(states: States, made: list[city.House]) -> None:
    await states.commit(Commit(readings=[row for house in made for row in house.readings]))
