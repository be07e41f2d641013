"""One look into the outbox for all readers of the stream, however many they are.

outbox → hub (one look a flush, the newest of each state) → buffers of those who want it → readers

A reader that resumes is told what it missed first, from the outbox; meanwhile its buffer fills. One
that does not keep up is cut off with a reason when its buffer is full; nobody else waits for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from identity.errors import CityError, Unavailable
from twin import frames
from twin.areas import area_of
from twin.events import Signal, wait
from twin.facts import Doors
from twin.frames import Area, Frame, Key, Told, Wanted
from twin.ports import Change, States
from twin.readers import Reader, Readers
from twin.tail import Tail

FLUSH_S = 0.02  # between two looks: what changes meanwhile is told once
POLL_S = 0.1  # other processes write too, and wake nobody here
HEAD_S = 0.25  # between two looks at head
RETRY_S = 1.0  # after a store did not answer
PAGES = 5  # pages of the outbox that one look, or a reader that resumes, takes at once
MOVES = 100
BUFFER_FRAMES_MAX = 10_000  # frames that may wait for one reader

_log = structlog.get_logger()


class Hub:
    """Looks into the outbox while anybody reads; see the head of this file."""

    def __init__(
        self,
        doors: Doors,
        states: States,
        clock: Callable[[], float],
        signal: Signal,
        *,
        buffer_max: int,
    ) -> None:
        self._doors = doors
        self._states = states
        self._clock = clock
        self._signal = signal
        self._buffer_max = buffer_max
        self._tail = Tail(states)
        self._told = Told(0, 0)
        self._readers = Readers()
        self._joining = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def told(self) -> Told:
        """How far those who keep up have been told."""
        return self._told

    @asynccontextmanager
    async def reader(
        self, wanted: Wanted, behind: Told | None = None, *, area: str = ""
    ) -> AsyncIterator[Reader]:
        """Give a reader that is told what lies behind ``behind`` (None: what comes now).

        Raises NotFound("code_unknown"), TooLarge("area_limit") for an area.
        """
        self._joining += 1
        try:
            reader = await self._joined(wanted, behind, area)
        finally:
            self._joining -= 1
            self._rest()
        try:
            yield reader
        finally:
            self._readers.remove(reader)
            self._rest()

    async def states_between(
        self, wanted: Wanted, behind: Told, upto: int
    ) -> tuple[Told, list[Frame]]:
        """Return the newest of each state of the next pages, and the position after them.

        What is no longer kept is said by a ``gap``, before what is.
        """
        found: dict[Key, Change] = {}
        at = behind
        for _ in range(PAGES):
            page = await self._tail.changes(at.sequence)
            first = page[0].sequence if page else upto + 1
            if first > at.sequence + 1:
                if found:
                    break
                gone = replace(at, sequence=min(first - 1, upto))
                return gone, [frames.gap_frame(at, gone)]
            within = [change for change in page if change.sequence <= upto]
            frames.newest([change for change in within if wanted.takes(change)], found)
            at = replace(at, sequence=within[-1].sequence)
            if at.sequence >= upto:
                break
        return at, [self._frame(change, at.generation) for change in found.values()]

    async def moves_between(self, behind: Told, upto: int) -> tuple[Told, list[Frame]]:
        """Return the next moves of head behind ``behind`` and the position after them."""
        moves = await self._doors.graph.moves(behind.generation, limit=MOVES)
        within = [move for move in moves if move.generation <= upto]
        told = [frames.model_frame(move, behind.sequence) for move in within]
        return replace(behind, generation=within[-1].generation if within else upto), told

    async def _joined(self, wanted: Wanted, behind: Told | None, area: str) -> Reader:
        if area:
            g = (await self._doors.graph.head()).generation
            wanted = replace(wanted, area=await area_of(self._doors.graph, g, area))
        now = await self._now()
        if self._task is None or self._task.done():
            self._told = now
            self._task = asyncio.create_task(self._run(), name="push")
        foreign = behind is not None and _ahead(behind, now)
        while behind is not None and not foreign and _ahead(behind, self._told):
            self._check_running()  # another process told it more than this one has seen
            await asyncio.sleep(FLUSH_S)
        start = self._told if behind is None or foreign else behind
        reader = Reader(self, wanted, start, buffer_max=self._buffer_max)
        if behind is not None and foreign:
            reader.offer(("reset",), frames.reset_frame(behind, self._told))
        self._readers.add(reader)
        return reader

    def _check_running(self) -> None:
        if self._task is None or self._task.done():
            raise Unavailable("stream_broken", reason="stopped")

    def _rest(self) -> None:
        """Look no more when nobody reads."""
        if not (self._readers or self._joining) and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        try:
            await self._look_for_ever()
        except Exception as error:  # noqa: BLE001 - told to every reader
            _log.exception("stream_broke")
            for reader in self._readers:
                reader.cut(Unavailable("stream_broken", reason=type(error).__name__))

    async def _look_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        head_at = loop.time()
        while True:
            armed, before = self._signal.armed(), self._told
            head_due = loop.time() >= head_at
            if head_due:
                head_at = loop.time() + HEAD_S
                for reader in self._readers:
                    reader.breathe()
            try:
                await self._look_at_states()
                if head_due:
                    await self._look_at_head()
            except Unavailable as error:
                _log.warning("stream_waits", code=error.code, **error.facts)
                await asyncio.sleep(RETRY_S)
            await asyncio.sleep(FLUSH_S)
            if self._told == before:
                await wait(armed, POLL_S)

    async def _look_at_states(self) -> None:
        """Tell the newest of each state that changed since the last look."""
        found: dict[Key, Change] = {}
        gaps: list[Frame] = []
        at = self._told
        for _ in range(PAGES):
            page = await self._tail.changes(at.sequence)
            if not page:
                break
            if page[0].sequence > at.sequence + 1:  # pruned before this process saw it
                gaps.append(frames.gap_frame(at, replace(at, sequence=page[0].sequence - 1)))
            frames.newest(page, found)
            at = replace(at, sequence=page[-1].sequence)
        self._told = at  # from here on nothing is awaited: who joins now has been told all this
        for gap in gaps:
            self._tell_all(("gap", gap.id), gap)
        for key, change in found.items():
            self._tell(key, change)

    def _tell(self, key: Key, change: Change) -> None:
        readers = self._readers.of(change)
        if readers:
            frame = self._frame(change, self._told.generation)
            for reader in readers:
                reader.offer(key, frame)

    async def _look_at_head(self) -> None:
        """Tell the moves of head, once it is known anew what lies in the readers' areas."""
        now = await self._now()
        if _ahead(self._told, now):
            behind, self._told = self._told, now
            self._tell_all(("reset",), frames.reset_frame(behind, now))
            return
        if now.generation > self._told.generation:
            await self._renew_areas(now.generation)
        while self._told.generation < now.generation:
            self._told, told = await self.moves_between(self._told, now.generation)
            for frame in told:
                self._tell_all(("model", frame.id), frame)

    async def _renew_areas(self, g: int) -> None:
        areas: dict[str, Area | CityError] = {}
        for reader in self._readers:
            held = reader.wanted.area
            if held is None:
                continue
            if held.code not in areas:
                areas[held.code] = await self._area(g, held.code)
            renewed = areas[held.code]
            if isinstance(renewed, CityError):
                reader.cut(renewed)
            else:
                self._readers.renew(reader, renewed)

    async def _area(self, g: int, code: str) -> Area | CityError:
        try:
            return await area_of(self._doors.graph, g, code)
        except Unavailable:
            raise
        except CityError as error:  # the area is gone, or has grown beyond the limit
            return error

    def _tell_all(self, key: Key, frame: Frame) -> None:
        for reader in self._readers:
            reader.offer(key, frame)

    def _frame(self, change: Change, generation: int) -> Frame:
        return frames.state_frame(change, generation, self._clock(), self._doors.table)

    async def _now(self) -> Told:
        head = await self._doors.graph.head()
        return Told(await self._states.sequence(), head.generation)


def _ahead(one: Told, other: Told) -> bool:
    return one.sequence > other.sequence or one.generation > other.generation
