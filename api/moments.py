"""The moment a request is about: now, or what was true (``asOf``), as it was known (``knownAt``).

head or knownAt → the last generation that counts → asOf → what is read (``cim.moment``) → answer
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import Response

from api.requests import Cursor, ServicesIn, answer, cursor, cursor_parts
from api.services import Services
from cim.model import Entity
from cim.moment import moment
from cim.past import PastGraph
from cim.ports import Graph
from identity.errors import Invalid, NotFound
from twin.city import City
from twin.past import PastStates, StateReads
from twin.times import rfc3339, unix

TIME_CHARS_MAX = 64

AsOf = Annotated[
    str | None, Query(alias="asOf", max_length=TIME_CHARS_MAX, description="RFC 3339: true then")
]
KnownAt = Annotated[
    str | None,
    Query(alias="knownAt", max_length=TIME_CHARS_MAX, description="RFC 3339: known then"),
]


@dataclass(frozen=True, slots=True)
class Then:
    """What a request reads: the ports and the city of its moment, and the generation to pass.

    ``now``: the time by which state is fresh or stale. ``known``: the last generation that counts;
    a cursor carries it. ``after``: where the page begins. ``told``: what the answer says of the
    moment; None: nobody asked for one.
    """

    graph: Graph
    states: StateReads
    city: City
    now: float
    g: int
    known: int
    after: str
    told: dict[str, Any] | None = None

    def answer(self, content: dict[str, Any], status: int = 200) -> Response:
        """Return JSON; of a moment that was asked for with what it is."""
        return answer(content if self.told is None else {**content, "then": self.told}, status)

    def page(self, items: list[Any], following: str | None) -> Response:
        """Return one page of a list; the cursor keeps what is known."""
        return self.answer({"items": items, "next": cursor(self.known, following)})

    async def entity(self, code: str) -> Entity:
        """Return the entity of a code, also of one that is gone; NotFound("code_unknown")."""
        found = await self.graph.entities(self.g, [code], ended=True)
        if not found:
            raise NotFound("code_unknown", text=code[:80], tried=["code"])
        return found[0]


async def at_moment(
    request: Request, services: ServicesIn, as_of: AsOf = None, known_at: KnownAt = None
) -> AsyncIterator[Then]:
    """Give what the request reads; a code that was unknown then is refused with the time.

    Raises Invalid("moment_in_future" / times).
    """
    async with _moment(request, services, as_of, known_at) as then:
        yield then


async def at_page(
    request: Request,
    services: ServicesIn,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> AsyncIterator[Then]:
    """Give what a page of a list reads; its cursor says what is known. See ``at_moment``.

    Raises Invalid("cursor_unreadable").
    """
    async with _moment(request, services, as_of, known_at, cursor_text) as then:
        yield then


ThenIn = Annotated[Then, Depends(at_moment)]
PageIn = Annotated[Then, Depends(at_page)]


@asynccontextmanager
async def _moment(
    request: Request,
    services: Services,
    as_of: str | None,
    known_at: str | None,
    cursor_text: str = "",
) -> AsyncIterator[Then]:
    true_at, known_by = (_past(text, services) for text in (as_of, known_at))
    head = (await services.graph.head()).generation
    known = head if known_by is None else await services.graph.generation_at(known_by)
    known, after = cursor_parts(cursor_text, head) if cursor_text else (known, "")
    then = await _then(services, known, after, true_at, known_by)
    request.state.generation = then.g
    request.state.then = then.told
    try:
        yield then
    except NotFound as unknown:
        if then.told is None or unknown.code != "code_unknown":
            raise
        said = " / ".join(text for text in (as_of, known_at) if text)
        begins = [rfc3339(move.at) for move in await services.graph.moves(0, limit=1)]
        facts = {"text": unknown.facts.get("text"), "when": said, "begins": [*begins, "-"][0]}
        raise NotFound("code_unknown_then", **facts) from unknown


async def _then(
    services: Services, known: int, after: str, as_of: float | None, known_at: float | None
) -> Then:
    if as_of is None and known_at is None:
        return at_head(services, known, after)
    at = await moment(services.graph, known, as_of)
    past = PastGraph(services.graph, services.codes, at) if at.layers else None
    graph, codes = past or services.graph, past or services.codes
    told = {
        "as_of": None if as_of is None else rfc3339(as_of),
        "known_at": None if known_at is None else rfc3339(known_at),
        "generations": sorted(set(at.generations)),
    }
    city = services.city.then(graph, codes, as_of, known_at)
    states = PastStates(services.states, as_of, known_at)
    now = next(at for at in (as_of, known_at) if at is not None)
    return Then(graph, states, city, now, at.generation, known, after, told)


def at_head(services: Services, head: int, after: str = "") -> Then:
    """Return what is read by a request about now."""
    now = services.clock()
    return Then(services.graph, services.states, services.city, now, head, head, after)


def _past(text: str | None, services: Services) -> float | None:
    """Return a time that has passed, as Unix seconds; a device's clock may be a little ahead."""
    if text is None:
        return None
    at, now = unix(text), services.clock()
    if at > now + services.settings.future_s_max:
        raise Invalid("moment_in_future", time=text, now=rfc3339(now))
    return at
