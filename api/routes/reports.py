"""What was found in a model, for other tools: BCF for the firm's own, HTML to print."""

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from api.requests import Generation, Lang, ServicesIn
from api.routes.models import document_of, elements_of, finding, version_of
from api.services import Services
from bim import bcf, ingest, report
from cim.delivery_before import document_before
from cim.model import Entity

router = APIRouter(tags=["models"])

TITLE_CHARS_MAX = 120

Version = Annotated[int | None, Query(ge=1)]


@router.get("/models/{model}/findings.bcf", summary="What was found in a model, as BCF")
async def findings_bcf(
    model: str,
    services: ServicesIn,
    g: Generation,
    language: Lang,
    *,
    version: Version = None,
    bcf_version: Annotated[str, Query(alias="bcf", description="3.0 or 2.1")] = bcf.VERSIONS[0],
) -> Response:
    """Return one topic for each finding, with viewpoint and snapshot where an element has a box."""
    entity, found = await _found(services, g, model, version)
    held = (await document_before(services.graph, g, model)).held
    boxes = {key: holding.box_m for key, holding in held.items() if holding.box_m is not None}
    said = entity.properties
    projects = await services.graph.entities(g, [str(said.get("project") or model)])
    delivery = bcf.Delivery(
        model,
        projects[0].name if projects else entity.name,
        str(said.get("filename") or entity.name),
        float(said.get("valid_from") or 0.0),
        list(boxes.values()),
    )
    topics = [_topic(row, boxes, language) for row in found]
    body = await asyncio.to_thread(partial(bcf.archive, topics, delivery, bcf_version))
    named = {"Content-Disposition": f'attachment; filename="{model}.bcf"'}
    return Response(body, media_type="application/zip", headers=named)


@router.get("/models/{model}/report", summary="What was found in a model, as a page to print")
async def findings_page(
    model: str, services: ServicesIn, g: Generation, language: Lang, version: Version = None
) -> Response:
    """Return an HTML document in the language asked for."""
    entity, found = await _found(services, g, model, version)
    return HTMLResponse(report.page(found, entity.name or model, language))


async def _found(
    services: Services, g: int, model: str, version: int | None
) -> tuple[Entity, list[dict[str, Any]]]:
    document = await document_of(services, g, model)
    entity = document if version is None else await version_of(services, g, model, version)
    rows = await ingest.findings_of(services.stores, entity.properties)
    elements = await elements_of(services, g, rows, entity.properties.get("project"))
    return entity, [finding(row, elements) for row in rows]


def _topic(row: dict[str, Any], boxes: dict[str, bcf.BoxM], language: str) -> bcf.Topic:
    text = row["text"][language]
    title = text if len(text) <= TITLE_CHARS_MAX else f"{text[: TITLE_CHARS_MAX - 1]}…"
    described = f"{text}\n{row['hint'][language]}"
    guid = row["guid"]
    box = boxes.get(guid or "")
    return bcf.Topic(
        *(row["id"], row["severity"], title, described, row["code"]), guid, row["element"], box
    )
