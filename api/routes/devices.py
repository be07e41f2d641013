"""Devices: which of them observes what, and the messages of those that nobody knows yet."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.requests import (
    CallerIn,
    Cursor,
    Generation,
    Limit,
    ServicesIn,
    answer,
    cursor,
    page,
    record,
    uncursor,
)
from api.schemas import Adoption, Device
from api.wire import quarantined
from identity.errors import Invalid
from sensors import bindings

router = APIRouter(tags=["devices"])


@router.get("/devices", summary="List bound devices")
async def devices(
    *,
    request: Request,
    services: ServicesIn,
    head: Generation,
    code: Annotated[str | None, Query(max_length=64, description="what they observe")] = None,
    limit: Limit = 100,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return a page of devices by their sensor's code."""
    g, after = uncursor(cursor_text, request, head)
    found = await bindings.devices(
        services.graph, services.codes, limit=limit, after=after, code=code
    )
    return page(found["items"], cursor(g, found["next"]))


@router.post("/devices", summary="Bind a device to a code", status_code=201)
async def bind(wanted: Device, services: ServicesIn, who: CallerIn, _g: Generation) -> Response:
    """Bind, then apply what was quarantined of this device; a known device is changed."""
    row = await bindings.bind(
        services.graph,
        services.codes,
        services.clock,
        services.settings.region,
        **wanted.model_dump(),
        owner=who.name,
        wait_s=services.settings.lease_wait_s,
    )
    adopted = await services.intake.adopt(wanted.device, wanted.tenant)
    services.signal.notify()
    await record(services, who, "bind_device", row["sensor"], **wanted.model_dump())
    return answer({**row, "adopted": adopted}, 201)


@router.get("/devices/quarantine", summary="Messages that could not be applied")
async def quarantine(
    services: ServicesIn,
    _g: Generation,
    limit: Limit = 100,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return a page of kept messages with the reason of each."""
    if cursor_text and not cursor_text.isdigit():
        raise Invalid("cursor_unreadable", cursor=cursor_text[:80])
    rows = await services.states.quarantined(limit=limit, after=int(cursor_text or 0))
    following = str(rows[-1].id) if len(rows) == limit else None
    return page([quarantined(row) for row in rows], following)


@router.post("/devices/quarantine/adopt", summary="Apply kept messages of a bound device")
async def adopt(wanted: Adoption, services: ServicesIn, who: CallerIn, _g: Generation) -> Response:
    """Apply what can be applied now; the rest stays."""
    adopted = await services.intake.adopt(wanted.device, wanted.tenant)
    await record(services, who, "adopt_quarantine", wanted.device, adopted=adopted)
    return answer({"adopted": adopted})
