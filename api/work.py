"""Long work: one table job kind → use-case, and the loop that runs one job at a time.

queue → claim → use-case with progress → done, or failed with a typed error and the findings.
A job whose worker died is taken again: its codes are the same, because they hang on its receipt.
"""

import asyncio
import os
import platform
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from api import importing
from api.errors import status_of
from api.kept import forget
from api.services import Services
from bim import ingest
from bim.child import Limits
from bim.door import Receipt
from bim.rows import Finding
from bim.translate_devices import places
from cim import claims
from cim.progress import Progress
from identity.errors import CityError, Invalid, NotFound, TooLarge
from twin.ports import Job

OWNER = "owner"  # in a job's payload beside the receipt: who uploaded
OWNED_JOBS_LOOKED_AT = 1_000
FINDINGS_KEPT = 1_000  # of a failed job
ALIVE_S = 5.0  # a silent stage still shows that its worker lives

_log = structlog.get_logger()


async def queue_import(services: Services, receipt: Receipt, owner: str = "") -> Job:
    """Queue the import of a receipt of ``owner``; the same receipt again is the same job.

    A receipt whose job failed gets a further job: ``<id>``, ``<id>-2``, ``<id>-3`` …
    """
    job = Job(receipt.id, "import", {**asdict(receipt), OWNER: owner}, created_at=services.clock())
    if receipt.version is not None:
        return replace(job, id=await _job_of(services, receipt), state="done")
    number = 1
    while True:
        stored = await services.jobs.add(job)
        if stored.state != "failed":
            return stored
        number += 1
        job = replace(job, id=f"{receipt.id}-{number}")


async def run_import(services: Services, job: Job, progress: Progress) -> dict[str, Any]:
    """Import what a receipt names; findings of a failed import hang on its job."""
    receipt = Receipt(**{name: said for name, said in job.payload.items() if name != OWNER})
    found: list[Finding] = []
    async with work_folder(services) as work_dir:
        try:
            result = await ingest.ingest(
                services.stores,
                receipt,
                work_dir=work_dir,
                options=options(services),
                progress=progress,
                found=found,
            )
        except CityError as refused:
            raise ImportRefused(refused, found) from refused
    await services.city.reproject()
    if result.get("devices"):  # the stored result of an older city counts none
        await services.intake.adopt_known()
    services.signal.notify()
    return result


