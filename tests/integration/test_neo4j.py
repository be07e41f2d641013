"""What only a real Neo4j shows: its browser, several openers, lost answers, a server that dies."""

import os
import signal
import socket
import time

import anyio
import neo4j
import pytest

from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Batch, Filter, Head
from cim.stores import process
from cim.stores.activation import Writer
from cim.stores.neo4j import Neo4jGraph, connections, statements, writes
from identity.errors import Conflict, Unavailable
from identity.ports import Alias
from tests.parts import neo4j_server
from tests.parts.neo4j_wipe import wipe
from tests.parts.stopping import stop

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.adapter, pytest.mark.timeout(300)]
HOUSE = "420111990101000000011"
STOREY = HOUSE + "-S0000001G"
PARTS = [f"{HOUSE}-E{n:07d}X" for n in range(300)]
ANSWER_S = 2.0


def login(server):
    return server.url, server.user, server.password


async def opened(server, **more):
    return await Neo4jGraph.open(*login(server), time.time, **{"answer_s": ANSWER_S} | more)


@pytest.fixture
async def graph(neo4j):
    await wipe(*login(neo4j))
    graph = await opened(neo4j)
    yield graph
    await graph.close()


async def cypher(server, statement, **parameters):
    """What a person sees who asks the server directly."""
    url, user, password = login(server)
    driver = neo4j.AsyncGraphDatabase.driver(
        url, auth=(user, password), notifications_min_severity="OFF"
    )
    async with driver, driver.session() as session:
        return await (await session.run(statement, parameters)).values()


async def change(graph, *batches):
    activation = await graph.activate("test", wait_s=0)
    for batch in batches:
        await activation.write(batch)
    return (await activation.commit({})).generation


def house(name="光谷A座", kind=Kind.BUILDING):
    return Batch(
        entities=[Entity(HOUSE, kind, name), Entity(STOREY, Kind.STOREY, "1F")],
        relations=[Relation(Verb.CONTAINS, HOUSE, STOREY)],
    )


async def test_a_person_finds_buildings_that_contain_storeys(graph, neo4j):
    await change(graph, house())
    asked = "MATCH (b:Building)-[:CONTAINS]->(s:Storey) RETURN b.code, b.name, s.code, s.name"
    assert [[HOUSE, "光谷A座", STOREY, "1F"]] == await cypher(neo4j, asked)


async def test_the_anchor_shows_the_newest_facts_and_an_abort_gives_the_old_ones_back(graph, neo4j):
    await change(graph, house("old"))
    asked = "MATCH (a:Entity {code: $code}) RETURN labels(a), a.kind, a.name, a.g_to"
    activation = await graph.activate("test", wait_s=0)
    new = PARTS[0]
    await activation.write(house("new", Kind.FACILITY))
    await activation.write(Batch(entities=[Entity(new, Kind.ELEMENT)], end_entities=[STOREY]))
    ((labels, kind, name, _),) = await cypher(neo4j, asked, code=HOUSE)
    assert ({"Entity", "Facility"}, "Facility", "new") == (set(labels), kind, name)
    assert (await cypher(neo4j, asked, code=STOREY))[0][2:] == ["1F", 2]
    await activation.abort()
    ((labels, kind, name, _),) = await cypher(neo4j, asked, code=HOUSE)
    assert ({"Entity", "Building"}, "Building", "old") == (set(labels), kind, name)
    assert (await cypher(neo4j, asked, code=STOREY))[0][3] > 2
    assert [[["Entity"], None, None, None]] == await cypher(neo4j, asked, code=new)


async def test_a_code_that_was_only_related_gets_label_and_facts_on_its_one_anchor(graph, neo4j):
    await change(graph, Batch(relations=[Relation(Verb.CONTAINS, HOUSE, STOREY)]))
    asked = "MATCH (a:Entity {code: $code}) RETURN labels(a), a.name"
    assert [[["Entity"], None]] == await cypher(neo4j, asked, code=HOUSE)
    await change(graph, house())
    ((labels, name),) = await cypher(neo4j, asked, code=HOUSE)
    assert ({"Entity", "Building"}, "光谷A座") == (set(labels), name)


