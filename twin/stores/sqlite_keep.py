"""Keeps the history of one SQLite file: rolls ended days into cold files, drops what has its age.

written and on the disk → named by the catalogue (one transaction) → swept out of the store in
small transactions, only rows that a file has. A death at any point loses nothing and doubles
nothing: files without a name are removed by the next look, a sweep goes on at its marker.
"""

import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from twin.retention import Retention, Tier, first_day
from twin.stores import sqlite_cold, sqlite_roll
from twin.stores.cold.parts import Part
from twin.stores.cold.store import Cold
from twin.stores.database import Database
from twin.stores.names import Names
from twin.stores.sqlite_roll import Chunk

FILES_NUMBERED = 1_000_000  # names taken at once: more than one day ever fills

Write = Callable[[Callable[[sqlite3.Connection], Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Keeper:
    """One store: its file, its folder of cold history, how to write, and what is kept."""

    database: Database
    cold: Cold
    names: Names
    write: Write
    rules: Retention

    async def look(self, now: float) -> dict[str, int]:
        """Do all that is due at ``now`` (Unix seconds) and say how much it was."""
        scan = self.database.scan
        self.cold.remove(self.cold.others(await scan(sqlite_cold.files)))
        await self._sweep()  # what a dead process began
        rolled = 0
        for day in await scan(partial(sqlite_roll.due, rules=self.rules, now=now)):
            rolled += await self._roll(day)
            await self._sweep()
            await self._settle(day)
        dropped = await drop_rows(self.database, self.write, self.names, self.rules, now)
        files = await self._drop_files(now)
        return {"rolled_rows": rolled, "dropped_rows": dropped, "dropped_files": files}

    async def _roll(self, day: int) -> int:
        """Write one day's rows into files and name them; return how many rows."""
        number = await self.write(partial(sqlite_cold.next_number, count=FILES_NUMBERED))
        rolling = partial(
            sqlite_roll.roll, cold=self.cold, day=day, number=number, tiers=self.rules.tiers
        )
        rolled = await self.database.aside(rolling)

        def name(connection: sqlite3.Connection) -> None:
            if rolled.parts:
                sqlite_cold.put(connection, rolled.parts, rolled.series)
            sqlite_roll.delete(connection, rolled.repeated)
            self.names.forget_days()

        await self.write(name)
        return sum(part.rows for part in rolled.parts if part.width == 0)

    async def _sweep(self) -> None:
        """Take rows out of the store that files have; goes on where it ended."""
        for part in await self.database.scan(sqlite_cold.unswept):
            chunks = await self.database.aside(
                partial(sqlite_roll.chunks, reader=self.cold.reader, part=part)
            )
            for chunk in chunks:
                await self.write(partial(self._sweep_chunk, part=part, chunk=chunk))
            await self.write(partial(sqlite_cold.mark, part=part, marker=None))

    def _sweep_chunk(self, connection: sqlite3.Connection, part: Part, chunk: Chunk) -> None:
        late = sqlite_roll.sweep(connection, self.cold.reader, part, chunk)
        if late:
            sqlite_cold.came_late(connection, {part.day: late})
        sqlite_cold.mark(connection, part, chunk[-1].order)

    async def _settle(self, day: int) -> None:
        """Say how many rows of a cold day the store still has, unless some came meanwhile."""
        known = (await self.database.scan(sqlite_cold.late)).get(day, 0)
        left = await self.database.aside(partial(sqlite_roll.left, day=day))
        await self.write(partial(sqlite_cold.settle, day=day, known=known, left=left))
        self.names.forget_days()

    async def _drop_files(self, now: float) -> int:
        """Take files out of the catalogue, then off the disk."""
        gone: list[str] = []
        for tier in (Tier(0, self.rules.raw_days), *self.rules.tiers):
            first = first_day(tier.days, now)
            if first is not None:
                dropping = partial(sqlite_cold.drop, width=tier.width_s, before_day=first)
                gone += await self.write(dropping)
        self.cold.remove(gone)
        return len(gone)


async def drop_rows(
    database: Database, write: Write, names: Names, rules: Retention, now: float
) -> int:
    """Drop rows of the store that have their age; return how many.

    With cold files only those that came after their day's readings were dropped.
    """
    first = rules.raw_from(now)
    if first is None:
        return 0
    dropped = 0
    for day in await database.scan(partial(sqlite_roll.outlived, before_day=first)):
        for some in await database.aside(partial(sqlite_roll.series_of, day=day)):
            dropped += await write(partial(sqlite_roll.drop, day=day, series=some))
        await write(partial(sqlite_roll.forget, day=day, names=names))
    return dropped
