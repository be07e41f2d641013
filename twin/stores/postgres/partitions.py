"""History cut by day: native partitions made on demand, or a TimescaleDB hypertable.

Rows of a day that has no partition of its own lie in ``history_rest``; a day that has rows there
stays there, so that the primary key over all parts remains the dedup. With the TimescaleDB
extension in the database its chunks take the place of partitions (not under test: the tests'
server does not have it).
"""

from collections.abc import Iterable
from importlib.resources import files

from psycopg import errors, sql

from twin.stores.postgres.connections import Connection, Connections

PARTITIONS_MAX = 2_000  # days with a partition of their own; further ones lie in history_rest
_HYPERTABLE = (
    "SELECT create_hypertable('history', 'day', chunk_time_interval => 1, if_not_exists => true)"
)
_TIMESCALE = "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'"
_PARTITIONS = (
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = 'history'::regclass"
)
_HISTORY, _PREFIX, _REST = "history", "history_d", "history_rest"


class Partitions:
    """Knows which days have a place and makes the missing ones."""

    def __init__(self) -> None:
        self.timescale = False
        self._known: set[int] = set()
        self._full = False

    async def create(self, connection: Connection) -> None:
        """Make the table of history, once; the caller holds the schema's lock."""
        found = await connection.execute(_TIMESCALE)
        self.timescale = await found.fetchone() is not None
        table = files("twin.stores.postgres").joinpath("history.sql").read_text("utf-8")
        if self.timescale:
            await connection.execute(table.encode())
            await connection.execute(_HYPERTABLE.encode())
            return
        await connection.execute(f"{table} PARTITION BY RANGE (day)".encode())
        await connection.execute(
            f"CREATE TABLE IF NOT EXISTS {_REST} PARTITION OF history DEFAULT".encode()
        )

    async def ensure(self, connections: Connections, days: Iterable[int]) -> None:
        """Give each day its partition before rows of it are written."""
        missing = sorted(set(days) - self._known)
        if not missing or self.timescale or self._full:
            return
        held = await self.held(connections)
        self._known |= set(held)
        for day in missing:
            self._full = len(held) + len(missing) > PARTITIONS_MAX
            if day not in self._known and not self._full:
                await self._make(connections, day)

    async def drop(self, connection: Connection, day: int) -> None:
        """Remove all readings of a day; the partition with them where it has one of its own."""
        name = self.name(_HISTORY, day)
        found = await (await connection.execute("SELECT to_regclass(%s)", (name,))).fetchone()
        if self.timescale or found is None or found[0] is None:
            await connection.execute("DELETE FROM history WHERE day = %s", (day,))
            return
        await connection.execute(_DROP.format(sql.Identifier(name)))
        self._known.discard(day)

    def name(self, table: str, day: int) -> str:
        """Return the name of a day's partition."""
        return f"{table}_d{day}" if day >= 0 else f"{table}_dm{-day}"

    async def held(self, connections: Connections) -> dict[int, str]:
        """Return the days that have a partition of their own, and its name."""
        names = [name for (name,) in await connections.read(_PARTITIONS)]
        return {_day(name): name for name in names if name.startswith(_PREFIX)}

    async def _make(self, connections: Connections, day: int) -> None:
        """Attach an empty table: unlike CREATE … PARTITION OF it waits for no reader."""
        name = sql.Identifier(self.name(_HISTORY, day))
        begin, end = sql.Literal(day), sql.Literal(day + 1)

        async def attach(connection: Connection) -> None:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('wanwu-twin days'))")
            try:
                async with connection.transaction():
                    await connection.execute(_LIKE.format(name))
                    await connection.execute(_ATTACH.format(name, begin, end))
            except (errors.DuplicateTable, errors.CheckViolation):
                return  # another process made it, or the day's rows lie in the rest

        await connections.write(attach)
        self._known.add(day)


_DROP = sql.SQL("DROP TABLE {}")
_LIKE = sql.SQL("CREATE TABLE {} (LIKE history INCLUDING ALL)")
_ATTACH = sql.SQL("ALTER TABLE history ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")


def _day(name: str) -> int:
    told = name.removeprefix(_PREFIX)
    return -int(told[1:]) if told.startswith("m") else int(told)
