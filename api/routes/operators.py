"""For operators: signs of life, readiness, the audit trail."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.requests import Cursor, Generation, Limit, ServicesIn, answer, door, page
from api.wire import audit
from identity.errors import Invalid

router = APIRouter(tags=["operators"])


@router.get("/healthz", summary="The process lives")
async def healthz() -> Response:
    """Answer as long as the process does."""
    return answer({"alive": True})


@router.get("/readyz", summary="The stores answer")
async def readyz(request: Request) -> Response:
    """Answer 200 when every part needed answers; under the demo, when the demo does."""
    return answer(await door(request).ready())


@router.get("/audit", summary="Who changed what, and who was refused")
async def trail(
    services: ServicesIn, _g: Generation, limit: Limit = 100, after: Cursor = ""
) -> Response:
    """Return audit rows, oldest first; `next` goes into `after`."""
    if after and not after.isdigit():
        raise Invalid("cursor_unreadable", cursor=after[:80])
    rows = await services.audit.rows(limit=limit, after=int(after or 0))
    following = str(rows[-1].id) if len(rows) == limit else None
    return page([audit(row) for row in rows], following)
