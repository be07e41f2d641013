"""States in one SQLite file: WAL, synchronous=FULL, one transaction a commit."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from twin import buckets
from twin.buckets import Buckets, Row
from twin.events import Signal
from twin.ports import (
    PAGE_LIMIT,
    QUARANTINE_KEPT,
    Change,
    Commit,
    Outcome,
    Projection,
    Quarantined,
    Recorded,
    Sample,
    Where,
)
from twin.reading import State
from twin.stores import limits, sqlite_commit, sqlite_export, sqlite_history, sqlite_queries
from twin.stores.database import Database, one
from twin.stores.sqlite_commit import Kept, Names

POINT_CODES = 64  # codes of a states() call that is still answered on the event loop

T = TypeVar("T")


class SqliteStates:
    """The States port on SQLite; several processes may open the same file."""

    def __init__(self, database: Database, kept: Kept, signal: Signal | None) -> None:
        self._database = database
        self._kept = kept
        self._signal = signal
        self._names = Names()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        signal: Signal | None = None,
        outbox_kept: int = limits.OUTBOX_KEPT,
        quarantine_kept: int = QUARANTINE_KEPT,
    ) -> "SqliteStates":
        """Open or create the file; Unavailable("store_failed") when it cannot be used.

        ``signal`` wakes this process's readers after each commit.
        """
        schema = files("twin.stores").joinpath("states.sql").read_text(encoding="utf-8")
        database = await Database.open(Path(path), schema)
        await database.write(sqlite_commit.migrate)
        return cls(database, Kept(outbox_kept, quarantine_kept), signal)

    async def commit(self, commit: Commit) -> Outcome:
        """Apply in one durable transaction."""
        limits.check_commit(commit)
        outcome = await self._write(
            lambda connection: sqlite_commit.write(connection, commit, self._names, self._kept)
        )
        if self._signal is not None:
            self._signal.notify()
        return outcome

    async def states(self, codes: Sequence[str]) -> dict[str, list[State]]:
        """Return all sources' rows of each code."""
        limits.check_codes(codes)
        if len(codes) <= POINT_CODES:
            return self._database.read(lambda reads: sqlite_queries.of_codes(reads, codes))
        return await self._database.scan(lambda reads: sqlite_queries.of_codes(reads, codes))

    async def query(self, where: Where, *, limit: int, after: str = "") -> tuple[list[State], str]:
        """Return a page of rows by (code, property, source)."""
        limits.page(limit)
        limits.check_where(where)
        return await self._database.scan(
            lambda reads: sqlite_queries.page(reads, where, limit, after)
        )

    async def at(
        self,
        where: Where,
        *,
        observed_until: float,
        received_until: float,
        limit: int,
        after: str = "",
    ) -> tuple[list[State], str]:
        """Return a page of rows as they were true then, as known then."""
        limits.page(limit)
        limits.check_where(where)
        until = observed_until, received_until
        return await self._database.scan(
            lambda reads: sqlite_history.at(reads, where, until, limit, after)
        )

    async def series(
        self, where: Where, ask: Buckets, *, limit: int, after: str = ""
    ) -> tuple[list[Row], str]:
        """Return a page of rows of buckets."""
        limits.page(limit)
        limits.check_where(where)
        buckets.check(ask)
        return await self._database.scan(
            lambda reads: sqlite_history.series(reads, where, ask, limit, after)
        )

    def export(self, where: Where, *, start: float, stop: float) -> AsyncIterator[list[Recorded]]:
        """Yield history rows day by day."""
        limits.check_where(where)
        return sqlite_export.export(self._database, where, start, stop)

    async def history(
        self,
        code: str,
        property: str,  # noqa: A002 - the wire's word
        *,
        start: float,
        stop: float,
        limit: int,
        after: tuple[float, str, int] | None = None,
    ) -> list[Sample]:
        """Return samples with start <= observed_at < stop, by (observed_at, source, n)."""
        limits.page(limit, PAGE_LIMIT)
        return await self._database.scan(
            lambda reads: sqlite_queries.samples(
                reads, code, property, span=(start, stop), limit=limit, after=after
            )
        )

    async def changes(self, after: int, *, limit: int) -> list[Change]:
        """Return outbox rows behind ``after``, with the projections of now."""
        limits.page(limit, limits.CHANGES_MAX)
        if await self.sequence() <= after:
            return []
        return await self._database.scan(lambda reads: sqlite_queries.changes(reads, after, limit))

    async def sequence(self) -> int:
        """Return the newest outbox sequence number."""
        return self._database.read(sqlite_commit.newest)

    async def offset(self, journal: str) -> int:
        """Return the committed offset of a journal."""
        sql = "SELECT position FROM offsets WHERE journal = ?"
        return int(self._database.read(lambda reads: one(reads, sql, journal)) or 0)

    async def quarantined(self, *, limit: int, after: int = 0) -> list[Quarantined]:
        """Return quarantine rows by id."""
        limits.page(limit)
        return await self._database.scan(
            lambda reads: sqlite_queries.quarantined(reads, after, limit)
        )

    @property
    def quarantine_dropped(self) -> int:
        """How many messages were dropped because the quarantine was full."""
        sql = "SELECT value FROM counters WHERE name = 'quarantine_dropped'"
        return int(self._database.read(lambda reads: one(reads, sql)) or 0)

    async def release(self, ids: Sequence[int]) -> None:
        """Remove quarantine rows."""
        rows = [(number,) for number in ids]
        await self._write(
            lambda connection: connection.executemany("DELETE FROM quarantine WHERE id = ?", rows)
        )

    async def project(self, projections: Mapping[str, Projection]) -> None:
        """Rewrite the projections of codes."""

        def work(connection: sqlite3.Connection) -> None:
            sqlite_commit.refresh(connection, self._names)
            sqlite_commit.project(connection, projections, self._names)

        await self._write(work)

    async def ready(self) -> None:
        """Raise Unavailable when the file does not answer."""
        self._database.read(lambda reads: one(reads, "SELECT 1 FROM offsets LIMIT 1"))

    async def close(self) -> None:
        """Finish what was begun and close the file."""
        await self._database.close()

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a transaction; what was memorised in a failed one is forgotten."""
        return await self._database.write(work, undone=self._names.forget)
