"""City objects: lists by kind, place, text and property; one object, its parts, path and state."""

import json
import math
import re
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.moments import PageIn, ThenIn
from api.requests import BoxText, Cursor, Limit, box
from api.services import Services
from api.wire import thing
from cim.model import Entity, Kind
from cim.ports import Filter
from identity.errors import Invalid, NotFound
from twin.ports import Comparison
from twin.search import Asked, Found

router = APIRouter(tags=["objects"])

PROPERTY_FILTERS_MAX = 10
DIGITS_MAX = 15  # what every JSON reader keeps exactly
_COMPARISON = re.compile(r"([^=<>]+)(>=|<=|==|>|<)(.*)", re.DOTALL)


@router.get("/objects", summary="List city objects")
async def objects(
    *,
    then: PageIn,
    kind: Annotated[list[str] | None, Query(description="e.g. Building; several allowed")] = None,
    within: Annotated[str, Query(max_length=64, description="code of what contains them")] = "",
    bbox: BoxText = None,
    q: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    grid: Annotated[str | None, Query(max_length=32, description="Beidou cell, 2D or 3D")] = None,
    property: Annotated[  # noqa: A002 - the wire's word
        list[str] | None, Query(description="name=value, or state: name>number, >=, <, <=, ==")
    ] = None,
    limit: Limit = 100,
) -> Response:
    """Return a page of objects that fulfil all conditions, ordered by code."""
    own, compared = conditions(property or [])
    where = Filter(kinds_of(kind), box(bbox), q, None, own)
    asked = Asked(where, within, grid, compared)
    found, following = await then.city.find(asked, limit=limit, after=then.after, g=then.g)
    return then.page([thing(f.entity) | _state(f) for f in found], following)


@router.get("/objects/{code}", summary="One object with its properties")
async def one(code: str, then: ThenIn) -> Response:
    """Return what is known of one code; a thing that is gone keeps its last facts."""
    return then.answer(thing(await then.entity(code)))


@router.get("/objects/{code}/children", summary="What an object contains directly")
async def children(
    *,
    code: str,
    then: PageIn,
    kind: Annotated[list[str] | None, Query()] = None,
    limit: Limit = 100,
) -> Response:
    """Return a page of the things directly below, ordered by code."""
    await then.entity(code)
    found = await then.graph.children(
        then.g, code, kinds=kinds_of(kind), limit=limit, after=then.after
    )
    return then.page([thing(entity) for entity in found.items], found.next)


@router.get("/objects/{code}/path", summary="What contains an object")
async def path(code: str, then: ThenIn) -> Response:
    """Return the containers from the outermost inwards, the object last."""
    return then.answer(await then.city.path(code, g=then.g))


@router.get("/objects/{code}/state", summary="The state now, or as of a time")
async def state(code: str, then: ThenIn) -> Response:
    """Return the freshest good source of each property; the others under `sources`."""
    return then.answer(await then.city.state(code, g=then.g))


@router.get("/objects/{code}/history", summary="What a property was")
async def history(
    *,
    code: str,
    then: ThenIn,
    property: Annotated[str, Query(min_length=1, max_length=128)],  # noqa: A002 - the wire's word
    start: Annotated[str | None, Query(alias="from", description="RFC 3339")] = None,
    stop: Annotated[str | None, Query(alias="to", description="RFC 3339")] = None,
    limit: Limit = 1_000,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return a page of samples with from ≤ observed_at < to; by default the last day."""
    told = await then.city.history(
        code, property, start=start, stop=stop, limit=limit, after=cursor_text, g=then.g
    )
    return then.answer(told)


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


def conditions(texts: list[str]) -> tuple[dict[str, Any], list[Comparison]]:
    """Return what own properties equal, and how state compares.

    ``ifc_class=IfcDoor`` is of the thing itself, ``temperature>30`` of its state; a state that
    equals is ``==``. Raises Invalid("property_filter_unreadable").
    """
    if len(texts) > PROPERTY_FILTERS_MAX:
        raise Invalid("property_filter_unreadable", filter=f"> {PROPERTY_FILTERS_MAX}")
    own: dict[str, Any] = {}
    compared: list[Comparison] = []
    for text in texts:
        read = _COMPARISON.fullmatch(text)
        if read is None:
            name, value = _pair(text)
            own[name] = value
        else:
            compared.append(_compared(text, *read.groups()))
    return own, compared


def _compared(text: str, name: str, op: str, number: str) -> Comparison:
    try:
        wanted = float(number)
    except ValueError:
        wanted = math.nan
    if not math.isfinite(wanted):
        raise Invalid("property_filter_unreadable", filter=text[:80])
    return Comparison(name, "=" if op == "==" else op, wanted)


def _state(found: Found) -> dict[str, Any]:
    return {"state": found.state} if found.state else {}


def _pair(text: str) -> tuple[str, Any]:
    """Return (name, value): a number or truth value where it reads so, else a text.

    Digits beyond DIGITS_MAX are a text, for they are a code; "12" in quotes is a text, too.
    """
    name, mark, value = text.partition("=")
    if not (name and mark):
        raise Invalid("property_filter_unreadable", filter=text[:80])
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return name, value
    if isinstance(read, str):
        return name, read
    is_number = isinstance(read, int | float) and sum(map(str.isdigit, value)) <= DIGITS_MAX
    return name, read if is_number else value
