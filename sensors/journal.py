"""The journal: raw messages made durable before anybody is told that they arrived.

``append`` → queue → one writer thread → one blob, one transaction, one fsync for all who wait.

``applied`` comes back from whoever commits the messages to the city: what lies before it is
forgotten, and room is made for who was held back. Offsets: see ``journal_file``.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import structlog

from identity.errors import Unavailable
from sensors import journal_file as file
from sensors.ports import Message

SIZES_MESSAGES = 1_000  # messages whose bytes are counted as one: the count of all stays short
PRUNE_MESSAGES = 10_000  # applied messages that are forgotten though nothing new is written
MESSAGE_OVERHEAD_BYTES = 64  # counted for each message beside its topic and payload

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait: for its fsync, and durable for being applied. Then ``append`` waits."""

    in_flight_bytes_max: int = 64 * 1024 * 1024
    backlog_messages_max: int = 2_000_000
    backlog_bytes_max: int = 1024 * 1024 * 1024


@dataclass(slots=True)
class _Write:
    """Messages that wait for the writer, and who waits for them."""

    messages: Sequence[Message]
    bytes: int
    done: "asyncio.Future[int]"
    committed: bool = False
    end: int = 0


class _Size(NamedTuple):
    """The bytes of the messages [first, end) on the disk."""

    first: int
    end: int
    bytes: int


class _Order(NamedTuple):
    """What the writer thread does in one transaction."""

    writes: list[_Write]
    applied: int | None
    closing: bool


class _Written(NamedTuple):
    """What the writer thread did: offsets behind each write, and by how much all was moved up."""

    writes: list[_Write]
    ends: list[int]
    bytes: int = 0
    shifted: int = 0
    error: BaseException | None = None


@dataclass(slots=True)
class _Orders:
    """What the event loop asks of the writer thread; guarded by ``changed``."""

    writes: list[_Write] = field(default_factory=list)
    applied: int | None = None
    due: bool = False
    closing: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def remember(self, applied: int | None) -> None:
        """Keep what a refused transaction was to forget for the next one."""
        with self.changed:
            self.applied = max(applied or 0, self.applied or 0) or None

    def take(self) -> _Order:
        """Wait for something to do and take all of it."""
        with self.changed:
            self.changed.wait_for(lambda: self.writes or self.due or self.closing)
            order = _Order(self.writes, self.applied, self.closing)
            self.writes, self.applied, self.due = [], None, False
            return order


