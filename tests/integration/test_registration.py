"""Four processes register at once and are killed at random moments: no code comes twice."""

import random
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from cim.ports import LOOKUP_LIMIT
from cim.registration import PORTION_THINGS
from identity import code as uic
from identity.ports import Alias
from tests.parts.graphs import open_graph, prepared
from tests.parts.registering import CODE_BYTES, Fleet, lines

pytestmark = pytest.mark.anyio
PROCESSES = 4
POLL_S = 0.01
LAST_KILL = 0.6  # of all codes: behind it there is work for longer than a kill is put off
PORTION_S_MAX = 2.0  # a kill falls anywhere in what a process does for one portion


def killed_while_registering(fleet: Fleet, kills: int, seed: int) -> float:
    """Run the fleet; kill and restart one of it at ``kills`` random moments; return the seconds."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    total = PROCESSES * fleet.count
    moments = sorted(chance.uniform(0.0, LAST_KILL) for _ in range(kills))
    started = time.monotonic()
    for n in range(PROCESSES):
        fleet.start(f"list-{n}")
    for moment in moments:
        while fleet.acknowledged() < moment * total:
            fleet.check()
            time.sleep(POLL_S)
        time.sleep(chance.uniform(0.0, PORTION_S_MAX * fleet.portion / 10_000))
        name = fleet.kill_one(chance)
        print(f"{name} killed at {fleet.acknowledged()} of {total} codes", flush=True)
        fleet.start(name)
    assert [0] * PROCESSES == [process.wait() for process in fleet.processes.values()]
    return time.monotonic() - started


def acknowledged(fleet: Fleet) -> "np.ndarray":
    """Return every code that a process was told, in fixed width."""
    told = b" ".join(line for n in range(PROCESSES) for line in lines(fleet.file(f"list-{n}")))
    return np.frombuffer(told + b" ", dtype=f"S{CODE_BYTES + 1}")


def twice(codes: "np.ndarray") -> int:
    """Return how many codes are there more than once."""
    return len(codes) - len(np.unique(codes))


async def assert_each_stands_with_its_alias(url: str, codes: "np.ndarray") -> None:
    graph = await open_graph(url)
    g = (await graph.head()).generation
    for at in range(0, len(codes), LOOKUP_LIMIT):
        asked = [code.decode().strip() for code in codes[at : at + LOOKUP_LIMIT]]
        assert asked == [entity.code for entity in await graph.entities(g, asked)]
        own = {code: [Alias("uic", "", code, code, "registration")] for code in asked}
        assert own == await graph.resolve(g, asked)
    uic.parse(asked[-1])
    await graph.close()


def assert_apart(blocks: list[tuple[int, int]]) -> None:
    """No serial lies in two blocks of (first, count)."""
    ends = 1
    for first, count in sorted(blocks):
        assert ends <= first, f"the block at {first} begins before {ends}"
        ends = first + count


async def assert_all_once(fleet: Fleet, blocks: list[tuple[int, int]], kept: int) -> None:
    codes = acknowledged(fleet)
    assert PROCESSES * fleet.count == len(codes) == kept
    assert 0 == twice(codes)
    assert_apart(blocks)
    started = time.monotonic()
    await assert_each_stands_with_its_alias(fleet.url, codes)
    print(f"{len(codes)} codes, none twice; looked up in {time.monotonic() - started:.0f} s")


def told(seconds: float, codes: int, kills: int) -> None:
    print(f"{codes} codes in {seconds:.1f} s with {kills} kills: {codes / seconds:.0f} codes/s")


async def on_sqlite(folder: Path, codes: int, *, portion: int, kills: int, seed: int) -> None:
    path = folder / "graph.db"
    url = await prepared(f"sqlite:///{path}")
    fleet = Fleet(url, folder, codes // PROCESSES, portion)
    try:
        told(killed_while_registering(fleet, kills, seed), codes, kills)
    finally:
        fleet.stop()
    await assert_all_once(fleet, *kept_by_sqlite(path))
    print(f"{path.stat().st_size / codes:.0f} B a code")
    path.unlink()  # ten million are 4 GB, and pytest keeps what lies there


def kept_by_sqlite(path: Path) -> tuple[list[tuple[int, int]], int]:
    """Return the blocks handed out, and how many facts there are, visible or not."""
    connection = sqlite3.connect(path)
    blocks = connection.execute("SELECT first, count FROM serials").fetchall()
    ((kept,),) = connection.execute("SELECT count(*) FROM facts").fetchall()
    connection.close()
    return blocks, kept


async def on_neo4j(
    server, folder: Path, codes: int, *, portion: int, kills: int, seed: int
) -> None:
    place = server.url.removeprefix("bolt://")
    url = await prepared(f"bolt://{server.user}:{server.password}@{place}")
    fleet = Fleet(url, folder, codes // PROCESSES, portion)
    try:
        told(killed_while_registering(fleet, kills, seed), codes, kills)
    finally:
        fleet.stop()
    await assert_all_once(fleet, *await kept_by_neo4j(server))


async def kept_by_neo4j(server) -> tuple[list[tuple[int, int]], int]:
    from neo4j import AsyncGraphDatabase

    async with AsyncGraphDatabase.driver(server.url, auth=(server.user, server.password)) as driver:
        blocks, _, _ = await driver.execute_query("MATCH (s:Serials) RETURN s.first, s.count")
        ((kept,),), _, _ = await driver.execute_query("MATCH (f:Fact) RETURN count(f)")
    return [tuple(row) for row in blocks], kept


@pytest.fixture
def own_neo4j():
    """A server of its own, that compiles well: it is at work for an hour."""
    from tests.parts import neo4j_server

    try:
        server = neo4j_server.start(quick=False)
    except neo4j_server.Missing as missing:
        pytest.skip(str(missing))
    yield server
    server.kill()


async def test_three_kills_among_20_000_codes_on_sqlite(tmp_path):
    await on_sqlite(tmp_path, 20_000, portion=500, kills=3, seed=random.randrange(2**32))


def test_serials_handed_out_without_a_transaction_are_found(tmp_path):
    """The control: a planted fault gives two processes one block, and the check sees it."""
    path = tmp_path / "graph.db"
    fleet = Fleet(f"sqlite:///{path}", tmp_path, 1_000, 100, "planted")
    try:
        killed_while_registering(fleet, kills=0, seed=0)
    finally:
        fleet.stop()
    codes = acknowledged(fleet)
    _, kept = kept_by_sqlite(path)
    assert len(codes) == 4_000
    assert twice(codes) > 0
    assert kept < len(codes)


def test_blocks_that_share_a_serial_are_found():
    assert_apart([(6, 2), (1, 5)])
    with pytest.raises(AssertionError, match="the block at 5 begins before 6"):
        assert_apart([(1, 5), (5, 2)])


@pytest.mark.neo4j
@pytest.mark.timeout(600)
async def test_two_kills_among_2_000_codes_on_neo4j(tmp_path, empty_neo4j):
    seed = random.randrange(2**32)
    await on_neo4j(empty_neo4j, tmp_path, 2_000, portion=250, kills=2, seed=seed)


@pytest.mark.long
@pytest.mark.timeout(5400)
@pytest.mark.parametrize("codes", [200_000, 10_000_000])
async def test_twenty_kills_on_sqlite(tmp_path, codes):
    portion = min(codes // 100, PORTION_THINGS)
    await on_sqlite(tmp_path, codes, portion=portion, kills=20, seed=random.randrange(2**32))


@pytest.mark.long
@pytest.mark.neo4j
@pytest.mark.timeout(5400)
@pytest.mark.parametrize("codes", [20_000, 1_000_000])
async def test_twenty_kills_on_neo4j(tmp_path, own_neo4j, codes):
    portion, seed = min(codes // 100, PORTION_THINGS), random.randrange(2**32)
    await on_neo4j(own_neo4j, tmp_path, codes, portion=portion, kills=20, seed=seed)
