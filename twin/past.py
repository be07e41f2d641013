"""State as it was: the reads of the States port, at a moment."""

import math
from collections.abc import Sequence
from typing import Protocol

from twin.ports import PAGE_LIMIT, Sample, States, Where
from twin.reading import State


class StateReads(Protocol):
    """What answers are made of: the reads of ``twin.ports.States``, which says what they are."""

    async def states(self, codes: Sequence[str]) -> dict[str, list[State]]:
        """Return all sources' rows of each code."""
        ...

    async def query(self, where: Where, *, limit: int, after: str = "") -> tuple[list[State], str]:
        """Return a page of rows by (code, property, source)."""
        ...

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
        """Return samples with start <= observed_at < stop."""
        ...


class PastStates:
    """State as it was true at ``as_of``, as it was known at ``known_at`` (Unix seconds).

    None: as it is now known, or with all that was known. A time of observation and one of receipt.
    """

    def __init__(self, states: States, as_of: float | None, known_at: float | None) -> None:
        self._states = states
        self._observed_until = math.inf if as_of is None else as_of
        self._received_until = math.inf if known_at is None else known_at

    async def states(self, codes: Sequence[str]) -> dict[str, list[State]]:
        """Return all sources' rows of each code, as they were."""
        found: dict[str, list[State]] = {}
        after = ""
        while codes:
            where = Where(codes=tuple(codes))
            rows, after = await self.query(where, limit=PAGE_LIMIT, after=after)
            for row in rows:
                found.setdefault(row.code, []).append(row)
            if not after:
                break
        return found

    async def query(self, where: Where, *, limit: int, after: str = "") -> tuple[list[State], str]:
        """Return a page of rows as they were; the places that are asked for are those of now."""
        return await self._states.at(
            where,
            observed_until=self._observed_until,
            received_until=self._received_until,
            limit=limit,
            after=after,
        )

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
        """Return samples that were observed and received by then."""
        stop = min(stop, math.nextafter(self._observed_until, math.inf))
        kept: list[Sample] = []
        while True:
            found = await self._states.history(
                code, property, start=start, stop=stop, limit=limit, after=after
            )
            kept += [sample for sample in found if sample.received_at <= self._received_until]
            if len(found) < limit or len(kept) >= limit:
                return kept[:limit]
            last = found[-1]
            after = (last.observed_at, last.source, -1 if last.n is None else last.n)
