"""The stream of what changes: state and model frames in order, resumable, coalesced, never silent.

A frame's id is ``<state sequence>.<generation>``: everything up to both has been told. A reader
that asks late gets the newest state of each (code, property, source), not every step between.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cim.model import Box
from cim.ports import Move
from identity.errors import Invalid
from twin.events import Signal, wait
from twin.facts import Doors
from twin.live import state_wire
from twin.ports import Change
from twin.properties import fresh
from twin.tail import Tail
from twin.times import rfc3339

FLUSH_S = 0.05  # between two looks of one reader: what changes meanwhile is told once
POLL_S = 0.25  # other processes write too, and wake nobody here
ALIVE_POLLS = 50  # quiet looks (15 s) after which an "alive" frame carries the position on
PAGES_COALESCED = 10  # pages of the outbox that a slow reader catches up with at once
MOVES = 100

Frame = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which state changes a reader wants: all given conditions hold; moves of head pass always."""

    codes: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    properties: frozenset[str] = frozenset()
    box: Box | None = None

    def chosen(self, page: Sequence[Change]) -> list[Change]:
        """Return the changes that pass. Most readers name codes: that is asked of all at once."""
        codes = self.codes
        named = [change for change in page if change.state.code in codes] if codes else page
        if not (self.properties or self.kinds or self.box):
            return list(named)
        return [change for change in named if self.takes(change)]

    def takes(self, change: Change) -> bool:
        """Return whether the change passes."""
        state, known = change.state, change.projection
        if self.codes and state.code not in self.codes:
            return False
        if self.properties and state.property not in self.properties:
            return False
        if self.kinds and (known is None or known.kind not in self.kinds):
            return False
        return self.box is None or _inside(change, self.box)


@dataclass(frozen=True, slots=True)
class Told:
    """How far a reader has been told."""

    sequence: int
    generation: int

    def __str__(self) -> str:
        return f"{self.sequence}.{self.generation}"


@dataclass(slots=True)
class _Reader:
    doors: Doors
    tail: Tail
    clock: Callable[[], float]
    wanted: Wanted
    told: Told
    frames: list[Frame] = field(default_factory=list)


async def frames(
    doors: Doors,
    tail: Tail,
    wanted: Wanted,
    behind: Told | None,
    *,
    clock: Callable[[], float],
    signal: Signal,
) -> AsyncIterator[Frame]:
    """Yield frames ``{"id", "event", "data"}`` for ever, beginning behind ``behind``.

    None: it begins now. Events: ``state``, ``model`` (a move of head), ``reset`` (what was
    asked is no longer kept: read again, the stream goes on from now), ``alive`` (nothing new).
    """
    reader = _Reader(doors, tail, clock, wanted, behind or await _now(doors))
    quiet = 0
    while True:
        armed = signal.armed()
        await _look(reader)
        quiet = 0 if reader.frames else quiet + 1
        if quiet > ALIVE_POLLS:
            reader.frames, quiet = [_frame(reader.told, "alive", {})], 0
        for frame in reader.frames:
            yield frame
        await asyncio.sleep(FLUSH_S)
        if not reader.frames:
            await wait(armed, POLL_S)


def parse_id(text: str) -> Told:
    """Return the position in ``<sequence>.<generation>``; Invalid("event_id_invalid")."""
    sequence, _, generation = text.partition(".")
    if not (_digits(sequence) and _digits(generation)):
        raise Invalid("event_id_invalid", id=text[:64])
    return Told(int(sequence), int(generation))


async def _look(reader: _Reader) -> None:
    """Put into ``reader.frames`` what is new, and move ``reader.told``."""
    reader.frames = []
    newest = await _now(reader.doors)
    if newest.sequence < reader.told.sequence or newest.generation < reader.told.generation:
        _reset(reader, newest, "position_unknown")
        return
    if newest.sequence > reader.told.sequence:
        await _states(reader, newest)
    if newest.generation > reader.told.generation:
        for move in await reader.doors.graph.moves(reader.told.generation, limit=MOVES):
            reader.told = replace(reader.told, generation=move.generation)
            reader.frames.append(_frame(reader.told, "model", _move(move)))


async def _states(reader: _Reader, newest: Told) -> None:
    latest: dict[tuple[str, str, str], Change] = {}
    for _ in range(PAGES_COALESCED):
        page = await reader.tail.changes(reader.told.sequence)
        if page and page[0].sequence > reader.told.sequence + 1:
            _reset(reader, newest, "outbox_pruned")
            return
        for change in reader.wanted.chosen(page):
            key = (change.state.code, change.state.property, change.state.source)
            latest.pop(key, None)  # the newest takes its place at the end: ids keep growing
            latest[key] = change
        if page:
            reader.told = replace(reader.told, sequence=page[-1].sequence)
        if reader.told.sequence >= newest.sequence:
            break
    reader.frames += [_state(reader, change) for change in latest.values()]


def _reset(reader: _Reader, newest: Told, reason: str) -> None:
    behind, reader.told = reader.told, newest
    reader.frames = [_frame(newest, "reset", {"reason": reason, "from": str(behind)})]


def _state(reader: _Reader, change: Change) -> Frame:
    state, known = change.state, change.projection
    quality = fresh(state, reader.clock(), table=reader.doors.table)
    place = {"kind": "", "building": "", "lon": None, "lat": None}
    if known is not None:
        place = {name: getattr(known, name) for name in place}
    data = {
        "code": state.code,
        "property": state.property,
        **state_wire(state, quality),
        **place,
    }
    return _frame(Told(change.sequence, reader.told.generation), "state", data)


def _move(move: Move) -> dict[str, Any]:
    return {**move.event, "generation": move.generation, "at": rfc3339(move.at)}


def _frame(told: Told, event: str, data: dict[str, Any]) -> Frame:
    return {"id": str(told), "event": event, "data": data}


async def _now(doors: Doors) -> Told:
    head = await doors.graph.head()
    return Told(await doors.states.sequence(), head.generation)


def _inside(change: Change, box: Box) -> bool:
    known = change.projection
    if known is None or known.lon is None or known.lat is None:
        return False
    west, south, east, north = box
    return west <= known.lon <= east and south <= known.lat <= north


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < len(str(2**63))
