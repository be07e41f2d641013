"""From the children's records to one set of arrays, shapes and findings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bim.mesh_boxes import CORNERS, TRIANGLES, Box, placeholder_boxes
from bim.mesh_colours import PLACEHOLDER
from bim.rows import Finding, Severity, Shape

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Meshes:
    """All bodies of a file.

    ``positions`` float32 (n, 3), metres, local frame, relative to ``origin_m`` (3 float64);
    ``indices`` uint32 (m,), three a triangle, into ``positions``; ``shapes`` in STEP order.
    """

    shapes: list[Shape]
    positions: npt.NDArray[np.float32]
    indices: npt.NDArray[np.uint32]
    origin_m: npt.NDArray[np.float64]
    findings: list[Finding] = field(default_factory=list)


def assemble(
    records: Sequence[Record], blamed: Mapping[str, Mapping[str, str]] | None = None
) -> Meshes:
    """Join the records of all shares; equal records give equal arrays, whatever the shares were.

    ``blamed``: {STEP id: {kernel: error code}} of the products that ended a child.
    """
    records = sorted(records, key=lambda record: record["step_id"])
    boxes = placeholder_boxes(records)
    origin = _origin([*(record["box"] for record in records if "box" in record), *boxes.values()])
    bulks: dict[Path, npt.NDArray[np.uint8]] = {}
    build = _Build(origin)
    for record in records:
        if "box" in record:
            build.body(record, *_arrays(record, bulks))
        elif record["step_id"] in boxes:
            build.placeholder(record, boxes[record["step_id"]])
        else:
            build.shapes.append(Shape(record["guid"], "none", None))
    return Meshes(
        build.shapes,
        np.concatenate([np.empty((0, 3), np.float32), *build.positions]),
        np.concatenate([np.empty(0, np.uint32), *build.indices]),
        origin,
        _findings(records, blamed or {}),
    )


def _origin(boxes: Sequence[Sequence[float]]) -> npt.NDArray[np.float64]:
    """Return whole metres near the middle of most bodies (a stray one far away moves it not)."""
    if not boxes:
        return np.zeros(3)
    low, high = np.median(np.array(boxes, np.float64), axis=0).reshape(2, 3)
    return np.asarray(np.round((low + high) / 2), np.float64)


def _arrays(
    record: Record, bulks: dict[Path, npt.NDArray[np.uint8]]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint32]]:
    """Return the record's vertices (n, 3), relative to its own origin, and flat triangles."""
    path = record["bulk"]
    if path not in bulks:
        bulks[path] = np.memmap(path, np.uint8, "r")
    middle = record["offset"] + 12 * record["vertices"]
    end = middle + 12 * record["triangles"]
    points = bulks[path][record["offset"] : middle].view("<f4").reshape(-1, 3)
    return points, bulks[path][middle:end].view("<u4")


@dataclass(slots=True)
class _Build:
    origin: npt.NDArray[np.float64]
    shapes: list[Shape] = field(default_factory=list)
    positions: list[npt.NDArray[np.float32]] = field(default_factory=list)
    indices: list[npt.NDArray[np.uint32]] = field(default_factory=list)
    vertex_count: int = 0
    index_count: int = 0

    def body(
        self, record: Record, points: npt.NDArray[np.float32], faces: npt.NDArray[np.uint32]
    ) -> None:
        """Append a kernel's body; the sum with its origin is made in double precision."""
        parts = [(self.index_count + first, *rest) for first, *rest in record["parts"]]
        box = tuple(record["box"])
        self.shapes.append(Shape(record["guid"], record["kernel"], box, tuple(parts)))
        self._append(points + (np.array(record["origin"]) - self.origin), faces)

    def placeholder(self, record: Record, box: Box) -> None:
        """Append a box."""
        part = (self.index_count, TRIANGLES.size, *PLACEHOLDER)
        self.shapes.append(Shape(record["guid"], "placeholder", box, (part,)))
        low, high = np.array(box).reshape(2, 3)
        self._append(low + CORNERS * (high - low) - self.origin, TRIANGLES.reshape(-1))

    def _append(self, points: npt.NDArray[np.float64], faces: npt.NDArray[np.uint32]) -> None:
        self.positions.append(points.astype(np.float32))
        self.indices.append(faces + np.uint32(self.vertex_count))
        self.vertex_count += len(points)
        self.index_count += faces.size


def _findings(records: Sequence[Record], blamed: Mapping[str, Mapping[str, str]]) -> list[Finding]:
    """One a placeholder and one a product that ended children; products without faces in one."""
    findings = [
        Finding(
            "mesh_child_ended",
            Severity.WARNING,
            {
                "ifc_class": record["class"],
                "ended": ", ".join(f"{k}: {code}" for k, code in sorted(ended.items())),
            },
            record["guid"],
            record["step_id"],
        )
        for record in records
        if (ended := blamed.get(str(record["step_id"])))
    ]
    findings += [
        Finding(
            "mesh_placeholder",
            Severity.WARNING,
            {"ifc_class": record["class"], "reason": record["reason"]},
            record["guid"],
            record["step_id"],
        )
        for record in records
        if record["kernel"] == "placeholder"
    ]
    empty = Counter(record["class"] for record in records if record["kernel"] == "none")
    if empty:
        facts = {"count": empty.total(), "classes": dict(sorted(empty.items()))}
        findings.append(Finding("mesh_no_faces", Severity.INFO, facts))
    return findings
