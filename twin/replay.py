"""History told again as it happened, at any speed: frames in the order of time, paced and bounded.

A slice of SLICE_S seconds of watching holds the newest value of each state and the moves of head;
PIECE_SLICES of them are read at once. Who reads slowly is told more slowly: nothing waits in
memory but what was read for the next second.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cim.ports import Move
from identity.errors import CityError, Invalid
from twin import projections
from twin.facts import Doors
from twin.frames import Frame, Key, Wanted, model_data
from twin.ports import Projection, Recorded, States, Where
from twin.times import rfc3339

SLICE_S = 0.1  # of watching
PIECE_SLICES = 10
SPEED_MIN, SPEED_MAX = 0.01, 1_000_000.0
TOLD_S = 1.0  # of watching: so often the time is told when nothing happens
MOVES = 100


@dataclass(frozen=True, slots=True)
class Span:
    """What is told: history from ``start`` up to ``stop`` (Unix seconds), ``speed`` times faster.

    Raises Invalid("span_invalid", "speed_invalid").
    """

    start: float
    stop: float
    speed: float = 1.0

    def __post_init__(self) -> None:
        if not self.start < self.stop:
            raise Invalid("span_invalid", start=self.start, stop=self.stop)
        if not SPEED_MIN <= self.speed <= SPEED_MAX:
            raise Invalid("speed_invalid", speed=self.speed, least=SPEED_MIN, most=SPEED_MAX)


class Player:
    """A reader of the past: ``next`` gives the frames that are due; none: it has been told all."""

    def __init__(self, doors: Doors, states: States, wanted: Wanted, span: Span) -> None:
        self.ended: asyncio.Future[CityError] = asyncio.get_running_loop().create_future()
        self.waiting_most = 0
        self._told = _told(_Tape(doors, states, wanted), span)

    async def next(self) -> list[Frame]:
        """Return the next frames, when their time has come; [] when the span is over."""
        return await anext(self._told, [])

    async def close(self) -> None:
        """Stop reading."""
        await self._told.aclose()


@dataclass(slots=True)
class _Tape:
    doors: Doors
    states: States
    wanted: Wanted
    places: dict[str, Projection | None] = field(default_factory=dict)

    async def slices(self, start: float, stop: float, step: float) -> list[list[Frame]]:
        """Return what happened in each slice of ``step`` seconds of history."""
        rows: list[dict[Key, Recorded]] = [{} for _ in range(PIECE_SLICES)]
        async for piece in self.states.export(_where(self.wanted), start=start, stop=stop):
            for row in piece:
                turn = min(int((row.sample.observed_at - start) / step), PIECE_SLICES - 1)
                rows[turn][row.code, row.property, row.sample.source] = row
        await self._learn([row.code for held in rows for row in held.values()])
        moves = await self._moves(start, stop)
        told: list[list[Frame]] = []
        for turn, held in enumerate(rows):
            wanted = [row for row in held.values() if self._takes(row)]
            events = [(row.sample.observed_at, self._state(row)) for row in wanted]
            events += [
                (move.at, _frame(move.at, "model", model_data(move)))
                for move in moves
                if min(int((move.at - start) / step), PIECE_SLICES - 1) == turn
            ]
            told.append([frame for _, frame in sorted(events, key=lambda event: event[0])])
        return told

    async def _learn(self, codes: Sequence[str]) -> None:
        """Remember where the things stand now."""
        fresh = sorted({code for code in codes if code not in self.places})
        if fresh:
            g = (await self.doors.graph.head()).generation
            found = await projections.project_codes(self.doors.graph, g, fresh)
            self.places |= {code: found.get(code) for code in fresh}

    async def _moves(self, start: float, stop: float) -> list[Move]:
        """Return the moves of head in a piece."""
        found: list[Move] = []
        after = await self.doors.graph.generation_at(math.nextafter(start, 0.0))
        while True:
            page = await self.doors.graph.moves(after, limit=MOVES)
            found += [move for move in page if start <= move.at < stop]
            if len(page) < MOVES or page[-1].at >= stop:
                return found
            after = page[-1].generation

    def _takes(self, row: Recorded) -> bool:
        return self.wanted.passes(row.code, row.property, self.places.get(row.code))

    def _state(self, row: Recorded) -> Frame:
        known, sample = self.places.get(row.code), row.sample
        data = {
            "code": row.code,
            "property": row.property,
            "value": sample.value,
            "unit": sample.unit,
            "observed_at": rfc3339(sample.observed_at),
            "received_at": rfc3339(sample.received_at),
            "quality": sample.quality.value,
            "source": sample.source,
            "kind": known.kind if known else "",
            "building": known.building if known else "",
            "lon": known.lon if known else None,
            "lat": known.lat if known else None,
        }
        return _frame(sample.observed_at, "state", data)


async def _told(tape: _Tape, span: Span) -> AsyncGenerator[list[Frame], None]:
    """Yield the frames of each slice when it is due, the time where nothing happens, the end."""
    loop = asyncio.get_running_loop()
    begun, told_at = loop.time(), 0.0
    step, at = SLICE_S * span.speed, span.start
    yield [_time(at)]
    while at < span.stop:
        stop = min(span.stop, at + PIECE_SLICES * step)
        for turn, found in enumerate(await tape.slices(at, stop, step)):
            end = min(stop, at + (turn + 1) * step)
            await asyncio.sleep(max(0.0, begun + (end - span.start) / span.speed - loop.time()))
            if found or loop.time() - told_at >= TOLD_S:
                told_at = loop.time()
                yield [*found, _time(end)]
            if end >= stop:
                break
        at = stop
    yield [_frame(span.stop, "end", {"at": rfc3339(span.stop)})]


def _where(wanted: Wanted) -> Where:
    """Return what the store can choose; the rest is chosen row by row."""
    area = wanted.area
    return Where(
        codes=tuple(sorted(wanted.codes)),
        kinds=tuple(sorted(wanted.kinds)),
        properties=tuple(sorted(wanted.properties)),
        building=area.code if area and not (area.region or area.members) else None,
        box=wanted.box,
    )


def _time(at: float) -> Frame:
    return _frame(at, "time", {"at": rfc3339(at)})


def _frame(at: float, event: str, data: dict[str, Any]) -> Frame:
    return Frame(rfc3339(at), event, data)
