"""The bytes of an upload are kept while something refers to them: a version, a job, a decision.

An upload passes the gate together with others from its adoption until its job is queued; a removal
passes it alone. So no bytes go that somebody was just told are taken (202).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from api.jobs import ENDED, is_waiting
from api.services import Services
from cim import claims
from cim.model import Kind
from cim.ports import PAGE_LIMIT, Filter
from identity.errors import CityError
from twin.ports import Job

_log = structlog.get_logger()


@asynccontextmanager
async def arriving(services: Services, *, alone: bool = False) -> AsyncIterator[None]:
    """Hold the gate between the adoption of bytes and the row that refers to them."""
    gate = claims.gate(services.settings.data_dir / "arriving.lock", alone=alone)
    await asyncio.to_thread(gate.__enter__)
    try:
        yield
    finally:
        gate.__exit__(None, None, None)


async def forget(services: Services, sha256: str, job: str = "") -> None:
    """Remove the bytes of a refused upload that nothing but ``job`` refers to."""
    async with arriving(services, alone=True):
        if not await _is_wanted(services, sha256, job):
            await services.blobs.remove(sha256)


async def forget_of(services: Services, job: Job) -> None:
    """Remove the bytes that an ended job has read, as ``forget`` does; a failure is logged."""
    try:
        await forget(services, str(job.payload["sha256"]), job.id)
    except CityError as error:
        _log.warning("refused_bytes_kept", job=job.id, code=error.code)


async def _is_wanted(services: Services, sha256: str, job: str) -> bool:
    jobs = await services.jobs.recent(limit=PAGE_LIMIT, sha256=sha256)
    if any(row.id != job and (row.state not in ENDED or is_waiting(row)) for row in jobs):
        return True
    g = (await services.graph.head()).generation
    where = Filter((Kind.DOCUMENT, Kind.MODEL), properties={"sha256": sha256})
    return bool((await services.graph.find(g, where, limit=1)).items)
