"""The driver: connections to the server, time limits, and its errors turned into ours.

Reads are single statements; a connection that the server has closed meanwhile is replaced once.
Writes are managed transactions: the driver repeats them while the server is away for a moment, at
most ``answer_s``. All sessions share one bookmark manager, so that on a cluster nobody reads a
member that is behind what this process has read or written.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import anyio
import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from cim.stores.neo4j.statements import CYPHER, SCHEMA
from identity.errors import Conflict, Unavailable

T = TypeVar("T")
P = ParamSpec("P")
Rows = list[list[Any]]
LAYOUT = 1
SERVER_MIN = (5, 26)  # labels as parameters, scoped subqueries
ANSWER_S = 5.0  # how long to connect and to repeat a transaction while the server is away
STATEMENT_S = 120.0  # the server ends what runs longer
CONNECTIONS = 32  # at most, to one server
FETCH_ROWS = 5_000  # rows the server sends at once
_MADE_MEANWHILE = "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists"  # by another process
_ERRORS = (DriverError, Neo4jError)


class Transaction:
    """One transaction of the driver, by names of statements."""

    def __init__(self, driven: neo4j.AsyncManagedTransaction, attempt: int) -> None:
        self._driven = driven
        self.attempt = attempt
        """1, or more when the driver repeats it: an earlier one may have been committed."""

    async def run(self, name: str, **parameters: Any) -> Rows:
        """Run a named statement and return its rows."""
        return await self.run_text(CYPHER[name], **parameters)

    async def run_text(self, statement: str, **parameters: Any) -> Rows:
        """Run one of our statements and return its rows."""
        result = await self._driven.run(statement, {"p": parameters})
        return await result.values()


class Connections:
    """The driver of one graph object."""

    def __init__(self, driver: neo4j.AsyncDriver, database: str | None, answer_s: float) -> None:
        self._driver = driver
        self._database = database
        self._answer_s = answer_s
        self._bookmarks = neo4j.AsyncGraphDatabase.bookmark_manager()

    @classmethod
    async def open(
        cls, url: str, user: str, password: str, database: str | None, answer_s: float
    ) -> Self:
        """Connect, and make constraints, indexes, head and lease unless they are there."""
        try:
            driver = neo4j.AsyncGraphDatabase.driver(
                url,
                auth=(user, password) if user else None,
                connection_timeout=answer_s,
                connection_acquisition_timeout=2 * answer_s,
                max_transaction_retry_time=answer_s,
                max_connection_pool_size=CONNECTIONS,
                notifications_min_severity="OFF",
                telemetry_disabled=True,
            )
        except (*_ERRORS, ValueError) as error:
            raise unavailable(error) from error
        connections = cls(driver, database, answer_s)
        try:
            await connections.ready()
            await connections._create()
        except BaseException:
            await driver.close()
            raise
        return connections

    async def ready(self) -> None:
        """Raise Unavailable when the server does not answer within ``answer_s``, or is too old."""
        try:
            with anyio.fail_after(self._answer_s):
                info = await self._driver.get_server_info()
        except (*_ERRORS, TimeoutError, ValueError) as error:  # ValueError: no such port
            raise unavailable(error) from error
        check_version(info.agent)

    async def read(self, name: str, **parameters: Any) -> Rows:
        """Run one named statement that only reads."""
        return await self.read_text(CYPHER[name], **parameters)

    async def read_text(self, statement: str, **parameters: Any) -> Rows:
        """Run one statement that only reads, again when its connection was a stale one."""
        query = neo4j.Query(statement, timeout=STATEMENT_S)
        try:
            return await self._read(query, parameters)
        except _ERRORS as error:
            if not error.is_retryable():
                raise unavailable(error) from error
        try:
            return await self._read(query, parameters)
        except _ERRORS as error:
            raise unavailable(error) from error

    async def _read(self, query: neo4j.Query, parameters: dict[str, Any]) -> Rows:
        async with self._session(neo4j.READ_ACCESS) as session:
            result = await session.run(query, {"p": parameters})
            return await result.values()

    async def write(
        self,
        change: Callable[Concatenate[Transaction, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run ``change`` in one transaction, durable when it returns."""
        attempts = 0

        @neo4j.unit_of_work(timeout=STATEMENT_S)
        async def work(driven: neo4j.AsyncManagedTransaction) -> T:
            nonlocal attempts
            attempts += 1
            return await change(Transaction(driven, attempts), *args, **kwargs)

        try:
            async with self._session(neo4j.WRITE_ACCESS) as session:
                return await session.execute_write(work)
        except _ERRORS as error:
            raise unavailable(error) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._driver.close()

    def _session(self, access: str) -> neo4j.AsyncSession:
        return self._driver.session(
            database=self._database,
            default_access_mode=access,
            bookmark_manager=self._bookmarks,
            fetch_size=FETCH_ROWS,
        )

    async def _create(self) -> None:
        """Make what is missing; another process may be doing the same."""
        ((layout,),) = await self.read("layout")
        if layout is not None and layout > LAYOUT:
            raise Conflict("graph_newer", found=layout, known=LAYOUT)
        online = {name for (name,) in await self.read("indexes")}
        if not online.issuperset(SCHEMA):
            for name in [name for name in SCHEMA if name not in online]:
                await self._make(SCHEMA[name])
            await self.read("await_indexes")
        if layout is None:
            await self.write(_create)

    async def _make(self, statement: str) -> None:
        try:
            await self.write(_run_text, statement)
        except Unavailable as error:
            if getattr(error.__cause__, "code", None) != _MADE_MEANWHILE:
                raise


async def _run_text(tx: Transaction, statement: str) -> None:
    await tx.run_text(statement)


async def _create(tx: Transaction) -> None:
    await tx.run("create", layout=LAYOUT)


def check_version(agent: str) -> None:
    """Raise Unavailable for a Neo4j before SERVER_MIN: our statements are not understood there."""
    found = re.fullmatch(r"Neo4j/(\d+)\.(\d+).*", agent)
    if found is None or (int(found[1]), int(found[2])) < SERVER_MIN:
        needed = ".".join(map(str, SERVER_MIN))
        raise Unavailable("graph_server_unknown", found=agent, needed=needed)


def unavailable(error: Exception) -> Unavailable:
    """Turn the driver's error into ours."""
    return Unavailable("graph_unavailable", reason=str(error) or type(error).__name__)
