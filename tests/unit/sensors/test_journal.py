import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from identity.errors import Conflict, Unavailable
from sensors import journal as module
from sensors import journal_file
from sensors.journal import Bounds, Journal
from sensors.ports import Message

pytestmark = pytest.mark.anyio

WRITER = """
import asyncio, sys
from pathlib import Path
from sensors.journal import Journal
from sensors.ports import Message

async def main():
    journal = await Journal.open(Path(sys.argv[1]), "main")
    number = journal.end
    while True:
        batch = [Message("t", str(number + i).encode(), 0.0) for i in range(7)]
        number = await journal.append(batch)
        print(number, flush=True)

asyncio.run(main())
"""


def message(number: int) -> Message:
    return Message(f"city/a/d/{number}", b"\x00\xff" + str(number).encode(), 12.5, "c", True)


@pytest.fixture
async def journal(tmp_path):
    opened = await Journal.open(tmp_path, "main")
    yield opened
    await opened.close()


async def test_what_was_appended_is_read_again_with_its_offsets(journal):
    sent = [message(i) for i in range(5)]
    assert await journal.append(sent[:2]) == 2
    assert await journal.append(sent[2:]) == 5
    assert await journal.read(0, 100) == list(enumerate(sent))
    assert await journal.read(1, 2) == [(1, sent[1]), (2, sent[2])]
    assert await journal.read(5, 100) == []


async def test_appends_at_the_same_time_share_blobs_and_keep_their_order(journal):
    ends = await asyncio.gather(*(journal.append([message(i)]) for i in range(500)))
    assert ends == list(range(1, 501))
    assert [m for _, m in await journal.read(0, 1000)] == [message(i) for i in range(500)]
    (blobs,) = journal._connection.execute("SELECT count(*) FROM blob").fetchone()
    assert blobs < 50


async def test_a_large_append_is_split_into_bounded_blobs(journal):
    await journal.append([message(i) for i in range(journal_file.BLOB_MESSAGES_MAX + 3)])
    sizes = journal._connection.execute("SELECT first, count FROM blob ORDER BY 1").fetchall()
    assert sizes == [(0, journal_file.BLOB_MESSAGES_MAX), (journal_file.BLOB_MESSAGES_MAX, 3)]
    tail = await journal.read(journal_file.BLOB_MESSAGES_MAX - 1, 10)
    assert [offset for offset, _ in tail] == [4999, 5000, 5001, 5002]


async def test_offsets_go_on_after_everything_was_pruned_and_the_journal_reopened(tmp_path):
    journal = await Journal.open(tmp_path, "main")
    await journal.append([message(i) for i in range(10)])
    journal.applied(10)
    await journal.close()
    journal = await Journal.open(tmp_path, "main")
    assert (journal.base, journal.end) == (10, 10)
    assert await journal.append([message(10)]) == 11
    assert await journal.read(0, 10) == [(10, message(10))]
    await journal.close()


async def test_pruning_inside_a_blob_keeps_what_lies_behind(journal):
    await journal.append([message(i) for i in range(10)])
    journal.applied(4)
    assert [offset for offset, _ in await journal.read(4, 10)] == [4, 5, 6, 7, 8, 9]
    assert journal.base == 4


async def test_pruned_blobs_go_with_the_next_write_or_when_they_are_many(journal, monkeypatch):
    def kept():
        return journal._connection.execute("SELECT count(*) FROM blob").fetchone()[0]

    monkeypatch.setattr(module, "PRUNE_MESSAGES", 3)
    await journal.append([message(0), message(1)])
    journal.applied(2)
    await journal.append([message(2)])
    assert kept() == 1
    await journal.append([message(3), message(4), message(5)])
    journal.applied(6)
    async with asyncio.timeout(10):
        while kept():  # noqa: ASYNC110 - the writer thread tells nobody
            await asyncio.sleep(0.002)
    assert (journal.base, journal.end) == (6, 6)


