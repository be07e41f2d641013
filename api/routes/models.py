"""Uploads become versions: take the bytes durably, say what they are, queue the import."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from api import holding, wire
from api.handed import MEDIA, Told, hand_on, handed
from api.jobs import is_owner, queue_import
from api.kept import arriving, forget
from api.requests import (
    CallerIn,
    Cursor,
    Generation,
    Lang,
    Limit,
    ServicesIn,
    answer,
    cursor,
    door,
    page,
    record,
    uncursor,
)
from api.schemas import Placement
from api.services import Services, until
from api.tokens import Caller, Role
from api.uploads import Upload, UploadLimits, receive_upload
from api.work import run_place, run_withdraw
from bim.door import Receipt, receive
from cim.model import Entity, Kind, Lifecycle
from cim.ports import Filter
from identity.errors import Denied, Invalid, NotFound, Unavailable, render
from twin.ports import Job
from twin.times import rfc3339, unix

router = APIRouter(tags=["models"])


async def uploaded(request: Request, services: ServicesIn, who: CallerIn) -> Upload | Told:
    """Stream the request's file to disk; one that is under way when we stop is refused.

    JSON names a finished resumable upload instead.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == MEDIA:
        return await handed(request, services, who)
    at = door(request)
    limits = UploadLimits(
        services.settings.upload_bytes_max, services.settings.upload_field_bytes_max
    )
    try:
        async with aclosing(until(request.stream(), at.stopping)) as stream:
            folder = services.settings.data_dir / "uploads"
            return await receive_upload(request.headers, stream, folder, limits)
    except Invalid:
        if at.stopping.is_set():
            raise Unavailable("stopping") from None
        raise


UPLOAD_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "project": {"type": "string"},
                    "document": {"type": "string"},
                    "placement": {"type": "string", "description": "JSON: lon, lat, …"},
                    "delivered_at": {"type": "string", "description": "RFC 3339: valid since"},
                },
            }
        },
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["upload"],
                "properties": {
                    "upload": {"type": "string", "description": "id of a finished /uploads"},
                    "project": {"type": "string"},
                    "document": {"type": "string"},
                    "placement": {"type": "object"},
                    "delivered_at": {"type": "string"},
                },
            }
        },
    },
}


@router.post(
    "/models",
    summary="Upload an IFC file",
    status_code=202,
    openapi_extra={"requestBody": UPLOAD_BODY},
)
async def upload(
    services: ServicesIn,
    who: CallerIn,
    language: Lang,
    _g: Generation,
    taken: Annotated[Upload | Told, Depends(uploaded)],
) -> Response:
    """Answer 202 once the bytes are fsynced; the same bytes again answer 200."""
    if isinstance(taken, Told):
        return answer(taken.body, taken.status, {"Location": f"/jobs/{taken.body['job']}"})
    try:
        async with arriving(services):
            receipt = await _received(services, taken)
            taken.sha256 = receipt.sha256
            if receipt.base_version > 0 or await holding.waiting(services, receipt.model):
                await check_owner(services, who, receipt.model)
            job = await queue_import(services, receipt, who.name)
        told = {**_receipt(receipt, language), "job": job.id, "version": receipt.version}
        known = receipt.version is not None
        await hand_on(services, taken, 200 if known else 202, told)
    except Denied:
        await forget(services, taken.sha256)
        raise
    finally:
        await asyncio.to_thread(taken.discard)
    action = "upload_repeated" if known else "upload"
    await record(services, who, action, receipt.model, sha256=receipt.sha256, job=job.id)
    return answer(told, 200 if known else 202, {"Location": f"/jobs/{job.id}"})


