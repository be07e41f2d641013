"""The meshing child: one IFC file, one share of its products, one thread; results go to two files.

open → list the products → for each: kernel after kernel until one gives a plausible body → records

``<out>.bin`` holds per product float32 vertices (metres, relative to the record's own ``origin``)
and then uint32 triangles; ``<out>.jsonl`` one record a product, written behind its bytes. Before a
product is read, and before a kernel touches it, a progress line names both, so that the parent
knows whom to blame; each has ``kernel_s`` of the processor, then SIGPROF ends the child.
"""

import json
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Self

import ifcopenshell
import ifcopenshell.geom
import numpy as np
import numpy.typing as npt

from bim.extract_guids import Names
from bim.mesh_colours import Rgba, of_class, rgba
from bim.mesh_hazards import hazard, items_of, length_unit_m, only_lines, placed_at, suitable
from bim.mesh_share import READING
from bim.normalise_guids import is_row_class
from cim.progress import Progress

HUGE_M = 20_000.0  # a body of this extent is a kernel's slip, not a product
FAR_M = 1e9  # from the model's origin; a grid's coordinates stay below 1e8
DEFLECTION_M = 0.005  # a tenth of what boxes may differ; 0.001 takes minutes for a dome of 100 m
REASON_CHARS = 200
TIMEOUTS_MAX = 2  # kernels that ran out of time with a product; a third would too
DERIVED = re.compile(r"actual type <derived> at index (\d+)")

Points = npt.NDArray[np.float64]
Faces = npt.NDArray[np.int32]
Part = tuple[int, int, int, int, int, int]
Body = tuple[Points, Faces, list[Part]]


def run(job: dict[str, Any], progress: Progress) -> int:
    """Mesh this child's share and return how many records were written.

    ``job``: ``ifc``, ``out`` (path without ending), ``share`` [k, n] (every n-th product from the
    k-th), ``kernels``, ``wanted`` (file with a JSON list of GUIDs, or None for all), ``done`` (STEP
    ids that have a record), ``blamed`` {STEP id: {kernel: reason}} (not to be tried again),
    ``kernel_s`` (seconds of processor that a product has in a kernel, half as many in the second
    one after the first has ended a child; then the child dies).
    """
    file = ifcopenshell.open(job["ifc"])
    listed = list(_share(keys(file), job))
    done = set(job["done"])
    kernels = job["kernels"]
    with _Records(Path(job["out"]), file) as records:
        for number, (key, product) in enumerate(listed):
            if product.id() in done:
                continue
            blamed = job["blamed"].get(str(product.id()), {})
            tell = _teller(progress, number / len(listed), product.id(), job)
            records.add(key, product, *_decided(product, kernels, blamed, tell))
    return records.count


def keys(file: Any) -> list[tuple[str, Any]]:
    """Return (key, product) of every product with a body to draw, in STEP order.

    Keys are those of the rows that ``bim.extract`` makes. What is no row there (openings, virtual
    elements, grids, annotations …) has no body here: nothing could be told of it.
    """
    names = Names()
    products = sorted(file.by_type("IfcProduct"), key=lambda product: product.id())
    keyed = [
        (names.take(product.GlobalId, product.id()), product)
        for product in products
        if is_row_class(product.is_a())
    ]
    return [(key, product) for key, product in keyed if product.Representation]


