"""Which thing of a re-exported model is which: the report of a version, and a person's word."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.requests import CallerIn, Generation, ServicesIn, answer, record
from api.routes.models import document_of, version_of
from api.schemas import Match, MatchUndo
from api.services import Services
from api.work import worker_name
from cim.delivery import rematch, undo_rematch

router = APIRouter(tags=["models"])


@router.get("/models/{model}/matches", summary="How things of a version were recognised")
async def matches(
    model: str,
    services: ServicesIn,
    g: Generation,
    version: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Return the report of the current (or the given) version; null: every GUID was known."""
    found = await document_of(services, g, model)
    if version is not None:
        found = await version_of(services, g, model, version)
    name = found.properties.get("matches")
    report = msgspec.json.decode(await services.blobs.get(str(name))) if name else None
    return answer({"model": model, "version": found.properties.get("version"), "report": report})


@router.post("/models/{model}/matches", summary="Correct the code of a thing")
async def correct(
    model: str, said: Match, services: ServicesIn, who: CallerIn, _g: Generation
) -> Response:
    """Give the thing with this GUID the code it had before (`code`), or a new one (null)."""
    told = await rematch(
        services.stores,
        model,
        said.guid,
        said.code,
        who=who.name,
        why=said.why,
        holder=worker_name(),
        wait_s=services.settings.lease_wait_s,
    )
    await _after(services)
    await record(services, who, "rematch", model, why=said.why, **told)
    return answer(told)


@router.post("/models/{model}/matches/undo", summary="Take a correction back")
async def undo(
    model: str, said: MatchUndo, services: ServicesIn, who: CallerIn, _g: Generation
) -> Response:
    """Take the last correction of the thing with this GUID back."""
    told = await undo_rematch(
        services.stores,
        model,
        said.guid,
        who=who.name,
        why=said.why,
        holder=worker_name(),
        wait_s=services.settings.lease_wait_s,
    )
    await _after(services)
    await record(services, who, "rematch_undo", model, why=said.why, **told)
    return answer(told)


async def _after(services: Services) -> None:
    await services.city.reproject()
    services.signal.notify()
