"""``python -m bench registration [COUNT]``: codes reserved and registered by four processes.

Ours: each process registers its own list through ``cim.registration`` (serials reserved, codes
issued, anchors with facts, full text and own-code aliases put under the lease, in generations of
10,000). The peers write the same rows from one process, with the codes made before: on SQLite
``executemany`` into two plain tables with a primary key each, in transactions as large as ours and
as durable (WAL, synchronous=FULL); on Neo4j the bare driver creates plain nodes, codes unique.
Nothing is versioned, fenced or searchable there. Runs alternate; the median counts.
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path
from statistics import median

import neo4j

from bench.report import line
from cim.model import Kind
from cim.ports import BATCH_ROWS
from cim.registration import PORTION_THINGS
from identity import code as uic
from tests.parts import neo4j_server
from tests.parts.graphs import prepared
from tests.parts.neo4j_wipe import wipe
from tests.parts.registering import REGION, Fleet

PROCESSES = 4
PORTIONS_MIN = 10  # of each process, so that its start does not count for much
POLL_S = 0.01
PIECE = BATCH_ROWS // 2  # things of one batch, each with its alias
NEO4J_SHARE = 10  # of ten codes on SQLite one on Neo4j
TABLES = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
CREATE TABLE things (code TEXT PRIMARY KEY, kind TEXT, name TEXT, lifecycle TEXT, properties TEXT);
CREATE TABLE aliases (scheme TEXT, scope TEXT, value TEXT, code TEXT, source TEXT, confidence REAL,
  PRIMARY KEY (value, scheme, scope));
"""
THING = "INSERT INTO things VALUES (?, ?, ?, ?, ?)"
ALIAS = "INSERT INTO aliases VALUES (?, ?, ?, ?, ?, ?)"
UNIQUE = "CREATE CONSTRAINT bare IF NOT EXISTS FOR (n:Bare) REQUIRE n.code IS UNIQUE"
BARE = """UNWIND $rows AS row
CREATE (:Bare {code: row[0], kind: row[1], name: row[2], lifecycle: row[3], properties: row[4]})
CREATE (:BareAlias {scheme: 'uic', scope: '', value: row[0], code: row[0]})"""
Row = tuple[str, str, str, str, str]


def main(argv: list[str]) -> int:
    """Run the bench and print a line for Neo4j, then the one for SQLite."""
    parser = argparse.ArgumentParser(prog="python -m bench registration")
    parser.add_argument("count", type=int, nargs="?", default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args(argv)
    on_neo4j(asked.count // NEO4J_SHARE, asked.runs)
    on_sqlite(asked.count, asked.runs)
    return 0


def on_sqlite(count: int, runs: int) -> None:
    """Alternate our processes and the plain tables, and print the line."""
    rows, ours, plain = rows_of(count), [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            ours.append(registered(f"sqlite:///{folder}/graph.db", Path(folder), count))
        with tempfile.TemporaryDirectory() as folder:
            plain.append(executed(Path(folder) / "plain.db", rows))
    peer = "one process, executemany into two plain tables, synchronous=FULL"
    told("SQLite", ours, plain, peer, count)


def on_neo4j(count: int, runs: int) -> None:
    """Alternate our processes and the bare driver on one server, and print the line."""
    rows, ours, plain = rows_of(count), [], []
    server = neo4j_server.start(quick=False)
    url = f"bolt://{server.user}:{server.password}@{server.url.removeprefix('bolt://')}"
    try:
        for _ in range(runs):
            asyncio.run(wipe(server.url, server.user, server.password))
            with tempfile.TemporaryDirectory() as folder:
                ours.append(registered(url, Path(folder), count))
            asyncio.run(wipe(server.url, server.user, server.password))
            plain.append(asyncio.run(created(server, rows)))
    finally:
        server.kill()
    told("Neo4j", ours, plain, "one process, bare driver, UNWIND CREATE of plain nodes", count)


def told(store: str, ours: list[float], plain: list[float], peer: str, count: int) -> None:
    """Print the line of one store."""
    both = f"runs {[round(rate) for rate in ours]} beside {[round(rate) for rate in plain]}"
    notes = f"{PROCESSES} processes, {store}, generations of at most {PORTION_THINGS}; {both}"
    line("registration", median(ours), f"codes/s ({store})", median(plain), peer, count, notes)


def registered(url: str, folder: Path, count: int) -> float:
    """Return the codes a second of four processes, from when each has registered a portion."""
    asyncio.run(prepared(url))
    each = count // PROCESSES
    fleet = Fleet(url, folder, each, min(PORTION_THINGS, each // PORTIONS_MIN))
    try:
        for n in range(PROCESSES):
            fleet.start(f"list-{n}")
        while not all(fleet.done(name) for name in fleet.processes):
            time.sleep(POLL_S)
            fleet.check()
        before, started = fleet.acknowledged(), time.perf_counter()
        for process in fleet.processes.values():
            process.wait()
        elapsed_s = time.perf_counter() - started
    finally:
        fleet.stop()
    fleet.check()
    return (fleet.acknowledged() - before) / elapsed_s


def rows_of(count: int) -> list[Row]:
    """Return the rows of plain things."""
    prefix = uic.prefix(REGION, Kind.FACILITY)
    return [
        (uic.issue(prefix, n), "Facility", f"路灯 {n}", "in_use", "{}") for n in range(1, count + 1)
    ]


def executed(path: Path, rows: list[Row]) -> float:
    """Return the codes a second of plain tables."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(TABLES)
    started = time.perf_counter()
    for at in range(0, len(rows), PIECE):
        piece = rows[at : at + PIECE]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(THING, piece)
        connection.executemany(ALIAS, (("uic", "", r[0], r[0], "registration", 1.0) for r in piece))
        connection.execute("COMMIT")
    elapsed_s = time.perf_counter() - started
    connection.close()
    return len(rows) / elapsed_s


async def created(server: neo4j_server.Server, rows: list[Row]) -> float:
    """Return the codes a second of the bare driver."""
    driver = neo4j.AsyncGraphDatabase.driver(server.url, auth=(server.user, server.password))
    async with driver, driver.session() as session:
        await (await session.run(UNIQUE)).consume()
        started = time.perf_counter()
        for at in range(0, len(rows), PIECE):
            piece = [list(row) for row in rows[at : at + PIECE]]
            await (await session.run(BARE, rows=piece)).consume()
        return len(rows) / (time.perf_counter() - started)
