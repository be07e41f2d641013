"""What the routes need, as one value; and the door that is closed until the stores answer."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from api.settings import Settings
from bim.door import Stores
from cim.ports import Blobs, Graph
from identity.errors import CityError, Unavailable
from identity.ports import Codes
from sensors.intake import Intake
from sensors.journal import Journal
from sensors.ports import Listening  # noqa: TC001 -- get_type_hints must find it
from twin.city import City
from twin.events import Signal
from twin.ports import Audit, Jobs, States

T = TypeVar("T")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Services:
    """Every port behind its adapter, and the use-cases over them."""

    settings: Settings
    clock: Callable[[], float]
    graph: Graph
    codes: Codes
    blobs: Blobs
    states: States
    jobs: Jobs
    audit: Audit
    city: City
    intake: Intake
    signal: Signal
    journal: Journal | None = None

    @property
    def stores(self) -> Stores:
        """What an import needs."""
        return Stores(self.graph, self.codes, self.blobs)

    async def ready(self) -> int:
        """Return the generation of head; raise Unavailable when a store does not answer."""
        await self.graph.ready()
        await self.states.ready()
        await self.jobs.ready()
        return (await self.graph.head()).generation

    async def close(self) -> None:
        """Release everything; the other parts are closed even when one fails."""
        closing = [self.graph.close(), self.states.close(), self.jobs.close()]
        if self.journal is not None:
            closing.append(self.journal.close())
        for result in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(result, BaseException):
                _log.error("store_closed_badly", exc_info=result)


Open = Callable[[], Awaitable[Services]]
Check = Callable[[Services], Awaitable[None]]


class Door:
    """Opens the services, again and again while a store is down; closed it says why.

    ``checks`` are further conditions of readiness (the demo answers, the broker is connected).
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.clock = clock
        self.checks: list[Check] = []
        self.broker: Listening | None = None
        self.demo = False
        self.url = ""
        self.streams = 0
        self.stopping = asyncio.Event()
        self.stop: Callable[[], None] = self.stopping.set
        self._services: Services | None = None
        self._opened = asyncio.Event()
        self._why: CityError = Unavailable("starting")

    @property
    def services(self) -> Services:
        """The open services; raises Unavailable with the reason while there are none."""
        if self._services is None:
            raise type(self._why)(self._why.code, **self._why.facts)
        return self._services

    async def opened(self) -> Services:
        """Wait until the services are open."""
        await self._opened.wait()
        return self.services

    async def open(self, opening: Open) -> Services:
        """Open, waiting longer after each failure; only what is not Unavailable is raised."""
        wait_s = self.settings.retry_s_first
        while True:
            try:
                self._services = await opening()
            except Unavailable as error:
                self._why = error
                _log.warning("store_unavailable", code=error.code, wait_s=wait_s, **error.facts)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, self.settings.retry_s_max)
            else:
                self._opened.set()
                return self._services

    async def ready(self) -> dict[str, Any]:
        """Return what /readyz says; raises Unavailable with the part that is missing."""
        services = self.services
        generation = await services.ready()
        for check in self.checks:
            await check(services)
        return {"ready": True, "generation": generation}

    async def close(self) -> None:
        """Close what was opened."""
        services, self._services = self._services, None
        self._opened.clear()
        self._why = Unavailable("stopping")
        if services is not None:
            await services.close()


async def until(items: AsyncIterator[T], stopping: asyncio.Event) -> AsyncGenerator[T, None]:
    """Yield ``items`` until they end or ``stopping`` is set; ``items`` is closed then."""
    stop = asyncio.create_task(stopping.wait())
    following: asyncio.Future[T] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(items))
            await asyncio.wait({following, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                return
            try:
                yield following.result()
            except StopAsyncIteration:
                return
    finally:
        for task in (stop, following):
            if task is not None:
                task.cancel()
        await asyncio.gather(stop, *([following] if following else []), return_exceptions=True)
        closing = getattr(items, "aclose", None)
        if closing is not None:
            await closing()
