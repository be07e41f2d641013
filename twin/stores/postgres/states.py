"""States in a PostgreSQL database: one transaction a commit, any number of processes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib.resources import files
from typing import Any

import structlog

from identity.errors import Conflict, Unavailable
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
from twin.retention import Retention, day_of
from twin.stores import limits, slices
from twin.stores.names import Keeping, Names
from twin.stores.postgres import commit as writes
from twin.stores.postgres import history, quarantine, reads
from twin.stores.postgres.connections import Connection, Connections
from twin.stores.postgres.keep import Keeper
from twin.stores.postgres.partitions import Partitions

LAYOUT = 1
RETRY_S = 1.0  # before the connection that is told of commits is opened again
CHANNEL = "wanwu_twin_states"
EDGE_S = 1.0  # an untimed reading may be put this much later than it says

_NEWEST = "SELECT sequence FROM head"

_log = structlog.get_logger()


class PostgresStates:
    """The States port on PostgreSQL. Readers in every process are woken by NOTIFY."""

    def __init__(self, connections: Connections, keeping: Keeping, signal: Signal | None) -> None:
        self._connections = connections
        self._partitions = Partitions()
        self._keeping = keeping
        self._signal = signal
        self._names = Names()
        self._channel = CHANNEL
        self._newest: int | None = None  # known while this process is told of every commit
        self._following: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        signal: Signal | None = None,
        outbox_kept: int = limits.OUTBOX_KEPT,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
        retention: Retention = Retention(),  # noqa: B008 - frozen
    ) -> "PostgresStates":
        """Connect and make what is missing; Unavailable("store_failed") when there is no answer.

        ``signal`` wakes this process's readers after each commit of any process. Raises
        Invalid("store_url_unreadable"), Conflict("store_newer").
        """
        connections = Connections(url, _text("session.sql"))
        store = cls(connections, Keeping(outbox_kept, bounds, retention), signal)
        await connections.open(store._create)
        store._following = asyncio.create_task(store._follow(), name="follow-states")
        return store

    async def commit(self, commit: Commit) -> Outcome:
        """Apply in one durable transaction."""
        limits.check_commit(commit)
        await self._partitions.ensure(self._connections, _days(commit))
        outcome = await self._connections.write(
            lambda connection: writes.write(
                connection, commit, self._names, self._keeping, self._channel
            ),
            undone=self._names.forget,
        )
        self._heard(str(outcome.sequence))
        return outcome

    async def states(self, codes: Sequence[str]) -> dict[str, list[State]]:
        """Return all sources' rows of each code."""
        limits.check_codes(codes)
        return await reads.of_codes(self._connections, codes)

    async def query(self, where: Where, *, limit: int, after: str = "") -> tuple[list[State], str]:
        """Return a page of rows by (code, property, source)."""
        limits.page(limit)
        limits.check_where(where)
        return await reads.page(self._connections, where, limit, after)

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
        return await reads.at(self._connections, where, until, limit, after)

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
        return await reads.samples(self._connections, of, span=span, limit=limit, after=after)

    async def series(
        self, where: Where, ask: Buckets, *, limit: int, after: str = ""
    ) -> tuple[list[Row], str]:
        """Return a page of rows of buckets."""
        limits.page(limit)
        limits.check_where(where)
        buckets.check(ask)
        return await history.series(self._connections, where, ask, limit, after)

    async def export(
        self, where: Where, *, start: float, stop: float
    ) -> AsyncIterator[list[Recorded]]:
        """Yield history rows day by day."""
        limits.check_where(where)
        members = await history.chosen(self._connections, where, ("", "", ""))
        limits.check_members(len(members))
        begins = partial(history.next_day, self._connections)
        of_day = partial(history.day_slice, self._connections)
        async for rows in slices.days(members, (start, stop), begins, of_day):
            yield rows

    async def changes(self, after: int, *, limit: int) -> list[Change]:
        """Return outbox rows behind ``after``, with the projections of now."""
        limits.page(limit, limits.CHANGES_MAX)
        if self._newest is not None and self._newest <= after:
            return []
        return await reads.changes(self._connections, after, limit)

    async def sequence(self) -> int:
        """Return the newest outbox sequence number; no look-up while commits are told."""
        if self._newest is not None:
            return self._newest
        ((newest,),) = await self._connections.read(_NEWEST)
        return int(newest)

    async def offset(self, journal: str) -> int:
        """Return the committed offset of a journal."""
        query = "SELECT position FROM offsets WHERE journal = %s"
        rows = await self._connections.read(query, (journal,))
        return int(rows[0][0]) if rows else 0

    async def newest(self, keys: Sequence[Key], *, limit: int) -> dict[Key, list[Sample]]:
        """Return the newest samples of each series, newest first."""
        limits.page(limit)
        limits.check_codes(keys)
        return await reads.newest(self._connections, keys, limit)

    async def quarantined(
        self, *, limit: int, after: int = 0, device: str | None = None
    ) -> list[Quarantined]:
        """Return quarantine rows by id."""
        limits.page(limit)
        return await quarantine.quarantined(self._connections, after, limit, device)

    async def kept(self, row: int, *, limit: int, after: int = 0) -> list[Kept]:
        """Return the whole messages behind a row, oldest first."""
        limits.page(limit)
        return await quarantine.kept(self._connections, row, after, limit)

    async def quarantine_dropped(self) -> int:
        """Return how many messages were dropped because the quarantine was full."""
        query = "SELECT value FROM counters WHERE name = 'quarantine_dropped'"
        return int((await self._connections.read(query))[0][0])

    async def release(self, ids: Sequence[int]) -> None:
        """Remove quarantine rows and what is kept behind them."""
        await self._connections.write(lambda connection: quarantine.release_rows(connection, ids))

    async def rules(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Return every rule of a kind."""
        return await quarantine.rules(self._connections, kind)

    async def put_rule(self, kind: str, name: str, body: Mapping[str, Any] | None) -> None:
        """Keep a rule durably, or remove it."""
        text = limits.rule(name, body)
        await self._connections.write(
            lambda connection: quarantine.put_rule(connection, kind, name, text)
        )

    async def keep(self, now: float) -> Mapping[str, int]:
        """Make ended days coarser, drop what has its age."""
        rules = self._keeping.history
        keeper = Keeper(self._connections, self._partitions, self._names, rules)
        return await keeper.look(now)

    async def project(self, projections: Mapping[str, Projection]) -> None:
        """Rewrite the projections of codes."""

        async def work(connection: Connection) -> None:
            sequence, version = await writes.lock(connection)
            self._names.refresh(version)
            await writes.project(connection, projections, self._names)
            await writes.release(connection, sequence, version, self._names)

        await self._connections.write(work, undone=self._names.forget)

    async def ready(self) -> None:
        """Raise Unavailable when the database does not answer."""
        await self._connections.read("SELECT 1 FROM head")

    async def close(self) -> None:
        """Close every connection."""
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        await self._connections.close()

    async def _create(self, connection: Connection) -> None:
        """Make the tables; processes that start at once take turns."""
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('wanwu-twin schema'))")
        await connection.execute(_text("schema.sql").encode())
        await self._partitions.create(connection)
        found = await (
            await connection.execute("SELECT layout, current_schema() FROM head")
        ).fetchone()
        assert found is not None, "the schema made the row of head"
        if found[0] > LAYOUT:
            store = self._connections.name
            raise Conflict("store_newer", store=store, found=found[0], known=LAYOUT)
        self._channel = f"{CHANNEL}_{found[1]}"

    async def _follow(self) -> None:
        """Hear of commits for ever; without the connection, ``sequence`` asks the database."""
        while True:
            try:
                await self._connections.follow(self._channel, _NEWEST, self._begun, self._heard)
            except Unavailable as lost:
                _log.warning("commits_not_told", code=lost.code, **lost.facts)
            self._newest = None
            await asyncio.sleep(RETRY_S)

    def _begun(self, newest: int) -> None:
        self._newest = newest
        self._heard(str(newest))

    def _heard(self, payload: str) -> None:
        if self._newest is not None:
            self._newest = max(self._newest, int(payload))
        if self._signal is not None:
            self._signal.notify()


def _days(commit: Commit) -> set[int]:
    return {day_of(r.observed_at + more) for r in commit.readings for more in (0.0, EDGE_S)}


def _text(name: str) -> str:
    return files("twin.stores.postgres").joinpath(name).read_text(encoding="utf-8")
