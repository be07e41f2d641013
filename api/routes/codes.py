"""Any code or alias → what it is, where it is, what it is part of, and its sensors."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.requests import (
    Cursor,
    Generation,
    Limit,
    ServicesIn,
    answer,
    cursor,
    page,
    uncursor,
)
from api.wire import hit
from cim import query
from cim.ports import Filter

router = APIRouter(tags=["codes"])

SEVERAL = 300  # RFC 9110 15.4.1: one text, several meanings


@router.get("/codes", summary="Search things by name, code or text")
async def search(
    *,
    request: Request,
    services: ServicesIn,
    head: Generation,
    q: Annotated[str, Query(min_length=1, max_length=200)],
    limit: Limit = 20,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return a page of things that match all words of `q`, each with its parents."""
    g, after = uncursor(cursor_text, request, head)
    found = await services.graph.find(g, Filter(q=q), limit=limit, after=after)
    above = await query.paths(services.graph, g, [entity.code for entity in found.items])
    items = [hit(entity, above[entity.code]) for entity in found.items]
    return page(items, cursor(g, found.next))


@router.get("/codes/{any:path}", summary="Resolve any code, alias or address text")
async def resolve(any: str, services: ServicesIn, g: Generation) -> Response:  # noqa: A002 - wire
    """Return one answer (200), or the list of all meanings (300).

    Own code, IFC GUID, Beidou cell, device, tag, project or document name, address text.
    """
    found = await services.city.resolve(any, g=g)
    if len(found) > 1:
        return answer({"items": found, "next": None}, SEVERAL)
    return answer(found[0])
