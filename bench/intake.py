"""``python -m bench intake [FILE…] [--runs N]``: upload accepted → queryable and tiled.

Ours: a warm worker on SQLite and files, from the accepted upload to a served tileset and list.
Peer: @thatopen/fragments' IfcImporter in Node.js (newest of the registry, installed into a folder
that is thrown away), inside its own process without its start. Same files, same bytes, runs
alternate, medians; files that one of both does not read are named and counted for neither.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import report
from bim.ingest import Options, Stores, ingest, receive
from bim.tiles import tileset
from cim.ports import Filter
from cim.stores.files import FileBlobs
from cim.stores.sqlite import SqliteGraph
from identity.errors import CityError

SHARED = Path(__file__).resolve().parents[2] / "shared" / "ifc"
PEER = "@thatopen/fragments"
SCRIPT = Path(__file__).with_name("peer_fragments.mjs")
Times = dict[str, float | None]


def main(argv: list[str]) -> int:
    """Run both, print a row a file and the sum, then the JSON line."""
    arguments = _parser().parse_args(argv)
    files = [Path(f).resolve() for f in arguments.files] or sorted(SHARED.glob("*.ifc"))
    if not files:
        print(f"no files given and none in {SHARED}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="wanwu-bench-") as folder:
        peer = _install_peer(Path(folder))
        ours: list[Times] = []
        theirs: list[Times] = []
        for number in range(arguments.runs):
            home = Path(folder) / str(number)
            home.mkdir()
            ours.append(asyncio.run(_ours(files, home)))
            theirs.append(_theirs(files, peer) if peer else {})
    _print(files, ours, theirs)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench intake")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--runs", type=int, default=5)
    return parser


async def _ours(files: list[Path], folder: Path) -> Times:
    """Return seconds by file name; None for a refused file."""
    graph = await SqliteGraph.open(folder / "graph.db", time.time)
    stores = Stores(graph, graph, FileBlobs(folder / "blobs"))
    times: Times = {}
    for file in files:
        times[file.name] = await _one(stores, file, folder / file.stem)
    await graph.close()
    return times


async def _one(stores: Stores, file: Path, home: Path) -> float | None:
    upload = home / "upload.ifc"
    (home / "work").mkdir(parents=True)
    shutil.copy(file, upload)
    started = time.perf_counter()
    try:
        receipt = await receive(stores, upload, filename=file.name, project=file.stem)
        options = Options(holder="bench")
        await ingest(stores, receipt, work_dir=home / "work", options=options)
    except CityError:
        return None
    g = (await stores.graph.head()).generation
    await stores.graph.find(g, Filter(), limit=100)
    json.dumps(tileset(await stores.graph.tiles(g), lambda tile: tile.blob))
    return time.perf_counter() - started


def _install_peer(folder: Path) -> Path | None:
    """Install the peer into ``folder``; None (and said) where npm is missing or refuses."""
    if shutil.which("npm") is None:
        print("no peer: npm is not on this machine", file=sys.stderr)
        return None
    home = folder / "peer"
    home.mkdir()
    (home / "package.json").write_text('{"private": true}', encoding="utf-8")
    command = ["npm", "install", "--no-audit", "--no-fund", PEER, "web-ifc", "three"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"no peer: {done.stderr[-300:]}", file=sys.stderr)
        return None
    shutil.copy(SCRIPT, home)
    return home


def _theirs(files: list[Path], home: Path) -> Times:
    """Return seconds by file name; None where the peer fails. One process a file."""
    times: Times = {}
    for file in files:
        command = ["node", SCRIPT.name, str(file)]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
        rows = [json.loads(r) for r in done.stdout.splitlines() if r.startswith('{"file"')]
        times[file.name] = rows[0].get("s") if rows else None
    return times


def _print(files: list[Path], ours: list[Times], theirs: list[Times]) -> None:
    sums = [0.0, 0.0]
    counted, failed = 0, []
    print(f"{'file':50} {'ours s':>8} {'peer s':>8} {'ratio':>6}")
    for file in files:
        mine, other = _median(ours, file.name), _median(theirs, file.name)
        if mine is None or other is None:
            failed.append(f"{file.name}: ours {_said(mine)}, peer {_said(other)}")
            continue
        counted += 1
        sums = [sums[0] + mine, sums[1] + other]
        print(f"{file.name:50} {mine:8.2f} {other:8.2f} {mine / other:6.2f}")
    notes = f"medians of {len(ours)} alternating runs; left out: {failed or 'none'}"
    peer = sums[1] if counted else None
    report.line("intake", sums[0], "s", peer, PEER, counted, notes)


def _median(runs: list[Times], name: str) -> float | None:
    values = [run.get(name) for run in runs]
    known = [v for v in values if v is not None]
    return statistics.median(known) if known and len(known) == len(values) else None


def _said(seconds: float | None) -> str:
    return "refused or failed" if seconds is None else f"{seconds:.2f} s"
