"""Connections of one PostgresStates: a writer, a pool of readers, and one that is told of commits.

The driver's errors become ours here and nowhere else.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, TypeVar, cast

import psycopg
from psycopg import AsyncConnection, errors, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from identity.errors import Invalid, Unavailable

T = TypeVar("T")
Connection = AsyncConnection[tuple[Any, ...]]
Rows = AsyncGenerator[tuple[Any, ...], None]
Work = Callable[[Connection], Awaitable[T]]

READERS = 8  # connections that read, at most
ANSWER_S = 10.0  # how long to wait for a connection
LOCK_S = 10  # how long for another's transaction
STATEMENT_S = 120  # the server ends what runs longer
_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)

_READS = (
    f"SET statement_timeout = '{STATEMENT_S}s'; SET default_transaction_read_only = on;"
    " SET plan_cache_mode = force_custom_plan"
)
_WRITES = (
    f"SET statement_timeout = '{STATEMENT_S}s'; SET lock_timeout = '{LOCK_S}s';"
    f" SET idle_in_transaction_session_timeout = '{STATEMENT_S}s'; SET synchronous_commit = on"
)


class Connections:
    """``write`` (one transaction each, one after the other), ``read``, ``stream``."""

    def __init__(self, url: str, session: str) -> None:
        """``session``: statements that prepare the writer's connection."""
        self.url = url
        self.name = name_of(url)
        self._session = session
        self._writer: Connection | None = None
        self._turn = asyncio.Lock()
        self._readers = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=READERS,
            timeout=ANSWER_S,
            open=False,
            kwargs={"autocommit": True, "connect_timeout": int(ANSWER_S)},
            configure=_configure_reader,
            check=AsyncConnectionPool.check_connection,
        )

    async def open(self, schema: Work[None]) -> None:
        """Connect and make what is missing; raises Unavailable."""
        try:
            await self.write(schema)
            with self.guarded():
                await self._readers.open(wait=True, timeout=ANSWER_S)
        except BaseException:
            await self.close()
            raise

    async def write(self, work: Work[T], *, undone: Callable[[], None] | None = None) -> T:
        """Run ``work`` in one transaction, durable when this returns.

        ``undone`` runs when it failed, before the next one begins.
        """
        async with self._turn:
            try:
                with self.guarded():
                    connection = await self._writing()
                    async with connection.transaction():
                        return await work(connection)
            except BaseException:
                if undone is not None:
                    undone()
                raise

    async def read(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one statement."""
        with self.guarded():
            async with self._readers.connection() as connection:
                return await (await connection.execute(query.encode(), values)).fetchall()

    @asynccontextmanager
    async def stream(
        self, query: str, values: Sequence[Any], rows: int
    ) -> AsyncIterator[AsyncIterator[tuple[Any, ...]]]:
        """Give the rows of one statement as they come, ``rows`` at once.

        The statement ends with the block: what is left unread would hold the connection for ever.
        """
        with self.guarded():
            async with (
                self._readers.connection() as connection,
                connection.cursor() as cursor,
                aclosing(cast("Rows", cursor.stream(query.encode(), values, size=rows))) as told,
            ):
                yield told

    async def follow(
        self, channel: str, now: str, begun: Callable[[Any], None], heard: Callable[[str], None]
    ) -> None:
        """Call ``heard`` with each payload of ``channel`` until cancelled.

        ``begun`` gets what the query ``now`` says once nothing more can be missed. Raises
        Unavailable when the connection is lost.
        """
        with self.guarded():
            async with await self._connect() as connection:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                found = await (await connection.execute(now.encode())).fetchone()
                begun(found[0] if found else None)
                async for notice in connection.notifies():
                    heard(notice.payload)

    async def close(self) -> None:
        """Close every connection."""
        if self._writer is not None:
            await self._writer.close()
        await self._readers.close()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn the driver's errors into ours."""
        try:
            yield
        except (*_BUSY, PoolTimeout) as busy:
            raise Unavailable("store_busy", store=self.name, reason=_said(busy)) from busy
        except (errors.DataError, UnicodeEncodeError) as wrong:
            raise Invalid("store_refused", store=self.name, reason=_said(wrong)) from wrong
        except (psycopg.Error, OSError) as failed:
            raise Unavailable("store_failed", store=self.name, reason=_said(failed)) from failed

    async def _writing(self) -> Connection:
        if self._writer is None or self._writer.closed:
            self._writer = await self._prepared()
        return self._writer

    async def _prepared(self) -> Connection:
        """Return a new connection for the writer; one that was not prepared is never kept."""
        connection = await self._connect()
        try:
            await connection.execute(_WRITES.encode())
            await connection.execute(self._session.encode())
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _connect(self) -> Connection:
        return await AsyncConnection.connect(
            self.url, autocommit=True, connect_timeout=int(ANSWER_S)
        )


def name_of(url: str) -> str:
    """Return ``host/database`` of a URL, for people; never its password."""
    try:
        known = conninfo_to_dict(url)
    except psycopg.Error as wrong:
        raise Invalid("store_url_unreadable", reason=_said(wrong)) from wrong
    return f"{known.get('host', 'localhost')}/{known.get('dbname', known.get('user', ''))}"


async def _configure_reader(connection: Connection) -> None:
    await connection.execute(_READS.encode())


def _said(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