def _share(listed: list[tuple[str, Any]], job: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    wanted = None
    if job["wanted"]:
        wanted = set(json.loads(Path(job["wanted"]).read_text(encoding="utf-8")))
    first, step = job["share"]
    for key, product in listed[first::step]:
        if wanted is None or key in wanted:
            yield key, product


def _teller(
    progress: Progress, fraction: float, step_id: int, job: dict[str, Any]
) -> Callable[[str], None]:
    ended = job["blamed"].get(str(step_id), {})
    seconds = job["kernel_s"] / (1 + len(ended))  # who follows a kernel that ended has less

    def tell(reader: str) -> None:
        # The processor's time, not the clock's: a busy machine costs nobody a body.
        signal.setitimer(signal.ITIMER_PROF, seconds)
        place = -1 if reader == READING else job["kernels"].index(reader)
        progress("in_hand", fraction, {"step_id": step_id, "kernel": place})

    return tell


def _decided(
    product: Any, kernels: Sequence[str], blamed: dict[str, str], tell: Callable[[str], None]
) -> tuple[str, Body | str]:
    """Return what ``_mesh`` does; a damaged product that it stumbles over costs a placeholder."""
    try:
        return _mesh(product, kernels, blamed, tell)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - attributes of a damaged file are of any type
        return "placeholder", f"{type(error).__name__}: {error}"[:REASON_CHARS]


def _mesh(
    product: Any, kernels: Sequence[str], blamed: dict[str, str], tell: Callable[[str], None]
) -> tuple[str, Body | str]:
    """Return (kernel, body), ("none", reason) without faces, or ("placeholder", reason)."""
    if READING in blamed or [*blamed.values()].count("child_timeout") >= TIMEOUTS_MAX:
        return "placeholder", blamed.get(READING, "child_timeout")
    tell(READING)
    items = items_of(product)
    reason = hazard(product, items)
    if reason:
        return "placeholder", reason
    if only_lines(items):
        return "none", "no_faces"
    empty = False
    before = [*blamed.values(), "gave_up"][0]
    for kernel in suitable(product, items, kernels):
        if kernel in blamed:
            reason = blamed[kernel]
            continue
        tell(kernel)
        body, reason = _body(product, kernel)
        if body is not None:
            return kernel, body
        empty = empty or not reason
    return ("none", "no_faces") if empty and not reason else ("placeholder", reason or before)


def _body(product: Any, kernel: str) -> tuple[Body | None, str]:
    """Return (body, ""), (None, "") where the kernel finds no face, or (None, reason)."""
    try:
        shape = _shape(product, kernel)
    except RuntimeError as error:  # the kernel refuses, and says why in words of its own
        return None, " ".join(str(error).split())[:REASON_CHARS]
    geometry = shape.geometry
    points = np.frombuffer(geometry.verts_buffer, np.float64).reshape(-1, 3)
    faces = np.frombuffer(geometry.faces_buffer, np.int32).reshape(-1, 3)
    if not len(faces):
        return None, ""
    far = not np.isfinite(points).all() or np.abs(points).max() > FAR_M
    if far or np.ptp(points, axis=0).max() > HUGE_M:
        return None, "implausible"
    styles = [rgba(style, product) for style in geometry.materials]
    which = np.frombuffer(geometry.material_ids_buffer, np.int32)
    return _sorted_by_colour(points, faces, which, styles or [of_class(product)]), ""


def _at(product: Any, file: Any) -> tuple[float, float, float] | None:
    """Return ``placed_at``, or None where the file's placement or its unit is none, or too far."""
    try:
        at = placed_at(product, length_unit_m(file))
        return at if at and all(abs(place) <= FAR_M for place in at) else None
    except Exception:  # noqa: BLE001 - attributes of a damaged file are of any type
        return None


def _shape(product: Any, kernel: Any) -> Any:
    settings = _settings()
    try:
        return ifcopenshell.geom.create_shape(settings, product, geometry_library=kernel)
    except RuntimeError as error:
        # Some exporters write * where a name belongs: ifcopenshell then drops the whole product.
        derived = DERIVED.search(str(error))
        if derived is None:
            raise
        product[int(derived[1])] = None
        return ifcopenshell.geom.create_shape(settings, product, geometry_library=kernel)


@cache
def _settings() -> Any:
    settings: Any = ifcopenshell.geom.settings()  # type: ignore[no-untyped-call] # theirs
    settings.set("use-world-coords", True)
    settings.set("no-normals", True)
    settings.set("mesher-linear-deflection", DEFLECTION_M)
    return settings


def _sorted_by_colour(points: Points, faces: Faces, which: Faces, styles: list[Rgba]) -> Body:
    """Return the body with its triangles ordered by colour, one part a colour."""
    colours = sorted(set(styles))
    if len(colours) == 1 or len(which) != len(faces):
        return points, faces, [(0, faces.size, *styles[0])]
    rank = np.array([colours.index(style) for style in styles])
    of_face = rank[np.clip(which, 0, len(styles) - 1)]
    order = np.argsort(of_face, kind="stable")
    counts = np.bincount(of_face, minlength=len(colours)) * 3
    firsts = np.cumsum(counts) - counts
    parts = [
        (int(first), int(count), *colour)
        for first, count, colour in zip(firsts, counts, colours, strict=True)
        if count
    ]
    return points, faces[order], parts


class _Records:
    """The two files of results; a line is written behind its bytes, so a line means they are."""

    def __init__(self, out: Path, file: Any) -> None:
        self.count = 0
        self._file = file
        self._bulk: BinaryIO = out.with_suffix(".bin").open("wb", buffering=0)
        self._lines: BinaryIO = out.with_suffix(".jsonl").open("wb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bulk.close()
        self._lines.close()

    def add(self, key: str, product: Any, kernel: str, result: Body | str) -> None:
        """Append one product."""
        record = {"step_id": product.id(), "guid": key, "class": product.is_a(), "kernel": kernel}
        if isinstance(result, str):
            record |= {"reason": result, "at": _at(product, self._file)}
        else:
            record |= self._bulk_of(*result)
        self._lines.write(json.dumps(record).encode() + b"\n")
        self.count += 1

    def _bulk_of(self, points: Points, faces: Faces, parts: list[Part]) -> dict[str, Any]:
        low, high = points.min(axis=0), points.max(axis=0)
        self._bulk.write((points - low).astype("<f4").tobytes())
        self._bulk.write(faces.astype("<u4").tobytes())
        return {
            "origin": low.tolist(),
            "box": [*low.tolist(), *high.tolist()],
            "vertices": len(points),
            "triangles": len(faces),
            "parts": parts,
        }
