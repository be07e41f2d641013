"""Events for MQTT subscribers, from the applier, which has the stores, to the endpoint.

subscriber comes → WANTED → the applier follows the city → EVENTS → those who asked for them

Topics: ``twin/events/{tenant}/{kind}/{code}/{property}`` for a ``state`` frame, else
``twin/events/{tenant}/{event}``. The payload is the frame as the stream sends it:
``{"id", "event", "data"}``. Where the applier dies the next one goes on behind the last id told.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
import structlog

from identity.errors import CityError
from sensors.link import EVENTS, REPEAT_S, WANTED, Link
from twin.events import wait
from twin.frames import Frame
from twin.readers import Reader

BATCH_BYTES = 64 * 1024  # of events in one message of the link
NOBODY, FROM_NOW = b"", b"now"
NO_KIND = "-"  # the level of a thing whose place is not known yet

Follow = Callable[[str | None], AbstractAsyncContextManager[Reader]]
"""Gives a reader of what changes behind an id (None: from now on)."""

_encode = msgspec.json.Encoder(enc_hook=str).encode
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[str, list[tuple[str, bytes]]]).decode
_log = structlog.get_logger()


class Subscribers(Protocol):
    """What takes events: the endpoint."""

    on_wanted: Callable[[], None]

    @property
    def wanted(self) -> bool:
        """Whether anybody wants events."""
        ...

    def deliver(self, events: Sequence[Any]) -> None:
        """Send (topic, payload) to those who asked for them."""
        ...


def message(frame: Frame, tenant: str) -> tuple[str, bytes]:
    """Return topic and payload of a frame."""
    levels = [frame.event]
    if frame.event == "state":
        data = frame.data
        levels = [data["kind"] or NO_KIND, data["code"], data["property"]]
    payload = _encode({"id": frame.id, "event": frame.event, "data": frame.data})
    return "/".join(["twin/events", tenant, *levels]), payload


class Feed:
    """The applier's side: follows the city while events are wanted."""

    def __init__(self, follow: Follow, link: Link, tenant: str) -> None:
        self._follow = follow
        self._link = link
        self._tenant = tenant
        self._task: asyncio.Task[None] | None = None
        link.on(WANTED, self.wish)

    def wish(self, content: bytes) -> None:
        """Begin where nobody asked before, end where nobody asks any more."""
        if content == NOBODY:
            self.close()
        elif self._task is None or self._task.done():
            behind = None if content == FROM_NOW else content.decode()
            self._task = asyncio.create_task(self._run(behind), name="events")

    def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self, behind: str | None) -> None:
        """Follow until cancelled; a reader that was too slow goes on behind what it told."""
        while True:
            try:
                async with self._follow(behind) as reader:
                    while True:
                        frames = await reader.next()
                        await self._send(frames)
                        behind = frames[-1].id
            except CityError as error:
                _log.warning("events_interrupted", code=error.code, **error.facts)
                await asyncio.sleep(REPEAT_S)

    async def _send(self, frames: Sequence[Frame]) -> None:
        batch: list[tuple[str, bytes]] = []
        size, behind = 0, ""
        for frame in frames:
            if frame.event != "alive":
                batch.append(message(frame, self._tenant))
                size += len(batch[-1][1])
            behind = frame.id
            if size >= BATCH_BYTES:
                await self._link.send(EVENTS, _pack((behind, batch)))
                batch, size = [], 0
        await self._link.send(EVENTS, _pack((behind, batch)))


async def deliver(subscribers: Subscribers, link: Link) -> None:
    """Keep the endpoint's side: say what is wanted, hand out what comes; until cancelled."""
    behind = FROM_NOW
    changed = asyncio.Event()
    subscribers.on_wanted = changed.set

    def hear(content: bytes) -> None:
        nonlocal behind
        told, events = _unpack(content)
        behind = told.encode() or behind
        subscribers.deliver(events)

    link.on(EVENTS, hear)
    while True:
        changed.clear()
        if not subscribers.wanted:
            behind = FROM_NOW
        link.tell(WANTED, behind if subscribers.wanted else NOBODY)
        await wait(changed, REPEAT_S)
