"""``python -m bench step FILE…``: reading the reference graph beside opening the same file.

Per file, in alternating rounds in this process: ``bim.step.read``, ``bim.hazards.check`` (which
holds it) and ``ifcopenshell.open`` of the same normalised bytes; medians. The ratio is that of the
check, summed over the files.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ifcopenshell

from bench.report import line
from bim import hazards, step
from bim.normalise import normalise

ROUNDS = 5


def main(argv: list[str]) -> int:
    """Measure every file; 2 without any."""
    if not argv:
        print("usage: python -m bench step FILE…", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        measured = [_measured(Path(path), Path(folder) / "safe.ifc") for path in argv]
    count = sum(statements for statements, _ in measured)
    read_s, check_s, open_s = (sum(times[i] for _, times in measured) for i in range(3))
    each_us = 1e6 / count
    notes = f"read alone {read_s * each_us:.2f} us a statement; {count} statements"
    notes += f"; medians of {ROUNDS} alternating rounds"
    peer_name = f"ifcopenshell.open {ifcopenshell.version}"
    line(
        "step",
        check_s * each_us,
        "us a statement",
        open_s * each_us,
        peer_name,
        len(measured),
        notes,
    )
    return 0


def _measured(source: Path, safe: Path) -> tuple[int, list[float]]:
    """Return the statements of a file, and seconds to read, to check and to open it."""
    normalise(source, safe)
    ways: list[Callable[[], object]] = [
        lambda: step.read(safe),
        lambda: hazards.check(safe),
        lambda: ifcopenshell.open(str(safe)),
    ]
    rounds = [[_seconds(way) for way in ways] for _ in range(ROUNDS)]
    times = [statistics.median(column) for column in zip(*rounds, strict=True)]
    statements = step.read(safe).ids.size
    print(f"{source.name}: {statements} statements; {', '.join(f'{s:.3f} s' for s in times)}")
    return statements, times


def _seconds(way: Callable[[], object]) -> float:
    start = time.perf_counter()
    way()
    return time.perf_counter() - start
