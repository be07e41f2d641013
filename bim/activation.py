"""What was prepared of a file becomes the next version of its document: the second half of ingest.

translate → relatives (what the city knows of it) → merge, tiles, activate (``cim.delivery``)
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from bim import glb, mesh, relatives, translate, translate_devices
from bim.door import Receipt, Stores
from bim.prepared import Prepared
from bim.rows import Extract, Finding, Shape
from bim.stages import Options, Stages
from cim import delivery
from cim.delivery import Delivery
from cim.device import Device
from cim.heights import CityHeights
from cim.merge import Incoming
from cim.model import Tile
from cim.placement import Box3, Placement, anchored, counted, placement
from cim.progress import Progress, silent


async def activate(
    stores: Stores,
    receipt: Receipt,
    prepared: Prepared,
    *,
    options: Options,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Make what was prepared the next version of its document; return the job's result."""
    report = Stages(progress)
    report("translate", 0.0)
    incoming, devices, findings = await _compared(stores, receipt, prepared, options)
    rows, meshes = prepared.rows, prepared.meshes
    facts = {
        "schema": rows.schema,
        "declared_schema": prepared.declared_schema,
        "label": rows.project_name,
    }
    where = await _placement(stores, receipt, rows, options.heights)
    made = replace(_delivery(receipt, incoming, where, facts), devices=devices)
    return await delivery.deliver(
        stores.graph,
        stores.codes,
        made,
        _tiler(stores, made, meshes, prepared.shapes),
        holder=options.holder,
        wait_s=options.lease_wait_s,
        progress=report,
        teller=lambda who, notes: relatives.told(stores, who, notes, findings),
    )


async def outlook(
    stores: Stores, receipt: Receipt, prepared: Prepared, *, options: Options
) -> tuple[int, list[Finding]]:
    """Return how many things an activation now would deliver, and what it would find."""
    incoming, _, findings = await _compared(stores, receipt, prepared, options)
    return len(incoming), findings


async def activated(stores: Stores, receipt: Receipt) -> dict[str, Any] | None:
    """Return the stored result where this very receipt is the current version already."""
    g = (await stores.graph.head()).generation
    return await delivery.activated(stores.graph, g, receipt.model, receipt.id)


async def _compared(
    stores: Stores, receipt: Receipt, prepared: Prepared, options: Options
) -> tuple[list[Incoming], list[Device], list[Finding]]:
    """Return the things and devices of a file, and all findings with those the city adds."""
    rows, shapes = prepared.rows, prepared.shapes
    incoming = await asyncio.to_thread(translate.translate, rows, shapes)
    devices, left_open = translate_devices.devices(rows, options.device_names)
    known = await relatives.findings(stores, receipt, incoming)
    return incoming, devices, [*prepared.findings, *known, *left_open]


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
