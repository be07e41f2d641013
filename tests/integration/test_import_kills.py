"""An import killed at any moment leaves N or gives N + 1, and its retry has the same codes."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cim.model import Kind
from cim.ports import Filter
from tests.parts import ifc_edit
from tests.parts.cities import digest, open_stores

pytestmark = [pytest.mark.anyio, pytest.mark.corpus]
DUPLEX = "Duplex_A_20110907_georeferenced.ifc"
STAGES = [
    "normalise:1", "extract:1", "mesh:1", "mesh:2", "translate:1", "merge:1",
    "tiles:1", "activate:1", "activate:2", "activate@1.000",
]  # fmt: skip
PAUSE_S = 0.02  # between two polls; ten a second are asked, also of a slow store


class City:
    """One store with readers that watch it while importing processes are killed."""

    def __init__(self, url: str, folder: Path, file: Path, guid: str) -> None:
        self.url, self.folder, self.file, self.guid = url, folder, file, guid
        self.seen: set[tuple[int, str]] = set()
        self.polls = 0
        self.watched_s = 0.0

    def start(self, kill_at: str | None = None) -> "subprocess.Popen[str]":
        module = [sys.executable, "-m", "tests.parts.import_process"]
        command = [*module, self.url, str(self.folder), str(self.file)]
        return subprocess.Popen(
            [*command, *([kill_at] if kill_at else [])], stdout=subprocess.PIPE, text=True
        )

    async def run(self, kill_at: str | None = None, after_s: float | None = None) -> str:
        """Run one import while a reader polls; kill it ``after_s``; return what it printed."""
        process = self.start(kill_at)
        ended = asyncio.get_running_loop().run_in_executor(None, process.communicate)
        stores = await open_stores(self.url, self.folder)
        started = time.monotonic()
        while not ended.done():
            self.seen.add(await digest(stores.graph, stores.codes, self.guid))
            self.polls += 1
            if after_s is not None and time.monotonic() - started >= after_s:
                process.send_signal(signal.SIGKILL)
            await asyncio.wait([ended], timeout=PAUSE_S)
        self.watched_s += time.monotonic() - started
        self.seen.add(await digest(stores.graph, stores.codes, self.guid))
        await stores.graph.close()
        return (await ended)[0]

    async def codes(self) -> dict[str, str]:
        stores = await open_stores(self.url, self.folder)
        g, found, after = (await stores.graph.head()).generation, {}, ""
        while after is not None:
            where = Filter(kinds=(Kind.ELEMENT, Kind.SPACE, Kind.STOREY, Kind.BUILDING))
            page = await stores.graph.find(g, where, limit=1000, after=after)
            found |= {e.properties["ifc_guid"]: e.code for e in page.items}
            after = page.next
        await stores.graph.close()
        return found


@pytest.fixture(scope="module")
def small(shared_dir) -> Path:
    return shared_dir / "ifc" / DUPLEX


@pytest.fixture(scope="module")
def tenfold(shared_dir, tmp_path_factory) -> Path:
    text = (shared_dir / "ifc" / DUPLEX).read_text("latin-1")
    path = tmp_path_factory.mktemp("tenfold") / "duplex-10.ifc"
    path.write_text(ifc_edit.copies(text, 10), encoding="latin-1")
    return path


def guid_of(file: Path) -> str:
    return ifc_edit.GUID.search(file.read_text("latin-1"))[2]


async def baseline(folder: Path, file: Path) -> tuple[float, dict[str, str]]:
    """Import undisturbed; return how long it took and the codes by GUID."""
    folder.mkdir()
    city = City(f"sqlite:///{folder / 'graph.db'}", folder, file, guid_of(file))
    started = time.monotonic()
    printed = await city.run()
    assert json.loads(printed.splitlines()[-1])["version"] == 1
    return time.monotonic() - started, await city.codes()


async def killed_evenly(city: City, kills: int, duration_s: float, codes: dict[str, str]) -> None:
    for number in range(kills):
        await city.run(after_s=duration_s * (number + 0.5) / kills)
    await finished(city, codes)


async def killed_at_each_stage(city: City, codes: dict[str, str]) -> None:
    for stage in STAGES:
        printed = await city.run(kill_at=stage)
        assert printed.splitlines()[-1].startswith("stage "), stage
    await finished(city, codes)


async def finished(city: City, codes: dict[str, str]) -> None:
    """The retry succeeds with the same codes; every reader saw N or N + 1."""
    printed = await city.run()
    assert json.loads(printed.splitlines()[-1])["version"] == 1
    assert codes == await city.codes()
    assert [0, 1] == sorted(g for g, _ in city.seen)
    rate = city.polls / city.watched_s
    print(f"{city.polls} polls, {rate:.1f} a second, {len(city.seen)} digests")


def sqlite_city(folder: Path, file: Path) -> City:
    home = folder / "killed"
    home.mkdir()
    return City(f"sqlite:///{home / 'graph.db'}", home, file, guid_of(file))


def neo4j_city(server, folder: Path, file: Path) -> City:
    home = folder / "killed"
    home.mkdir()
    place = server.url.removeprefix("bolt://")
    url = f"bolt://{server.user}:{server.password}@{place}"
    return City(url, home, file, guid_of(file))


@pytest.mark.timeout(600)
async def test_five_kills_on_sqlite(tmp_path, small):
    duration_s, codes = await baseline(tmp_path / "calm", small)
    await killed_evenly(sqlite_city(tmp_path, small), 5, duration_s, codes)


@pytest.mark.timeout(600)
async def test_a_kill_at_each_stage_on_sqlite(tmp_path, small):
    _, codes = await baseline(tmp_path / "calm", small)
    await killed_at_each_stage(sqlite_city(tmp_path, small), codes)


@pytest.mark.neo4j
@pytest.mark.timeout(600)
async def test_two_kills_on_neo4j(tmp_path, small, empty_neo4j):
    duration_s, codes = await baseline(tmp_path / "calm", small)
    await killed_evenly(neo4j_city(empty_neo4j, tmp_path, small), 2, duration_s, codes)


@pytest.mark.long
@pytest.mark.timeout(5400)
async def test_fifty_kills_of_a_tenfold_import_on_sqlite(tmp_path, tenfold):
    duration_s, codes = await baseline(tmp_path / "calm", tenfold)
    await killed_evenly(sqlite_city(tmp_path, tenfold), 50, duration_s, codes)


@pytest.mark.long
@pytest.mark.timeout(5400)
async def test_a_kill_at_each_stage_of_a_tenfold_import_on_sqlite(tmp_path, tenfold):
    _, codes = await baseline(tmp_path / "calm", tenfold)
    await killed_at_each_stage(sqlite_city(tmp_path, tenfold), codes)


@pytest.mark.long
@pytest.mark.neo4j
@pytest.mark.timeout(5400)
async def test_ten_kills_and_each_stage_of_a_tenfold_import_on_neo4j(
    tmp_path, tenfold, empty_neo4j
):
    duration_s, codes = await baseline(tmp_path / "calm", tenfold)
    city = neo4j_city(empty_neo4j, tmp_path, tenfold)
    for stage in STAGES:
        await city.run(kill_at=stage)
    await killed_evenly(city, 10, duration_s, codes)
