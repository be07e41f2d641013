"""Things by what they are, what they lie in, and what state they are in: one question, in pages.

With a container or without any state asked, the graph leads: what lies within is named by code.
Else the state leads: rows that compare so are few. Either way the answer is ordered by code, and a
thing's state is the one that /objects/{code}/state shows: the freshest good source of a property.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cim import batches, query
from cim.cells import standing
from cim.model import Entity
from cim.ports import PAGE_LIMIT, Filter, Page
from identity.errors import NotFound, TooLarge
from twin import facts
from twin.cursors import cursor, parts
from twin.facts import Doors
from twin.live import Channels, ranked, state_wire
from twin.ports import Comparison, Where
from twin.reading import State, Value

WITHIN_MAX = 200_000  # things inside one container that is searched
CHUNK = 5_000  # codes asked for at once
ROUNDS = 50  # pages of state rows looked at for one page; then it is given short


@dataclass(frozen=True, slots=True)
class Asked:
    """``where``: of the things themselves. ``within``: a code that contains them.

    ``grid``: a Beidou cell that they stand in. ``compared``: of their state; all must hold.
    """

    where: Filter
    within: str = ""
    grid: str | None = None
    compared: Sequence[Comparison] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A thing, and the state of each property that was compared, as JSON."""

    entity: Entity
    state: Mapping[str, Any] = field(default_factory=dict)


async def search(
    doors: Doors, g: int, asked: Asked, now: float, *, limit: int, after: str = ""
) -> tuple[list[Found], str | None]:
    """Return a page by code, and the text to go on behind (None: that is all).

    Raises NotFound("code_unknown"), TooLarge("within_limit").
    """
    if asked.within:
        inside = [code for code in await _inside(doors, g, asked.within) if code > after]
        return await _of_codes(doors, g, asked, now, inside, limit=limit)
    if asked.compared:
        return await _of_states(doors, g, asked, now, limit=limit, after=after)
    page = await _page(doors, g, asked, asked.where, limit=limit, after=after)
    return [Found(entity) for entity in page.items], page.next


async def _inside(doors: Doors, g: int, code: str) -> list[str]:
    if not await doors.graph.entities(g, [code]):
        raise NotFound("code_unknown", text=code[:80], tried=["code"])
    codes, whole = await query.below(doors.graph, g, code, limit=WITHIN_MAX)
    if not whole:
        raise TooLarge("within_limit", within=code, limit=WITHIN_MAX)
    return sorted(codes)


async def _of_codes(
    doors: Doors, g: int, asked: Asked, now: float, codes: Sequence[str], *, limit: int
) -> tuple[list[Found], str | None]:
    """Return a page of what fulfils the conditions among ``codes`` (ascending)."""
    found: list[Found] = []
    async for entities in _among(doors, g, asked, codes):
        found += await _with_state(doors, g, entities, asked.compared, now)
        if len(found) > limit:
            return found[:limit], found[limit - 1].entity.code
    return found, None


async def _page(
    doors: Doors, g: int, asked: Asked, where: Filter, *, limit: int, after: str
) -> Page:
    if asked.grid is None:
        return await doors.graph.find(g, where, limit=limit, after=after)
    return await standing(doors.graph, g, where, asked.grid, limit=limit, after=after)


async def _among(
    doors: Doors, g: int, asked: Asked, codes: Sequence[str]
) -> AsyncIterator[list[Entity]]:
    """Yield pages of the things that match among ``codes`` (ascending), by code."""
    for piece in batches.pieces(codes, CHUNK):
        among, after = replace(asked.where, codes=frozenset(piece)), ""
        while True:
            page = await _page(doors, g, asked, among, limit=PAGE_LIMIT, after=after)
            yield page.items
            if page.next is None:
                break
            after = page.next


async def _of_states(
    doors: Doors, g: int, asked: Asked, now: float, *, limit: int, after: str
) -> tuple[list[Found], str | None]:
    """Return a page of what fulfils the conditions among things whose state compares so.

    The text to go on behind says which page of rows to read again and which codes were told.
    """
    first = asked.compared[0]
    where = Where(properties=(first.property,), value=first)
    told, rows_at = parts(after, str, str) if after else ("", "")
    found: list[Found] = []
    for _ in range(ROUNDS):
        rows, following = await doors.states.query(where, limit=PAGE_LIMIT, after=rows_at)
        codes = [code for code in dict.fromkeys(row.code for row in rows) if code > told]
        more, _ = await _of_codes(doors, g, asked, now, codes, limit=PAGE_LIMIT)
        found += more
        if len(found) > limit:
            return found[:limit], cursor(found[limit - 1].entity.code, rows_at)
        if not following:
            return found, None
        told, rows_at = max([told, *codes]), following
    return found, cursor(told, rows_at)


async def _with_state(
    doors: Doors, g: int, entities: Sequence[Entity], compared: Sequence[Comparison], now: float
) -> list[Found]:
    """Return the things whose state stands so, each with what was compared."""
    if not compared or not entities:
        return [Found(entity) for entity in entities]
    names = {comparison.property for comparison in compared}
    held = await doors.states.states([entity.code for entity in entities])
    rows = [row for found in held.values() for row in found if row.property in names]
    sensors = await query.entities(doors.graph, g, {row.source for row in rows})
    channels = facts.all_channels(sensors)
    found = []
    for entity in entities:
        shown = _shown(held.get(entity.code, ()), names, now, doors, channels)
        if all(_holds(shown.get(c.property), c) for c in compared):
            told = {name: wired for name, (_, wired) in shown.items()}
            found.append(Found(entity, told))
    return found


def _shown(
    rows: Sequence[State], names: set[str], now: float, doors: Doors, channels: Channels
) -> dict[str, tuple[Value, dict[str, Any]]]:
    """Return {property: (value, JSON)} of the best source, as /objects/{code}/state chooses it."""
    shown: dict[str, tuple[Value, dict[str, Any]]] = {}
    wanted = [row for row in rows if row.property in names]
    for state, judged in ranked(wanted, now, doors.table, channels):
        shown.setdefault(state.property, (state.value, state_wire(state, judged)))
    return shown


def _holds(shown: tuple[Value, dict[str, Any]] | None, comparison: Comparison) -> bool:
    """Return whether a value stands so; only numbers do."""
    value = shown[0] if shown else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    number = comparison.number
    return {
        ">": value > number,
        ">=": value >= number,
        "<": value < number,
        "<=": value <= number,
        "=": value == number,
    }[comparison.op]
