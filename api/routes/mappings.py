"""Mappings: how the messages of a topic are read, tried on a sample before they are kept."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.requests import CallerIn, Generation, Lang, ServicesIn, answer, record
from api.schemas import MappingText, Trial
from identity.errors import NotFound
from sensors import trial
from sensors.ports import Message
from sensors.routes import KIND, default_routes, route_of

router = APIRouter(tags=["devices"])


@router.get("/devices/mappings", summary="How messages are read, by topic filter")
async def mappings(services: ServicesIn, _g: Generation) -> Response:
    """Return the mappings people wrote, and the routes that come with the product."""
    written = await services.states.rules(KIND)
    items = [{"filter": name, "mapping": body} for name, body in written.items()]
    known = [{"filter": route.filter, "codec": route.codec} for route in default_routes()]
    return answer({"items": items, "next": None, "built_in": known})


@router.put("/devices/mappings", summary="Keep a mapping")
async def put(wanted: MappingText, services: ServicesIn, who: CallerIn, _g: Generation) -> Response:
    """Keep it, then read what was quarantined of its topics with it."""
    route_of(wanted.filter, wanted.mapping)
    await services.states.put_rule(KIND, wanted.filter, wanted.mapping)
    adopted = await services.intake.adopt_topic(wanted.filter)
    await record(services, who, "put_mapping", wanted.filter, mapping=wanted.mapping)
    return answer({**wanted.model_dump(), "adopted": adopted})


@router.delete("/devices/mappings", summary="Remove a mapping")
async def remove(
    services: ServicesIn,
    who: CallerIn,
    _g: Generation,
    filter_: Annotated[str, Query(alias="filter", max_length=400)],
) -> Response:
    """Remove it: messages of its topics go to quarantine again."""
    before = (await services.states.rules(KIND)).get(filter_)
    if before is None:
        raise NotFound("mapping_unknown", filter=filter_)
    await services.states.put_rule(KIND, filter_, None)
    await record(services, who, "remove_mapping", filter_, mapping=before)
    return Response(status_code=204)


@router.post("/devices/mappings/try", summary="Try a mapping on a message")
async def attempt(
    wanted: Trial, services: ServicesIn, _who: CallerIn, language: Lang, _g: Generation
) -> Response:
    """Return the readings that the message would become; nothing is kept."""
    message = Message(wanted.topic, wanted.payload.encode(), services.clock(), "try")
    routes = trial.routes_for(await services.states.rules(KIND), wanted.topic, wanted.mapping)
    told = await trial.attempt(services.graph, services.codes, routes, message)
    return answer([_said(row, language) for row in told])


def _said(row: dict[str, Any], language: str) -> dict[str, Any]:
    """Return a reading with the reason of its refusal in the caller's language."""
    refused = row["refused"]
    if refused is None:
        return row
    message, hint = refused.text(language)
    told = {"code": refused.code, "message": message, "hint": hint, "facts": refused.facts}
    return {**row, "refused": told}