async def test_a_second_opener_is_refused_and_may_open_after_the_first_closed(tmp_path):
    first = await Journal.open(tmp_path, "main")
    with pytest.raises(Conflict) as refused:
        await Journal.open(tmp_path, "main")
    assert refused.value.code == "journal_owned"
    other = await Journal.open(tmp_path, "other")
    await other.close()
    await first.close()
    again = await Journal.open(tmp_path, "main")
    await again.close()


async def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as refused:
        await Journal.open(tmp_path / "file", "main")
    assert refused.value.code == "journal_unavailable"


async def test_a_refusing_disk_is_told_to_every_waiter_and_the_next_write_works(journal):
    journal._connection.execute("PRAGMA max_page_count = 4")
    results = await asyncio.gather(
        *(journal.append([Message("t", bytes(50_000), 0.0)]) for _ in range(3)),
        return_exceptions=True,
    )
    assert [type(r) for r in results] == [Unavailable] * 3
    journal._connection.execute("PRAGMA max_page_count = 100000")
    assert await journal.append([message(1)]) == 1


@pytest.fixture
async def bounded(tmp_path):
    """Return a journal with narrow bounds."""
    opened = []

    async def open_(**bounds):
        opened.append(await Journal.open(tmp_path, "main", Bounds(**bounds)))
        return opened[0]

    yield open_
    await opened[0].close()


async def test_appending_waits_while_the_backlog_is_full(bounded):
    journal = await bounded(backlog_messages_max=3)
    await journal.append([message(i) for i in range(3)])
    waiting = asyncio.ensure_future(journal.append([message(3)]))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    journal.applied(3)
    assert await waiting == 4


async def test_appending_waits_while_too_many_bytes_are_in_the_backlog(tmp_path, bounded):
    journal = await bounded(backlog_bytes_max=10_000)
    for number in range(10):
        await journal.append([Message("t", bytes(1_000), 0.0)] * 1)
        assert journal.end == number + 1
    waiting = asyncio.ensure_future(journal.append([message(10)]))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    journal.applied(10)
    assert await waiting == 11
    assert journal._backlog_bytes < 1_000
    await journal.close()
    again = await Journal.open(tmp_path, "main")
    assert again._backlog_bytes > 0, "counted anew from the file"
    await again.close()


async def test_appending_waits_while_too_many_bytes_are_in_flight(bounded):
    journal = await bounded(in_flight_bytes_max=100)
    waiting = [asyncio.ensure_future(journal.append([message(i)])) for i in range(20)]
    await asyncio.sleep(0)
    assert journal._in_flight_bytes < 300
    assert await asyncio.gather(*waiting) == list(range(1, 21))


async def test_a_cancelled_waiter_does_not_lose_the_turn_of_the_next(bounded):
    journal = await bounded(backlog_messages_max=1)
    await journal.append([message(0)])
    first = asyncio.ensure_future(journal.append([message(1)]))
    second = asyncio.ensure_future(journal.append([message(2)]))
    await asyncio.sleep(0)
    first.cancel()
    journal.applied(1)
    assert await second == 2


async def test_growing_wakes_who_waits_for_an_offset(journal):
    waiting = asyncio.ensure_future(journal.grown(1))
    await journal.append([message(0)])
    await asyncio.sleep(0)
    assert not waiting.done()
    await journal.append([message(1)])
    await waiting


async def test_a_replaced_journal_is_moved_up_behind_the_offset_the_store_has(tmp_path):
    journal = await Journal.open(tmp_path, "main")
    await journal.append([message(0), message(1)])
    journal.applied(1_000)
    assert await journal.append([message(2)]) == 1_003
    assert (journal.base, journal.end) == (1_000, 1_003)
    await journal.close()
    journal = await Journal.open(tmp_path, "main")
    assert [offset for offset, _ in await journal.read(0, 10)] == [1_000, 1_001, 1_002]
    journal.applied(1_002)
    assert await journal.append([message(3)]) == 1_004
    assert journal.base == 1_002
    await journal.close()


