"""What only the SQLite adapter can get wrong: memos, several connections, failed transactions."""

import sqlite3

import msgspec
import pytest

from identity.errors import Unavailable
from twin.events import Signal
from twin.ports import Commit, Projection, Where
from twin.quarantine import Bounds, Quarantined
from twin.reading import Reading
from twin.stores import names, sqlite_commit, sqlite_outbox
from twin.stores.sqlite import SqliteStates

pytestmark = pytest.mark.anyio

FIRST_OUTBOX = (
    "CREATE TABLE outbox (sequence INTEGER PRIMARY KEY, series, value, unit, observed_at,"
    " received_at, changed_at, quality, tie)"
)
FIRST_STATE = {"observed_at": 1.0, "received_at": 1.0, "before": None}
HERE, THERE = Projection("Element", building="a"), Projection("Element", building="b")


def reading(code="lamp", value=1.0, at=100.0):
    return Reading(code, "power", value, at, at, "s")


@pytest.fixture
async def path(tmp_path):
    return tmp_path / "state.db"


async def built(store, building):
    items, _ = await store.query(Where(building=building), limit=10)
    return [row.code for row in items]


async def test_everything_is_there_again_after_a_restart(path):
    store = await SqliteStates.open(path)
    await store.commit(Commit([reading()], {"lamp": HERE}, journal="j", offset=7))
    before = await store.states(["lamp"])
    await store.close()

    again = await SqliteStates.open(path)
    assert (await again.states(["lamp"]), await again.offset("j")) == (before, 7)
    assert (await again.sequence(), await built(again, "a")) == (1, ["lamp"])
    await again.close()


async def test_two_processes_write_one_series_without_losing_or_repeating(path):
    one, two = await SqliteStates.open(path), await SqliteStates.open(path)
    results = []
    for at in range(10):
        store = (one, two)[at % 2]
        results += (await store.commit(Commit([reading(at=at), reading(at=at - 1)]))).results

    samples = await one.history("lamp", "power", start=-5, stop=50, limit=100)
    assert [s.observed_at for s in samples] == list(range(-1, 10))
    assert results == ["applied", "late", *["applied", "duplicate"] * 9]
    assert [c.sequence for c in await two.changes(0, limit=100)] == list(range(1, 11))
    await one.close()
    await two.close()


async def test_a_projection_that_another_process_rewrote_is_written_again_when_it_is_told(path):
    one, two = await SqliteStates.open(path), await SqliteStates.open(path)
    await one.commit(Commit([reading(at=1)], {"lamp": HERE}))
    await two.project({"lamp": THERE})
    assert await built(one, "b") == ["lamp"]

    await one.commit(Commit([reading(at=2)], {"lamp": HERE}))
    assert (await built(two, "a"), await built(two, "b")) == (["lamp"], [])
    await one.close()
    await two.close()


async def test_a_transaction_that_fails_leaves_nothing_behind_in_file_or_memo(path, monkeypatch):
    store = await SqliteStates.open(path)

    def broken(connection, messages, kept):
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_commit, "quarantine", broken)
        with pytest.raises(Unavailable) as failed:
            await store.commit(Commit([reading()], {"lamp": HERE}, journal="j", offset=3))
    assert failed.value.code == "store_failed"
    assert (await store.states(["lamp"]), await store.offset("j")) == ({}, 0)

    again = await store.commit(Commit([reading()], {"lamp": HERE}, journal="j", offset=3))
    assert (list(again.results), await built(store, "a")) == (["applied"], ["lamp"])
    await store.close()


async def test_the_outbox_answers_alike_wherever_its_pages_end(path, monkeypatch):
    monkeypatch.setattr(sqlite_outbox, "PAGE_STATES", 3)
    store = await SqliteStates.open(path, outbox_kept=12)
    for turn in range(3):
        await store.commit(Commit([reading(f"c{i}", at=turn) for i in range(5)]))

    for after in range(16):
        for limit in (1, 2, 7, 100):
            told = [change.sequence for change in await store.changes(after, limit=limit)]
            assert told == list(range(max(after, 3) + 1, 16))[:limit]
    assert [c.state.code for c in await store.changes(12, limit=9)] == ["c2", "c3", "c4"]
    await store.close()


