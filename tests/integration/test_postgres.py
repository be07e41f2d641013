"""What only the PostgreSQL adapter can get wrong: many processes, lost connections, partitions."""

import asyncio

import psycopg
import pytest

from identity.errors import Conflict, Invalid, Unavailable
from twin.events import Signal
from twin.ports import Commit, Projection, Where
from twin.quarantine import Quarantined
from twin.reading import Reading
from twin.retention import DAY_S
from twin.stores.postgres import PostgresStates, connections, partitions
from twin.stores.postgres import commit as writes

pytestmark = [pytest.mark.anyio, pytest.mark.postgres, pytest.mark.adapter]

HERE, THERE = Projection("Element", building="a"), Projection("Element", building="b")
WAIT_S = 10
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def reading(code="lamp", value=1.0, at=100.0, **more):
    return Reading(code, "power", value, at, at, "s", **more)


@pytest.fixture
async def opens(database):
    """A function that opens one more handle of the database, as another process would."""
    handles = []

    async def open_one(**more):
        handles.append(await PostgresStates.open(database, **more))
        return handles[-1]

    yield open_one
    for handle in handles:
        await handle.close()


def run(database, statement):
    with psycopg.connect(database, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


async def built(store, building):
    items, _ = await store.query(Where(building=building), limit=10)
    return [row.code for row in items]


async def told_of_commits(store):
    while store._newest is None:  # noqa: ASYNC110 - nothing to wait for but the state itself
        await asyncio.sleep(0.02)


async def times(store):
    samples = await store.history("lamp", "power", start=-1e12, stop=1e12, limit=1000)
    return [s.observed_at for s in samples]


async def test_everything_is_there_again_after_a_restart(opens):
    store = await opens()
    await store.commit(Commit([reading()], {"lamp": HERE}, journal="j", offset=7))
    before = await store.states(["lamp"])

    again = await opens()
    assert (await again.states(["lamp"]), await again.offset("j")) == (before, 7)
    assert (await again.sequence(), await built(again, "a")) == (1, ["lamp"])


async def test_writers_that_write_at_once_lose_and_repeat_nothing(opens):
    stores = [await opens() for _ in range(4)]
    batches = [[reading(f"c{i}", at=n, value=n) for i in range(20)] for n in range(40)]
    told = await asyncio.gather(
        *(stores[n % 4].commit(Commit(batch)) for n, batch in enumerate(batches))
    )

    changes = await stores[0].changes(0, limit=5_000)
    assert [c.sequence for c in changes] == list(range(1, len(changes) + 1))
    assert sum(o.count("applied") + o.count("late") for o in told) == 800
    for i in range(20):
        kept = await stores[1].history(f"c{i}", "power", start=0, stop=99, limit=100)
        assert [s.value for s in kept] == list(range(40))
    assert {
        rows[0].value for rows in (await stores[2].states([f"c{i}" for i in range(20)])).values()
    } == {39}


async def test_two_listeners_cannot_apply_one_offset_twice(opens):
    one, two = await opens(), await opens()
    batch = [reading(at=at) for at in range(50)]
    told = await asyncio.gather(
        *(store.commit(Commit(batch, journal="j", offset=50)) for store in (one, two))
    )

    assert sorted(o.count("applied") for o in told) == [0, 50]
    assert (await one.offset("j"), await times(two)) == (50, list(range(50)))


async def test_a_projection_that_another_process_rewrote_is_written_again_when_it_is_told(opens):
    one, two = await opens(), await opens()
    await one.commit(Commit([reading(at=1)], {"lamp": HERE}))
    await two.project({"lamp": THERE})
    assert await built(one, "b") == ["lamp"]

    await one.commit(Commit([reading(at=2)], {"lamp": HERE}))
    assert (await built(two, "a"), await built(two, "b")) == (["lamp"], [])


async def test_a_commit_wakes_the_readers_of_other_processes(opens):
    signal = Signal()
    reader, writer = await opens(signal=signal), await opens()
    await reader.commit(Commit([reading(at=1)]))
    async with asyncio.timeout(WAIT_S):
        await told_of_commits(reader)
        armed = signal.armed()
        outcome = await writer.commit(Commit([reading(at=2)]))
        while await reader.sequence() < outcome.sequence:
            await armed.wait()
            armed = signal.armed()

    assert [c.sequence for c in await reader.changes(1, limit=9)] == [2]


async def test_lost_connections_are_told_and_opened_again(opens, database):
    store = await opens()
    await store.commit(Commit([reading(at=1)]))
    run(database, TERMINATE)

    with pytest.raises(Unavailable) as lost:
        await store.commit(Commit([reading(at=2)]))
    again = await store.commit(Commit([reading(at=2)]))
    assert (lost.value.code, list(again.results)) == ("store_failed", ["applied"])
    assert (await times(store), await store.sequence()) == ([1, 2], 2)
    async with asyncio.timeout(WAIT_S):
        await told_of_commits(store)


async def test_a_locked_database_is_unavailable_not_lost(opens, database, monkeypatch):
    monkeypatch.setattr(connections, "_WRITES", "SET lock_timeout = '50ms'")
    store = await opens()
    with psycopg.connect(database) as other:
        other.execute("SELECT * FROM head FOR UPDATE")
        with pytest.raises(Unavailable) as busy:
            await store.commit(Commit([reading()]))

    assert busy.value.code == "store_busy"
    assert list((await store.commit(Commit([reading()]))).results) == ["applied"]


async def test_a_transaction_that_fails_leaves_nothing_behind_in_rows_or_memo(opens, monkeypatch):
    store = await opens()

    async def broken(connection, messages, kept):
        await connection.execute("SELECT 1 / 0")

    with monkeypatch.context() as patch:
        patch.setattr(writes, "quarantine", broken)
        with pytest.raises(Invalid):
            await store.commit(Commit([reading()], {"lamp": HERE}, journal="j", offset=3))
    assert (await store.states(["lamp"]), await store.offset("j")) == ({}, 0)

    again = await store.commit(Commit([reading()], {"lamp": HERE}, journal="j", offset=3))
    assert (list(again.results), await built(store, "a")) == (["applied"], ["lamp"])


async def test_a_text_that_postgresql_cannot_hold_is_refused_and_can_be_quarantined(opens):
    store = await opens()
    with pytest.raises(Invalid) as refused:
        await store.commit(Commit([reading(value="a\0b")]))
    await store.commit(
        Commit(
            quarantined=[Quarantined("store_refused", "d\0", "t\ud800", b"a\0b", 1.0, {"x": "\0"})]
        )
    )

    assert refused.value.code == "store_refused"
    rows = await store.quarantined(limit=5)
    assert [(r.device, r.topic, r.payload, r.facts) for r in rows] == [
        ("d␀", "t?", b"a\0b", {"x": "\0"})
    ]


async def test_every_day_has_a_partition_of_its_own(opens, database):
    store, other = await opens(), await opens()
    days = [-3, 0, 20_783, 20_784]
    for some in (days[:3], days[1:]):
        await store.commit(Commit([reading(at=day * DAY_S + 5.0) for day in some]))
        await other.commit(Commit([reading(at=day * DAY_S + 6.0) for day in some]))

    held = run(database, "SELECT DISTINCT tableoid::regclass::text FROM history ORDER BY 1")
    assert [name for (name,) in held] == sorted(
        ["history_d0", "history_d20783", "history_d20784", "history_dm3"]
    )
    assert len(await times(store)) == 8


async def test_days_beyond_the_limit_lie_in_the_rest_and_stay_there(opens, database, monkeypatch):
    monkeypatch.setattr(partitions, "PARTITIONS_MAX", 1)
    store = await opens()
    await store.commit(Commit([reading(at=5.0)]))
    await store.commit(Commit([reading(at=DAY_S + 5.0)]))
    monkeypatch.setattr(partitions, "PARTITIONS_MAX", 10)
    again = await opens()
    told = await again.commit(Commit([reading(at=DAY_S + 5.0), reading(at=DAY_S + 6.0)]))

    held = run(
        database, "SELECT tableoid::regclass::text, count(*) FROM history GROUP BY 1 ORDER BY 1"
    )
    assert (held, list(told.results)) == (
        [("history_d0", 1), ("history_rest", 2)],
        ["duplicate", "applied"],
    )


async def test_a_database_of_a_newer_layout_is_left_alone(opens, database):
    await opens()
    run(database, "UPDATE head SET layout = 99")

    with pytest.raises(Conflict) as newer:
        await opens()
    assert newer.value.code == "store_newer"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://twin:secret@127.0.0.1:1/none", "store_failed"),
        ("postgresql://twin:secret@127.0.0.1:1/none?nonsense=1", "store_url_unreadable"),
    ],
)
async def test_a_database_that_is_not_there_is_told_without_its_password(url, code):
    with pytest.raises((Unavailable, Invalid)) as refused:
        await PostgresStates.open(url)

    assert refused.value.code == code
    assert "secret" not in str(refused.value) + str(refused.value.facts)


async def test_the_writer_waits_for_the_disk_whatever_the_server_s_default_is(opens, database):
    run(database, f'ALTER DATABASE "{database.rpartition("/")[2]}" SET synchronous_commit = off')
    store = await opens()

    async def shown(connection):
        return (await (await connection.execute("SHOW synchronous_commit")).fetchone())[0]

    assert await store._connections.write(shown) == "on"


async def test_a_writer_s_connection_that_could_not_be_prepared_is_not_used(database):
    opened = connections.Connections(database, "SELECT * FROM wanted; CREATE TEMP TABLE own ()")

    async def work(connection):
        return (await (await connection.execute("SELECT count(*) FROM own")).fetchone())[0]

    with pytest.raises(Unavailable):
        await opened.write(work)
    run(database, "CREATE TABLE wanted (); SELECT 1")
    assert await opened.write(work) == 0
    await opened.close()
