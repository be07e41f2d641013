"""One SQLite file under stress: a full disk, a reader that leaves, writers in line."""

import anyio
import pytest

from identity.errors import CityError, Unavailable
from twin.stores.database import CACHE_KIB, Database, one

pytestmark = pytest.mark.anyio

RSS_BYTES_MORE = 48 * 1024 * 1024  # what a listener's part may grow under load
SCHEMA = "CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, text TEXT);"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
async def database(tmp_path):
    opened = await Database.open(tmp_path / "some.db", SCHEMA)
    yield opened
    await opened.close()


def put(text):
    return lambda writes: writes.execute("INSERT INTO rows (text) VALUES (?)", (text,)).rowcount


def count(reads):
    return one(reads, "SELECT count(*) FROM rows")


async def test_what_was_written_is_read_on_the_loop_and_in_a_thread(database):
    await database.write(put("a"))

    assert (database.read(count), await database.scan(count)) == (1, 1)


async def test_a_full_disk_refuses_the_commit_and_harms_nothing_before_or_after(database):
    await database.write(put("before"))
    pages = await database.write(lambda writes: one(writes, "PRAGMA page_count"))
    await database.write(lambda writes: one(writes, f"PRAGMA max_page_count = {pages + 2}"))
    with pytest.raises(Unavailable) as full:
        await database.write(put("x" * 1_000_000))
    after = database.read(count)
    await database.write(lambda writes: one(writes, "PRAGMA max_page_count = 100000"))
    await database.write(put("room again"))

    assert (full.value.code, full.value.facts["store"]) == ("store_failed", "some.db")
    assert "full" in full.value.facts["reason"]
    assert (after, database.read(count)) == (1, 2)


async def test_a_scan_that_nobody_waits_for_is_interrupted_and_its_thread_serves_again(database):
    for _ in range(5):  # more than there are threads: one that stayed would block the last scan
        with anyio.move_on_after(0.05) as left:
            await database.scan(lambda reads: reads.execute(ENDLESS).fetchone())
        assert left.cancelled_caught is True

    with anyio.fail_after(30):
        assert await database.scan(count) == 0


async def test_every_connection_bounds_what_it_keeps_of_the_file_in_memory(database):
    def bound(connection):
        return one(connection, "PRAGMA cache_size")

    asked = await database.write(bound), database.read(bound), await database.scan(bound)
    assert (-CACHE_KIB,) * 3 == asked
    assert CACHE_KIB * 1_024 < RSS_BYTES_MORE


async def test_readers_cannot_write(database):
    with pytest.raises(Unavailable):
        database.read(put("no"))
    with pytest.raises(Unavailable):
        await database.scan(put("no"))

    assert database.read(count) == 0


async def test_a_typed_refusal_inside_a_transaction_comes_out_as_it_is_and_undoes(database):
    undone = []

    def work(writes):
        put("half")(writes)
        raise CityError("some_code")

    with pytest.raises(CityError) as refused:
        await database.write(work, undone=lambda: undone.append(True))

    assert (refused.value.code, undone, database.read(count)) == ("some_code", [True], 0)


async def test_writers_of_one_process_stand_in_line(database):
    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(database.write, put(str(number)))

    assert database.read(count) == 50


async def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(Unavailable) as refused:
        await Database.open(tmp_path / "nowhere" / "some.db", SCHEMA)

    assert refused.value.code == "store_failed"