async def test_the_outbox_tells_places_that_another_process_moved(path):
    one, two = await SqliteStates.open(path), await SqliteStates.open(path)
    await one.commit(Commit([reading()]))
    told = [(await one.changes(0, limit=1))[0].projection]
    for place in (HERE, THERE):
        await two.project({"lamp": place})
        told.append((await one.changes(0, limit=1))[0].projection)

    assert told == [None, HERE, THERE]
    await one.close()
    await two.close()


async def test_a_full_memo_begins_again(path, monkeypatch):
    monkeypatch.setattr(names, "NAMES_KEPT", 3)
    store = await SqliteStates.open(path)
    for turn in range(2):
        rows = [reading(f"c{i}", at=turn) for i in range(10)]
        await store.commit(Commit(rows, {row.code: HERE for row in rows}))

    assert await built(store, "a") == sorted(f"c{i}" for i in range(10))
    await store.close()


async def test_a_locked_file_is_unavailable_not_lost(path, monkeypatch):
    monkeypatch.setattr("twin.stores.database.BUSY_S", 0.05)
    store = await SqliteStates.open(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as busy:
        await store.commit(Commit([reading()]))
    other.execute("ROLLBACK")
    other.close()

    assert busy.value.code == "store_busy"
    assert list((await store.commit(Commit([reading()]))).results) == ["applied"]
    await store.close()


async def test_a_commit_wakes_the_readers_of_its_process(path):
    signal = Signal()
    store = await SqliteStates.open(path, signal=signal)
    armed = signal.armed()
    await store.commit(Commit([reading()]))

    assert armed.is_set() is True
    await store.close()


async def test_a_busy_box_is_walked_by_code_and_gives_the_same_page(path, monkeypatch):
    store = await SqliteStates.open(path)
    rows = [reading(f"c{i:02d}") for i in range(40)]
    places = {
        row.code: Projection("Element", lon=114 + i / 100, lat=30.5) for i, row in enumerate(rows)
    }
    await store.commit(Commit(rows, places))
    where = Where(
        box=(114.05, 30.4, 114.25, 30.6), kinds=("Element", "Space"), properties=("power",)
    )

    narrow = await store.query(where, limit=10)
    monkeypatch.setattr("twin.stores.sqlite_where.FEW_THINGS", 3)
    assert await store.query(where, limit=10) == narrow
    assert [row.code for row in narrow[0]] == [f"c{i:02d}" for i in range(5, 15)]
    await store.close()


async def test_what_the_quarantine_dropped_is_still_counted_after_a_restart(path):
    store = await SqliteStates.open(path, bounds=Bounds(rows=1))
    lost = [Quarantined("device_unknown", f"d{i}", "t", b"", float(i)) for i in range(3)]
    await store.commit(Commit(quarantined=lost))
    await store.close()

    again = await SqliteStates.open(path, bounds=Bounds(rows=1))
    assert await again.quarantine_dropped() == 2
    assert [row.device for row in await again.quarantined(limit=5)] == ["d2"]
    await again.close()


async def test_many_codes_at_once_answer_as_few_do(path):
    store = await SqliteStates.open(path)
    rows = [reading(f"c{i:03d}") for i in range(200)]
    await store.commit(Commit(rows))

    many = await store.states([row.code for row in rows])
    few = await store.states(["c007"])
    assert (len(many), many["c007"]) == (200, few["c007"])
    await store.close()


async def test_a_file_of_the_first_version_gets_the_columns_it_has_not(path):
    store = await SqliteStates.open(path)
    await store.commit(Commit([reading(at=1)], quarantined=[Quarantined("r", "d", "t", b"", 1.0)]))
    await store.close()
    old = sqlite3.connect(path)
    for column in ("before_at", "before_tie", "before_value"):
        old.execute(f"ALTER TABLE state DROP COLUMN {column}")
    old.execute("ALTER TABLE quarantine DROP COLUMN tenant")
    old.execute("DROP TABLE outbox_page")
    old.execute(FIRST_OUTBOX)
    old.execute("INSERT INTO outbox SELECT 7, * FROM state")
    old.commit()
    old.close()

    again = await SqliteStates.open(path)
    await again.commit(Commit([reading(at=2)]))
    (state,) = (await again.states(["lamp"]))["lamp"]
    told = [(change.sequence, change.state) for change in await again.changes(0, limit=9)]
    assert told == [(7, msgspec.structs.replace(state, **FIRST_STATE)), (8, state)]
    assert (state.observed_at, state.before.observed_at) == (2, 1)
    assert [row.tenant for row in await again.quarantined(limit=5)] == [""]
    await again.close()
