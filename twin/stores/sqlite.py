"""States in one SQLite file: WAL, synchronous=FULL, one transaction a commit."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from identity.errors import Invalid, Unavailable
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
from twin.retention import Retention
from twin.stores import (
    cold,
    limits,
    slices,
    sqlite_cold,
    sqlite_commit,
    sqlite_history,
    sqlite_keep,
    sqlite_outbox,
    sqlite_quarantine,
    sqlite_queries,
)
from twin.stores.database import Database, one
from twin.stores.names import Keeping, Names
from twin.stores.sqlite_past import Past

if TYPE_CHECKING:
    from twin.stores.cold.store import Cold

SNAPSHOTS = 3  # tries of a read whose files were removed meanwhile
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

    def __init__(
        self, database: Database, keeping: Keeping, signal: Signal | None, files: "Cold | None"
    ) -> None:
        self._database = database
        self._cold = files
        self._keeping = keeping
        self._signal = signal
        self._names = Names()
        self._places = sqlite_outbox.Places()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        signal: Signal | None = None,
        outbox_kept: int = limits.OUTBOX_KEPT,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
        retention: Retention = Retention(),  # noqa: B008 - frozen
    ) -> "SqliteStates":
        """Open or create the file; Unavailable("store_failed") when it cannot be used.

        ``signal`` wakes this process's readers after each commit.
        """
        schema = files("twin.stores").joinpath("states.sql").read_text(encoding="utf-8")
        database = await Database.open(Path(path), schema, LATER_COLUMNS, sqlite_outbox.upgrade)
        keeping = Keeping(outbox_kept, bounds, retention)
        return cls(database, keeping, signal, await _open_cold(database))

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
        return await self._past(lambda past: sqlite_history.at(past, where, until, limit, after))

    async def series(
        self, where: Where, ask: Buckets, *, limit: int, after: str = ""
    ) -> tuple[list[Row], str]:
        """Return a page of rows of buckets."""
        limits.page(limit)
        limits.check_where(where)
        buckets.check(ask)
        return await self._past(lambda past: sqlite_history.series(past, where, ask, limit, after))

    async def export(
        self, where: Where, *, start: float, stop: float
    ) -> AsyncIterator[list[Recorded]]:
        """Yield history rows day by day."""
        limits.check_where(where)
        begin, most = ("", "", ""), limits.SERIES_MAX + 1
        members = await self._past(
            lambda past: list(islice(sqlite_history.chosen(past.reads, where, begin), most))
        )
        limits.check_members(len(members))
        async for rows in slices.days(
            members,
            (start, stop),
            lambda *given: self._past(lambda past: sqlite_history.begins(past, *given)),
            lambda *given: self._past(lambda past: sqlite_history.of_day(past, *given)),
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
        of, span = (code, property), (start, stop)
        return await self._past(lambda past: sqlite_history.samples(past, of, span, limit, after))

    async def changes(self, after: int, *, limit: int) -> list[Change]:
        """Return outbox rows behind ``after``, with the projections of now."""
        limits.page(limit, limits.CHANGES_MAX)
        kept = self._keeping.outbox
        return self._database.read(
            lambda reads: sqlite_outbox.changes(reads, self._places, after, limit, kept)
        )

    async def sequence(self) -> int:
        """Return the newest outbox sequence number."""
        return self._database.read(sqlite_outbox.newest)

    async def offset(self, journal: str) -> int:
        """Return the committed offset of a journal."""
        sql = "SELECT position FROM offsets WHERE journal = ?"
        return int(self._database.read(lambda reads: one(reads, sql, journal)) or 0)

    async def newest(self, keys: Sequence[Key], *, limit: int) -> dict[Key, list[Sample]]:
        """Return the newest samples of each series, newest first."""
        limits.page(limit)
        limits.check_codes(keys)
        return await self._past(lambda past: sqlite_history.newest(past, keys, limit))

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

    async def keep(self, now: float) -> Mapping[str, int]:
        """Roll ended days into cold files, where the extra is; drop what has its age."""
        rules = self._keeping.history
        if self._cold is None:
            rows = await sqlite_keep.drop_rows(self._database, self._write, self._names, rules, now)
            return {"dropped_rows": rows}
        keeper = sqlite_keep.Keeper(self._database, self._cold, self._names, self._write, rules)
        try:
            with self._cold.alone() as alone:
                return await keeper.look(now) if alone else {}
        except OSError as failed:  # a full disk
            name = self._database.path.name
            raise Unavailable("store_failed", store=name, reason=str(failed)) from failed

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
        if self._cold is not None:
            self._cold.close()

    async def _past(self, work: Callable[[Past], T]) -> T:
        """Read hot and cold history as one, in one snapshot.

        Files that retention removes meanwhile are no longer named by the next snapshot.
        """
        for _ in range(SNAPSHOTS):
            with suppress(FileNotFoundError):
                return await self._database.scan(lambda reads: _snapshot(reads, self._cold, work))
        raise Unavailable("store_failed", store=self._database.path.name, reason="files vanish")

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a transaction; what was memorised in a failed one is forgotten."""
        return await self._database.write(work, undone=self._names.forget)


def _snapshot(reads: sqlite3.Connection, cold: "Cold | None", work: Callable[[Past], T]) -> T:
    reads.execute("BEGIN")
    try:
        return work(Past(reads, cold))
    finally:
        reads.execute("COMMIT")


async def _open_cold(database: Database) -> "Cold | None":
    """Open the folder of cold history where the extra is; refuse to leave out what is there."""
    if cold.here():
        from twin.stores.cold.store import Cold

        return await asyncio.to_thread(Cold, database.path.with_suffix(".history"))
    if database.read(sqlite_cold.has_any):
        raise Invalid("extra_missing", extra="history", part="duckdb, pyarrow")
    return None
