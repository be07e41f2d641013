"""Devices: which of them observes what, and the messages of those that nobody knows yet."""

from typing import Annotated, Any

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
from api.schemas import Confirmation, Device, DeviceName
from api.services import Services
from api.tokens import Caller
from api.wire import quarantined
from identity.errors import Invalid
from sensors import register
from sensors.bindings import Bind
from sensors.register import Register, Wanted
from sensors.registering import Asked, Registering
from sensors.targets import Target
from twin.channels import Calibration
from twin.times import unix

router = APIRouter(tags=["devices"])

ROW_MAX = 2**63 - 1  # what a store counts its rows with


def register_of(services: Services) -> Register:
    """Return the ports that the register is read from."""
    return Register(services.graph, services.codes, services.states)


def registering(services: Services, who: Caller) -> Registering:
    """Return who changes the register."""
    settings = services.settings
    return Registering(
        register_of(services),
        services.clock,
        settings.region,
        who.name,
        settings.lease_wait_s,
        settings.heights,
    )


@router.get("/devices", summary="List devices with their newest values")
async def devices(
    *,
    request: Request,
    services: ServicesIn,
    head: Generation,
    code: Annotated[str | None, Query(max_length=64, description="what they observe")] = None,
    q: Annotated[str | None, Query(max_length=200, description="words of name or device")] = None,
    status: Annotated[str | None, Query(pattern="^(bound|proposed)$")] = None,
    owner: Annotated[str | None, Query(max_length=200)] = None,
    name: Annotated[str | None, Query(alias="property", max_length=128)] = None,
    source: Annotated[
        str | None, Query(pattern="^(ifc|person)$", description="who bound it")
    ] = None,
    limit: Limit = 100,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return a page of devices by their sensor's code.

    What each observes, its newest values with their age and quality, and by how many seconds its
    clock seems to be behind (`skew_s`; negative: ahead).
    """
    g, after = uncursor(cursor_text, request, head)
    wanted = Wanted(code, q, status, owner, name, source)
    found = await register.devices(
        register_of(services), wanted, g, services.clock(), limit=limit, after=after
    )
    return page(found["items"], cursor(g, found["next"]))


@router.post("/devices", summary="Bind a device, or change how it is bound", status_code=201)
async def bind(wanted: Device, services: ServicesIn, who: CallerIn, _g: Generation) -> Response:
    """Bind, then apply what was quarantined of this device; a known device is changed.

    Given only a place, the device is proposed: `candidates` wait for `/devices/confirm`.
    """
    row = await registering(services, who).bind(_asked(wanted, who))
    return await _bound(services, who, "bind_device", row, 201)


@router.delete("/devices", summary="Unbind a device")
async def unbind(
    services: ServicesIn,
    who: CallerIn,
    _g: Generation,
    device: Annotated[str, Query(min_length=1, max_length=128)],
    tenant: Annotated[str, Query(max_length=128)] = "",
) -> Response:
    """End its sensor; its code stays known, and `/devices/undo` brings it back."""
    row = await registering(services, who).unbind(device, tenant)
    services.signal.notify()
    await record(services, who, "unbind_device", row["sensor"], device=device, tenant=tenant)
    return answer(row)


@router.post("/devices/undo", summary="Bind an unbound device again")
async def undo(wanted: DeviceName, services: ServicesIn, who: CallerIn, _g: Generation) -> Response:
    """Bind it to what it observed, under its old code; what came meanwhile is applied."""
    row = await registering(services, who).undo(wanted.device, wanted.tenant)
    return await _bound(services, who, "undo_unbind_device", row)


@router.post("/devices/confirm", summary="Confirm what a proposed device observes")
async def confirm(
    wanted: Confirmation, services: ServicesIn, who: CallerIn, _g: Generation
) -> Response:
    """Bind it to one of its candidates and apply what was kept of it."""
    row = await registering(services, who).confirm(wanted.device, wanted.tenant, wanted.code)
    return await _bound(services, who, "confirm_device", row)


@router.get("/devices/quarantine", summary="Messages that could not be applied")
async def quarantine(
    services: ServicesIn,
    _g: Generation,
    device: Annotated[str | None, Query(max_length=128)] = None,
    limit: Limit = 100,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return a page of kept messages with the reason of each; `kept`: how many are there whole."""
    rows = await services.states.quarantined(
        limit=limit, after=_row_number(cursor_text), device=device
    )
    following = str(rows[-1].id) if len(rows) == limit else None
    return page([quarantined(row) for row in rows], following)


@router.delete("/devices/quarantine", summary="Discard kept messages")
async def discard(
    services: ServicesIn,
    who: CallerIn,
    _g: Generation,
    number: Annotated[int, Query(alias="id", ge=1, le=ROW_MAX, description="of the row")],
) -> Response:
    """Forget a row and all that is kept behind it."""
    await services.states.release([number])
    await record(services, who, "discard_quarantine", str(number))
    return Response(status_code=204)


@router.post("/devices/quarantine/adopt", summary="Apply kept messages of a bound device")
async def adopt(
    wanted: DeviceName, services: ServicesIn, who: CallerIn, _g: Generation
) -> Response:
    """Apply what can be applied now; the rest stays."""
    adopted = await services.intake.adopt(wanted.device, wanted.tenant)
    await record(services, who, "adopt_quarantine", wanted.device, adopted=adopted)
    return answer({"adopted": adopted})


def _row_number(cursor_text: str) -> int:
    """Return the last row of the page before; Invalid("cursor_unreadable")."""
    if not cursor_text:
        return 0
    number = int(cursor_text) if cursor_text.isascii() and cursor_text.isdigit() else -1
    if not 0 <= number <= ROW_MAX:
        raise Invalid("cursor_unreadable", cursor=cursor_text[:80])
    return number


async def _bound(
    services: Services, who: Caller, action: str, row: dict[str, Any], status: int = 200
) -> Response:
    """Adopt what waited for the device, tell readers, keep the audit; answer with its row."""
    adopted = await services.intake.adopt(row["device"], row["tenant"]) if row["code"] else 0
    services.signal.notify()
    facts = {name: row[name] for name in ("device", "tenant", "code", "property")}
    await record(services, who, action, row["sensor"], **facts)
    return answer({**row, "adopted": adopted}, status)


def _asked(said: Device, who: Caller) -> Asked:
    named = [way for way in (said.code, said.ifc_guid, said.address) if way]
    if len(named) > 1 or (said.lon is None) != (said.lat is None):
        raise Invalid("target_missing")
    place = None if said.lon is None or said.lat is None else (said.lon, said.lat, said.height_m)
    adjusted = said.calibration
    return Asked(
        Bind(
            said.device,
            property=said.property,
            unit=said.unit,
            name=said.name,
            tenant=said.tenant,
            interval_s=said.interval_s,
            owner=said.owner or who.name,
            low=said.low,
            high=said.high,
            calibration=None
            if adjusted is None
            else Calibration(unix(adjusted.since), adjusted.gain, adjusted.offset),
            position=place,
        ),
        Target(said.code, said.ifc_guid, said.project, said.address, None if named else place),
    )