async def test_what_was_applied_before_it_was_told_durable_moves_nothing(journal):
    """The applier reads the file itself: it may be ahead of what the event loop has heard."""
    appending = asyncio.ensure_future(journal.append([message(0)]))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while journal._next < 1:
            journal._orders.changed.acquire()
            journal._orders.changed.release()
            await asyncio.sleep(0)
    journal.applied(1)
    assert await appending == 1
    assert await journal.append([message(1)]) == 2


async def test_a_committed_append_returns_when_the_city_has_it(journal):
    waiting = asyncio.ensure_future(journal.append([message(0)], committed=True))
    await asyncio.sleep(0)
    assert await journal.append([message(1)]) == 2
    assert not waiting.done()
    journal.applied(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    journal.applied(1)
    assert await waiting == 1


async def test_a_committed_append_to_a_replaced_journal_waits_for_its_new_place(journal):
    """Offset 1 of the new journal is not the offset 1 that the store committed long ago."""
    waiting = asyncio.ensure_future(journal.append([message(0)], committed=True))
    await asyncio.sleep(0)
    await journal.append([message(1)])
    journal.applied(1_000)
    await journal.append([message(2)])
    assert not waiting.done()
    journal.applied(1_000)
    await asyncio.sleep(0)
    assert not waiting.done()
    journal.applied(1_001)
    assert await waiting == 1_001


async def test_whatever_stops_a_write_is_told_to_who_waits_and_the_writer_goes_on(
    journal, monkeypatch
):
    def broken(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(journal_file, "write", broken)
        with pytest.raises(Unavailable, match="journal_unavailable"):
            await journal.append([message(0)])
    assert await journal.append([message(1)]) == 1
    assert await journal.read(0, 10) == [(0, message(1))]


async def test_appending_to_a_closed_journal_is_refused(tmp_path):
    journal = await Journal.open(tmp_path, "main")
    await journal.close()
    with pytest.raises(Unavailable):
        await journal.append([message(0)])


async def test_nothing_told_durable_is_lost_when_the_process_is_killed(tmp_path):
    """Each round kills a writer that reports every durable offset; the next reader finds all."""
    for _ in range(3):
        told = kill_a_writer(tmp_path)
        journal = await Journal.open(tmp_path, "main")
        assert journal.end >= told
        assert journal.end % 7 == 0, "an append is kept whole or not at all"
        payloads = [m.payload for _, m in await journal.read(0, journal.end)]
        assert payloads == [str(i).encode() for i in range(journal.end)]
        await journal.close()


async def test_a_torn_tail_is_left_out_and_the_journal_goes_on(tmp_path):
    """A copy taken while the owner lives, its log cut anywhere: whole appends or nothing."""
    journal = await Journal.open(tmp_path, "main")
    for start in range(0, 50, 5):
        await journal.append([message(i) for i in range(start, start + 5)])
    log = (tmp_path / "main" / "journal.db-wal").read_bytes()
    database = (tmp_path / "main" / "journal.db").read_bytes()
    await journal.close()
    ends = set()
    for cut in range(len(log) // 2, len(log), 3_001):
        torn = tmp_path / f"torn-{cut}"
        (torn / "main").mkdir(parents=True)
        (torn / "main" / "journal.db").write_bytes(database)
        (torn / "main" / "journal.db-wal").write_bytes(log[:cut])
        journal = await Journal.open(torn, "main")
        assert journal.end % 5 == 0
        assert await journal.read(0, 100) == [(i, message(i)) for i in range(journal.end)]
        ends.add(journal.end)
        before = journal.end
        assert await journal.append([message(before)]) == before + 1
        await journal.close()
    assert len(ends) > 2


def kill_a_writer(folder: Path) -> int:
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as writer:
        lines = [writer.stdout.readline() for _ in range(20)]
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read().split("\n")
    whole = [line for line in (*lines, *rest[:-1]) if line.strip()]
    return int(whole[-1])
