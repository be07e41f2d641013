"""The journal as the applier reads it: in another process than its owner, which it tells by a link.

The owner of the file may die and come back meanwhile; what was durable stays readable.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Self

from identity.errors import Unavailable
from sensors import journal_file as file
from sensors.journal import Journal
from sensors.link import APPLIED, DURABLE, REPEAT_S, Link, offset_of, said
from sensors.ports import Message
from twin.events import wait


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
        self._repeating = asyncio.create_task(self._repeat())
        link.on(DURABLE, lambda _: self._told.set())

    @classmethod
    async def open(cls, directory: Path, listener: str, link: Link) -> Self:
        """Take the applier's part of a journal.

        Raises Conflict("journal_owned") while another process has it.
        """
        folder = directory / listener
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, file.own(folder, "applier"), link)

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
        await wait(self._told, REPEAT_S)

    def applied(self, offset: int) -> None:
        """Tell the owner that everything before ``offset`` is committed."""
        self._applied = offset
        self._link.tell(APPLIED, said(offset))

    async def close(self) -> None:
        """Give the applier's part back."""
        self._repeating.cancel()
        self._reader.shutdown()
        for connection in (self._connection, self._owner):
            if connection is not None:
                connection.close()

    def _read(self, from_offset: int, limit: int) -> list[tuple[int, Message]]:
        if not (self._folder / file.NAME).exists():
            return []  # its owner is about to make it
        try:
            if self._connection is None:
                self._connection = file.connect_to_read(self._folder)
            return file.read(self._connection, from_offset, limit)
        except file.Error as error:
            raise Unavailable("journal_unavailable", reason=str(error)) from error

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(REPEAT_S)
            if self._applied is not None:
                self._link.tell(APPLIED, said(self._applied))


async def answer(journal: Journal, link: Link) -> None:
    """Keep the owner's side of the link, until cancelled."""
    link.on(APPLIED, lambda content: journal.applied(offset_of(content)))
    while True:
        end = journal.end
        link.tell(DURABLE, said(end))
        with suppress(TimeoutError):
            async with asyncio.timeout(REPEAT_S):
                await journal.grown(end)
