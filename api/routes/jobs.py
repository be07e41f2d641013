"""Long work as callers see it: stage, fraction, counts, result or reason; polled or followed."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from api import wire
from api.errors import status_of
from api.errors import wire as problem_wire
from api.jobs import CANCELLABLE, CANCELLED, ENDED, IMPORT, OWNER
from api.kept import forget_of
from api.requests import (
    CallerIn,
    Generation,
    Lang,
    Limit,
    ServicesIn,
    answer,
    door,
    page,
    record,
)
from api.services import Services, until
from api.sse import MEDIA_TYPE, STREAM_HEADERS, sse
from api.tokens import Caller, Role
from bim import steps
from bim.findings import wires
from identity.errors import Conflict, Denied, TooLarge
from twin.ports import Job

router = APIRouter(tags=["jobs"])

REFUSED_STATUS = 422
BEAT_POLLS = 50


@router.get("/jobs", summary="The newest jobs")
async def jobs(services: ServicesIn, language: Lang, _g: Generation, limit: Limit = 50) -> Response:
    """Return the newest jobs first."""
    found = await services.jobs.recent(limit=limit)
    return page([told(services, job, language) for job in found], None)


@router.get("/jobs/{job}", summary="One job")
async def one(job: str, services: ServicesIn, language: Lang, _g: Generation) -> Response:
    """Return state, stage, fraction, counts, and the result or the reason of its failure."""
    return answer(told(services, await services.jobs.get(job), language))


@router.post("/jobs/{job}/cancel", summary="Cancel an import or an acceptance", status_code=202)
async def cancel(
    job: str, services: ServicesIn, who: CallerIn, language: Lang, _g: Generation
) -> Response:
    """End a queued job at once, have a running one stopped; ended ones stay as they are."""
    found = await services.jobs.get(job)
    _check_cancellable(found, who)
    error = {"code": CANCELLED, "facts": {"job": job}, "status": status_of(Conflict(CANCELLED))}
    ended = await services.jobs.cancel(job, error, now=services.clock())
    if found.state not in ENDED and ended.state == "failed" and found.kind == IMPORT:
        await forget_of(services, ended)
    await record(services, who, "cancel", job, state=ended.state)
    return answer(told(services, ended, language), 202)


@router.get("/jobs/{job}/events", summary="Follow a job (server-sent events)")
async def events(
    job: str, request: Request, services: ServicesIn, language: Lang, _g: Generation
) -> Response:
    """Send `progress` events, then one `done` or `failed`, and end."""
    at = door(request)
    if at.streams >= at.settings.streams_max:
        raise TooLarge("streams_limit", rate=True, limit=at.settings.streams_max)
    await services.jobs.get(job)
    lines = until(_follow(services, job, language), at.stopping)
    return StreamingResponse(lines, media_type=MEDIA_TYPE, headers=STREAM_HEADERS)


def _check_cancellable(job: Job, who: Caller) -> None:
    if job.kind not in CANCELLABLE:
        raise Conflict("job_not_cancellable", job=job.id, kind=job.kind)
    if who.role < Role.PLANNER and job.payload.get(OWNER) != who.name:
        raise Denied("job_of_another", authenticated=True, job=job.id, who=who.name)


def told(services: Services, job: Job, language: str) -> dict[str, object]:
    """Return a job on the wire, its error as a problem document with text."""
    error = None
    if job.error is not None:
        code, facts = str(job.error["code"]), dict(job.error.get("facts", {}))
        status = int(job.error.get("status", REFUSED_STATUS))
        error = problem_wire(code, facts, language, status)
    said = wire.job(job, services.clock(), error)
    said["findings"] = wires(map(steps.finding, job.findings))
    return said


async def _follow(services: Services, job_id: str, language: str) -> AsyncIterator[bytes]:
    last: Job | None = None
    quiet = 0
    while True:
        job = await services.jobs.get(job_id)
        quiet += 1
        if job != last:
            event = job.state if job.state in ENDED else "progress"
            yield sse(event, told(services, job, language))
            last, quiet = job, 0
        elif quiet > BEAT_POLLS:
            yield b": alive\n\n"
            quiet = 0
        if job.state in ENDED:
            return
        await asyncio.sleep(services.settings.job_poll_s)
