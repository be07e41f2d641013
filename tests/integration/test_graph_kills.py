"""A writer that is killed at any point leaves the city as it was, or as it was to become."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import anyio
import pytest

from cim.ports import Filter
from cim.stores.sqlite import SqliteGraph

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
HOUSE = "420111990101000000011"
OWNER = "import of the second version"
CHILD = '''
import asyncio, os, signal, sys, time
from collections import UserDict
from cim.model import Entity, Kind, Relation, Tile, Verb
from cim.ports import Batch
from cim.stores.sqlite import SqliteGraph
from identity.ports import Alias

HOUSE, OWNER = "420111990101000000011", "import of the second version"

class Bomb(UserDict):
    """Properties that kill the process when they are written."""
    def keys(self):
        os.kill(os.getpid(), signal.SIGKILL)

def batch(version, part, properties):
    codes = [f"{HOUSE}-E{part * 1000 + n:07d}X" for n in range(400)]
    tile = Tile(HOUSE, "doc", f"blob-{version}", 1, 1, 1, (0.0,) * 6)
    return Batch(
        entities=[
            Entity(c, Kind.ELEMENT, f"v{version} {c}", lon=114.0, lat=30.0 + part / 100,
                   properties=properties if c == codes[200] else {"v": version})
            for c in codes
        ],
        relations=[Relation(Verb.CONTAINS, HOUSE, c) for c in codes],
        aliases=[Alias("ifc_guid", "p", f"guid-{c}", f"{c}-{version}") for c in codes],
        tiles=[tile],
        end_entities=[f"{HOUSE}-E{9000000 + part:07d}X"],
    )

def reached(point):
    print(point, flush=True)
    if point == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

async def write_version(graph, version, parts):
    activation = await graph.activate("child", wait_s=0)
    reached("leased")
    serials = await graph.reserve(HOUSE + "-E", 5, OWNER)
    print("serials", list(serials), flush=True)
    for part in range(parts):
        fatal = sys.argv[2] == "inside_batch" and part == 2
        await activation.write(batch(version, part, Bomb() if fatal else {"v": version}))
        if part == 1:
            reached("half")
    reached("written")
    await activation.commit(Bomb() if sys.argv[2] == "inside_commit" else {"v": version})
    reached("committed")

async def main():
    graph = await SqliteGraph.open(sys.argv[1], time.time, lease_ttl_s=3600.0)
    await write_version(graph, int(sys.argv[3]), 4)
    await graph.close()

asyncio.run(main())
'''


def start(path, point="-", version=2):
    command = [sys.executable, "-c", CHILD, str(path), point, str(version)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def run(path, point="-", version=2):
    child = start(path, point, version)
    out, _ = child.communicate(timeout=60)
    return child.returncode, out.splitlines()


async def digest(graph, g):
    """Everything a reader can see at ``g`` in one line."""
    seen = hashlib.sha256()
    after = ""
    while True:
        page = await graph.find(g, Filter(), limit=1000, after=after)
        seen.update(repr(page.items).encode())
        if page.next is None:
            break
        after = page.next
    guids = [f"guid-{HOUSE}-E{n:07d}X" for n in range(0, 4000, 100)]
    seen.update(repr(await graph.resolve(g, guids)).encode())
    seen.update(repr(await graph.tiles(g)).encode())
    seen.update(repr(await graph.counts(g, HOUSE)).encode())
    place = await graph.find(g, Filter(box=(113.0, 29.0, 115.0, 30.005)), limit=1000)
    seen.update(repr(place.items).encode())
    return seen.hexdigest()


@pytest.fixture(scope="session")
async def versions(tmp_path_factory):
    """A file with version 1, and the digests of versions 1 and 2 as they shall be."""
    folder = tmp_path_factory.mktemp("versions")
    path, both = folder / "graph.db", folder / "both.db"
    assert run(path, version=1)[0] == 0
    shutil.copy(path, both)
    assert run(both, version=2)[0] == 0
    graph = await SqliteGraph.open(both, time.time)
    whole = {1: await digest(graph, 1), 2: await digest(graph, 2)}
    await graph.close()
    return path, whole


@pytest.fixture
def city(versions, tmp_path):
    """A copy of the file with version 1, and the digests."""
    return shutil.copy(versions[0], tmp_path / "graph.db"), versions[1]


POINTS = {
    "leased": 1,
    "half": 1,
    "inside_batch": 1,
    "written": 1,
    "inside_commit": 1,
    "committed": 2,
}


@pytest.mark.parametrize("point", POINTS)
async def test_a_writer_killed_at_a_point_leaves_one_whole_version(city, point):
    path, whole = city
    reader = await SqliteGraph.open(path, time.time)
    returncode, lines = run(path, point)
    assert returncode == -signal.SIGKILL
    head = await reader.head()
    assert head.generation == POINTS[point]
    assert await digest(reader, head.generation) == whole[POINTS[point]]
    assert await digest(reader, 1) == whole[1]
    # The next writer needs no waiting for the lease of a process that is gone.
    again, later = run(path, version=2)
    assert again == 0
    if point != "leased":
        assert [x for x in later if "serials" in x] == [x for x in lines if "serials" in x]
    generation = (await reader.head()).generation
    assert generation == POINTS[point] + 1
    assert await digest(reader, generation) == whole[2]
    assert await digest(reader, 1) == whole[1]
    await reader.close()


@pytest.mark.parametrize("seed", range(5))
async def test_a_writer_killed_at_any_moment_is_never_half_seen(city, seed):
    path, whole = city
    reader = await SqliteGraph.open(path, time.time)
    child = start(path)
    assert child.stdout.readline() == "leased\n"
    delay_s = random.Random(seed).uniform(0.0, 0.6)
    killer = threading.Timer(delay_s, child.kill)
    killer.start()
    polls = 0
    while child.poll() is None or polls == 0:
        generation = (await reader.head()).generation
        assert await digest(reader, generation) == whole[generation]
        polls += 1
    killer.join()
    child.communicate()
    generation = (await reader.head()).generation
    assert await digest(reader, generation) == whole[generation]
    with anyio.fail_after(10):
        activation = await reader.activate("next", wait_s=0)
    assert activation.base == generation
    await activation.commit({})
    assert await digest(reader, generation + 1) == whole[generation]
    await reader.close()
