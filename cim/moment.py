"""Which generations tell what was true at a time, as known at a time.

A change is valid from the date given with it (``valid_from`` of its move), else from when head
moved. Documents that were delivered later than they were valid are what makes this more than one
generation: each of them is read at its own, over the city of the time (``cim.past``).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from cim.model import Entity
from cim.ports import PAGE_LIMIT, Graph
from identity.errors import Conflict, TooLarge

LAYERS_MAX = 200  # documents delivered later than they were valid, seen at one moment


@dataclass(frozen=True, slots=True)
class Moment:
    """``known``: the last generation that counts. ``generation``: the city of the time.

    ``layers``: document -> the generation it is to be read at instead, ascending.
    """

    known: int
    generation: int
    layers: tuple[tuple[str, int], ...] = ()

    @property
    def generations(self) -> tuple[int, ...]:
        """Return every generation that is read."""
        return (self.generation, *(g for _, g in self.layers))


async def moment(graph: Graph, known: int, as_of: float | None = None) -> Moment:
    """Return what is to be read: what was true at ``as_of`` (Unix seconds) as ``known`` tells it.

    None: what ``known`` itself shows. Raises TooLarge("past_layers_limit").
    """
    if as_of is None:
        return Moment(known, known)
    generation = min(await graph.generation_at(as_of), known)
    layers: dict[str, int] = {}
    after = generation
    while True:
        moves = await graph.dated(after, upto=known, valid_until=as_of, limit=PAGE_LIMIT)
        layers |= {str(move.event["model"]): move.generation for move in moves}
        if len(layers) > LAYERS_MAX:
            raise TooLarge("past_layers_limit", limit=LAYERS_MAX)
        if len(moves) < PAGE_LIMIT:
            break
        after = moves[-1].generation
    return Moment(known, generation, tuple(sorted(layers.items(), key=lambda row: row[1])))


async def valid_since(graph: Graph, g: int, document: Entity) -> float:
    """Return since when the current version of a document is valid (Unix seconds)."""
    said = document.properties.get("valid_from")
    if said is not None:
        return float(said)
    version, begun, before = document.properties.get("version"), g, None
    while True:
        facts = await graph.history(g, document.code, limit=PAGE_LIMIT, before=before)
        for fact in facts:
            if fact.entity.properties.get("version") != version:
                return await _moved_at(graph, begun)
            begun = fact.g_from
        if len(facts) < PAGE_LIMIT:
            return await _moved_at(graph, begun)
        before = begun


async def check_order(
    graph: Graph, g: int, document: Entity | None, valid_from: float | None
) -> None:
    """Refuse a version that would be valid before the standing one: Conflict."""
    if document is None or valid_from is None:
        return
    standing = await valid_since(graph, g, document)
    if valid_from < standing:
        raise Conflict("delivery_out_of_order", given=_said(valid_from), standing=_said(standing))


async def begun_at(graph: Graph, g: int, code: str) -> float:
    """Return when a code that is written once became visible (Unix seconds)."""
    return await _moved_at(graph, (await graph.history(g, code, limit=1))[0].g_from)


def _said(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


async def _moved_at(graph: Graph, g: int) -> float:
    return (await graph.moves(g - 1, limit=1))[0].at
