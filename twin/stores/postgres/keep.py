"""Keeps the history of PostgresStates: makes ended days coarser, drops what has its age.

A day is first announced (from then on a commit that adds to it says so), then summed up, then
ready. Its readings go by dropping its partition. Each step is one transaction; a death between two
leaves a day that is announced only, and the next look does it again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from psycopg import sql

from twin.retention import Retention, first_day
from twin.stores.names import Names
from twin.stores.postgres import commit as writes
from twin.stores.postgres.connections import Connection, Connections
from twin.stores.postgres.partitions import Partitions

Work = Callable[[Connection], Awaitable[Any]]

_ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('wanwu-twin keeping'))"
_REST_DAYS = "SELECT DISTINCT day FROM history_rest"
_CHUNK_DAYS = "SELECT DISTINCT day FROM history"
_KNOWN = "SELECT day, ready, dirty, raw FROM rolled ORDER BY day"
_ANNOUNCE = (
    "INSERT INTO rolled (day) VALUES (%s) ON CONFLICT (day) DO UPDATE SET ready = false,"
    " dirty = false WHERE rolled.raw RETURNING day"
)
_COARSE = "SELECT to_regclass(%s)"
_NUMBER = "CASE WHEN quality <> 'bad' THEN number END"
_SUM_UP = (
    "INSERT INTO coarse SELECT %s, day, series, floor(observed_at / %s) * %s AS begin,"  # noqa: S608 - constants
    f" count({_NUMBER}), count(*) - count({_NUMBER}), sum({_NUMBER}), min({_NUMBER}),"
    f" max({_NUMBER}), (array_agg(observed_at ORDER BY observed_at, tie) FILTER (WHERE {_NUMBER}"
    f" IS NOT NULL))[1], (array_agg(tie ORDER BY observed_at, tie) FILTER (WHERE {_NUMBER}"
    f" IS NOT NULL))[1], (array_agg(number ORDER BY observed_at, tie) FILTER (WHERE {_NUMBER}"
    " IS NOT NULL))[1], (array_agg(observed_at ORDER BY observed_at DESC, tie DESC) FILTER"
    f" (WHERE {_NUMBER} IS NOT NULL))[1], (array_agg(tie ORDER BY observed_at DESC, tie DESC)"
    f" FILTER (WHERE {_NUMBER} IS NOT NULL))[1], (array_agg(number ORDER BY observed_at DESC,"
    f" tie DESC) FILTER (WHERE {_NUMBER} IS NOT NULL))[1], min(unit), max(unit)"
    " FROM history WHERE day = %s GROUP BY day, series, begin"
)
_READY = "UPDATE rolled SET ready = true, widths = %s WHERE day = %s"
_COUNTED = "SELECT count(*) FROM history WHERE day = %s"
_GONE = "UPDATE rolled SET raw = false, dirty = false WHERE day = %s"
_COUNT = "UPDATE counters SET value = value + %s WHERE name = 'history_dropped_rows'"
_OF_WIDTH = "SELECT day FROM rolled WHERE day < %s AND %s = ANY(widths)"
_OUTLIVED = "DELETE FROM coarse WHERE width = %s AND day = ANY(%s)"
_NARROW = (
    "UPDATE rolled SET widths = array_remove(widths, %s) WHERE day = ANY(%s) RETURNING day, widths"
)
_DROP = sql.SQL("DROP TABLE {}")


@dataclass(frozen=True, slots=True)
class Day:
    """What is known of a day."""

    day: int
    ready: bool
    dirty: bool
    raw: bool


@dataclass(frozen=True, slots=True)
class Keeper:
    """One store: its connections, its partitions, and what is kept."""

    connections: Connections
    partitions: Partitions
    names: Names
    rules: Retention

    async def look(self, now: float) -> dict[str, int]:
        """Do all that is due at ``now`` (Unix seconds) and say how much it was."""
        rolled = 0
        for day in await self._due(now):
            rolled += await self._roll(day)
        dropped = await self._drop_raw(now)
        coarse = await self._drop_coarse(now)
        return {"rolled_days": rolled, "dropped_rows": dropped, "dropped_coarse_rows": coarse}

    async def days(self) -> list[Day]:
        """Return the days that have been announced."""
        return [Day(*row) for row in await self.connections.read(_KNOWN)]

    async def _due(self, now: float) -> list[int]:
        known = {day.day: day for day in await self.days()}
        held = set(await self.partitions.held(self.connections))
        others = _CHUNK_DAYS if self.partitions.timescale else _REST_DAYS
        held |= {day for (day,) in await self.connections.read(others)}
        ended = self.rules.ended(now)
        return sorted(day for day in held if day < ended and _is_due(known.get(day)))

    async def _roll(self, day: int) -> int:
        """Make the coarser rows of one day; 0 when another process does, or they are gone."""
        if not await self._alone(partial(self._announce, day=day)):
            return 0
        return int(await self._alone(partial(self._sum_up, day=day)) or 0)

    async def _announce(self, connection: Connection, day: int) -> int:
        """Behind the lock of all writers: who commits after this knows of the day."""
        sequence, version = await writes.lock(connection)
        found = await (await connection.execute(_ANNOUNCE, (day,))).fetchone()
        name = self.partitions.name("coarse", day)
        known = await (await connection.execute(_COARSE, (name,))).fetchone()
        if known is None or known[0] is None:
            await connection.execute(_PARTITION.format(sql.Identifier(name), day, day + 1))
        await writes.release(connection, sequence, version, self.names)
        self.names.forget_days()
        return int(found is not None)

    async def _sum_up(self, connection: Connection, day: int) -> int:
        await connection.execute("DELETE FROM coarse WHERE day = %s", (day,))
        for tier in self.rules.tiers:
            width = tier.width_s
            await connection.execute(_SUM_UP.encode(), (width, width, width, day))
        widths = [tier.width_s for tier in self.rules.tiers]
        await connection.execute(_READY, (widths, day))
        return 1

    async def _drop_raw(self, now: float) -> int:
        first, dropped = self.rules.raw_from(now), 0
        for day in await self.days() if first is not None else []:
            ended = (day.ready and not day.dirty) if day.raw else day.dirty
            if first is not None and day.day < first and ended:
                dropped += await self._alone(partial(self._drop_day, day=day)) or 0
        return dropped

    async def _drop_day(self, connection: Connection, day: Day) -> int:
        """Drop the readings of a day, behind the lock of all writers; they are counted."""
        sequence, version = await writes.lock(connection)
        dirty = "SELECT dirty FROM rolled WHERE day = %s AND raw"
        found = await (await connection.execute(dirty, (day.day,))).fetchone()
        if found is not None and found[0]:
            return 0  # a reading came just now: it is summed up first, at the next look
        count = await (await connection.execute(_COUNTED, (day.day,))).fetchone()
        rows = int(count[0]) if count else 0
        if rows:
            await self.partitions.drop(connection, day.day)
            await connection.execute(_COUNT, (rows,))
        await connection.execute(_GONE, (day.day,))
        await writes.release(connection, sequence, version, self.names)
        self.names.forget_days()
        return rows

    async def _drop_coarse(self, now: float) -> int:
        gone = 0
        for tier in self.rules.tiers:
            first = first_day(tier.days, now)
            if first is not None:
                dropping = partial(
                    _delete_coarse, width=tier.width_s, before=first, partitions=self.partitions
                )
                gone += await self._alone(dropping) or 0
        return gone

    async def _alone(self, work: Work) -> Any:
        """Run a step in a transaction of its own, unless another process is at one."""

        async def guarded(connection: Connection) -> Any:
            found = await (await connection.execute(_ALONE)).fetchone()
            return await work(connection) if found and found[0] else None

        return await self.connections.write(guarded, undone=self.names.forget)


_PARTITION = sql.SQL("CREATE TABLE {} PARTITION OF coarse FOR VALUES FROM ({}) TO ({})")


def _is_due(day: Day | None) -> bool:
    return day is None or (day.raw and (day.dirty or not day.ready))


async def _delete_coarse(
    connection: Connection, width: int, before: int, partitions: Partitions
) -> int:
    """Drop rows of one width, and the partitions that have none of any width left."""
    found = await connection.execute(_OF_WIDTH, (before, width))
    days = [day for (day,) in await found.fetchall()]
    done = await connection.execute(_OUTLIVED, (width, days))
    empty = await connection.execute(_NARROW, (width, days))
    for day, widths in await empty.fetchall():
        if not widths:
            name = sql.Identifier(partitions.name("coarse", day))
            await connection.execute(_DROP.format(name))
    return done.rowcount
