"""City objects: lists by kind, place, text and property; one object, its parts, path and state."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.requests import (
    BoxText,
    Cursor,
    Generation,
    Limit,
    ServicesIn,
    answer,
    box,
    cursor,
    page,
    uncursor,
)
from api.services import Services
from api.wire import thing
from cim.cells import standing
from cim.model import Entity, Kind
from cim.ports import Filter
from identity.errors import Invalid, NotFound

router = APIRouter(tags=["objects"])

PROPERTY_FILTERS_MAX = 10
DIGITS_MAX = 15  # what every JSON reader keeps exactly


@router.get("/objects", summary="List city objects")
async def objects(
    *,
    request: Request,
    services: ServicesIn,
    head: Generation,
    kind: Annotated[list[str] | None, Query(description="e.g. Building; several allowed")] = None,
    bbox: BoxText = None,
    q: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    grid: Annotated[str | None, Query(max_length=32, description="Beidou cell, 2D or 3D")] = None,
    property: Annotated[list[str] | None, Query(description="name=value")] = None,  # noqa: A002
    limit: Limit = 100,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return a page of objects that fulfil all conditions, ordered by code."""
    g, after = uncursor(cursor_text, request, head)
    where = Filter(kinds_of(kind), box(bbox), q, None, _properties(property or []))
    if grid is None:
        found = await services.graph.find(g, where, limit=limit, after=after)
    else:
        found = await standing(services.graph, g, where, grid, limit=limit, after=after)
    return page([thing(entity) for entity in found.items], cursor(g, found.next))


@router.get("/objects/{code}", summary="One object with its properties")
async def one(code: str, services: ServicesIn, g: Generation) -> Response:
    """Return what is known of one code; a thing that is gone keeps its last facts."""
    return answer(thing(await entity_of(services, g, code)))


@router.get("/objects/{code}/children", summary="What an object contains directly")
async def children(
    *,
    code: str,
    request: Request,
    services: ServicesIn,
    head: Generation,
    kind: Annotated[list[str] | None, Query()] = None,
    limit: Limit = 100,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return a page of the things directly below, ordered by code."""
    g, after = uncursor(cursor_text, request, head)
    await entity_of(services, g, code)
    found = await services.graph.children(g, code, kinds=kinds_of(kind), limit=limit, after=after)
    return page([thing(entity) for entity in found.items], cursor(g, found.next))


@router.get("/objects/{code}/path", summary="What contains an object")
async def path(code: str, services: ServicesIn, g: Generation) -> Response:
    """Return the containers from the outermost inwards, the object last."""
    return answer(await services.city.path(code, g=g))


@router.get("/objects/{code}/state", summary="The state now")
async def state(code: str, services: ServicesIn, g: Generation) -> Response:
    """Return the freshest good source of each property; the others under `sources`."""
    return answer(await services.city.state(code, g=g))


@router.get("/objects/{code}/history", summary="What a property was")
async def history(
    *,
    code: str,
    services: ServicesIn,
    _g: Generation,
    property: Annotated[str, Query(min_length=1, max_length=128)],  # noqa: A002 - the wire's word
    start: Annotated[str | None, Query(alias="from", description="RFC 3339")] = None,
    stop: Annotated[str | None, Query(alias="to", description="RFC 3339")] = None,
    limit: Limit = 1_000,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return a page of samples with from ≤ observed_at < to; by default the last day."""
    told = await services.city.history(
        code, property, start=start, stop=stop, limit=limit, after=cursor_text
    )
    return answer(told)


async def entity_of(services: Services, g: int, code: str) -> Entity:
    """Return the entity of a code, also of one that is gone; NotFound("code_unknown")."""
    found = await services.graph.entities(g, [code], ended=True)
    if not found:
        raise NotFound("code_unknown", text=code[:80], tried=["code"])
    return found[0]


def kinds_of(names: list[str] | None) -> tuple[Kind, ...]:
    """Return the kinds named (also comma separated); Invalid("kind_unknown")."""
    known = {kind.value.lower(): kind for kind in Kind}
    found = []
    for name in [part for text in names or [] for part in text.split(",") if part]:
        if name.lower() not in known:
            raise Invalid("kind_unknown", kind=name[:40], known=", ".join(Kind))
        found.append(known[name.lower()])
    return tuple(found)


def _properties(texts: list[str]) -> dict[str, Any]:
    if len(texts) > PROPERTY_FILTERS_MAX:
        raise Invalid("property_filter_unreadable", filter=f"> {PROPERTY_FILTERS_MAX}")
    return dict(_pair(text) for text in texts)


def _pair(text: str) -> tuple[str, Any]:
    """Return (name, value): a number or truth value where it reads so, else a text.

    Digits beyond DIGITS_MAX are a text, for they are a code; "12" in quotes is a text, too.
    """
    name, mark, value = text.partition("=")
    if not (name and mark):
        raise Invalid("property_filter_unreadable", filter=text[:80])
    try:
        read = json.loads(value)
    except ValueError:
        return name, value
    if isinstance(read, str):
        return name, read
    is_number = isinstance(read, int | float) and sum(map(str.isdigit, value)) <= DIGITS_MAX
    return name, read if is_number else value
