"""The worker: claims one job after the other, tells how far it is, and stores how it ended.

queue → claim → use-case with progress → done, or failed with a typed error and the findings.
A job whose worker died is taken again: its codes are the same, because they hang on its receipt.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import structlog

from api.errors import status_of
from api.jobs import CANCELLED, IMPORT
from api.kept import forget_of
from api.services import Services
from api.work import KINDS, ImportRefused, worker_name
from identity.errors import CityError, Conflict, Invalid, TooLarge
from twin.ports import Job

FINDINGS_KEPT = 1_000  # of a failed job
ALIVE_S = 5.0  # a silent stage still shows that its worker lives
CANCEL_S = 0.5  # between two looks at whether somebody cancelled the job
LAST_STAGES = frozenset({"hold", "activate"})  # short, and what they leave would be visible

_log = structlog.get_logger()


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
            result = await self._result(job, reported)
        except ImportRefused as refused:
            findings = [asdict(finding) for finding in refused.findings[:FINDINGS_KEPT]]
            if isinstance(refused.refused, Invalid | TooLarge):  # they would be refused again
                await forget_of(self._services, job)
            return self._failed(reported.job, _error(refused), findings)
        except CityError as refused:
            if refused.code == CANCELLED and job.kind == IMPORT:
                await forget_of(self._services, job)
            return self._failed(reported.job, _error(refused), [])
        except Exception as error:  # noqa: BLE001 -- any fault ends the job, never the worker
            _log.exception("job_broke", job=job.id, kind=job.kind)
            facts = {"kind": type(error).__name__}
            said = {"code": "internal_error", "facts": facts, "status": 500}
            return self._failed(reported.job, said, [])
        now = self._services.clock()
        return replace(reported.job, state="done", fraction=1.0, result=result, finished_at=now)

    async def _result(self, job: Job, reported: "_Reported") -> dict[str, Any]:
        """Run the use-case; of a job that is cancelled it is stopped, its children are killed."""
        running = asyncio.ensure_future(KINDS[job.kind](self._services, job, reported))
        watching = asyncio.create_task(self._cancel_when_asked(running, reported))
        try:
            await asyncio.wait({running})
        finally:
            running.cancel()  # of no effect where it has ended
            watching.cancel()
            await asyncio.wait({running, watching})
        if running.cancelled():
            raise Conflict(CANCELLED, job=job.id)
        return running.result()

    async def _cancel_when_asked(
        self, running: asyncio.Future[dict[str, Any]], reported: "_Reported"
    ) -> None:
        """Stop the use-case when somebody has cancelled its job, unless its last stage has begun.

        Nothing runs between the look at the stage and the stop.
        """
        while not running.done():
            await asyncio.sleep(CANCEL_S)
            with suppress(CityError):  # a store that does not answer is asked again
                asked = (await self._services.jobs.get(reported.job.id)).cancelled
                if asked and reported.job.stage not in LAST_STAGES:
                    running.cancel()
                    return

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


def _error(refused: CityError) -> dict[str, Any]:
    status = status_of(refused.refused if isinstance(refused, ImportRefused) else refused)
    return {"code": refused.code, "facts": refused.facts, "status": status}