async def test_a_dossier_is_one_statement_and_one_more_for_a_document_that_is_only_named(
    graph, monkeypatch
):
    named = Entity(PARTS[0], Kind.ELEMENT, properties={"document": PARTS[1]})
    g = await change(graph, house(), Batch(entities=[named, Entity(PARTS[1], Kind.DOCUMENT)]))
    asked = []
    read_text = connections.Connections.read_text

    async def counted(self, statement, **parameters):
        asked.append(statement)
        return await read_text(self, statement, **parameters)

    monkeypatch.setattr(connections.Connections, "read_text", counted)
    await graph.dossiers(g, [HOUSE, STOREY, "nobody's"])
    assert [statements.CYPHER["dossiers"]] == asked
    (dossier,) = await graph.dossiers(g, [PARTS[0]])
    assert ([PARTS[1]], 3) == (list(dossier.documents), len(asked))


async def test_the_log_of_a_writer_is_kept_until_head_has_reached_it(graph, neo4j):
    asked = "MATCH (c:Change) RETURN c.g ORDER BY c.g"
    await change(graph, house(), house())
    activation = await graph.activate("test", wait_s=0)
    assert [] == await cypher(neo4j, asked)
    await activation.write(house())
    assert [[2]] == await cypher(neo4j, asked)
    await activation.abort()
    assert [] == await cypher(neo4j, asked)


async def test_several_open_an_empty_server_at_once(neo4j):
    await wipe(*login(neo4j))
    for name in statements.SCHEMA:
        await cypher(neo4j, f"DROP CONSTRAINT {name} IF EXISTS")
        await cypher(neo4j, f"DROP INDEX {name} IF EXISTS")
    graphs = []

    async def open_one():
        graphs.append(await opened(neo4j, answer_s=30.0))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(open_one)
    online = await cypher(
        neo4j, "SHOW INDEXES YIELD name, state WHERE state = 'ONLINE' RETURN name"
    )
    assert set(statements.SCHEMA) <= {name for (name,) in online}
    assert [[1]] == await cypher(neo4j, "MATCH (h:Head) RETURN count(h)")
    for graph in graphs:
        assert await graph.head() == Head(0, 0.0)
        await graph.close()


async def test_readers_see_one_whole_generation_while_others_are_written(graph, neo4j):
    seen, ended = set(), anyio.Event()

    async def read():
        reader = await opened(neo4j)
        while not ended.is_set():
            g = (await reader.head()).generation
            found = (await reader.find(g, Filter(kinds=(Kind.ELEMENT,)), limit=1000)).items
            assert len(found) == (len(PARTS) if g else 0)
            seen.add((g, *{e.name for e in found}))
        await reader.close()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        for version in range(1, 6):
            entities = [Entity(code, Kind.ELEMENT, f"v{version}") for code in PARTS]
            undone = await graph.activate("test", wait_s=0)
            await undone.write(Batch(entities=entities[:200], end_entities=PARTS[200:]))
            await undone.abort()
            await change(graph, Batch(entities=entities[:150]), Batch(entities=entities[150:]))
        ended.set()
    assert len(seen) > 1
    assert seen <= {(0,), *((n, f"v{n}") for n in range(1, 6))}


class Again:
    """A transaction that the driver repeats although the first one was committed."""

    def __init__(self, tx):
        self.run, self.run_text, self.attempt = tx.run, tx.run_text, 2


async def test_a_commit_whose_answer_was_lost_is_answered_again(graph):
    activation = await graph.activate("test", wait_s=0)
    await activation.write(house())
    moved = await activation.commit({"n": 1})
    lease = activation._lease

    async def repeated(tx):
        return await writes.commit(Again(tx), lease, time.time, {"n": 1})

    assert moved == await graph._db.write(repeated)
    assert [1] == [m.generation for m in await graph.moves(0, limit=10)]
    with pytest.raises(Conflict) as refused:
        await activation.commit({"n": 1})
    assert refused.value.code == "lease_lost"


async def test_a_lease_whose_answer_was_lost_is_taken_again(graph):
    me = Writer("me", process.process_name(), 15.0)
    taken = await graph._db.write(writes.take, me, time.time, None)

    async def repeated(tx):
        return await writes.take(Again(tx), me, time.time, None)

    again = await graph._db.write(repeated)
    assert (again.fence, again.base) == (taken.fence + 1, taken.base)

    async def released_twice(tx):
        await writes.release(tx, again, time.time)
        await writes.release(Again(tx), again, time.time)

    await graph._db.write(released_twice)
    assert (await graph.activate("next", wait_s=0)).base == 0