KINDS: dict[str, Callable[[Services, Job, Progress], Awaitable[dict[str, Any]]]] = {
    "import": run_import,
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


class Worker:
    """Runs queued jobs one after the other until it is cancelled."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._name = worker_name()

    async def run(self) -> None:
        """Claim and run for ever; a store that does not answer is asked again."""
        settings = self._services.settings
        while True:
            try:
                job = await self._claim()
            except CityError as error:
                _log.warning("jobs_unavailable", code=error.code)
                job = None
            if job is None:
                await asyncio.sleep(settings.job_poll_s)
                continue
            try:
                await self.run_one(job)
            except CityError as error:  # taken over by another worker, or its end not stored
                _log.warning("job_left", job=job.id, code=error.code)

    async def run_one(self, job: Job) -> Job:
        """Run a claimed job to its end and store how it ended."""
        reported = _Reported(self._services, job)
        saving = asyncio.create_task(reported.save_for_ever())
        try:
            ended = await self._ended(job, reported)
        except asyncio.CancelledError:  # we stop; the next process begins the job at once
            await self._services.jobs.save(
                replace(reported.job, state="queued"), now=self._services.clock()
            )
            raise
        finally:
            saving.cancel()
            with suppress(asyncio.CancelledError):
                await saving
        await self._services.jobs.save(ended, now=self._services.clock())
        _log.info("job_ended", job=job.id, kind=job.kind, state=ended.state, error=ended.error)
        return ended

    async def _claim(self) -> Job | None:
        now, settings = self._services.clock(), self._services.settings
        return await self._services.jobs.claim(self._name, now=now, stale_s=settings.job_stale_s)

    async def _ended(self, job: Job, reported: "_Reported") -> Job:
        try:
            use_case = KINDS[job.kind]
            result = await use_case(self._services, job, reported)
        except ImportRefused as refused:
            findings = [asdict(finding) for finding in refused.findings[:FINDINGS_KEPT]]
            await self._forget(job, refused.refused)
            return self._failed(reported.job, _error(refused), findings)
        except CityError as refused:
            return self._failed(reported.job, _error(refused), [])
        except Exception as error:  # noqa: BLE001 -- any fault ends the job, never the worker
            _log.exception("job_broke", job=job.id, kind=job.kind)
            facts = {"kind": type(error).__name__}
            said = {"code": "internal_error", "facts": facts, "status": 500}
            return self._failed(reported.job, said, [])
        now = self._services.clock()
        return replace(reported.job, state="done", fraction=1.0, result=result, finished_at=now)

    async def _forget(self, job: Job, refused: CityError) -> None:
        """Let the bytes go whose content is refused: the same file would be refused again."""
        if not isinstance(refused, Invalid | TooLarge):
            return
        try:
            await forget(self._services, str(job.payload["sha256"]), job.id)
        except CityError as error:
            _log.warning("refused_bytes_kept", job=job.id, code=error.code)

    def _failed(self, job: Job, error: Mapping[str, Any], findings: list[dict[str, Any]]) -> Job:
        now = self._services.clock()
        return replace(job, state="failed", error=error, findings=findings, finished_at=now)


@dataclass(slots=True)
class _Reported:
    """A job's progress: told often, stored at most every ``job_save_s``."""

    services: Services
    job: Job

    def __call__(
        self, stage: str, fraction: float, counts: Mapping[str, int] | None = None
    ) -> None:
        """Take what the use-case reports; the fraction never goes back."""
        merged = {**self.job.counts, **(counts or {})}
        forward = max(self.job.fraction, fraction)
        self.job = replace(self.job, stage=stage, fraction=forward, counts=merged)

    async def save_for_ever(self) -> None:
        """Store changes as they come, and a sign of life in time to be no stale job."""
        settings = self.services.settings
        pause_s, alive_s = settings.job_save_s, min(ALIVE_S, settings.job_stale_s / 3)
        stored, quiet_s = self.job, 0.0
        while True:
            await asyncio.sleep(pause_s)
            quiet_s += pause_s
            if self.job is stored and quiet_s < alive_s:
                continue
            stored, quiet_s = self.job, 0.0
            with suppress(CityError):  # the next round, or the job's end, stores it
                await self.services.jobs.save(stored, now=self.services.clock())


async def is_owner(services: Services, name: str, model: str) -> bool:
    """Whether ``name`` uploaded ``model``, as far as the newest jobs know."""
    jobs = await services.jobs.recent(limit=OWNED_JOBS_LOOKED_AT)
    return any(j.payload.get("model") == model and j.payload.get(OWNER) == name for j in jobs)


async def _job_of(services: Services, receipt: Receipt) -> str:
    """Return the job that made the version which the same bytes are already."""
    for number in range(1, 100):
        job_id = receipt.id if number == 1 else f"{receipt.id}-{number}"
        with suppress(NotFound):
            return (await services.jobs.get(job_id)).id
    made = [job for job in await services.jobs.recent(limit=1_000) if _made(job, receipt)]
    return made[0].id if made else receipt.id


def _made(job: Job, receipt: Receipt) -> bool:
    payload = job.payload
    return (
        job.state == "done"
        and payload.get("model") == receipt.model
        and payload.get("sha256") == receipt.sha256
    )


def _error(refused: CityError) -> dict[str, Any]:
    status = status_of(refused.refused if isinstance(refused, ImportRefused) else refused)
    return {"code": refused.code, "facts": refused.facts, "status": status}
