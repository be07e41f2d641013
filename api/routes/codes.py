"""Any code or alias → what it is, where it is, what it is part of, and its sensors."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.moments import PageIn, ThenIn
from api.requests import Limit
from api.wire import hit
from cim import query
from cim.ports import Filter

router = APIRouter(tags=["codes"])

SEVERAL = 300  # RFC 9110 15.4.1: one text, several meanings


@router.get("/codes", summary="Search things by name, code or text")
async def search(
    *,
    then: PageIn,
    q: Annotated[str, Query(min_length=1, max_length=200)],
    limit: Limit = 20,
) -> Response:
    """Return a page of things that match all words of `q`, each with its parents."""
    found = await then.graph.find(then.g, Filter(q=q), limit=limit, after=then.after)
    above = await query.paths(then.graph, then.g, [entity.code for entity in found.items])
    return then.page([hit(entity, above[entity.code]) for entity in found.items], found.next)


@router.get("/codes/{any:path}", summary="Resolve any code, alias or address text")
async def resolve(any: str, then: ThenIn) -> Response:  # noqa: A002 - the wire's word
    """Return one answer (200), or the list of all meanings (300).

    Own code, IFC GUID, Beidou cell, device, tag, project or document name, address text.
    """
    found = await then.city.resolve(any, g=then.g)
    if len(found) > 1:
        return then.answer({"items": found, "next": None}, SEVERAL)
    return then.answer(found[0])
