"""Who reads the stream: each with a bounded buffer, found by what it names."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from identity.errors import CityError, TooLarge
from twin.frames import Area, Frame, Key, Told, Wanted, alive_frame
from twin.ports import Change

ALIVE_S = 15.0  # a quiet reader is told where it stands
BATCH_FRAMES = 500  # frames handed out at once


class Outbox(Protocol):
    """What a reader asks for what it missed, and where all readers stand."""

    @property
    def told(self) -> Told:
        """How far those who keep up have been told."""
        ...

    async def states_between(
        self, wanted: Wanted, behind: Told, upto: int
    ) -> tuple[Told, list[Frame]]:
        """Return the next piece of the outbox behind ``behind`` and the position after it."""
        ...

    async def moves_between(self, behind: Told, upto: int) -> tuple[Told, list[Frame]]:
        """Return the next moves of head behind ``behind`` and the position after them."""
        ...


class Reader:
    """One reader: ``next`` gives what is new for it; ``ended`` is done once it is cut off."""

    def __init__(self, outbox: Outbox, wanted: Wanted, behind: Told, *, buffer_max: int) -> None:
        """``behind``: where it was; what lies between that and now is told first."""
        self.wanted = wanted
        self.ended: asyncio.Future[CityError] = asyncio.get_running_loop().create_future()
        self.waiting_most = 0
        self._outbox = outbox
        self._behind = behind
        self._joined = outbox.told
        self._buffer_max = buffer_max
        self._waiting: dict[Key, Frame] = {}
        self._loop = asyncio.get_running_loop()
        self._woken: asyncio.Future[bool] | None = None  # whether there is something to tell
        self._heard_at = self._loop.time()

    async def next(self) -> list[Frame]:
        """Return the next frames, oldest first, at least one; raises the reason when cut off."""
        missed = await self._missed() if self._behind != self._joined else []
        while not (missed or self._waiting or self.ended.done()):
            self._woken = self._loop.create_future()
            if not await self._woken:
                return [alive_frame(self._outbox.told)]
        if self.ended.done():
            raise self.ended.result()
        self._heard_at = self._loop.time()
        return missed or self._taken()

    def offer(self, key: Key, frame: Frame) -> None:
        """Put a frame into the buffer; a newer one of the same key takes the older one's place."""
        if self.ended.done():
            return
        self._waiting.pop(key, None)
        self._waiting[key] = frame
        self.waiting_most = max(self.waiting_most, len(self._waiting))
        if len(self._waiting) >= self._buffer_max:
            self.cut(TooLarge("stream_too_slow", rate=True, limit=self._buffer_max))
        self._wake(told=True)

    def breathe(self) -> None:
        """Tell where it stands, when it has heard nothing for ALIVE_S."""
        now = self._loop.time()
        if now - self._heard_at >= ALIVE_S:
            self._heard_at = now
            self._wake(told=False)

    def cut(self, reason: CityError) -> None:
        """End this reader and free what waits for it."""
        if not self.ended.done():
            self.ended.set_result(reason)
            self._waiting.clear()
            self._wake(told=True)

    def _wake(self, *, told: bool) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(told)

    def _taken(self) -> list[Frame]:
        keys = [key for key, _ in zip(self._waiting, range(BATCH_FRAMES), strict=False)]
        return [self._waiting.pop(key) for key in keys]

    async def _missed(self) -> list[Frame]:
        """Return what lies between the reader's position and where it joined, piece by piece."""
        found: list[Frame] = []
        while not found and self._behind.sequence < self._joined.sequence:
            self._behind, found = await self._outbox.states_between(
                self.wanted, self._behind, self._joined.sequence
            )
        while not found and self._behind.generation < self._joined.generation:
            self._behind, found = await self._outbox.moves_between(
                self._behind, self._joined.generation
            )
        return found


class Readers:
    """All readers, found by the code or the building they name, so that few are asked."""

    def __init__(self) -> None:
        self._names: dict[Reader, frozenset[str]] = {}
        self._named: dict[str, dict[Reader, None]] = {}

    def __iter__(self) -> Iterator[Reader]:
        return iter(list(self._names))

    def __len__(self) -> int:
        return len(self._names)

    def add(self, reader: Reader) -> None:
        """Take a reader in."""
        names = _names(reader.wanted)
        self._names[reader] = names
        for name in names:
            self._named.setdefault(name, {})[reader] = None

    def remove(self, reader: Reader) -> None:
        """Forget a reader."""
        for name in self._names.pop(reader, ()):
            held = self._named[name]
            del held[reader]
            if not held:
                del self._named[name]

    def renew(self, reader: Reader, area: Area) -> None:
        """Give a reader what its area covers by now; one that has left meanwhile stays away."""
        if reader in self._names:
            self.remove(reader)
            reader.wanted = replace(reader.wanted, area=area)
            self.add(reader)

    def of(self, change: Change) -> list[Reader]:
        """Return those who want the change."""
        building = change.projection.building if change.projection else ""
        asked = change.state.code, building, ANYTHING
        found = [reader for name in asked if name in self._named for reader in self._named[name]]
        if len(found) > 1:
            found = list(dict.fromkeys(found))
        return [reader for reader in found if reader.wanted.takes(change)]


ANYTHING = "*"  # no code: readers that name neither codes nor one building


def _names(wanted: Wanted) -> frozenset[str]:
    """Return what finds a reader: its codes, else the one building it looks at."""
    if wanted.codes:
        return wanted.codes
    area = wanted.area
    one = area is not None and not (area.region or area.members)
    return frozenset({area.code if area is not None and one else ANYTHING})
