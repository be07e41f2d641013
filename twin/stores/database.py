"""One SQLite file with one writer thread: WAL, synchronous=FULL, drivers' errors made ours.

Point reads run on the event loop on a connection that cannot write (about 0.05 ms); scans run in a
thread of their own and are interrupted when nobody waits for them any more. Several processes may
open the same file: a writing transaction takes the write lock at its beginning (BEGIN IMMEDIATE).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from identity.errors import Unavailable

BUSY_S = 10.0  # how long one process waits for another's transaction
SCAN_THREADS = 2
# What each connection keeps of the file in memory: it fills whatever the load, and is flat then.
# Measured: 2 million rows more in state.db take 67 MB with 64 MiB, 34 with 32 and 9 with 8.
CACHE_KIB = 32 * 1_024
WAL_PAGES = 4_000  # pages (16 MB) in the log before it is folded into the file

STOP_STEPS = 1_000  # of SQLite's machine between two looks at whether a long read shall stop

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
Columns = Sequence[tuple[str, str]]
"""(table, definition of a column)."""


class Database:
    """Runs pieces of work on the file: ``write`` (one transaction each), ``read``, ``scan``."""

    def __init__(
        self, path: Path, schema: str, later: Columns = (), upgrade: Work[None] | None = None
    ) -> None:
        self.path = path
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=f"write-{path.name}")
        self._scanner = ThreadPoolExecutor(SCAN_THREADS, thread_name_prefix=f"scan-{path.name}")
        self._write_connection = _open(path)
        _prepare(self._write_connection, schema, later, upgrade)
        self._read_connection = _open(path, writes=False)
        self._idle = [_open(path, writes=False) for _ in range(SCAN_THREADS)]

    @classmethod
    async def open(
        cls, path: Path, schema: str, later: Columns = (), upgrade: Work[None] | None = None
    ) -> "Database":
        """Open or create the file in a thread; Unavailable("store_failed") when it cannot be.

        ``later``: columns that the schema did not have in its first form; an older file gets them.
        ``upgrade``: what else an older file needs, in the transaction that makes the schema.
        """
        return await asyncio.to_thread(_guarded, lambda: cls(path, schema, later, upgrade), path)

    async def write(self, work: Work[T], *, undone: Callable[[], None] | None = None) -> T:
        """Run ``work`` in the writer thread inside one transaction, durable when this returns.

        ``undone`` runs in the same thread when the transaction failed, before the next one begins.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self._write, work, undone)

    def read(self, work: Work[T]) -> T:
        """Run a point read on the event loop's own connection."""
        return _guarded(lambda: work(self._read_connection), self.path)

    async def scan(self, work: Work[T]) -> T:
        """Run a longer read in a thread; it is interrupted when the caller is cancelled."""
        loop = asyncio.get_running_loop()
        borrowed: list[sqlite3.Connection] = []
        try:
            return await loop.run_in_executor(self._scanner, self._scan, work, borrowed)
        except asyncio.CancelledError:
            for connection in borrowed:
                connection.interrupt()
            raise

    async def aside(self, work: Work[T]) -> T:
        """Run a read that may take minutes on a connection and in a thread of its own.

        It is stopped when the caller is cancelled.
        """
        stopped = Event()
        running = asyncio.create_task(asyncio.to_thread(self._aside, work, stopped))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            stopped.set()
            with suppress(Unavailable):  # it says that it was interrupted
                await running
            raise

    async def close(self) -> None:
        """Finish what was begun and close every connection."""
        await asyncio.to_thread(self._close)

    def _write(self, work: Work[T], undone: Callable[[], None] | None) -> T:
        try:
            return _guarded(lambda: _transaction(self._write_connection, work), self.path)
        except BaseException:
            if undone is not None:
                undone()
            raise

    def _scan(self, work: Work[T], borrowed: list[sqlite3.Connection]) -> T:
        connection = self._idle.pop()  # as many connections as threads
        borrowed.append(connection)
        try:
            return _guarded(lambda: work(connection), self.path)
        finally:
            borrowed.clear()
            self._idle.append(connection)

    def _aside(self, work: Work[T], stopped: Event) -> T:
        connection = _open(self.path, writes=False)
        connection.set_progress_handler(stopped.is_set, STOP_STEPS)
        try:
            return _guarded(lambda: work(connection), self.path)
        finally:
            connection.close()

    def _close(self) -> None:
        self._writer.shutdown()
        self._scanner.shutdown()
        for connection in (*self._idle, self._read_connection, self._write_connection):
            connection.close()


def _open(path: Path, *, writes: bool = True) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")  # negative: KiB, not pages
    connection.execute("PRAGMA temp_store=MEMORY")
    if not writes:
        connection.execute("PRAGMA query_only=ON")
    return connection


def _prepare(
    connection: sqlite3.Connection, schema: str, later: Columns, upgrade: Work[None] | None
) -> None:
    """Create what is missing; two processes may do it at once, so the lock comes first."""
    connection.execute("BEGIN IMMEDIATE")
    for table, column in later:
        known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        if known and column.split()[0] not in known:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    # executescript would commit first: the statements join the transaction one by one.
    for statement in _statements(schema):
        connection.execute(statement)
    if upgrade is not None:
        upgrade(connection)
    connection.execute("COMMIT")


def _statements(schema: str) -> Iterator[str]:
    """Yield the statements of a script; a trigger's body has semicolons of its own."""
    begun = ""
    for line in schema.splitlines(keepends=True):
        begun += line
        if line.rstrip().endswith(";") and sqlite3.complete_statement(begun):
            yield begun
            begun = ""


def _transaction(connection: sqlite3.Connection, work: Work[T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # a failed COMMIT (full disk) may have rolled back already
            connection.execute("ROLLBACK")
        raise
    return result


def _guarded(work: Callable[[], T], path: Path) -> T:
    try:
        return work()
    except sqlite3.Error as failed:
        busy = getattr(failed, "sqlite_errorcode", 0) & 0xFF in {
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_LOCKED,
        }
        code = "store_busy" if busy else "store_failed"
        raise Unavailable(code, store=path.name, reason=str(failed)) from failed


def one(connection: sqlite3.Connection, sql: str, *values: Any) -> Any:
    """Return the first column of the first row, or None."""
    row = connection.execute(sql, values).fetchone()
    return None if row is None else row[0]
