"""The register of codes at work: QR, history, and what people change, with their reasons."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from api import qr
from api.requests import (
    CallerIn,
    Cursor,
    Generation,
    ServicesIn,
    answer,
    cursor,
    page,
    record,
    uncursor,
)
from api.routes.objects import entity_of
from api.schemas import LifecycleMove, Merge, Reason, Split, Undo
from api.services import Services
from api.tokens import Caller
from cim.model import Lifecycle
from cim.registry_change import Registry
from twin.changes import CHANGES_MAX, changes

router = APIRouter(tags=["register"])


@router.get("/objects/{code}/qr", summary="The QR of a code (SVG or PNG)")
async def image(
    *,
    code: str,
    request: Request,
    services: ServicesIn,
    g: Generation,
    accept: Annotated[str, Header()] = "",
    form: Annotated[str | None, Query(alias="format", description="svg or png")] = None,
    scale: Annotated[
        int, Query(ge=1, le=qr.SCALE_MAX, description="pixels of a module")
    ] = qr.SCALE,
) -> Response:
    """Return an image that holds the absolute address of `/codes/{code}`; `X-Twin-Urn` names it."""
    known = (await entity_of(services, g, code)).code
    wanted = qr.form(form, accept)
    drawn = qr.image(f"{str(request.base_url).rstrip('/')}/codes/{known}", wanted, scale)
    headers = {"X-Twin-Urn": qr.urn(known), "Vary": "Accept, Host"}
    return Response(drawn, 200, headers, qr.MEDIA[wanted])


@router.get("/objects/{code}/changes", summary="What happened to a code")
async def history(
    *,
    code: str,
    request: Request,
    services: ServicesIn,
    head: Generation,
    limit: Annotated[int, Query(ge=1, le=CHANGES_MAX)] = 50,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return what changed, at which generation and when, by what, by whom and why; newest first."""
    g, after = uncursor(cursor_text, request, head)
    before = int(after) if after.isdigit() else None
    found, following = await changes(
        services.graph, services.codes, g, code, limit=limit, before=before
    )
    return page(found, cursor(g, None if following is None else str(following)))


@router.post("/objects/{code}/retire", summary="End a code")
async def retire(
    code: str, said: Reason, services: ServicesIn, who: CallerIn, _g: Generation
) -> Response:
    """End a thing: it stays known as gone and its code is never used again."""
    told = await _register(services).retire(code, who=who.name, why=said.why)
    return await _changed(services, who, told)


@router.post("/objects/{code}/merge", summary="Merge a code into another")
async def merge(
    code: str, said: Merge, services: ServicesIn, who: CallerIn, _g: Generation
) -> Response:
    """End this code in favour of `into`, which takes over its aliases, parts and sensors."""
    told = await _register(services).merge(code, said.into, who=who.name, why=said.why)
    return await _changed(services, who, told)


@router.post("/objects/{code}/split", summary="Split a code into others")
async def split(
    code: str, said: Split, services: ServicesIn, who: CallerIn, _g: Generation
) -> Response:
    """End this code; each of `into` (living, of its kind) replaces it."""
    told = await _register(services).split(code, said.into, who=who.name, why=said.why)
    return await _changed(services, who, told)


@router.post("/objects/{code}/lifecycle", summary="Move a thing on in its life")
async def lifecycle(
    code: str, said: LifecycleMove, services: ServicesIn, who: CallerIn, _g: Generation
) -> Response:
    """Planned, under_construction, in_use or gone; a move that life does not know is refused."""
    to = Lifecycle(said.lifecycle)
    told = await _register(services).move(code, to, who=who.name, why=said.why)
    return await _changed(services, who, told)


@router.post("/objects/{code}/undo", summary="Take a change of the register back")
async def undo(
    code: str, said: Undo, services: ServicesIn, who: CallerIn, _g: Generation
) -> Response:
    """Undo the change made at `generation`, else the last that stands; 409 where a later blocks."""
    told = await _register(services).undo(code, said.generation, who=who.name, why=said.why)
    return await _changed(services, who, told)


def _register(services: Services) -> Registry:
    wait_s = services.settings.lease_wait_s
    return Registry(services.graph, services.codes, services.blobs, wait_s)


async def _changed(services: Services, who: Caller, told: dict[str, Any]) -> Response:
    """Record the change, and let state and streams know of it."""
    facts = {name: value for name, value in told.items() if name not in {"code", "who", "action"}}
    await record(services, who, f"register_{told['action']}", told["code"], **facts)
    await services.city.reproject()
    services.signal.notify()
    return answer(told)
