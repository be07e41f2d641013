"""Held deliveries: with TWIN_ACCEPT=hold an import stops before the city changes; a person decides.

import → prepared and looked at → "waiting" ─ accept → activated from what was prepared: "accepted"
                                            ├ reject → dropped: "rejected"
                                            └ a newer upload of the document → dropped: "replaced"
What is held lies in the blobs; that it is held, and what became of it, is the result of the job
that imported it. So the city knows nothing of it, and a restart forgets nothing.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from api.jobs import (
    ACCEPT,
    ACCEPTED,
    ENDED,
    HELD,
    KEPT,
    OWNER,
    REJECTED,
    REPLACED,
    WAITING,
    add_anew,
    is_waiting,
    receipt_of,
)
from api.kept import forget
from api.services import Services
from bim import ingest, prepared
from bim.rows import Finding
from cim.placement import Box3
from cim.ports import PAGE_LIMIT
from cim.progress import Progress
from identity.errors import Conflict, NotFound
from twin.ports import Job


class Shown(msgspec.Struct, frozen=True):
    """What a person looks at before deciding; ``boxes``: of the elements, by GUID, local frame."""

    job: str
    findings: list[Finding]
    boxes: dict[str, Box3]


@dataclass(frozen=True, slots=True)
class Desk:
    """What an import needs around it: where it works, how, and whom it tells."""

    work_dir: Path
    options: ingest.Options
    progress: Progress
    found: list[Finding]


async def hold(services: Services, job: Job, desk: Desk) -> dict[str, Any]:
    """Prepare an import and keep it; return the job's result. What was held before is replaced."""
    receipt = receipt_of(job)
    made = await ingest.prepare(
        services.stores,
        receipt,
        work_dir=desk.work_dir,
        options=desk.options,
        progress=desk.progress,
        found=desk.found,
    )
    objects, findings = await ingest.outlook(services.stores, receipt, made, options=desk.options)
    desk.progress("hold", 1.0)
    boxes = {guid: shape.box_m for guid, shape in made.shapes.items() if shape.box_m is not None}
    shown = msgspec.json.encode(Shown(job.id, findings, boxes))
    result = {
        "model": receipt.model,
        "project": receipt.project,
        HELD: WAITING,
        "objects": objects,
        "findings": len(findings),
        "package": await _packed(services, made, desk.work_dir / "package", job.id),
        "shown": await services.blobs.put(shown),
    }
    await replace_older(services, job.subject)
    return result


async def activate(
    services: Services, job: Job, options: ingest.Options, progress: Progress
) -> dict[str, Any]:
    """Make the held version, that an accepting job names, the current one; return its result.

    Raises Conflict("held_decided") where it is no longer held.
    """
    held = await services.jobs.get(str(job.payload[HELD]))
    receipt = receipt_of(held)
    result = await ingest.activated(services.stores, receipt)
    if result is None:
        _check_waiting(held)
        package = await services.blobs.local(str((held.result or {})["package"]))
        made = await asyncio.to_thread(prepared.read, package)
        result = await ingest.activate(
            services.stores, receipt, made, options=options, progress=progress
        )
    await _decided(services, held, ACCEPTED, {"version": result["version"]})
    return result


async def accept(services: Services, model: str, who: str, sha256: str | None) -> Job:
    """Queue the activation of what is held of ``model``; asked twice it is the same job.

    ``sha256``: of the file that was looked at. Raises NotFound("held_nothing"),
    Conflict("held_changed").
    """
    held = await held_of(services, model, sha256)
    payload = {HELD: held.id, "model": model, OWNER: who}
    asked = Job(
        f"{held.id}-accept", ACCEPT, payload, created_at=services.clock(), subject=held.subject
    )
    return await add_anew(services, asked)


async def reject(services: Services, model: str, sha256: str | None = None) -> dict[str, Any]:
    """Drop what is held of ``model``; raises as ``accept``, and Conflict("held_accepting")."""
    held = await held_of(services, model, sha256)
    if await accepting(services, held):
        raise Conflict("held_accepting", model=model)
    await _decided(services, held, REJECTED)
    return {
        "model": model,
        HELD: REJECTED,
        "sha256": held.payload["sha256"],
        "job": held.id,
        "withdrawn": False,
    }


async def replace_older(services: Services, model: str) -> None:
    """Drop what was held of ``model``: an upload that came later is ready."""
    for job in await services.jobs.recent(limit=PAGE_LIMIT, subject=model):
        if is_waiting(job):
            await _decided(services, job, REPLACED)


async def waiting(services: Services, model: str) -> Job | None:
    """Return the import that is held of ``model``, if there is one."""
    jobs = await services.jobs.recent(limit=PAGE_LIMIT, subject=model)
    return next((job for job in jobs if is_waiting(job)), None)


async def held_of(services: Services, model: str, sha256: str | None = None) -> Job:
    """Return the import that is held of ``model``, of the bytes that were looked at, if said.

    Raises NotFound("held_nothing"), Conflict("held_changed").
    """
    held = await waiting(services, model)
    if held is None:
        raise NotFound("held_nothing", model=model[:80])
    if sha256 and sha256 != held.payload["sha256"]:
        raise Conflict("held_changed", model=model, sha256=held.payload["sha256"])
    return held


async def accepting(services: Services, held: Job) -> bool:
    """Whether the activation of what is held is queued or runs."""
    jobs = await services.jobs.recent(limit=PAGE_LIMIT, subject=held.subject)
    asked = (job for job in jobs if job.kind == ACCEPT and job.payload[HELD] == held.id)
    return any(job.state not in ENDED for job in asked)


async def shown(services: Services, held: Job) -> Shown:
    """Return the findings of what is held, and where its elements lie."""
    blob = await services.blobs.get(str((held.result or {})["shown"]))
    return msgspec.json.decode(blob, type=Shown)


def _check_waiting(held: Job) -> None:
    if not is_waiting(held):
        raise Conflict("held_decided", job=held.id, held=(held.result or {}).get(HELD))


async def _decided(
    services: Services, held: Job, what: str, more: Mapping[str, Any] | None = None
) -> None:
    """Store what became of a held import, then let go of what was kept for it."""
    result = {**(held.result or {}), **(more or {}), HELD: what}
    names = [str(name) for key in KEPT if (name := result.pop(key, None))]
    await services.jobs.save(replace(held, result=result), now=services.clock())
    for name in names:
        await services.blobs.remove(name)
    await forget(services, str(held.payload["sha256"]))


async def _packed(services: Services, made: ingest.Prepared, path: Path, job: str) -> str:
    """Keep what was prepared as a blob of this job alone; return its name."""
    await asyncio.to_thread(prepared.write, made, path, job)
    name = await asyncio.to_thread(_sha256, path)
    await services.blobs.adopt(path, name)
    return name


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
