"""One IFC file becomes one version of one document; this file reads as the journey.

receive (``bim.door``) → normalise → extract → mesh → translate → merge, tiles, activate
(``cim.delivery``). What is untrusted runs in children with limits; codes are issued by the parent.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec

from bim import child, extract, glb, mesh, relatives, steps, translate, translate_devices
from bim.door import Receipt, Stores, receive
from bim.rows import Extract, Finding, Shape
from cim import delivery
from cim.delivery import Delivery
from cim.heights import CityHeights
from cim.merge import Incoming
from cim.model import Tile
from cim.placement import Box3, Placement, anchored, counted, given, placement
from cim.progress import Progress, silent

SHARES = {
    "normalise": (0.0, 0.05),
    "extract": (0.05, 0.2),
    "mesh": (0.2, 0.8),
    "translate": (0.8, 0.82),
    "merge": (0.82, 0.85),
    "tiles": (0.85, 0.92),
    "activate": (0.92, 1.0),
}
"""Each stage's share of the whole, as measured on the corpus: meshing is most of it."""

LEASE_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """How an import runs. ``holder`` names the process for the lease.

    ``heights``: what a height is where neither the file nor a person says it. ``device_names``:
    where a file names its devices (``bim.translate_devices``). ``product_s``: what one product may
    take in one kernel.
    """

    holder: str
    limits: child.Limits = field(default_factory=child.Limits)
    kernels: tuple[str, ...] = mesh.KERNELS
    lease_wait_s: float = LEASE_WAIT_S
    heights: CityHeights = field(default_factory=CityHeights)
    device_names: tuple[str, ...] = translate_devices.NAMES
    product_s: float = mesh.PRODUCT_S


async def ingest(
    stores: Stores,
    receipt: Receipt,
    *,
    work_dir: Path,
    options: Options,
    progress: Progress = silent,
    found: list[Finding] | None = None,
) -> dict[str, Any]:
    """Import what ``receive`` took; return the job's result.

    ``found`` collects the findings also of an import that fails. Raises CityError; a failed or
    killed import leaves nothing visible, and the same receipt again issues the same codes.
    """
    findings: list[Finding] = [] if found is None else found
    report = _Stages(progress)
    rows, schema = await _read(stores, receipt, work_dir, options, report, findings)
    meshes = await _mesh(work_dir, options, report, findings)
    report("translate", 0.0)
    shapes = {shape.guid: shape for shape in meshes.shapes}
    incoming = await asyncio.to_thread(translate.translate, rows, shapes)
    devices, left_open = translate_devices.devices(rows, options.device_names)
    findings += [*await relatives.findings(stores, receipt, incoming), *left_open]
    facts = {"schema": rows.schema, "declared_schema": schema, "label": rows.project_name}
    where = await _placement(stores, receipt, rows, options.heights)
    made = replace(_delivery(receipt, incoming, where, facts), devices=devices)
    return await delivery.deliver(
        stores.graph,
        stores.codes,
        made,
        _tiler(stores, made, meshes, shapes),
        holder=options.holder,
        wait_s=options.lease_wait_s,
        progress=report,
        teller=lambda who, notes: relatives.told(stores, who, notes, findings),
    )


async def place(
    stores: Stores, model: str, fields: Mapping[str, Any], *, options: Options
) -> dict[str, Any]:
    """Put a model where a person says; the fields are those of ``cim.placement.given``."""
    where = counted(given(fields), options.heights)
    return await delivery.place(
        stores.graph, model, where, holder=options.holder, wait_s=options.lease_wait_s
    )


async def withdraw(stores: Stores, model: str, *, options: Options) -> dict[str, Any]:
    """Take a model out of the city; its versions stay in the archive of generations."""
    return await delivery.withdraw(
        stores.graph, model, holder=options.holder, wait_s=options.lease_wait_s
    )


async def findings_of(stores: Stores, properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the findings of a version (``properties`` of its Model or Document entity).

    Plain dicts: code, severity, facts, guid, step_id, and the element's code where it has one.
    """
    name = properties.get("findings")
    return [] if not name else list(msgspec.json.decode(await stores.blobs.get(str(name))))


class _Stages:
    """Turns a stage's fraction into the fraction of the whole."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(
        self, stage: str, fraction: float, counts: Mapping[str, int] | None = None
    ) -> None:
        start, stop = SHARES[stage]
        self._progress(stage, start + (stop - start) * min(max(fraction, 0.0), 1.0), counts)

    def within(self, stage: str) -> Progress:
        """Return a progress whose own stage names are parts of ``stage``."""
        return lambda _part, fraction, counts=None: self(stage, fraction, counts)


