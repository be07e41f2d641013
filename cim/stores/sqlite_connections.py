"""Connections to one SQLite file: a writer thread, one connection on the event loop, scanners.

- Point reads run on the event loop: at most some tens of index lookups, no waiting for a lock.
- Scans run in threads and are interrupted when their request is cancelled.
- Writes run one after the other in one thread; each is one transaction.

``synchronous=FULL`` everywhere. Rows above head would survive NORMAL too (WAL recovery keeps a
prefix of the commits, and the FULL commit that moves head syncs all frames before it; what is lost
before is undone anyway). But ``write`` promises durability, serials must be durable when they are
returned, and one fsync per 5,000 rows is 1 % of the time of writing them: not worth a second mode.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import anyio

from cim.stores.sqlite_sql import SCHEMA, SCHEMA_VERSION, SQL, UPGRADES
from identity.errors import Conflict, Unavailable

T = TypeVar("T")
P = ParamSpec("P")
BUSY_S = 30.0  # how long a writer waits for another process's transaction
BUSY_POLL_S = 0.002  # how often it asks; SQLite's own waiting grows to 0.1 s and misses its turn
SCANNERS = 4  # scans at the same time; more wait
INTERRUPT_POLL_S = 0.02  # how often a cancelled scan is interrupted until it has ended
CACHE_KIB = 32 * 1024  # pages a connection keeps
MMAP_BYTES = 1 << 30
WAL_KEPT_BYTES = 64 << 20  # a longer WAL is cut back after its checkpoint
WAL_PAGES = 8_000  # checkpoint after 32 MB: a page changed by many batches is copied once
STATEMENTS = 256  # prepared statements a connection keeps


class Connections:
    """All connections of one graph object to its file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = False
        self._write = ThreadPoolExecutor(1, thread_name_prefix="graph-write")
        self._scan = ThreadPoolExecutor(SCANNERS, thread_name_prefix="graph-scan")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = _open(path, writes=True)
        _guarded(self._writer, lambda connection: _transaction(connection, _create))
        self._point = _open(path, writes=False, busy_s=0.0)
        self._idle: list[sqlite3.Connection] = []
        self._slots = asyncio.Semaphore(SCANNERS)

    async def point(
        self,
        read: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a short read now, on the event loop; when the file is locked, in a thread."""
        try:
            return read(self._point, *args, **kwargs)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise unavailable(error) from error
        except sqlite3.DatabaseError as error:
            raise unavailable(error) from error
        return await self.scan(read, *args, **kwargs)

    async def scan(
        self,
        read: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a longer read in a thread; a cancelled request interrupts it."""
        self._check_open()
        async with self._slots:
            connection = self._reader()
            future = self._scan.submit(partial(read, connection, *args, **kwargs))
            # Back in the pool when the thread is done with it, whatever happens to the request.
            future.add_done_callback(lambda _: self._idle.append(connection))
            return await _outcome(future, connection.interrupt)

    async def write(
        self,
        change: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run ``change`` in one transaction of the writer thread; cancellation does not tear it."""
        self._check_open()
        future = self._write.submit(
            _transaction, self._writer, lambda connection: change(connection, *args, **kwargs)
        )
        return await _outcome(future, None)

    def _reader(self) -> sqlite3.Connection:
        try:
            return self._idle.pop() if self._idle else _open(self._path, writes=False)
        except sqlite3.DatabaseError as error:
            raise unavailable(error) from error

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("graph_unavailable", reason="closed")

    async def close(self) -> None:
        """Wait for what runs, then close; the last one out checkpoints the WAL."""
        self._closed = True
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._scan.shutdown(wait=True)
        self._write.shutdown(wait=True)
        for connection in (*self._idle, self._point, self._writer):
            connection.close()


def unavailable(error: sqlite3.Error) -> Unavailable:
    """Turn the driver's error into ours."""
    return Unavailable("graph_unavailable", reason=str(error))


def _open(path: Path, *, writes: bool, busy_s: float = BUSY_S) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if writes else 'ro'}"
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=busy_s,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS,
    )
    _guarded(connection, partial(_configure, writes=writes))
    if writes:
        connection.execute("PRAGMA busy_timeout = 0")  # ``_begin`` waits
    return connection


def _configure(connection: sqlite3.Connection, *, writes: bool) -> None:
    if writes:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")


def _guarded(connection: sqlite3.Connection, prepare: Callable[[sqlite3.Connection], None]) -> None:
    """Prepare a new connection; one that cannot be used is closed."""
    try:
        prepare(connection)
    except BaseException:
        connection.close()
        raise


def _create(connection: sqlite3.Connection) -> None:
    """Make the tables, or those of an older version ours, unless another process has done it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise Conflict("graph_newer", found=version, known=SCHEMA_VERSION)
    scripts = [UPGRADES[v] for v in range(version, SCHEMA_VERSION)] if version else [SCHEMA]
    for script in scripts:
        for statement in _statements(script):
            connection.execute(statement)
    connection.execute(SQL["make_queue"])  # of no layout: files made before it have none


def _statements(script: str) -> list[str]:
    """Split a script (``executescript`` would end the transaction)."""
    statements, lines = [], ""
    for line in script.splitlines(keepends=True):
        lines += line
        if sqlite3.complete_statement(lines):
            statements.append(lines)
            lines = ""
    return statements


def _transaction(connection: sqlite3.Connection, change: Callable[[sqlite3.Connection], T]) -> T:
    _begin(connection)
    try:
        result = change(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _begin(connection: sqlite3.Connection) -> None:
    """Begin to write; an import pauses 2 ms between two batches, and everybody gets in there."""
    for _ in range(int(BUSY_S / BUSY_POLL_S)):
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(BUSY_POLL_S)
        else:
            return
    connection.execute("BEGIN IMMEDIATE")


async def _outcome(future: "Future[T]", interrupt: Callable[[], None] | None) -> T:
    """Wait for a thread's result; a cancelled caller leaves only when the thread has ended."""
    ended = asyncio.wrap_future(future)
    try:
        await asyncio.wait([ended])
        return ended.result()
    except asyncio.CancelledError:
        with anyio.CancelScope(shield=True):
            await _stopped(ended, future, interrupt)
        raise
    except sqlite3.DatabaseError as error:
        raise unavailable(error) from error


async def _stopped(
    ended: "asyncio.Future[T]", future: "Future[T]", interrupt: Callable[[], None] | None
) -> None:
    """Wait until the thread has ended; interrupt again and again, once may be too early."""
    if interrupt is None or not future.cancel():
        while not future.done():
            if interrupt is not None:
                interrupt()
            await asyncio.wait([ended], timeout=INTERRUPT_POLL_S)
    await asyncio.wait([ended])
    if not ended.cancelled():
        ended.exception()  # its outcome has nobody left to hear it
