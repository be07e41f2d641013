"""What only the SQLite graph has: plans, threads, interrupts, full disks, files that are none."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest

from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Batch, Filter
from cim.stores import process, rules, sqlite, sqlite_find, sqlite_writes
from cim.stores.sqlite import SqliteGraph
from cim.stores.sqlite_sql import SQL
from identity.errors import Conflict, Unavailable

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]
HOUSE = "420111990101000000011"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
async def graph(tmp_path):
    opened = await SqliteGraph.open(tmp_path / "data" / "graph.db", time.time)
    yield opened
    await opened.close()


def rows(count, start=0):
    codes = [f"{HOUSE}-E{n:07d}X" for n in range(start, start + count)]
    return Batch(
        entities=[
            Entity(c, Kind.ELEMENT, "墙", lon=114.0, lat=30.0, grid2d="N50H0000") for c in codes
        ],
        relations=[Relation(Verb.CONTAINS, HOUSE, c) for c in codes],
    )


async def write(graph, *batches):
    activation = await graph.activate("test", wait_s=0)
    for batch in batches:
        await activation.write(batch)
    return await activation.commit({})


async def test_commits_are_synced_in_a_write_ahead_log(graph):
    def settings(connection):
        return [connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("synchronous",)]

    assert await graph._db.scan(lambda c: c.execute("PRAGMA journal_mode").fetchone()) == ("wal",)
    assert await graph._db.write(settings) == [2]


async def test_readers_cannot_write(graph):
    with pytest.raises(Unavailable, match="readonly"):
        await graph._db.scan(lambda c: c.execute("DELETE FROM facts"))
    with pytest.raises(Unavailable, match="readonly"):
        await graph._db.point(lambda c: c.execute("DELETE FROM facts"))


WHOLE = {
    "tiles",
    "undo_tiles",
    "reopen_tiles",
    "head",
    "lease",
    "moves",
}  # few rows by their nature


@pytest.mark.parametrize("name", sorted(set(SQL) - WHOLE))
async def test_no_statement_walks_a_whole_table(graph, name):
    sql = SQL[name]
    count = len(set(re.findall(r"\?\d", sql))) or sql.count("?")
    parameters = [0] * count if count else dict.fromkeys(re.findall(r":(\w+)", sql), 0)
    plan = await graph._db.write(
        lambda c: [row[3] for row in c.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    )
    tables = ("facts", "relations", "aliases", "tiles", "serials", "f", "r", "k", "l", "a", "t")
    assert [step for step in plan if step.startswith("SCAN") and step.split()[1] in tables] == []


@pytest.mark.parametrize("place", [{"box": (113.9, 29.9, 114.1, 30.1)}, {"grid": "N50H"}])
async def test_a_crowded_place_gives_the_same_answer(graph, monkeypatch, place):
    await write(graph, rows(50))
    where = Filter(**place, kinds=(Kind.ELEMENT,))
    few = await graph.find(1, where, limit=20)
    monkeypatch.setattr(sqlite_find, "BOX_ROWS", 10)
    assert sqlite_find.statement(where, crowded=True) != sqlite_find.statement(where)
    assert await graph.find(1, where, limit=20) == few
    assert len(few.items) == 20


async def test_a_cancelled_scan_ends_and_its_connection_serves_on(graph):
    for _ in range(5):
        with anyio.move_on_after(0.05) as scope:
            await graph._db.scan(lambda c: c.execute(ENDLESS).fetchone())
        assert scope.cancelled_caught
    assert (await graph.head()).generation == 0
    await graph.ready()


async def test_more_scans_than_threads_wait_for_their_turn(graph):
    await write(graph, rows(500))
    pages = await asyncio.gather(*(graph.find(1, Filter(), limit=500) for _ in range(20)))
    assert [len(page.items) for page in pages] == [500] * 20


async def test_a_cancelled_write_is_whole(graph):
    activation = await graph.activate("test", wait_s=0)
    with anyio.move_on_after(0):
        await activation.write(rows(2_000))
    await activation.commit({})
    assert (await graph.counts(1, HOUSE)).get(Kind.ELEMENT) == 2_000


async def test_a_point_read_of_a_locked_file_is_asked_again_in_a_thread(graph):
    calls = []

    def read(connection):
        calls.append(connection)
        if len(calls) == 1:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return "answer"

    assert await graph._db.point(read) == "answer"
    assert calls[0] is not calls[1]


async def test_a_full_disk_refuses_the_batch_and_keeps_the_rest(graph):
    await write(graph, rows(10))
    used = await graph._db.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await graph._db.write(lambda c: c.execute(f"PRAGMA max_page_count = {used + 20}"))
    activation = await graph.activate("test", wait_s=0)
    with pytest.raises(Unavailable) as refused:
        await activation.write(rows(2_000, start=100))
    assert refused.value.code == "graph_unavailable"
    await graph._db.write(lambda c: c.execute(f"PRAGMA max_page_count = {used + 5000}"))
    await activation.write(rows(20, start=100))
    await activation.commit({})
    assert await graph.counts(2, HOUSE) == {Kind.ELEMENT: 30}


async def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "graph.db"
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(Unavailable) as refused:
        await SqliteGraph.open(path, time.time)
    assert refused.value.code == "graph_unavailable"


async def test_a_file_of_a_newer_layout_is_refused(graph, tmp_path):
    with sqlite3.connect(tmp_path / "data" / "graph.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Conflict) as refused:
        await SqliteGraph.open(tmp_path / "data" / "graph.db", time.time)
    assert refused.value.code == "graph_newer"
    assert refused.value.facts == {"found": 99, "known": 3}


async def test_a_file_of_an_older_layout_becomes_one_of_ours(graph, tmp_path):
    await write(graph, rows(5))
    tables = "SELECT name, sql FROM sqlite_master ORDER BY name"
    with sqlite3.connect(tmp_path / "data" / "graph.db") as connection:
        fresh = connection.execute(tables).fetchall()
        connection.execute("DROP INDEX outbox_at")
        connection.execute("DROP INDEX outbox_dated")
        connection.execute("DROP INDEX aliases_code")
        connection.execute("CREATE INDEX aliases_code ON aliases (code)")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    again = await SqliteGraph.open(tmp_path / "data" / "graph.db", time.time)
    assert await again.generation_at(time.time()) == (await graph.head()).generation > 0
    await again.close()
    with sqlite3.connect(tmp_path / "data" / "graph.db") as connection:
        assert connection.execute(tables).fetchall() == fresh
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    connection.close()


async def test_counts_are_kept_for_what_can_no_longer_change(graph, monkeypatch):
    monkeypatch.setattr(sqlite, "COUNTS_KEPT", 2)
    await write(graph, rows(5))
    activation = await graph.activate("test", wait_s=0)
    await activation.write(rows(5, start=100))
    assert await graph.counts(2, HOUSE) == {Kind.ELEMENT: 10}
    await activation.abort()
    await write(graph, rows(1, start=200))
    for _ in range(2):
        counted = await graph.counts(2, HOUSE)
        assert counted == {Kind.ELEMENT: 6}
        counted.clear()
        assert await graph.counts(1, HOUSE) == {Kind.ELEMENT: 5}
    await write(graph, rows(1, start=300))
    assert await graph.counts(3, HOUSE) == {Kind.ELEMENT: 7}
    assert len(graph._counted) == 2


async def test_a_closed_graph_does_not_answer(tmp_path):
    graph = await SqliteGraph.open(tmp_path / "graph.db", time.time)
    await graph.close()
    with pytest.raises(Unavailable):
        await graph.head()
    with pytest.raises(Unavailable):
        await graph.ready()


async def test_the_city_is_there_after_reopening(tmp_path):
    graph = await SqliteGraph.open(tmp_path / "graph.db", time.time)
    head = await write(graph, rows(10))
    assert await graph.reserve("420111990101", 3, "x") == range(1, 4)
    await graph.close()
    again = await SqliteGraph.open(tmp_path / "graph.db", time.time)
    assert await again.head() == head
    assert await again.counts(1, HOUSE) == {Kind.ELEMENT: 10}
    assert await again.reserve("420111990101", 1, "y") == range(4, 5)
    await again.close()


WRITER = """
import asyncio, sys, time
from cim.stores.sqlite import SqliteGraph

