"""The newest outbox rows, read once for all readers of the stream."""

import asyncio
from collections.abc import Sequence
from itertools import islice

from twin.ports import Change, States

ROWS_KEPT = 10_000  # rows in memory (about 10 MB); a reader further behind asks the store itself
ROWS_READ = 1_000  # rows of one look into the store


class Tail:
    """Answers ``changes`` from memory where it can; sequences are gapless, so a place is an index.

    Projections are those of the moment a row was first read.
    """

    def __init__(self, states: States) -> None:
        self._states = states
        self._rows: list[Change] = []
        self._reading = asyncio.Lock()

    async def changes(self, after: int) -> Sequence[Change]:
        """Return outbox rows behind ``after``, oldest first: at least one where there are any.

        What is in memory already is given without a look at what is newer; at most ROWS_READ.
        """
        if not self._holds(after):
            return await self._ask(after)
        if after == self._newest():
            async with self._reading:  # one reader looks, the others find what it found
                if after == self._newest():
                    self._keep(await self._states.changes(after, limit=ROWS_READ))
        if not self._holds(after):
            return await self._ask(after)
        start = after + 1 - self._rows[0].sequence
        return list(islice(self._rows, start, start + ROWS_READ))

    async def _ask(self, after: int) -> Sequence[Change]:
        found = await self._states.changes(after, limit=ROWS_READ)
        if not self._rows or (found and found[-1].sequence > self._newest()):
            self._keep(found)
        return found

    def _keep(self, found: Sequence[Change]) -> None:
        if self._rows and found and found[0].sequence != self._newest() + 1:
            self._rows = []  # rows between were never read: what follows is a new beginning
        self._rows += found
        if len(self._rows) > ROWS_KEPT + ROWS_READ:
            del self._rows[:-ROWS_KEPT]

    def _holds(self, after: int) -> bool:
        return bool(self._rows) and self._rows[0].sequence - 1 <= after <= self._newest()

    def _newest(self) -> int:
        return self._rows[-1].sequence if self._rows else -1
