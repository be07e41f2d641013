"""What the stream tells, as values: frames, positions, and what a reader wants. Pure.

A frame's id is ``<state sequence>.<generation>``: everything up to both has been told.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cim.model import Box
from cim.ports import Move
from identity.errors import Invalid
from twin.live import judged, state_wire
from twin.ports import Change, Projection
from twin.properties import Table
from twin.times import rfc3339

Key = tuple[Hashable, ...]
"""What a newer frame takes the place of: (code, property, source) of a state."""


@dataclass(frozen=True, slots=True)
class Told:
    """How far a reader has been told."""

    sequence: int
    generation: int

    def __str__(self) -> str:
        return f"{self.sequence}.{self.generation}"


@dataclass(frozen=True, slots=True)
class Frame:
    """One event: ``state``, ``model``, ``gap``, ``reset``, ``alive``; see docs/reference/events.md.

    ``wire`` is where the edge keeps what it made of it: many readers are told the same frame.
    """

    id: str
    event: str
    data: dict[str, Any]
    wire: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Area:
    """A place that covers what it contains.

    ``region``: the first digits of its codes, for a region. ``members``: what it contains, as far
    as that is not said by the building beside a state (see ``twin.areas``).
    """

    code: str
    region: str = ""
    members: frozenset[str] = frozenset()

    def covers(self, code: str, building: str) -> bool:
        """Return whether a thing that stands in ``building`` ("": in none) lies here."""
        if self.region and code.startswith(self.region):
            return True
        return self.code in (code, building) or code in self.members or building in self.members


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which state changes a reader wants: all given conditions hold; moves of head pass always."""

    codes: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    properties: frozenset[str] = frozenset()
    box: Box | None = None
    area: Area | None = None

    def takes(self, change: Change) -> bool:
        """Return whether the change passes."""
        return self.passes(change.state.code, change.state.property, change.projection)

    def passes(self, code: str, name: str, known: Projection | None) -> bool:
        """Return whether a property of a thing that stands there passes."""
        if self.codes and code not in self.codes:
            return False
        if self.properties and name not in self.properties:
            return False
        if self.kinds and (known is None or known.kind not in self.kinds):
            return False
        if self.area and not self.area.covers(code, known.building if known else ""):
            return False
        return self.box is None or (known is not None and _inside(known, self.box))


EVERYTHING = Wanted()


def parse_id(text: str) -> Told:
    """Return the position in ``<sequence>.<generation>``; Invalid("event_id_invalid")."""
    sequence, _, generation = text.partition(".")
    if not (_digits(sequence) and _digits(generation)):
        raise Invalid("event_id_invalid", id=text[:64])
    return Told(int(sequence), int(generation))


def newest(page: Sequence[Change], into: dict[Key, Change]) -> None:
    """Put changes into ``into``: the newest of each state, at its place in the order of ids."""
    for change in page:
        key = (change.state.code, change.state.property, change.state.source)
        into.pop(key, None)  # the newest takes its place at the end: ids keep growing
        into[key] = change


def state_frame(change: Change, generation: int, now: float, table: Table) -> Frame:
    """Return the ``state`` frame of a change."""
    return Frame(f"{change.sequence}.{generation}", "state", _state(change, now, table))


def model_frame(move: Move, sequence: int) -> Frame:
    """Return the ``model`` frame of a move of head."""
    return Frame(f"{sequence}.{move.generation}", "model", model_data(move))


def model_data(move: Move) -> dict[str, Any]:
    """Return what is told of a move of head."""
    return {**move.event, "generation": move.generation, "at": rfc3339(move.at)}


def gap_frame(behind: Told, upto: Told) -> Frame:
    """Return the frame that says: what lies behind ``behind`` up to ``upto`` is no longer kept."""
    return Frame(str(upto), "gap", {"from": str(behind), "to": str(upto)})


def reset_frame(behind: Told, now: Told) -> Frame:
    """Return the frame that says: ``behind`` is no position of these stores, ``now`` is."""
    data = {"reason": "position_unknown", "from": str(behind), "to": str(now)}
    return Frame(str(now), "reset", data)


def alive_frame(told: Told) -> Frame:
    """Return the frame of a quiet stream: it carries the position on."""
    return Frame(str(told), "alive", {})


def _state(change: Change, now: float, table: Table) -> dict[str, Any]:
    state, known = change.state, change.projection
    place = {"kind": "", "building": "", "lon": None, "lat": None}
    if known is not None:
        place = {name: getattr(known, name) for name in place}
    return {
        "code": state.code,
        "property": state.property,
        **state_wire(state, judged(state, now, table)),
        **place,
    }


def _inside(known: Projection, box: Box) -> bool:
    if known.lon is None or known.lat is None:
        return False
    west, south, east, north = box
    return west <= known.lon <= east and south <= known.lat <= north


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < len(str(2**63))
