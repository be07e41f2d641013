"""The city as one façade: what a code means, where it is, what state it is in, what changes."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import copy
from dataclasses import replace
from typing import Any

from cim import query
from cim.model import Entity
from cim.ports import Filter, Graph
from identity.errors import Invalid, NotFound
from identity.ports import Codes
from twin import answers, facts, live, projections
from twin.areas import area_of
from twin.batch import Meaning, Searches, resolve_many
from twin.cursors import cursor, parts
from twin.events import Signal
from twin.facts import Doors
from twin.frames import EVERYTHING, Told, Wanted, parse_id
from twin.meanings import meanings
from twin.past import PastStates
from twin.ports import PAGE_LIMIT, Projection, States, Where
from twin.properties import Table, default_table
from twin.push import BUFFER_FRAMES_MAX, Hub
from twin.readers import Reader
from twin.reading import State
from twin.reading_checks import FUTURE_S_MAX
from twin.replay import Player, Span
from twin.search import Asked, Found, search
from twin.times import unix

HISTORY_SPAN_S = 86_400.0  # of history() without a beginning


class City:
    """Answers over the graph and the state stores; every answer is read at one generation."""

    def __init__(
        self,
        graph: Graph,
        codes: Codes,
        states: States,
        clock: Callable[[], float],
        *,
        table: Table | None = None,
        signal: Signal | None = None,
        future_s_max: float = FUTURE_S_MAX,
        stream_buffer_max: int = BUFFER_FRAMES_MAX,
    ) -> None:
        """``clock``: Unix seconds. ``signal``: what the states store notifies after a commit.

        ``future_s_max``: how far ahead a reading may be, so that history shows it.
        ``stream_buffer_max``: frames that may wait for one reader of the stream.
        """
        self._doors = Doors(graph, codes, states, table or default_table())
        self._clock = clock
        self._future_s_max = future_s_max
        self._states = states
        hub = (self._doors, states, clock, signal or Signal())
        self._hub = Hub(*hub, buffer_max=stream_buffer_max)

    def then(
        self, graph: Graph, codes: Codes, as_of: float | None, known_at: float | None
    ) -> "City":
        """Return the city as it was, to be asked only: ``graph`` and ``codes`` are of that moment.

        State is that of the time, and as fresh as it was then. ``follow`` still tells what is now.
        """
        past = copy(self)
        states = PastStates(self._states, as_of, known_at)
        past._doors = replace(self._doors, graph=graph, codes=codes, states=states)  # noqa: SLF001
        then = as_of if as_of is not None else known_at
        past._clock = self._clock if then is None else lambda: then  # noqa: SLF001
        return past

    async def resolve(self, text: str, *, g: int | None = None) -> list[dict[str, Any]]:
        """Return the wire answers of GET /codes/{any}; several: the text is ambiguous.

        Raises NotFound("code_unknown"), see ``twin.meanings``.
        """
        at = await self._generation(g)
        found = await meanings(self._doors, at, text)
        now, table = self._clock(), self._doors.table
        return [answers.answer(each, now, table) for each in found]

    async def resolve_many(
        self, texts: Sequence[str], searches: Searches, *, g: int | None = None
    ) -> list[Meaning]:
        """Return what each text means, in the short form; see ``twin.batch``."""
        return await resolve_many(self._doors, await self._generation(g), texts, searches)

    async def path(self, code: str, *, g: int | None = None) -> dict[str, Any]:
        """Return ``{"code", "items": [{code, kind, name}…]}`` from the outermost container in."""
        at = await self._generation(g)
        entity = await self._entity(at, code)
        above = await query.paths(self._doors.graph, at, [code])
        return {"code": code, "items": answers.parents([entity, *above[code]])}

    async def search(
        self, q: str, *, limit: int, after: str = "", g: int | None = None
    ) -> dict[str, Any]:
        """Return a page of /codes?q=: things with their parents; the cursor keeps the generation.

        Raises Invalid("cursor_invalid").
        """
        at, behind = parts(after, int, str) if after else (await self._generation(g), "")
        page = await self._doors.graph.find(at, Filter(q=q), limit=limit, after=behind)
        above = await query.paths(self._doors.graph, at, [entity.code for entity in page.items])
        items = [_hit(entity, above[entity.code]) for entity in page.items]
        return {"items": items, "next": cursor(at, page.next) if page.next else None}

    async def state(self, code: str, *, g: int | None = None) -> dict[str, Any]:
        """Return /objects/{code}/state: the freshest good source, others under ``sources``.

        Of a sensor: what it says of the things it observes. Raises NotFound("code_unknown").
        """
        at = await self._generation(g)
        entity = await self._entity(at, code)
        things = await facts.things_of(self._doors, at, entity)
        held = await self._doors.states.states(things)
        rows = [row for thing in things for row in held.get(thing, ()) if _own(row, entity, things)]
        sensors = await query.entities(self._doors.graph, at, {row.source for row in rows})
        told = live.properties_wire(
            rows, self._clock(), self._doors.table, facts.all_channels(sensors)
        )
        return {"code": code, "properties": told}

    async def history(
        self,
        code: str,
        name: str,
        *,
        start: str | float | None = None,
        stop: str | float | None = None,
        limit: int = PAGE_LIMIT,
        after: str = "",
        g: int | None = None,
    ) -> dict[str, Any]:
        """Return a page of /objects/{code}/history of property ``name``, oldest first.

        ``start`` <= observed_at < ``stop``: RFC 3339 or Unix seconds; by default the last
        HISTORY_SPAN_S. Of a sensor only its own samples (a page may then be short).
        Raises NotFound("code_unknown"), Invalid("span_invalid" / "cursor_invalid" / times).
        """
        until = self._clock() + self._future_s_max if stop is None else unix(stop)
        since = max(0.0, until - HISTORY_SPAN_S) if start is None else unix(start)
        if since > until:
            raise Invalid("span_invalid", start=since, stop=until)
        at = await self._generation(g)
        entity = await self._entity(at, code)
        thing = (await facts.things_of(self._doors, at, entity))[0]
        behind = tuple(parts(after, float, str, int)) if after else None
        samples = await self._doors.states.history(
            thing, name, start=since, stop=until, limit=limit, after=behind
        )
        kept = [s for s in samples if code in (thing, s.source)]
        last = samples[-1] if len(samples) == limit else None
        more = last and cursor(
            float(last.observed_at), last.source, -1 if last.n is None else last.n
        )
        return {"code": code, "property": name, "items": live.samples_wire(kept), "next": more}

    async def find(
        self, asked: Asked, *, limit: int, after: str = "", g: int | None = None
    ) -> tuple[list[Found], str | None]:
        """Return a page of the things that fulfil what is asked; see ``twin.search``."""
        at = await self._generation(g)
        return await search(self._doors, at, asked, self._clock(), limit=limit, after=after)

    async def project_codes(self, codes: Sequence[str]) -> dict[str, Projection]:
        """Return where the things stand at head; unknown codes are absent."""
        at = await self._generation(None)
        return await projections.project_codes(self._doors.graph, at, codes)

    async def reproject(self, where: Where | None = None) -> int:
        """Rewrite the projections of all things that have state; return how many.

        To be called after an activation that moved, renamed or placed things.
        """
        count, after, last = 0, "", ""
        while True:
            rows, after = await self._states.query(where or Where(), limit=PAGE_LIMIT, after=after)
            codes = [c for c in dict.fromkeys(row.code for row in rows) if c != last]
            await self._states.project(await self.project_codes(codes))
            count += len(codes)
            if not after:
                return count
            last = rows[-1].code

    async def now(self) -> Told:
        """Return the position of a stream that begins now."""
        head = await self._generation(None)
        return Told(await self._states.sequence(), head)

    def follow(
        self, last_event_id: str | None = None, wanted: Wanted = EVERYTHING, *, area: str = ""
    ) -> AbstractAsyncContextManager[Reader]:
        """Give a reader of what changes; see ``twin.push`` and ``twin.readers``.

        ``area``: a code that covers what it contains, or the six digits of a region.
        Raises Invalid("event_id_invalid") at once; on entering NotFound("code_unknown").
        """
        told = parse_id(last_event_id) if last_event_id else None
        return self._hub.reader(wanted, told, area=area)

    @asynccontextmanager
    async def replay(
        self, span: Span, wanted: Wanted = EVERYTHING, *, area: str = ""
    ) -> AsyncIterator[Player]:
        """Give a reader of history told again; see ``twin.replay``. Areas are those of now.

        Raises NotFound("code_unknown"), TooLarge("area_limit") for an area.
        """
        if area:
            found = await area_of(self._doors.graph, await self._generation(None), area)
            wanted = replace(wanted, area=found)
        player = Player(self._doors, self._states, wanted, span)
        try:
            yield player
        finally:
            await player.close()

    async def _generation(self, g: int | None) -> int:
        return (await self._doors.graph.head()).generation if g is None else g

    async def _entity(self, g: int, code: str) -> Entity:
        found = await self._doors.graph.entities(g, [code], ended=True)
        if not found:
            raise NotFound("code_unknown", text=code, tried=["code"])
        return found[0]


def _hit(entity: Entity, above: Sequence[Entity]) -> dict[str, Any]:
    place = {"lon": entity.lon, "lat": entity.lat, "height_m": entity.height_m}
    return {**answers.brief(entity), **place, "parents": answers.parents(above)}


def _own(row: State, entity: Entity, things: Sequence[str]) -> bool:
    """Of a sensor that observes things only its own rows count."""
    return things == [entity.code] or row.source == entity.code
