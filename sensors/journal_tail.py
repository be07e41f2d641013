"""The journal as the applier reads it: in another process than its owner, which it tells by a link.

The owner of the file may die and come back meanwhile; what was durable stays readable.
"""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from identity.errors import Unavailable
from sensors import journal_file as file
from sensors.journal import Journal
from sensors.link import APPLIED, DURABLE, REPEAT_S, Link
from sensors.ports import Message


class JournalTail:
    """Reads the journal ``directory/listener`` (a Log); one process applies it."""

    def __init__(self, folder: Path, owner: file.Connection, link: Link) -> None:
        self.listener = folder.name
        self._folder = folder
        self._owner = owner
        self._link = link
        self._connection: file.Connection | None = None
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="journal-read")
        self._told = asyncio.Event()
        self._applied: int | None = None
        self._heard: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, directory: Path, listener: str, link: Link) -> Self:
        """Take the applier's part of a journal.

        Raises Conflict("journal_owned") while another process has it.
        """
        folder = directory / listener
        folder.mkdir(parents=True, exist_ok=True)
        tail = cls(folder, file.own(folder, "applier"), link)
        tail._start(tail._hear())
        tail._start(tail._repeat())
        return tail

    async def read(self, from_offset: int, limit: int) -> list[tuple[int, Message]]:
        """Return at most ``limit`` (offset, message) from ``from_offset`` on, in order.

        Raises Unavailable("journal_unavailable") while there is none that can be read.
        """
        self._told.clear()
        return await asyncio.get_running_loop().run_in_executor(
            self._reader, self._read, from_offset, limit
        )

    async def grown(self, _offset: int) -> None:
        """Wait until the owner says that something is durable since the last ``read``.

        It may have died before it said so: after REPEAT_S it is time to look again.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._told.wait(), REPEAT_S)

    def applied(self, offset: int) -> None:
        """Tell the owner that everything before ``offset`` is committed."""
        self._applied = offset
        self._link.tell(APPLIED, offset)

    async def close(self) -> None:
        """Give the applier's part back."""
        for task in self._heard:
            task.cancel()
        await asyncio.gather(*self._heard, return_exceptions=True)
        self._reader.shutdown()
        for connection in (self._connection, self._owner):
            if connection is not None:
                connection.close()

    def _read(self, from_offset: int, limit: int) -> list[tuple[int, Message]]:
        try:
            if self._connection is None:
                self._connection = file.connect_to_read(self._folder)
            return file.read(self._connection, from_offset, limit)
        except file.Error as error:
            raise Unavailable("journal_unavailable", reason=str(error)) from error

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._heard.add(asyncio.create_task(work))

    async def _hear(self) -> None:
        while True:
            if (await self._link.hear()).kind == DURABLE:
                self._told.set()

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(REPEAT_S)
            if self._applied is not None:
                self._link.tell(APPLIED, self._applied)


async def answer(journal: Journal, link: Link) -> None:
    """Keep the owner's side of the link, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_tell_durable(journal, link), name="durable")
        tasks.create_task(_hear_applied(journal, link), name="applied")


async def _tell_durable(journal: Journal, link: Link) -> None:
    while True:
        end = journal.end
        link.tell(DURABLE, end)
        with suppress(TimeoutError):
            await asyncio.wait_for(journal.grown(end), REPEAT_S)


async def _hear_applied(journal: Journal, link: Link) -> None:
    while True:
        heard = await link.hear()
        if heard.kind == APPLIED:
            journal.applied(heard.offset)
