"""The worker: progress is stored, a refusal and a fault end the job, a stop gives it back."""

import asyncio
import time

import pytest

from api import work
from api.bootstrap import open_services
from api.settings import load
from api.worker import CANCEL_S, Worker
from identity.errors import Invalid
from twin.ports import Job

pytestmark = pytest.mark.anyio


@pytest.fixture
async def services(tmp_path):
    urls = {"graph_url": "memory://", "state_url": "memory://", "blobs_url": "memory://"}
    settings = load(data_dir=tmp_path, job_save_s=0.01, job_poll_s=0.01, **urls)
    opened = await open_services(settings, time.time)
    yield opened
    await opened.close()


async def begin(services, use_case, monkeypatch):
    monkeypatch.setitem(work.KINDS, "probe", use_case)
    await services.jobs.add(Job("j1", "probe", {"n": 1}, created_at=1.0))
    return await services.jobs.claim("me", now=services.clock(), stale_s=60)


async def test_a_job_ends_done_with_its_result(services, monkeypatch):
    async def use_case(_services, job, progress):
        progress("half", 0.5, {"rows": 3})
        progress("half", 0.4, {"rows": 4})
        return {"said": job.payload["n"]}

    job = await begin(services, use_case, monkeypatch)
    await Worker(services).run_one(job)
    stored = await services.jobs.get("j1")
    assert (stored.state, stored.result, stored.counts) == ("done", {"said": 1}, {"rows": 4})
    assert stored.fraction == 1.0


async def test_progress_is_stored_while_it_runs_and_never_goes_back(services, monkeypatch):
    go_on = asyncio.Event()

    async def use_case(_services, _job, progress):
        progress("mesh", 0.5)
        progress("mesh", 0.3)
        await go_on.wait()
        return {}

    job = await begin(services, use_case, monkeypatch)
    running = asyncio.create_task(Worker(services).run_one(job))
    while (stored := await services.jobs.get("j1")).stage != "mesh":  # noqa: ASYNC110 -- a store
        await asyncio.sleep(0.01)
    assert (stored.state, stored.fraction) == ("running", 0.5)
    go_on.set()
    assert (await running).state == "done"


async def test_a_refusal_fails_the_job_with_its_code_and_facts(services, monkeypatch):
    async def use_case(_services, _job, _progress):
        raise Invalid("ifc_empty", filename="a.ifc")

    job = await begin(services, use_case, monkeypatch)
    await Worker(services).run_one(job)
    stored = await services.jobs.get("j1")
    assert stored.state == "failed"
    assert stored.error == {
        "code": "ifc_empty",
        "facts": {"filename": "a.ifc"},
        "status": 422,
    }


async def test_a_fault_fails_the_job_and_the_worker_lives_on(services, monkeypatch):
    async def use_case(_services, job, _progress):
        if job.id == "j1":
            raise ZeroDivisionError
        return {}

    monkeypatch.setitem(work.KINDS, "probe", use_case)
    for name in ("j1", "j2"):
        await services.jobs.add(Job(name, "probe", {}, created_at=float(name[1])))
    running = asyncio.create_task(Worker(services).run())
    while (await services.jobs.get("j2")).state != "done":  # noqa: ASYNC110 -- a store
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    error = (await services.jobs.get("j1")).error
    facts = {"kind": "ZeroDivisionError"}
    assert error == {"code": "internal_error", "facts": facts, "status": 500}


async def test_a_stopped_worker_gives_its_job_back(services, monkeypatch):
    begun = asyncio.Event()

    async def use_case(_services, job, _progress):
        begun.set()
        if job.attempts == 1:
            await asyncio.Event().wait()
        return {"attempt": job.attempts}

    job = await begin(services, use_case, monkeypatch)
    running = asyncio.create_task(Worker(services).run_one(job))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await services.jobs.get("j1")).state == "queued"
    again = await services.jobs.claim("another", now=services.clock(), stale_s=60)
    assert (await Worker(services).run_one(again)).result == {"attempt": 2}


async def test_a_worker_whose_job_was_taken_over_lives_on(services, monkeypatch):
    async def use_case(_services, job, _progress):
        if job.id == "j1":
            await services.jobs.claim("another", now=services.clock() + 1_000, stale_s=1)
        return {}

    monkeypatch.setitem(work.KINDS, "probe", use_case)
    for name in ("j1", "j2"):
        await services.jobs.add(Job(name, "probe", {}, created_at=float(name[1])))
    running = asyncio.create_task(Worker(services).run())
    while (await services.jobs.get("j2")).state != "done":  # noqa: ASYNC110 -- a store
        await asyncio.sleep(0.01)
    assert (await services.jobs.get("j1")).state == "running"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_cancelled_use_case_is_stopped_and_its_job_has_failed(services, monkeypatch):
    ended = []

    async def use_case(_services, _job, progress):
        progress("mesh", 0.5)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("killed")

    job = await begin(services, use_case, monkeypatch)
    running = asyncio.create_task(Worker(services).run_one(job))
    await services.jobs.cancel("j1", {}, now=2.0)
    await running
    stored = await services.jobs.get("j1")
    assert (stored.state, stored.error["code"], ended) == ("failed", "job_cancelled", ["killed"])


async def test_a_job_whose_last_stage_has_begun_ends_as_it_would(services, monkeypatch):
    async def use_case(_services, _job, progress):
        progress("activate", 0.95)
        await asyncio.sleep(3 * CANCEL_S)
        return {"version": 1}

    job = await begin(services, use_case, monkeypatch)
    running = asyncio.create_task(Worker(services).run_one(job))
    await services.jobs.cancel("j1", {}, now=2.0)
    ended = await running
    assert (ended.state, ended.result, ended.error) == ("done", {"version": 1}, None)


async def test_a_cancelled_job_of_a_dead_worker_is_stopped_by_the_next_one(services, monkeypatch):
    async def use_case(_services, _job, _progress):
        await asyncio.Event().wait()

    await begin(services, use_case, monkeypatch)
    await services.jobs.cancel("j1", {}, now=2.0)
    again = await services.jobs.claim("another", now=services.clock() + 1_000, stale_s=60)
    ended = await Worker(services).run_one(again)
    assert (ended.attempts, ended.error["code"]) == (2, "job_cancelled")