async def main():
    graph = await SqliteGraph.open(sys.argv[1], time.time)
    serials = await graph.reserve("420111990101", 3, sys.argv[2])
    activation = await graph.activate(sys.argv[2], wait_s=60)
    await activation.commit({})
    print(serials.start, activation.generation)
    await graph.close()

asyncio.run(main())
"""


def test_processes_that_open_one_new_file_at_once_share_it(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "graph.db")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    children = [
        subprocess.Popen([*command, f"owner {n}"], env=environment, stdout=subprocess.PIPE)
        for n in range(4)
    ]
    answers = [child.communicate(timeout=100)[0].split() for child in children]
    assert sorted(int(start) for start, _ in answers) == [1, 4, 7, 10]
    assert sorted(int(generation) for _, generation in answers) == [1, 2, 3, 4]


async def test_the_lease_of_a_process_that_is_gone_is_taken_at_once(graph, monkeypatch):
    await graph.activate("first", wait_s=0)
    with pytest.raises(Conflict):
        await graph.activate("second", wait_s=0)
    monkeypatch.setattr(process, "is_gone", lambda name: name == process.process_name())
    assert (await graph.activate("second", wait_s=0)).generation == 1


async def test_who_dies_while_undoing_leaves_the_rest_to_the_next(graph, monkeypatch):
    monkeypatch.setattr(sqlite_writes, "UNDO_ROWS", 7)
    await write(graph, rows(30))
    before = await graph.find(1, Filter(), limit=100)
    dead = await graph.activate("dead", wait_s=0)
    await dead.write(rows(50, start=10))
    assert await graph._db.write(sqlite_writes.undo_piece, dead._lease, time.time)
    left = await graph._db.scan(
        lambda c: c.execute(SQL["facts_above"], {"head": 1, "limit": 100}).fetchall()
    )
    assert len(left) == 50 - 7
    monkeypatch.setattr(process, "is_gone", lambda name: name == process.process_name())
    await (await graph.activate("next", wait_s=0)).commit({})
    assert await graph.find(2, Filter(), limit=100) == before
    assert await graph.counts(2, HOUSE) == {Kind.ELEMENT: 30}


async def test_the_turn_of_a_waiting_process_that_is_gone_passes(graph, monkeypatch):
    held = await graph.activate("first", wait_s=0)
    dead = "a host:1:2"
    ticket = {"number": None, "holder": "dead", "process": dead, "expires_at": time.time() + 60}
    await graph._db.write(lambda c: c.execute(SQL["put_ticket"], ticket | {"soon": 0.0}))
    await held.commit({})
    with pytest.raises(Conflict) as refused:
        await graph.activate("second", wait_s=0)
    assert refused.value.facts["holder"] == "dead"
    monkeypatch.setattr(process, "is_gone", lambda name: name == dead)
    assert (await graph.activate("second", wait_s=0)).base == 1


async def test_who_waits_keeps_its_place(graph, monkeypatch):
    monkeypatch.setattr(rules, "TICKET_TTL_S", 0.2)
    held = await graph.activate("first", wait_s=0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: graph.activate("patient", wait_s=30))
        await anyio.sleep(0.6)
        ((number, holder, _, expires_at),) = await graph._db.scan(
            lambda c: c.execute(SQL["queue"]).fetchall()
        )
        assert (number, holder) == (1, "patient")
        assert expires_at > time.time()
        await held.commit({})
