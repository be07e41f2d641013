"""The contract of twin.ports.Jobs on its adapter."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from importlib.resources import files

import anyio
import pytest

from identity.errors import Conflict, Invalid, NotFound
from twin.ports import Job
from twin.stores.jobs import SqliteJobs

pytestmark = pytest.mark.anyio


@pytest.fixture
async def jobs(tmp_path):
    store = await SqliteJobs.open(tmp_path / "jobs.db")
    yield store
    await store.close()


def job(name="one", **more):
    return Job(id=name, kind="ingest", payload={"path": "模型.ifc"}, created_at=5.0, **more)


async def test_a_job_comes_back_as_it_was_added(jobs):
    assert await jobs.add(job()) == job()
    assert await jobs.get("one") == job()


async def test_the_same_id_again_returns_the_stored_job_unchanged(jobs):
    await jobs.add(job())
    taken = await jobs.claim("w", now=10, stale_s=60)

    assert await jobs.add(replace(job(), kind="other")) == taken


async def test_an_unknown_job_is_refused(jobs):
    with pytest.raises(NotFound) as got:
        await jobs.get("nobody")
    with pytest.raises(NotFound) as saved:
        await jobs.save(job("nobody"), now=1)

    assert (got.value.code, saved.value.code) == ("job_unknown", "job_unknown")


async def test_jobs_are_claimed_once_and_the_oldest_first(jobs):
    for name in ("c", "a", "b"):
        await jobs.add(job(name))

    taken = [await jobs.claim("w", now=10, stale_s=60) for _ in range(4)]
    assert [t and (t.id, t.state, t.started_at, t.attempts) for t in taken] == [
        ("c", "running", 10, 1),
        ("a", "running", 10, 1),
        ("b", "running", 10, 1),
        None,
    ]


async def test_two_workers_never_get_the_same_job(tmp_path):
    first = await SqliteJobs.open(tmp_path / "jobs.db")
    second = await SqliteJobs.open(tmp_path / "jobs.db")
    for number in range(20):
        await first.add(job(str(number)))
    taken = []

    async def work(store):
        while (claimed := await store.claim("w", now=10, stale_s=60)) is not None:
            taken.append(claimed.id)

    async with anyio.create_task_group() as group:
        group.start_soon(work, first)
        group.start_soon(work, second)
    await first.close()
    await second.close()
    assert sorted(taken, key=int) == [str(number) for number in range(20)]


async def test_a_silent_workers_job_is_claimed_again_and_a_lively_ones_is_not(jobs):
    await jobs.add(job())
    first = await jobs.claim("w1", now=10, stale_s=60)
    await jobs.save(replace(first, stage="mesh", fraction=0.5), now=50)

    early = await jobs.claim("w2", now=109, stale_s=60)
    again = await jobs.claim("w2", now=110, stale_s=60)
    assert early is None
    assert (again.id, again.attempts, again.started_at, again.payload) == (
        "one",
        2,
        10,
        {"path": "模型.ifc"},
    )


async def test_a_worker_that_was_given_up_can_no_longer_save(jobs):
    await jobs.add(job())
    lost = await jobs.claim("w1", now=10, stale_s=60)
    kept = await jobs.claim("w2", now=100, stale_s=60)

    with pytest.raises(Conflict) as refused:
        await jobs.save(replace(lost, state="done"), now=101)
    await jobs.save(replace(kept, state="done", result={"objects": 3}), now=102)

    stored = await jobs.get("one")
    assert refused.value.code == "job_lost"
    assert (stored.state, stored.result) == ("done", {"objects": 3})


async def test_a_job_that_kills_its_workers_fails_after_three_attempts(jobs):
    await jobs.add(job())
    await jobs.add(job("next"))
    for now in (100, 200, 300):
        await jobs.claim("w", now=now, stale_s=60)
        await jobs.add(job(f"filler {now}"))

    stored = await jobs.claim("w", now=900, stale_s=60)
    failed = await jobs.get("one")
    assert stored.id != "one"
    assert (failed.state, failed.error, failed.finished_at) == (
        "failed",
        {"code": "job_gave_up", "facts": {"attempts": 3}},
        900,
    )


async def test_progress_and_the_end_are_stored(jobs):
    await jobs.add(job())
    taken = await jobs.claim("w", now=10, stale_s=60)
    done = replace(
        taken,
        state="failed",
        stage="extract",
        fraction=0.25,
        counts={"products": 7},
        finished_at=20.0,
        error={"code": "ifc_truncated", "facts": {"read": 1}},
        findings=({"code": "guid_repeated"},),
    )
    await jobs.save(done, now=20)

    assert await jobs.get("one") == done
    assert await jobs.claim("w", now=9_999, stale_s=1) is None


async def test_recent_jobs_come_newest_first_and_bounded(jobs):
    for name in "abc":
        await jobs.add(job(name))

    assert [found.id for found in await jobs.recent(limit=2)] == ["c", "b"]
    with pytest.raises(Invalid):
        await jobs.recent(limit=0)


async def test_jobs_of_one_subject_run_one_after_the_other(jobs):
    for name, subject in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("c", ""), ("d", "")):
        await jobs.add(job(name, subject=subject))

    async def claimed(now):
        taken = await jobs.claim("w", now=now, stale_s=60)
        return taken and taken.id

    assert [await claimed(10) for _ in range(5)] == ["a1", "b1", "c", "d", None]
    first = await jobs.get("a1")
    await jobs.save(replace(first, state="done"), now=11)
    assert [await claimed(12) for _ in range(2)] == ["a2", None]


async def test_a_silent_workers_job_goes_before_the_next_of_its_subject(jobs):
    for name in ("a1", "a2"):
        await jobs.add(job(name, subject="a"))
    await jobs.claim("w1", now=10, stale_s=60)

    assert (await jobs.claim("w2", now=100, stale_s=60)).id == "a1"
    assert await jobs.claim("w3", now=101, stale_s=60) is None


async def test_the_jobs_of_a_subject_come_newest_first(jobs):
    for name, subject in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("none", "")):
        await jobs.add(job(name, subject=subject))

    assert [found.id for found in await jobs.recent(limit=9, subject="a")] == ["a2", "a1"]
    assert [found.id for found in await jobs.recent(limit=1, subject="a")] == ["a2"]
    assert len(await jobs.recent(limit=9)) == 4


async def test_the_jobs_that_read_some_bytes_are_found_however_old(jobs):
    for number in range(3):
        await jobs.add(Job(f"x{number}", "ingest", {"sha256": "x"}, subject=f"s{number}"))
        await jobs.add(Job(f"y{number}", "ingest", {"sha256": "y"}))

    assert [j.id for j in await jobs.recent(limit=9, sha256="x")] == ["x2", "x1", "x0"]
    assert [j.id for j in await jobs.recent(limit=9, sha256="x", subject="s1")] == ["x1"]
    assert await jobs.recent(limit=9, sha256="z") == []


CANCELLED = {"code": "job_cancelled", "facts": {"who": "firm"}}


async def test_a_queued_job_that_is_cancelled_has_failed_and_is_never_claimed(jobs):
    await jobs.add(job())

    ended = await jobs.cancel("one", CANCELLED, now=7)
    assert (ended.state, ended.error, ended.finished_at) == ("failed", CANCELLED, 7)
    assert await jobs.get("one") == ended
    assert await jobs.claim("w", now=10, stale_s=60) is None


async def test_a_running_job_that_is_cancelled_is_marked_and_ends_as_its_worker_says(jobs):
    await jobs.add(job())
    taken = await jobs.claim("w", now=10, stale_s=60)

    marked = await jobs.cancel("one", CANCELLED, now=11)
    assert marked == replace(taken, cancelled=True)
    await jobs.save(replace(taken, stage="mesh"), now=12)
    assert (await jobs.get("one")).cancelled
    await jobs.save(replace(taken, state="failed", error=CANCELLED, finished_at=13.0), now=13)
    assert (await jobs.get("one")).state == "failed"


async def test_the_mark_of_a_cancelled_job_outlives_its_worker(tmp_path):
    store = await SqliteJobs.open(tmp_path / "jobs.db")
    await store.add(job())
    await store.claim("w", now=10, stale_s=60)
    await store.cancel("one", CANCELLED, now=11)
    await store.close()

    again = await SqliteJobs.open(tmp_path / "jobs.db")
    taken = await again.claim("w2", now=100, stale_s=60)
    await again.close()
    assert (taken.attempts, taken.cancelled) == (2, True)


async def test_cancelling_an_ended_job_changes_nothing_and_an_unknown_one_is_refused(jobs):
    await jobs.add(job())
    taken = await jobs.claim("w", now=10, stale_s=60)
    done = replace(taken, state="done", result={"objects": 3}, finished_at=12.0)
    await jobs.save(done, now=12)

    assert await jobs.cancel("one", CANCELLED, now=13) == done
    with pytest.raises(NotFound) as refused:
        await jobs.cancel("nobody", CANCELLED, now=13)
    assert refused.value.code == "job_unknown"


async def test_a_file_of_an_older_city_gets_the_new_columns(tmp_path):
    schema = files("twin.stores").joinpath("jobs.sql").read_text(encoding="utf-8")
    older = "\n".join(
        line for line in schema.splitlines() if not re.search(r"subject|cancelled", line)
    ).replace("DEFAULT 0,\n);", "DEFAULT 0\n);")
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as connection:
        connection.executescript(older)

    store = await SqliteJobs.open(tmp_path / "jobs.db")
    assert await store.add(job(subject="a")) == job(subject="a")
    await store.close()


async def test_jobs_survive_a_restart(tmp_path):
    store = await SqliteJobs.open(tmp_path / "jobs.db")
    await store.add(job())
    await store.close()

    again = await SqliteJobs.open(tmp_path / "jobs.db")
    assert await again.get("one") == job()
    await again.ready()
    await again.close()
