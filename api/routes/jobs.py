"""Long work as callers see it: stage, fraction, counts, result or reason; polled or followed."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from api import wire
from api.errors import wire as problem_wire
from api.requests import Generation, Lang, Limit, ServicesIn, answer, door, page
from api.services import Services, until
from api.sse import MEDIA_TYPE, STREAM_HEADERS, sse
from bim import steps
from bim.findings import wires
from identity.errors import TooLarge
from twin.ports import Job

router = APIRouter(tags=["jobs"])

ENDED = frozenset({"done", "failed"})
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