async def test_values_too_long_for_an_index_are_kept_and_found(graph):
    long = [("墙" * 9_999 + end) for end in "ab"]
    entities = [Entity(HOUSE, Kind.BUILDING, properties={"ifc_class": long[0], "note": long[1]})]
    aliases = [Alias("tag", long[0], value, HOUSE) for value in long]
    g = await change(graph, Batch(entities=entities, aliases=aliases))
    assert {long[1]: [aliases[1]]} == await graph.resolve(g, [long[1]])
    assert aliases == (await graph.aliases(g, [HOUSE]))[HOUSE]
    for where in ({"ifc_class": long[0]}, {"note": long[1]}):
        assert entities == (await graph.find(g, Filter(properties=where), limit=1)).items
    assert [] == (await graph.find(g, Filter(properties={"note": long[0]}), limit=1)).items
    g = await change(graph, Batch(end_aliases=[("tag", long[0], long[1])]))
    assert [long[0]] == list(await graph.resolve(g, long))


async def test_a_routing_address_works_as_well(neo4j):
    graph = await Neo4jGraph.open(
        neo4j.url.replace("bolt://", "neo4j://"), neo4j.user, neo4j.password, time.time
    )
    await graph.ready()
    await graph.close()


async def test_a_newer_layout_is_left_alone(graph, neo4j):
    await cypher(neo4j, "MATCH (h:Head) SET h.layout = $n", n=connections.LAYOUT + 1)
    with pytest.raises(Conflict) as refused:
        await opened(neo4j)
    assert refused.value.code == "graph_newer"


async def refused_by(url, user="neo4j", password="wrong"):
    """The refusal of an open that must not hang."""
    with anyio.fail_after(30), pytest.raises(Unavailable) as refused:
        await Neo4jGraph.open(url, user, password, time.time, answer_s=1.0)
    assert "wrong" not in str(refused.value)
    return refused.value.code


async def test_a_wrong_password_is_refused(neo4j):
    assert "graph_unavailable" == await refused_by(neo4j.url)


async def test_an_address_where_nobody_answers_is_refused():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert "graph_unavailable" == await refused_by(f"bolt://127.0.0.1:{port}")
        free.listen()
        assert "graph_unavailable" == await refused_by(f"bolt://127.0.0.1:{port}")
    assert "graph_unavailable" == await refused_by("bolt://127.0.0.1:none")


@pytest.fixture
def mortal():
    """A server of its own that a test may kill."""
    try:
        server = neo4j_server.start()
    except neo4j_server.Missing as missing:
        pytest.skip(str(missing))
    yield server
    server.kill()


def restarted(server):
    """Start the killed server again in its home, on its port."""
    env = {**os.environ, "NEO4J_HOME": str(server.home), "NEO4J_CONF": str(server.home / "conf")}
    process = neo4j_server._server(neo4j_server.jars(), server.home, env)
    again = neo4j_server.Server(server.url, server.user, server.password, server.home, process)
    neo4j_server._wait(again, int(server.url.rpartition(":")[2]))
    return again


async def unavailable(call):
    with anyio.fail_after(30), pytest.raises(Unavailable) as refused:
        await call
    return refused.value.code


async def test_a_server_that_is_down_is_said_and_one_that_is_back_is_used(mortal):
    graph = await opened(mortal)
    assert await change(graph, house()) == 1
    activation = await graph.activate("test", wait_s=0)
    await activation.write(Batch(entities=[Entity(PARTS[0], Kind.ELEMENT)]))
    os.killpg(mortal.process.pid, signal.SIGKILL)
    mortal.process.wait()
    calls = (
        graph.head,
        graph.ready,
        lambda: graph.reserve("420111990101", 1, "x"),
        activation.renew,
    )
    for call in calls:
        assert "graph_unavailable" == await unavailable(call())
    again = restarted(mortal)
    try:
        assert (await graph.head()).generation == 1
        assert list(await graph.reserve("420111990101", 1, "x")) == [1]
        await activation.write(Batch(entities=[Entity(PARTS[1], Kind.ELEMENT)]))
        assert (await activation.commit({})).generation == 2
        assert PARTS[:2] == [e.code for e in await graph.entities(2, PARTS)]
    finally:
        await graph.close()
        os.killpg(again.process.pid, signal.SIGKILL)
        again.process.wait()


async def test_a_server_that_hangs_is_not_ready(graph, neo4j):
    stop(neo4j.process.pid)
    try:
        assert "graph_unavailable" == await unavailable(graph.ready())
    finally:
        os.killpg(neo4j.process.pid, signal.SIGCONT)
    with anyio.fail_after(30):
        await graph.head()
