"""The history of a document: each delivered version, and what became of its findings."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.requests import Cursor, Generation, ServicesIn, cursor, page, uncursor
from api.routes.models import document_of, version_of
from api.services import Services
from bim import ingest
from bim.findings import finding_id
from bim.rows import Severity
from cim.model import Entity
from cim.moment import begun_at
from identity.errors import Invalid
from twin.times import rfc3339

router = APIRouter(tags=["models"])

DELIVERIES_MAX = 50  # of a page: the findings of each are read
COUNTS = ("objects", "added", "changed", "removed", "rematched", "devices")


@router.get("/models/{model}/deliveries", summary="What was delivered of a model, newest first")
async def deliveries(
    *,
    model: str,
    request: Request,
    services: ServicesIn,
    head: Generation,
    limit: Annotated[int, Query(ge=1, le=DELIVERIES_MAX)] = 20,
    cursor_text: Annotated[Cursor, Query(alias="cursor")] = "",
) -> Response:
    """Return a page of versions: file, hash, when, findings by severity, and new, still, fixed."""
    g, after = uncursor(cursor_text, request, head)
    newest = _number(after) or int((await document_of(services, g, model)).properties["version"])
    numbers = range(newest, max(newest - limit - 1, 0), -1)  # one more, to compare with
    versions = [await version_of(services, g, model, number) for number in numbers]
    by_id = [await _severities(services, version) for version in versions]
    items = [
        {**await _told(services, g, version, now), "changes": _changes(now, then)}
        for version, now, then in zip(versions[:limit], by_id, [*by_id[1:], None], strict=False)
    ]
    return page(items, cursor(g, str(newest - limit) if newest > limit else None))


def _number(after: str) -> int | None:
    if after and not after.isdecimal():
        raise Invalid("cursor_unreadable", cursor=after[:80])
    return int(after) if after else None


async def _severities(services: Services, version: Entity) -> dict[str, Severity]:
    """Return the severity of each finding of a version, by its id."""
    found = await ingest.findings_of(services.stores, version.properties)
    return {finding_id(finding): finding.severity for finding in found}


def _changes(now: dict[str, Severity], then: dict[str, Severity] | None) -> dict[str, int] | None:
    """Return how many findings came, stayed and went; None: there was no version before."""
    if then is None:
        return None
    still = len(now.keys() & then.keys())
    return {"new": len(now) - still, "still": still, "fixed": len(then) - still}


async def _told(
    services: Services, g: int, version: Entity, by_id: dict[str, Severity]
) -> dict[str, Any]:
    said = version.properties
    valid_from = said.get("valid_from")
    return {
        "version": said["version"],
        "code": version.code,
        "filename": said.get("filename"),
        "sha256": said["sha256"],
        "schema": said.get("schema"),
        "delivered_at": rfc3339(await begun_at(services.graph, g, version.code)),
        "valid_from": None if valid_from is None else rfc3339(float(valid_from)),
        "counts": {name: n for name, n in said["result"].items() if name in COUNTS},
        "findings": {
            severity.value: sum(held is severity for held in by_id.values())
            for severity in Severity
        },
    }
