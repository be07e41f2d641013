"""``python -m bench extract [FOLDER] [--runs N]``: extraction beside a bare ``ifcopenshell.open``.

Duplex twenty-five times over (new GUIDs) and the largest file of FOLDER, normalised beforehand.
Each run is a process of its own that has loaded the library; medians of alternating runs, and the
largest resident memory of each side. Extraction checks for hazards, opens, reads and writes rows.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.report import line
from bim.normalise import normalise
from tests.parts.ifc_edit import copies

ROOT = Path(__file__).resolve().parents[1]
DUPLEX, COPIES, RUNS = "Duplex_A_20110907_georeferenced.ifc", 25, 3
START = (
    "import sys, time, resource, json, ifcopenshell, bim.extract_rows, bim.extract;"
    "begin = time.perf_counter();"
)
END = (
    "print(json.dumps([time.perf_counter() - begin,"
    " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))"
)
SIDES = {
    "ours": f"{START} bim.extract.extract_file(sys.argv[1], sys.argv[2]); {END}",
    "open": f"{START} ifcopenshell.open(sys.argv[1]); {END}",
}


def main(argv: list[str]) -> int:
    """Print seconds and megabytes of each file, and the line: the larger of the two ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench extract")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT.parent / "shared" / "ifc")
    parser.add_argument("--runs", type=int, default=RUNS)
    asked = parser.parse_args(argv)
    notes, told = [], []
    with tempfile.TemporaryDirectory() as work:
        for name, path in _files(asked.folder, Path(work)):
            ours, bare = _measured(path, Path(work) / "rows", asked.runs)
            told.append((ours[0] / bare[0], ours[0], bare[0]))
            size_mb = path.stat().st_size / 1e6
            notes.append(
                f"{name}, {size_mb:.0f} MB: {ours[0]:.2f} s, {ours[1]:.0f} MB beside"
                f" {bare[0]:.2f} s, {bare[1]:.0f} MB, ratio {ours[0] / bare[0]:.2f}"
            )
            print(notes[-1], flush=True)
    _, ours_s, bare_s = max(told)
    line("extract", ours_s, "s", bare_s, "ifcopenshell.open", asked.runs, "; ".join(notes))
    return 0


def _files(folder: Path, work: Path) -> list[tuple[str, Path]]:
    many = work / "many.ifc"
    many.write_text(copies((folder / DUPLEX).read_text("latin-1"), COPIES), "latin-1")
    largest = max(folder.glob("*.ifc"), key=lambda path: path.stat().st_size)
    found: list[tuple[str, Path]] = []
    for name, source in ((f"Duplex x {COPIES}", many), (largest.name, largest)):
        target = work / f"safe-{len(found)}.ifc"
        normalise(source, target)
        found.append((name, target))
    return found


def _measured(path: Path, rows: Path, runs: int) -> tuple[tuple[float, float], ...]:
    """Return median seconds and largest MB of ours and of the bare opening."""
    taken: dict[str, list[tuple[float, float]]] = {side: [] for side in SIDES}
    for _ in range(runs):
        for side, program in SIDES.items():
            command = [sys.executable, "-c", program, str(path), str(rows)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
            seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
            taken[side].append((seconds, megabytes))
    return tuple(
        (median(s for s, _ in taken[side]), max(mb for _, mb in taken[side])) for side in SIDES
    )
