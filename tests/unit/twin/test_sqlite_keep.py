"""Rolling SQLite's history into cold files: a failure at any step neither loses nor doubles."""

import asyncio
import sqlite3

import pytest

from identity.errors import Invalid
from twin.buckets import Buckets
from twin.ports import Commit, Where
from twin.reading import Reading
from twin.retention import DAY_S, Retention
from twin.stores import cold, sqlite_cold, sqlite_roll
from twin.stores.cold import writer
from twin.stores.cold.store import Cold
from twin.stores.sqlite import SqliteStates

pytestmark = pytest.mark.anyio

RULES = Retention(late_rows=3)
NOW = 10 * DAY_S
SERIES, ROWS = 12, 30


def reading(series, n, value=None):
    at = float(n % 3 * DAY_S + n * 60)
    return Reading(f"c{series % 3}", f"p{series % 4}", n if value is None else value, at, at, "s")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Many files, row groups and sweeping transactions for few rows."""
    monkeypatch.setattr(writer, "GROUP_ROWS", 20)
    monkeypatch.setattr(writer, "PART_ROWS", 60)
    monkeypatch.setattr(sqlite_roll, "SWEEP_ROWS", 15)


@pytest.fixture
async def path(tmp_path):
    path = tmp_path / "state.db"
    store = await SqliteStates.open(path, retention=RULES)
    for n in range(ROWS):
        await store.commit(Commit([reading(series, n) for series in range(SERIES)]))
    await store.close()
    return path


async def rows(store):
    return [r async for some in store.export(Where(), start=-1.0, stop=1e9) for r in some]


async def sums(store):
    found, _ = await store.series(Where(), Buckets(0, 3 * DAY_S, 3_600, "sum"), limit=100)
    return found


async def answers(path):
    store = await SqliteStates.open(path, retention=RULES)
    told = await rows(store), await sums(store)
    await store.close()
    return told


def hot_rows(path):
    with sqlite3.connect(path) as reads:
        found = reads.execute("SELECT count(*) FROM history").fetchone()[0]
    reads.close()
    return found


class Died(BaseException):
    """A process ends here."""


def dying(work, turn):
    """Return ``work`` that dies instead of its ``turn``-th call, and before every later one."""
    calls = []

    def called(*args, **more):
        calls.append(1)
        if len(calls) >= turn:
            raise Died
        return work(*args, **more)

    return called


@pytest.mark.parametrize(
    ("place", "name", "turn"),
    [
        (writer, "sync", 3),
        (sqlite_cold, "put", 1),
        (sqlite_roll, "chunks", 1),
        (sqlite_roll, "sweep", 1),
        (sqlite_roll, "sweep", 3),
        (sqlite_cold, "mark", 2),
        (sqlite_roll, "left", 1),
        (sqlite_cold, "settle", 2),
    ],
)
async def test_a_death_at_any_step_loses_nothing_and_doubles_nothing(
    path, monkeypatch, place, name, turn
):
    before = await answers(path)
    with monkeypatch.context() as patch:
        patch.setattr(place, name, dying(getattr(place, name), turn))
        dead = await SqliteStates.open(path, retention=RULES)
        with pytest.raises(Died):
            await dead.keep(NOW)
    assert await answers(path) == before

    again = await SqliteStates.open(path, retention=RULES)
    await again.keep(NOW)
    await again.close()
    await dead.close()
    assert await answers(path) == before
    assert hot_rows(path) == 0
    named = {row[0] for row in sqlite3.connect(path).execute("SELECT file FROM cold")}
    assert {file.name for file in path.with_suffix(".history").iterdir()} == named | {".lock"}


async def test_readings_that_come_while_a_day_is_rolled_are_not_swept_away(path, monkeypatch):
    store = await SqliteStates.open(path, retention=RULES)
    put = sqlite_cold.put
    extra = [reading(series, 3, value=-1) for series in range(SERIES)]
    late = [Reading(r.code, r.property, -1, r.observed_at + 7, 0.0, r.source) for r in extra]
    loop = asyncio.get_running_loop()

    def interrupted(connection, made, series):
        put(connection, made, series)
        if made[0].day == 0:  # between the files and the sweep
            loop.call_soon_threadsafe(lambda: loop.create_task(store.commit(Commit(late))))

    monkeypatch.setattr(sqlite_cold, "put", interrupted)
    await store.keep(NOW)

    found = [r for r in await rows(store) if r.sample.value == -1]
    assert len(found) == SERIES
    assert len(await rows(store)) == SERIES * (ROWS + 1)
    await store.close()


async def test_late_rows_wait_until_they_are_enough_and_are_rolled_then(path):
    store = await SqliteStates.open(path, retention=RULES)
    await store.keep(NOW)
    few = [Reading("c0", "p0", 1, 100.0 + n, 0.0, "s") for n in range(2)]
    await store.commit(Commit(few))
    await store.keep(NOW)
    waiting = hot_rows(path)
    await store.commit(Commit([Reading("c0", "p0", 1, 200.0, 0.0, "s")]))
    told = await store.keep(NOW)

    assert (waiting, hot_rows(path), told["rolled_rows"]) == (2, 0, 3)
    assert len(await rows(store)) == SERIES * ROWS + 3
    await store.close()


async def test_one_process_rolls_and_the_others_read_on(path):
    one, two = [await SqliteStates.open(path, retention=RULES) for _ in range(2)]
    before = await rows(two), await sums(two)
    with Cold(path.with_suffix(".history")).alone() as alone:
        assert alone is True
        assert await one.keep(NOW) == {}
    await one.keep(NOW)
    await two.commit(Commit([reading(0, 3)]))  # a repetition: the other process knows the day

    assert (await rows(two), await sums(two)) == before
    assert hot_rows(path) == 1
    await one.close()
    await two.close()


async def test_files_that_retention_removes_while_somebody_reads_are_asked_for_anew(path):
    keeping = Retention(raw_days=5)
    one = await SqliteStates.open(path, retention=keeping)
    two = await SqliteStates.open(path, retention=keeping)
    await one.keep(3.5 * DAY_S)
    whole = await sums(two)
    samples = await two.history("c0", "p0", start=0, stop=9e9, limit=100)
    await one.keep(NOW)

    assert (await sums(two), len(samples)) == (whole, 3 * ROWS // 3)
    assert await two.history("c0", "p0", start=0, stop=9e9, limit=100) == []
    await one.close()
    await two.close()


async def test_without_the_extra_rows_stay_and_are_dropped_at_their_age(path, monkeypatch):
    monkeypatch.setattr(cold, "here", lambda: False)
    store = await SqliteStates.open(path, retention=Retention(raw_days=9))
    early = await store.keep(9.5 * DAY_S)
    told = await store.keep(10.5 * DAY_S)

    days = {r.sample.observed_at // DAY_S for r in await rows(store)}
    assert (early, told) == ({"dropped_rows": 0}, {"dropped_rows": SERIES * ROWS // 3})
    assert (days, len(await store.states(["c0", "c1", "c2"]))) == ({1, 2}, 3)
    await store.close()


async def test_cold_files_are_not_left_out_where_the_extra_is_missing(path, monkeypatch):
    store = await SqliteStates.open(path, retention=RULES)
    await store.keep(NOW)
    await store.close()
    monkeypatch.setattr(cold, "here", lambda: False)

    with pytest.raises(Invalid) as refused:
        await SqliteStates.open(path)
    assert refused.value.code == "extra_missing"


async def test_a_cancelled_roll_ends_at_once_and_goes_on_later(path, monkeypatch):
    before = await answers(path)
    store = await SqliteStates.open(path, retention=RULES)
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    endless = (
        "WITH RECURSIVE n (x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT sum(x) FROM n"
    )

    def slow(reads, **_more):
        loop.call_soon_threadsafe(begun.set)
        return reads.execute(endless).fetchall()

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_roll, "roll", slow)
        keeping = asyncio.create_task(store.keep(NOW))
        await begun.wait()
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping
    await store.keep(NOW)
    await store.close()
    assert await answers(path) == before
