"""A city that Neo4j's own import tool loaded answers like one that the adapter wrote."""

import time

import anyio
import pytest

from bench import resolve_city as city
from bench import resolve_store
from bench.resolve_bulk import line
from cim.batches import batches
from cim.model import Kind
from cim.ports import DOSSIERS_LIMIT, Filter
from cim.stores.memory import MemoryGraph
from tests.parts import neo4j_server
from tests.parts.graphs import open_graph

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(300)]
HOUSES = 3
CODES = [city.code(n, thing) for n in range(HOUSES) for thing in range(city.HOUSE)]


async def in_memory():
    """The same city, written through a port."""
    graph = MemoryGraph(time.time)
    activation = await graph.activate("test", wait_s=0)
    for n in range(HOUSES):
        house = city.house(n)
        rows = {"entities": house.entities, "relations": house.relations, "aliases": house.aliases}
        for batch in batches(**rows):
            await activation.write(batch)
    await activation.commit({})
    return graph


async def told(graph):
    """All dossiers, and what is found by words, by place and by kind."""
    g = (await graph.head()).generation
    pieces = [CODES[at : at + DOSSIERS_LIMIT] for at in range(0, len(CODES), DOSSIERS_LIMIT)]
    box = (city.WEST, city.SOUTH, city.WEST + 0.0011, city.SOUTH + 0.0001)
    asked = [Filter(q="1号楼"), Filter(box=box), Filter(kinds=(Kind.SENSOR,))]
    tags = [city.tag(n, thing) for n in range(HOUSES) for thing in range(city.HOUSE)]
    return {
        "generation": g,
        "dossiers": [dossier for piece in pieces for dossier in await graph.dossiers(g, piece)],
        "found": [(await graph.find(g, where, limit=1_000)).items for where in asked],
        "tags": await graph.resolve(g, tags),
        "rooms": await graph.children(g, city.code(0, city.STOREYS[0]), limit=100),
    }


def test_an_imported_city_answers_as_one_that_was_written():
    try:
        neo4j_server.jars()
    except neo4j_server.Missing as missing:
        pytest.skip(str(missing))

    async def asked(url):
        graph = await open_graph(url)
        answer = await told(graph)
        await graph.close()
        return answer

    async def expected():
        return await told(await in_memory())

    with resolve_store.in_neo4j(HOUSES * city.HOUSE, bulk=0) as urls:
        actual = anyio.run(asked, urls["TWIN_GRAPH_URL"])
    wanted = anyio.run(expected)
    assert len(CODES) == len(wanted["dossiers"])
    assert all(wanted["found"])
    for name, answer in wanted.items():
        assert answer == actual[name], name


def test_a_line_keeps_what_is_empty_apart_from_what_is_not_there():
    assert '"a ""b""",,"",7,1.5\n' == line(['a "b"', None, "", 7, 1.5])