@router.get("/models", summary="List models")
async def models(
    *,
    request: Request,
    services: ServicesIn,
    head: Generation,
    project: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 100,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return a page of models (documents) with their current version."""
    g, after = uncursor(cursor_text, request, head)
    where = Filter((Kind.DOCUMENT,), properties={"project": project} if project else {})
    found = await services.graph.find(g, where, limit=limit, after=after)
    return page([wire.document(entity) for entity in found.items], cursor(g, found.next))


@router.get("/models/{model}", summary="One model")
async def one(model: str, services: ServicesIn, g: Generation) -> Response:
    """Return a model with its current version and placement, and what is held of it."""
    held = await holding.waiting(services, model)
    if held is None:
        return answer({**wire.document(await document_of(services, g, model)), "held": None})
    entities = await services.graph.entities(g, [model])
    said = wire.held(held, accepting=await holding.accepting(services, held))
    return answer({**wire.document(entities[0] if entities else to_be(held)), "held": said})


@router.get("/models/{model}/versions", summary="The versions of a model")
async def versions(
    *,
    model: str,
    request: Request,
    services: ServicesIn,
    head: Generation,
    limit: Limit = 100,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return a page of versions, oldest first."""
    g, after = uncursor(cursor_text, request, head)
    await document_of(services, g, model)
    where = Filter((Kind.MODEL,), properties={"document": model})
    found = await services.graph.find(g, where, limit=limit, after=after)
    return page([wire.version(entity) for entity in found.items], cursor(g, found.next))


@router.post("/models/{model}/placement", summary="Say where a model stands")
async def place(
    model: str, placement: Placement, services: ServicesIn, who: CallerIn, _g: Generation
) -> Response:
    """Put the model there; provenance becomes "confirmed"."""
    await check_owner(services, who, model)
    result = await run_place(services, model, placement.model_dump())
    await record(services, who, "place", model, **placement.model_dump())
    return answer(result)


@router.post("/models/{model}/withdraw", summary="Take a model out of the city")
async def withdraw(model: str, services: ServicesIn, who: CallerIn, _g: Generation) -> Response:
    """Drop what is held of the model; where nothing is, end what only this model holds."""
    await check_owner(services, who, model)
    held = await holding.waiting(services, model)
    result = await (holding.reject if held else run_withdraw)(services, model)
    await record(services, who, "withdraw", model)
    return answer(result)


async def check_owner(services: Services, who: Caller, model: str) -> None:
    """Let a firm change only what it uploaded; planners and administrators everything."""
    if who.role < Role.PLANNER and not await is_owner(services, who.name, model):
        raise Denied("model_of_another", authenticated=True, model=model, who=who.name)


def _receipt(receipt: Receipt, language: str) -> dict[str, Any]:
    why, _ = render(receipt.why, dict(receipt.why_facts), language)
    kept = ("model", "project", "project_name", "document_name", "sha256", "filename")
    said = asdict(receipt)
    named = {name: said[name] for name in kept}
    return {**named, "document": receipt.document_name, "why": why, "why_code": receipt.why}


async def _received(services: Services, taken: Upload) -> Receipt:
    return await receive(
        services.stores,
        taken.path,
        filename=taken.filename,
        project=taken.fields.get("project") or None,
        document=taken.fields.get("document") or None,
        placement=_placement(taken.fields.get("placement")),
        region=services.settings.region,
        valid_from=delivery_date(taken.fields.get("delivered_at"), services.clock()),
    )


def delivery_date(text: str | None, now: float) -> float | None:
    """Return since when a version is valid (Unix seconds); Invalid("moment_in_future" / times)."""
    if not text:
        return None
    at = unix(text)
    if at > now:
        raise Invalid("moment_in_future", time=text[:64], now=rfc3339(now))
    return at


def _placement(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        said = json.loads(text)
    except ValueError as error:
        raise Invalid("placement_unreadable", placement=text[:80]) from error
    if not isinstance(said, dict):
        raise Invalid("placement_unreadable", placement=text[:80])
    return said


async def document_of(services: Services, g: int, model: str) -> Entity:
    """Return the entity of a model; NotFound("model_unknown")."""
    found = await services.graph.entities(g, [model])
    if not found or found[0].kind is not Kind.DOCUMENT:
        raise NotFound("model_unknown", model=model[:80])
    return found[0]


def to_be(held: Job) -> Entity:
    """Return the entity of a model whose first version is still held."""
    named = ("project", "filename", "valid_from")
    said = {name: held.payload.get(name) for name in named}
    name, planned = str(held.payload["document_name"]), Lifecycle.PLANNED
    return Entity(str(held.payload["model"]), Kind.DOCUMENT, name, planned, properties=said)


async def version_of(services: Services, g: int, model: str, number: int) -> Entity:
    """Return the entity of a version of a model; NotFound("version_unknown")."""
    where = Filter((Kind.MODEL,), properties={"document": model, "version": number})
    found = await services.graph.find(g, where, limit=1)
    if not found.items:
        raise NotFound("version_unknown", model=model, version=number)
    return found.items[0]
