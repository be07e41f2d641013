"""States in one SQLite file: WAL, synchronous=FULL, one transaction a commit."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from twin import buckets
from twin.buckets import Buckets, Key, Row
from twin.events import Signal
from twin.ports import (
    PAGE_LIMIT,
    Change,
    Commit,
    Outcome,
    Projection,
    Recorded,
    Sample,
    Where,
)
from twin.quarantine import Bounds, Kept, Quarantined
from twin.reading import State
from twin.stores import (
    limits,
    slices,
    sqlite_commit,
    sqlite_export,
    sqlite_history,
    sqlite_quarantine,
    sqlite_queries,
)
from twin.stores.database import Database, one
from twin.stores.names import Keeping, Names

POINT_CODES = 64  # codes of a states() call that is still answered on the event loop

LATER_COLUMNS = (
    *(("state", column) for column in ("before_at REAL", "before_tie INTEGER", "before_value")),
    *(("outbox", column) for column in ("before_at REAL", "before_tie INTEGER", "before_value")),
    ("history", "changed_at REAL"),
    ("quarantine", "tenant TEXT NOT NULL DEFAULT ''"),
)
"""What files of version 0.1 have not."""

T = TypeVar("T")


class SqliteStates:
    """The States port on SQLite; several processes may open the same file."""

    def __init__(self, database: Database, keeping: Keeping, signal: Signal | None) -> None:
        self._database = database
        self._keeping = keeping
        self._signal = signal
        self._names = Names()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        signal: Signal | None = None,
        outbox_kept: int = limits.OUTBOX_KEPT,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    ) -> "SqliteStates":
        """Open or create the file; Unavailable("store_failed") when it cannot be used.

        ``signal`` wakes this process's readers after each commit.
        """
        schema = files("twin.stores").joinpath("states.sql").read_text(encoding="utf-8")
        database = await Database.open(Path(path), schema, LATER_COLUMNS)
        return cls(database, Keeping(outbox_kept, bounds), signal)

    async def commit(self, commit: Commit) -> Outcome:
        """Apply in one durable transaction."""
        limits.check_commit(commit)
        outcome = await self._write(
            lambda connection: sqlite_commit.write(connection, commit, self._names, self._keeping)
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

    async def export(
        self, where: Where, *, start: float, stop: float
    ) -> AsyncIterator[list[Recorded]]:
        """Yield history rows day by day."""
        limits.check_where(where)
        scan = self._database.scan
        members = await scan(lambda reads: list(sqlite_history.chosen(reads, where, ("", "", ""))))
        async for rows in slices.days(
            members,
            (start, stop),
            lambda *given: scan(lambda reads: sqlite_export.begins(reads, *given)),
            lambda *given: scan(lambda reads: sqlite_export.of_day(reads, *given)),
        ):
            yield rows

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

    async def newest(self, keys: Sequence[Key], *, limit: int) -> dict[Key, list[Sample]]:
        """Return the newest samples of each series, newest first."""
        limits.page(limit)
        limits.check_codes(keys)
        return await self._database.scan(lambda reads: sqlite_queries.newest(reads, keys, limit))

    async def quarantined(
        self, *, limit: int, after: int = 0, device: str | None = None
    ) -> list[Quarantined]:
        """Return quarantine rows by id."""
        limits.page(limit)
        return await self._database.scan(
            lambda reads: sqlite_quarantine.quarantined(reads, after, limit, device)
        )

    async def kept(self, row: int, *, limit: int, after: int = 0) -> list[Kept]:
        """Return the whole messages behind a row, oldest first."""
        limits.page(limit)
        return await self._database.scan(
            lambda reads: sqlite_quarantine.kept(reads, row, after, limit)
        )

    async def quarantine_dropped(self) -> int:
        """Return how many messages were dropped because the quarantine was full."""
        sql = "SELECT value FROM counters WHERE name = 'quarantine_dropped'"
        return int(self._database.read(lambda reads: one(reads, sql)) or 0)

    async def release(self, ids: Sequence[int]) -> None:
        """Remove quarantine rows and what is kept behind them."""
        await self._write(lambda connection: sqlite_quarantine.release_rows(connection, ids))

    async def rules(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Return every rule of a kind."""
        return self._database.read(lambda reads: sqlite_quarantine.rules(reads, kind))

    async def put_rule(self, kind: str, name: str, body: Mapping[str, Any] | None) -> None:
        """Keep a rule durably, or remove it."""
        text = limits.rule(name, body)
        await self._write(
            lambda connection: sqlite_quarantine.put_rule(connection, kind, name, text)
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
