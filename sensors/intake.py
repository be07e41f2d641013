"""The loop of the listener: journal → acknowledge → bindings → decode → commit.

What is acknowledged is durable: the broker's sink returns after the journal's fsync. What is
durable is applied once: readings, quarantine and the journal's offset become durable in ONE
transaction of the states store, and a commit whose offset is known already changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import structlog

from cim.ports import Graph
from identity.errors import CityError, Unavailable
from identity.ports import Codes
from sensors.decode import Decoded, quarantine
from sensors.journal import Journal
from sensors.lookup import Bindings
from sensors.observations import Request, answer
from sensors.ports import Broker, Log, Message
from sensors.quarantine import UNKNOWN, adoptable, message_of
from sensors.route_book import RouteBook
from sensors.topics import Device, matches
from twin.ports import COMMIT_READINGS, PAGE_LIMIT, Commit, Outcome, Projection, States
from twin.quarantine import Quarantined
from twin.reading_checks import FUTURE_S_MAX

RETRY_S_FIRST = 0.2  # a store that does not answer is asked again after this, then the double …
RETRY_S_MAX = 10.0  # … up to this; meanwhile messages wait in the journal

SLICE_MESSAGES = 100  # decoded before the event loop has its turn: 1–2 ms

Clock = Callable[[], float]
Project = Callable[[Sequence[str]], Awaitable[Mapping[str, Projection]]]

T = TypeVar("T")

_log = structlog.get_logger()


class Intake:
    """Applies readings to the city: from a journal (``apply``) and over HTTP (``observe``).

    ``clock``: Unix seconds. ``project`` tells where codes stand (``City.project_codes``); it is
    asked once per code and generation. ``future_s_max``: how far ahead of us (HTTP) or of its
    receipt (MQTT) a reading may be. Readers are woken by the states store, behind its commit.
    """

    def __init__(
        self,
        graph: Graph,
        codes: Codes,
        states: States,
        clock: Clock,
        *,
        project: Project | None = None,
        future_s_max: float = FUTURE_S_MAX,
    ) -> None:
        self._bindings = Bindings(graph, codes)
        self._routes = RouteBook(states, clock)
        self._states = states
        self._clock = clock
        self._project = project
        self._future_s_max = future_s_max
        self._projected: set[str] = set()
        self._projected_at = -1  # the generation that the set above belongs to
        self.applied_offset = 0

    async def run(self, broker: Broker, journal: Journal, *, committed: bool = False) -> None:
        """Receive and apply in one process, until cancelled. See ``receive`` and ``apply``."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(receive(broker, journal, committed=committed), name="receive")
            tasks.create_task(self.apply(journal), name="apply")

    async def apply(self, log: Log) -> None:
        """Apply what is durable until cancelled. What an earlier process left is applied first."""
        self.applied_offset = await _patiently(lambda: self._states.offset(log.listener))
        log.applied(self.applied_offset)
        while True:
            rows = await _patiently(partial(log.read, self.applied_offset, COMMIT_READINGS))
            if not rows:
                await log.grown(self.applied_offset)
                continue
            if rows[0][0] > self.applied_offset:
                found, wanted = rows[0][0], self.applied_offset
                _log.warning("journal_gap_found", applied=wanted, oldest=found)
            await _patiently(partial(self._apply, log.listener, rows))
            log.applied(self.applied_offset)

    async def observe(self, items: Sequence[Mapping[str, Any]], who: str) -> dict[str, Any]:
        """Apply readings given over HTTP, committed when this returns.

        Items: ``{"code"|"sensor","property","value","unit","observed_at","quality"?,"n"?}``.
        Returns ``{"applied","duplicate","late","rejected":[{"index","code","message","hint",
        "facts"}]}``. Raises TooLarge("observations_limit") beyond COMMIT_READINGS.
        """
        request = Request.of(items, who, self._clock(), self._future_s_max)
        known = await self._bindings.lookup(request.devices())
        readings, rejected = request.read(known)
        return answer(await self._commit(Commit(readings)), rejected)

    async def adopt(self, device: str, tenant: str = "") -> int:
        """Apply what was quarantined for a device that is bound now; returns how many messages.

        ``tenant`` "": of every tenant. Readings and release are one commit, so that nothing is
        applied twice; what still can't be applied stays, under its reason of now.
        """
        adopted, after = 0, 0
        while rows := await self._states.quarantined(limit=PAGE_LIMIT, after=after, device=device):
            after = rows[-1].id
            for row in rows:
                if adoptable(row, device, tenant):
                    adopted += await self._adopt_row(row)
        return adopted

    async def adopt_known(self) -> int:
        """Apply what was quarantined for devices that nobody knew and that are bound now.

        For bindings that come many at once (a model's). Returns how many messages.
        """
        adopted, after = 0, 0
        while rows := await self._states.quarantined(limit=PAGE_LIMIT, after=after):
            after = rows[-1].id
            unknown = [(Device(r.tenant, r.device), r) for r in rows if r.reason == UNKNOWN]
            known = await self._bindings.lookup(device for device, _ in unknown)
            for device, row in unknown:
                if known[device] is not None:
                    adopted += await self._adopt_row(row)
        return adopted

    async def adopt_topic(self, filter_: str) -> int:
        """Apply what was kept of topics that ``filter_`` takes, now that a mapping reads them.

        Returns how many messages were applied whole; parts that are refused have rows of their own.
        """
        self._routes.forget()
        adopted, after = 0, 0
        while rows := await self._states.quarantined(limit=PAGE_LIMIT, after=after, device=""):
            after = rows[-1].id
            for row in rows:
                if matches(filter_, row.topic):
                    adopted += await self._adopt_row(row)
        return adopted

    async def _adopt_row(self, row: Quarantined) -> int:
        adopted, after = 0, 0
        while kept := await self._states.kept(row.id, limit=PAGE_LIMIT, after=after):
            after = kept[-1].id
            decoded = await self._decode([message_of(row, one) for one in kept])
            commit, count = decoded.adoption(row, kept)
            await self._commit(commit)
            adopted += count
        return adopted

    async def _apply(self, journal: str, rows: Sequence[tuple[int, Message]]) -> None:
        """Commit rows; a row that the store refuses is found by halving and quarantined alone."""
        rows = [row for row in rows if row[0] >= self.applied_offset]  # asked again: not twice
        decoded = await self._decode([message for _, message in rows])
        offset = rows[-1][0] + 1
        try:
            await self._commit(decoded.commit(journal, offset))
        except Unavailable:
            raise
        except CityError as refused:
            if len(rows) > 1:
                middle = len(rows) // 2
                await self._apply(journal, rows[:middle])
                await self._apply(journal, rows[middle:])
                return
            await self._commit(quarantine(rows[0][1], refused).commit(journal, offset))
        self.applied_offset = offset

    async def _decode(self, messages: Sequence[Message]) -> Decoded:
        """Read the messages, look their devices up at the newest generation, bind: in slices.

        Slices on the event loop, not a thread: a thread that computes holds the interpreter for
        5 ms at each switch, and every acknowledgement and every answer would wait for it.
        """
        decoded = Decoded(await self._routes.current(), self._future_s_max)
        for start in range(0, len(messages), SLICE_MESSAGES):
            decoded.take(messages[start : start + SLICE_MESSAGES])
            await asyncio.sleep(0)
        known = await self._bindings.lookup(decoded.devices())
        for _ in range(0, len(messages), SLICE_MESSAGES):
            decoded.bind(known, SLICE_MESSAGES)
            await asyncio.sleep(0)
        return decoded

    async def _commit(self, commit: Commit) -> Outcome:
        if not (commit.readings or commit.quarantined or commit.released or commit.journal):
            return Outcome()
        projected = self._projected_now()
        new = sorted({reading.code for reading in commit.readings} - projected)
        projections = await self._project(new) if new and self._project else {}
        outcome = await self._states.commit(replace(commit, projections=projections))
        projected.update(projections)
        return outcome

    def _projected_now(self) -> set[str]:
        """Return the codes whose place was written beside a state at this generation."""
        if self._projected_at != self._bindings.generation:
            self._projected_at, self._projected = self._bindings.generation, set()
        return self._projected


async def receive(broker: Broker, journal: Journal, *, committed: bool = False) -> None:
    """Receive until cancelled; acknowledged after the fsync, or (``committed``) the commit."""

    async def sink(messages: Sequence[Message]) -> None:
        await journal.append(messages, committed=committed)

    await broker.run(sink)


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again while a store does not answer: nothing is lost, it waits in the journal."""
    wait_s = RETRY_S_FIRST
    while True:
        try:
            return await ask()
        except Unavailable as error:
            _log.warning("store_unavailable", code=error.code, wait_s=wait_s, **error.facts)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RETRY_S_MAX)