class Journal:
    """The journal of one listener; one process owns it. Use from one event loop."""

    def __init__(self, folder: Path, owner: file.Connection, bounds: Bounds) -> None:
        self.listener = folder.name
        self._folder = folder
        self._owner = owner
        self._bounds = bounds
        self._connection = file.connect(folder)
        self._orders = _Orders()
        self._loop = asyncio.get_running_loop()
        self._base, self._end = file.bounds(self._connection)
        self._pruned = self._base  # what the writer was told last
        self._next = self._end  # the writer thread's own count, ahead of _end while it tells us
        self._in_flight_bytes = 0
        self._backlog_bytes = 0
        self._sizes: deque[_Size] = deque()
        for first, end, size in file.sizes(self._connection):
            self._count(first, end, size)
        self._committing: deque[_Write] = deque()
        self._applied: int | None = None  # as heard; beyond _end while we are not told or moved
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._grown: set[asyncio.Future[None]] = set()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="journal-read")
        self._read_connection = file.connect_to_read(folder)
        self._thread = threading.Thread(target=self._write_for_ever, name="journal", daemon=True)
        self._thread.start()

    @classmethod
    async def open(cls, directory: Path, listener: str, bounds: Bounds | None = None) -> Self:
        """Open (or begin) the journal ``directory/listener``.

        Raises Conflict("journal_owned") while another process or object holds it and
        Unavailable("journal_unavailable") when the folder can't be written.
        """
        folder = directory / listener
        try:
            folder.mkdir(parents=True, exist_ok=True)
            owner = file.own(folder)
            return cls(folder, owner, bounds or Bounds())
        except (OSError, file.Error) as error:
            raise Unavailable("journal_unavailable", reason=str(error)) from error

    @property
    def base(self) -> int:
        """The offset of the oldest message that is not applied yet."""
        return self._base

    @property
    def end(self) -> int:
        """The offset behind the newest durable message."""
        return self._end

    async def append(self, messages: Sequence[Message], *, committed: bool = False) -> int:
        """Return when ``messages`` are fsynced; the value is the offset behind the last of them.

        ``committed``: only when they are committed to the city as well. A caller that waits for
        each call keeps its order. Waits while one of the bounds is reached. Raises
        Unavailable("journal_unavailable") when the disk refuses; then none of them was kept.
        """
        if not messages:
            return self._end
        size = sum(len(m.payload) + len(m.topic) + MESSAGE_OVERHEAD_BYTES for m in messages)
        await self._room()
        self._in_flight_bytes += size
        write = _Write(messages, size, self._loop.create_future(), committed)
        with self._orders.changed:
            self._refuse_closed()
            self._orders.writes.append(write)
            self._orders.changed.notify()
        return await asyncio.shield(write.done)

    async def read(self, from_offset: int, limit: int) -> list[tuple[int, Message]]:
        """Return at most ``limit`` (offset, message) from ``from_offset`` on, in order."""
        return await self._loop.run_in_executor(
            self._reader, file.read, self._read_connection, from_offset, limit
        )

    async def grown(self, offset: int) -> None:
        """Wait until there is a message at ``offset`` or behind it."""
        while self._end <= offset:
            waiter = self._loop.create_future()
            self._grown.add(waiter)
            try:
                await waiter
            finally:
                self._grown.discard(waiter)

    def applied(self, offset: int) -> None:
        """Everything before ``offset`` is committed to the city: forget it.

        With the writer's next transaction: an fsync of its own is worth PRUNE_MESSAGES only.
        An offset that was never given out says that this journal was lost or replaced: what it
        holds is moved up behind it, for the store would take lower offsets for a replay and skip
        them in silence.
        """
        self._applied = max(offset, self._applied or 0)
        self._advance()
        with self._orders.changed:
            self._orders.applied = self._applied
            if offset > self._end or self._base - self._pruned >= PRUNE_MESSAGES:
                self._orders.due = True
                self._pruned = self._base
                self._orders.changed.notify()

    async def close(self) -> None:
        """Write what waits, give the journal back."""
        with self._orders.changed:
            self._orders.closing = True
            self._orders.changed.notify()
        await self._loop.run_in_executor(None, self._thread.join)
        self._reader.shutdown()
        for connection in (self._read_connection, self._connection, self._owner):
            connection.close()

    async def _room(self) -> None:
        while self._is_full():
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
        # Whoever waited behind us may fit as well: each looks for itself.
        self._wake_waiters()

    def _is_full(self) -> bool:
        return (
            self._in_flight_bytes >= self._bounds.in_flight_bytes_max
            or self._end - self._base >= self._bounds.backlog_messages_max
            or self._backlog_bytes >= self._bounds.backlog_bytes_max
        )

    def _count(self, first: int, end: int, size: int) -> None:
        """Count durable bytes; small neighbours are one entry."""
        self._backlog_bytes += size
        if self._sizes and end - self._sizes[-1].first <= SIZES_MESSAGES:
            before = self._sizes.pop()
            first, size = before.first, size + before.bytes
        self._sizes.append(_Size(first, end, size))

    def _wake_waiters(self) -> None:
        while self._waiters and not self._is_full():
            _resolve(self._waiters.popleft())

    def _refuse_closed(self) -> None:
        if self._orders.closing:
            raise Unavailable("journal_unavailable", reason="closed")

    # --- the writer thread ------------------------------------------------------------------------

    def _write_for_ever(self) -> None:
        while True:
            order = self._orders.take()
            try:
                written = self._commit(order)
            except Exception as refused:  # noqa: BLE001 - whoever waits is told, whatever it was
                written = _Written(order.writes, [], error=refused)
                self._orders.remember(order.applied)
            self._next = written.ends[-1] if written.ends else self._next + written.shifted
            self._tell(written)
            if order.closing:
                return

    def _commit(self, order: _Order) -> _Written:
        """Write one blob (or more, by BLOB_MESSAGES_MAX) and prune, in one transaction."""
        applied = order.applied or 0
        # Its own count: what another process read and applied already may not have reached _end.
        by = max(0, applied - file.bounds(self._connection)[0]) if applied > self._next else 0
        end = first = self._next + by
        ends: list[int] = []
        messages: list[Message] = []
        for write in order.writes:
            messages.extend(write.messages)
            end += len(write.messages)
            ends.append(end)
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            if by:
                file.shift(self._connection, by)
            size = file.write(self._connection, first, messages)
            if order.applied is not None and not by:
                file.prune(self._connection, order.applied)
        return _Written(order.writes, ends, size, by)

    def _tell(self, written: _Written) -> None:
        # The loop may be closed already when the process ends: then nobody waits any more.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._written, written)

    # --- back in the event loop -------------------------------------------------------------------

    def _written(self, written: _Written) -> None:
        self._in_flight_bytes -= sum(write.bytes for write in written.writes)
        self._move_up(written.shifted)
        if written.error is not None:
            self._refuse(written.writes, written.error)
        elif written.ends:
            before, self._end = self._end, written.ends[-1]
            self._count(before, self._end, written.bytes)
            self._durable(written.writes, written.ends)
        for waiter in self._grown:
            _resolve(waiter)
        self._advance()
        self._wake_waiters()

    def _durable(self, writes: Sequence[_Write], ends: Sequence[int]) -> None:
        for write, end in zip(writes, ends, strict=True):
            write.end = end
            if write.committed:
                self._committing.append(write)
            else:
                _resolve(write.done, end)

    def _advance(self) -> None:
        """Move the base up to what was applied, and tell those who wait for the city itself."""
        if self._applied is None or self._applied > self._end:
            return
        self._base = max(self._base, self._applied)
        while self._sizes and self._sizes[0].end <= self._base:
            self._backlog_bytes -= self._sizes.popleft().bytes
        while self._committing and self._committing[0].end <= self._base:
            write = self._committing.popleft()
            _resolve(write.done, write.end)
        self._wake_waiters()

    def _move_up(self, by: int) -> None:
        if by:
            _log.warning("journal_moved_up", path=str(self._folder), messages=by)
            self._base, self._end = self._base + by, self._end + by
            self._pruned = self._base
            for write in self._committing:
                write.end += by
            moved = [_Size(s.first + by, s.end + by, s.bytes) for s in self._sizes]
            self._sizes = deque(moved)

    def _refuse(self, writes: Sequence[_Write], error: BaseException) -> None:
        _log.error("journal_write_failed", reason=str(error), writes=len(writes))
        for write in writes:
            if not write.done.done():
                write.done.set_exception(Unavailable("journal_unavailable", reason=str(error)))


def _resolve(future: "asyncio.Future[Any]", value: int | None = None) -> None:
    if not future.done():
        future.set_result(value)