async def _read(  # noqa: PLR0917 - the stage's surroundings
    stores: Stores,
    receipt: Receipt,
    work_dir: Path,
    options: Options,
    report: _Stages,
    findings: list[Finding],
) -> tuple[Extract, str]:
    """Normalise and extract in children; return the rows and the schema the file declared."""
    source, target = await stores.blobs.local(receipt.sha256), work_dir / "model.ifc"
    report("normalise", 0.0)
    said = await child.call(
        "bim.steps:normalise_file", str(source), str(target), limits=options.limits
    )
    findings += [steps.finding(fields) for fields in said["findings"]]
    report("extract", 0.0)
    out = work_dir / "rows.msgpack"
    await child.call("bim.extract:extract_file", str(target), str(out), limits=options.limits)
    rows = await asyncio.to_thread(extract.load, str(out))
    findings += rows.findings
    return rows, said["declared_schema"]


async def _mesh(
    work_dir: Path, options: Options, report: _Stages, findings: list[Finding]
) -> mesh.Meshes:
    report("mesh", 0.0)
    meshes = await mesh.mesh(
        work_dir / "model.ifc",
        work_dir / "mesh",
        None,
        limits=replace(options.limits, silence_s=options.product_s),
        kernels=options.kernels,
        progress=report.within("mesh"),
    )
    findings += meshes.findings
    return meshes


def _delivery(
    receipt: Receipt, incoming: Sequence[Incoming], where: Placement, facts: Mapping[str, Any]
) -> Delivery:
    return Delivery(
        receipt=receipt.id,
        project=receipt.project,
        project_name=receipt.project_name,
        document=receipt.model,
        document_name=receipt.document_name,
        region=receipt.region,
        sha256=receipt.sha256,
        incoming=incoming,
        placement=anchored(where, [item.box_m for item in incoming]),
        facts={**facts, "filename": receipt.filename},
        valid_from=receipt.valid_from,
    )


async def _placement(
    stores: Stores, receipt: Receipt, rows: Extract, heights: CityHeights
) -> Placement:
    """Return the placement given with the upload, else a confirmed one, else the file's own."""
    if receipt.placement is not None:
        return counted(placement(receipt.placement), heights)
    g = (await stores.graph.head()).generation
    found = await stores.graph.entities(g, [receipt.model])
    standing = placement(found[0].properties.get("placement") or {}) if found else Placement()
    if standing.provenance == "confirmed":
        return standing
    return counted(translate.placement_of(rows.georef), heights)


def _tiler(
    stores: Stores, made: Delivery, meshes: mesh.Meshes, shapes: Mapping[str, Shape]
) -> delivery.Tiler:
    """Return what makes one GLB and one tile entry for each root of the delivery."""
    names = {item.key: item.name for item in made.incoming}

    async def tiles(issued: Mapping[str, str]) -> list[Tile]:
        roots = translate.features_by_root(made.incoming, shapes, issued)
        made_tiles = []
        for root, features in roots.items():
            data = await asyncio.to_thread(glb.encode, meshes, features)
            blob = await stores.blobs.put(data)
            drawn = [shapes[feature.guid] for feature in features]
            made_tiles.append(
                Tile(
                    root=issued[root],
                    document=made.document,
                    blob=blob,
                    bytes=len(data),
                    triangles=sum(part[1] for shape in drawn for part in shape.parts) // 3,
                    features=len(features),
                    box_m=_hull(drawn),
                    transform=made.placement.transform(),
                    name=names[root],
                )
            )
        return made_tiles

    return tiles


def _hull(shapes: Sequence[Shape]) -> Box3:
    boxes = [shape.box_m for shape in shapes if shape.box_m is not None]
    return reduce(translate.union, boxes)


__all__ = [
    "Options",
    "Receipt",
    "Stores",
    "findings_of",
    "ingest",
    "place",
    "receive",
    "withdraw",
]
