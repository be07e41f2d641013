"""Long work: one table job kind → use-case, and what is changed at once; ``api.worker`` runs it."""

import asyncio
import os
import platform
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from api import holding, importing
from api.jobs import ACCEPT, IMPORT, receipt_of
from api.services import Services
from bim import ingest
from bim.child import Limits
from bim.rows import Finding
from bim.translate_devices import places
from cim import claims
from cim.progress import Progress
from identity.errors import CityError
from twin.ports import Job


async def run_import(services: Services, job: Job, progress: Progress) -> dict[str, Any]:
    """Import what a receipt names, or hold it; findings of a failed import hang on its job."""
    found: list[Finding] = []
    receipt, how = receipt_of(job), options(services)
    async with work_folder(services) as work_dir:
        try:
            if services.settings.accept == "hold":
                desk = holding.Desk(work_dir, how, progress, found)
                return await holding.hold(services, job, desk)
            result = await ingest.ingest(
                services.stores,
                receipt,
                work_dir=work_dir,
                options=how,
                progress=progress,
                found=found,
            )
        except CityError as refused:
            raise ImportRefused(refused, found) from refused
    await holding.replace_older(services, receipt.model)
    return await _seen(services, result)


async def run_accept(services: Services, job: Job, progress: Progress) -> dict[str, Any]:
    """Make a held version the current one."""
    return await _seen(services, await holding.activate(services, job, options(services), progress))


async def _seen(services: Services, result: dict[str, Any]) -> dict[str, Any]:
    """Let live state follow a new version; return its result."""
    await services.city.reproject()
    if result.get("devices"):  # the stored result of an older city counts none
        await services.intake.adopt_known()
    services.signal.notify()
    return result


KINDS: dict[str, Callable[[Services, Job, Progress], Awaitable[dict[str, Any]]]] = {
    IMPORT: run_import,
    ACCEPT: run_accept,
    importing.KIND: importing.run_queued,
}
"""The one table: job kind → use-case."""


async def run_place(services: Services, model: str, placement: Mapping[str, Any]) -> dict[str, Any]:
    """Place a model now (a small activation) and move its state rows with it."""
    result = await ingest.place(services.stores, model, placement, options=options(services))
    await services.city.reproject()
    services.signal.notify()
    return result


async def run_withdraw(services: Services, model: str) -> dict[str, Any]:
    """Withdraw a model now; the state of what it held tells no place any more."""
    result = await ingest.withdraw(services.stores, model, options=options(services))
    await services.city.reproject()
    services.signal.notify()
    return result


def options(services: Services) -> ingest.Options:
    """Return how imports run under these settings."""
    said = services.settings
    limits = Limits(
        memory_mb=said.child_memory_mb,
        cpu_s=said.child_cpu_s,
        wall_s=said.child_wall_s,
        file_mb=said.child_file_mb,
    )
    return ingest.Options(
        worker_name(),
        limits,
        said.kernels,
        said.lease_wait_s,
        said.heights,
        places(said.ifc_device_names),
        said.mesh_product_s,
    )


@asynccontextmanager
async def work_folder(services: Services) -> AsyncIterator[Path]:
    """Give a folder that no other attempt uses; it is removed after, or at the next start."""
    folder = claims.folder(services.settings.data_dir / "work" / secrets.token_hex(8))
    path = await asyncio.to_thread(folder.__enter__)
    try:
        yield path
    finally:
        await asyncio.to_thread(folder.__exit__, None, None, None)


def worker_name() -> str:
    """Return this process's name for leases and claims."""
    return f"{platform.node() or 'host'}:{os.getpid()}"


class ImportRefused(CityError):
    """A refused import with the findings made until then; code and facts are the refusal's."""

    def __init__(self, refused: CityError, findings: list[Finding]) -> None:
        super().__init__(refused.code, **refused.facts)
        self.refused = refused
        self.findings = findings
