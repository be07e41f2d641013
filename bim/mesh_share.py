"""One share of a file's products, meshed by one child after another until all have a record."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bim.child import Limits, call
from cim.progress import Progress
from identity.errors import CityError

READING = "reading"  # before any kernel: walking what the product refers to
DEATHS_MAX = 40  # of the children of one share; what is left then becomes placeholders
REPORT_STEP = 0.01  # progress is passed on when it has grown by this


@dataclass(slots=True)
class Board:
    """Joins the progress of the shares into one."""

    progress: Progress
    fractions: list[float]
    said: float = 0.0

    def report(self, share: int, fraction: float) -> None:
        """Take note of how far a share is, and pass the mean on where it is worth it."""
        self.fractions[share] = fraction
        mean = sum(self.fractions) / len(self.fractions)
        if mean >= self.said + REPORT_STEP:
            self.said = mean
            self.progress("meshing", mean)


@dataclass(slots=True)
class Share:
    """The products number ``which[0]``, ``which[0] + which[1]`` … of the file, and who is blamed.

    ``blamed``: {STEP id: {kernel or "reading": error code}} of what a child had in hand when it
    died. ``kernel_s``: seconds of processor that a product has in one kernel.
    """

    ifc: Path
    out: Path
    wanted: Path | None
    which: tuple[int, int]
    kernels: tuple[str, ...]
    kernel_s: float
    limits: Limits
    board: Board
    blamed: dict[str, dict[str, str]] = field(default_factory=dict)
    attempt: int = 0
    _in_hand: tuple[str, str] | None = None

    async def run(self) -> None:
        """Mesh the share; what the time or DEATHS_MAX does not allow becomes placeholders."""
        try:
            async with asyncio.timeout(self.limits.wall_s):
                finished = await self._work()
        except TimeoutError:
            finished = False
        if not finished:
            await self._call(replace(self.limits, silence_s=None), ())
        self.board.report(self.which[0], 1.0)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield every record, with ``bulk`` (file) and ``offset`` (bytes) of its arrays."""
        for attempt in range(self.attempt):
            yield from read_records(self._path(attempt))

    async def _work(self) -> bool:
        """Start children until one reaches the end; False when too many died."""
        for _ in range(DEATHS_MAX):
            self._in_hand = None
            try:
                await self._call(self.limits, self.kernels)
            except CityError as error:
                if self._in_hand is None:  # not even a first product: it is the file
                    raise
                step_id, kernel = self._in_hand
                self.blamed.setdefault(step_id, {})[kernel] = error.code
            else:
                return True
        return False

    async def _call(self, limits: Limits, kernels: tuple[str, ...]) -> None:
        job = {
            "ifc": str(self.ifc),
            "out": str(self._path(self.attempt)),
            "share": self.which,
            "kernels": kernels,
            "kernel_s": self.kernel_s,
            "wanted": str(self.wanted) if self.wanted else None,
            "done": [record["step_id"] for record in self.records()],
            "blamed": self.blamed,
        }
        self.attempt += 1
        await call("bim.mesh_child:run", job, limits=limits, progress=self._heard)

    def _heard(self, stage: str, fraction: float, counts: Mapping[str, int] | None = None) -> None:
        if stage == "in_hand" and counts:
            place = counts["kernel"]
            reader = self.kernels[place] if place >= 0 else READING
            self._in_hand = (str(counts["step_id"]), reader)
        self.board.report(self.which[0], fraction)

    def _path(self, attempt: int) -> Path:
        return self.out / f"share{self.which[0]}-{attempt}"


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records a child left at ``path`` (without ending); a torn last line is none."""
    lines, bulk = path.with_suffix(".jsonl"), path.with_suffix(".bin")
    if not lines.exists():
        return
    offset = 0
    for line in lines.read_bytes().split(b"\n")[:-1]:
        record = json.loads(line)
        yield record | {"bulk": bulk, "offset": offset}
        offset += 12 * (record.get("vertices", 0) + record.get("triangles", 0))
