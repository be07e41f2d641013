"""One IFC file becomes one version of one document; this file reads as the journey.

receive (``bim.door``) → normalise → extract → mesh → prepared (kept, where a person decides)
→ translate (``bim.activation``) → merge, tiles, activate (``cim.delivery``)

What is untrusted runs in children with limits; codes are issued by the parent.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bim import child, extract, mesh, steps
from bim.activation import activate, activated, outlook
from bim.door import Receipt, Stores, receive
from bim.prepared import Prepared
from bim.rows import Extract, Finding
from bim.stages import Options, Stages
from cim import delivery
from cim.placement import counted, given
from cim.progress import Progress, silent


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
    known = await activated(stores, receipt)
    if known is not None:
        return known
    prepared = await prepare(
        stores, receipt, work_dir=work_dir, options=options, progress=progress, found=found
    )
    return await activate(stores, receipt, prepared, options=options, progress=progress)


async def prepare(
    stores: Stores,
    receipt: Receipt,
    *,
    work_dir: Path,
    options: Options,
    progress: Progress = silent,
    found: list[Finding] | None = None,
) -> Prepared:
    """Read, check and mesh in children; nothing of the city changes. ``found``: see ``ingest``."""
    findings: list[Finding] = [] if found is None else found
    report = Stages(progress)
    rows, schema = await _read(stores, receipt, work_dir, options, report, findings)
    meshes = await _mesh(work_dir, options, report, findings)
    return Prepared(rows, schema, meshes, findings)


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


async def findings_of(stores: Stores, properties: Mapping[str, Any]) -> list[Finding]:
    """Return the findings of a version (``properties`` of its Model or Document entity)."""
    name = properties.get("findings")
    if not name:
        return []
    return [steps.finding(row) for row in msgspec.json.decode(await stores.blobs.get(str(name)))]


async def _read(  # noqa: PLR0917 - the stage's surroundings
    stores: Stores,
    receipt: Receipt,
    work_dir: Path,
    options: Options,
    report: Stages,
    findings: list[Finding],
) -> tuple[Extract, str]:
    """Normalise and extract in children; return the rows and the schema the file declared."""
    source, target = await stores.blobs.local(receipt.sha256), work_dir / "model.ifc"
    report("normalise", 0.0)
    said = await child.call(
        "bim.steps:normalise_file", str(source), str(target), limits=options.limits
    )
    findings += [steps.finding(fields) for fields in said["findings"]]
    report("extract", 0.0, {"findings": len(findings)})
    out = work_dir / "rows.msgpack"
    await child.call("bim.extract:extract_file", str(target), str(out), limits=options.limits)
    rows = await asyncio.to_thread(extract.load, str(out))
    findings += rows.findings
    report("extract", 1.0, {"products": len(rows.rows), "findings": len(findings)})
    return rows, said["declared_schema"]


async def _mesh(
    work_dir: Path, options: Options, report: Stages, findings: list[Finding]
) -> mesh.Meshes:
    report("mesh", 0.0)
    meshes = await mesh.mesh(
        work_dir / "model.ifc",
        work_dir / "mesh",
        None,
        limits=options.limits,
        kernels=options.kernels,
        kernel_s=options.kernel_s,
        progress=report.within("mesh"),
    )
    findings += meshes.findings
    report("mesh", 1.0, {"shapes": len(meshes.shapes), "findings": len(findings)})
    return meshes


__all__ = [
    "Options",
    "Prepared",
    "Receipt",
    "Stores",
    "activate",
    "activated",
    "findings_of",
    "ingest",
    "outlook",
    "place",
    "prepare",
    "receive",
    "withdraw",
]
