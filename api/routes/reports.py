"""What was found in a model: to read, for the firm's own tool (BCF), to print (HTML)."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from api import holding
from api.requests import Generation, Lang, ServicesIn, page
from api.routes.models import document_of, to_be, version_of
from api.services import Services
from bim import bcf, ingest, report
from bim.findings import compared, wire, wires
from bim.rows import Finding, Severity
from cim.batches import pieces
from cim.delivery_before import document_before
from cim.model import Entity
from cim.placement import Box3
from cim.ports import LOOKUP_LIMIT

router = APIRouter(tags=["models"])

TITLE_CHARS_MAX = 120

Version = Annotated[int | None, Query(ge=1)]
Held = Annotated[bool, Query(description="of what is held and not yet accepted")]
Against = Annotated[int | None, Query(ge=1, description="an earlier version to compare with")]


@router.get("/models/{model}/findings", summary="What was found in a model")
async def findings(
    model: str,
    services: ServicesIn,
    g: Generation,
    *,
    version: Version = None,
    held: Held = False,
    against: Against = None,
    severity: Annotated[Severity | None, Query()] = None,
    code: Annotated[str, Query(max_length=64, description="of a rule")] = "",
) -> Response:
    """Return the findings of the current (or the given) version, texts in zh and en.

    With ``against`` each says whether it is ``new``, ``still`` there or ``fixed`` since then.
    """
    _, found, _ = await _found(services, g, model, version, held=held)
    if against is not None:
        _, before, _ = await _found(services, g, model, against)
        found = compared(found, before)
    wanted = [row for row in found if severity in {None, row["severity"]}]
    return page([row for row in wanted if code in {"", row["code"]}], None)


@router.get("/models/{model}/findings.bcf", summary="What was found in a model, as BCF")
async def findings_bcf(
    model: str,
    services: ServicesIn,
    g: Generation,
    language: Lang,
    *,
    version: Version = None,
    held: Held = False,
    bcf_version: Annotated[str, Query(alias="bcf", description="3.0 or 2.1")] = bcf.VERSIONS[0],
) -> Response:
    """Return one topic for each finding, with viewpoint and snapshot where an element has a box."""
    entity, found, boxes = await _found(services, g, model, version, held=held)
    if boxes is None:
        boxes = await _boxes(services, g, model)
    said = entity.properties
    projects = await services.graph.entities(g, [str(said.get("project") or model)])
    delivery = bcf.Delivery(
        model,
        projects[0].name if projects else entity.name,
        str(said.get("filename") or entity.name),
        float(said.get("valid_from") or 0.0),
        list(boxes.values()),
    )
    topics = [_topic(row, boxes, language) for row in _fitting(found)]
    body = await asyncio.to_thread(partial(bcf.archive, topics, delivery, bcf_version))
    named = {"Content-Disposition": f'attachment; filename="{model}.bcf"'}
    return Response(body, media_type="application/zip", headers=named)


@router.get("/models/{model}/report", summary="What was found in a model, as a page to print")
async def findings_page(
    model: str,
    services: ServicesIn,
    g: Generation,
    language: Lang,
    *,
    version: Version = None,
    held: Held = False,
) -> Response:
    """Return an HTML document in the language asked for."""
    entity, found, _ = await _found(services, g, model, version, held=held)
    return HTMLResponse(report.document(found, entity.name or model, language))


async def _found(
    services: Services, g: int, model: str, version: int | None, *, held: bool = False
) -> tuple[Entity, list[dict[str, Any]], Mapping[str, Box3] | None]:
    """Return a version, its findings for the wire, and, of what is held, where its elements lie."""
    boxes = None
    if held:
        job = await holding.held_of(services, model)
        entity, kept = to_be(job), await holding.shown(services, job)
        found, boxes = kept.findings, kept.boxes
    else:
        document = await document_of(services, g, model)
        entity = document if version is None else await version_of(services, g, model, version)
        found = await ingest.findings_of(services.stores, entity.properties)
    elements = await _elements(services, g, found, entity.properties.get("project"))
    return entity, wires(found, elements), boxes


def _fitting(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return as many findings as a BCF file holds; where some are left out, the last says so."""
    left = len(found) - bcf.TOPICS_MAX + 1
    if left <= 1:
        return found
    said = Finding("bcf_topics_left", Severity.INFO, {"count": left, "limit": bcf.TOPICS_MAX})
    return [*found[: bcf.TOPICS_MAX - 1], wire(said)]


async def _boxes(services: Services, g: int, model: str) -> Mapping[str, Box3]:
    """Return where the elements lie, by GUID, in the local frame."""
    things = (await document_before(services.graph, g, model)).held
    return {key: thing.box_m for key, thing in things.items() if thing.box_m is not None}


def _topic(row: dict[str, Any], boxes: Mapping[str, Box3], language: str) -> bcf.Topic:
    text = row["text"][language]
    title = text if len(text) <= TITLE_CHARS_MAX else f"{text[: TITLE_CHARS_MAX - 1]}…"
    described = f"{text}\n{row['hint'][language]}"
    guid = row["guid"]
    box = boxes.get(guid or "")
    return bcf.Topic(
        *(row["id"], row["severity"], title, described, row["code"]), guid, row["element"], box
    )


async def _elements(
    services: Services, g: int, findings: list[Finding], scope: str | None
) -> dict[str, str]:
    """Return GUID → code for the elements that findings name, within their project."""
    guids = sorted({finding.guid for finding in findings if finding.guid})
    found: dict[str, str] = {}
    for piece in pieces(guids, LOOKUP_LIMIT):
        aliases = await services.codes.resolve(g, piece, scheme="ifc_guid", scope=scope)
        found |= {guid: held[0].code for guid, held in aliases.items()}
    return found
