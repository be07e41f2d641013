"""State of many things at once, and readings over HTTP."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from api.requests import CallerIn, Generation, Lang, ServicesIn, answer, box, page
from api.schemas import Observations, StateQuery
from api.wire import state_row
from identity.errors import render
from twin.ports import Where

router = APIRouter(tags=["state"])


@router.post("/state/query", summary="State of many things")
async def query(wanted: StateQuery, services: ServicesIn, _g: Generation) -> Response:
    """Return a page of state rows by code, property and source."""
    area = box(",".join(str(number) for number in wanted.bbox)) if wanted.bbox else None
    where = Where(
        tuple(wanted.codes), tuple(wanted.kinds), tuple(wanted.properties), wanted.building, area
    )
    rows, following = await services.states.query(where, limit=wanted.limit, after=wanted.cursor)
    now = services.clock()
    return page([state_row(row, now) for row in rows], following or None)


@router.post("/observations", summary="Write readings")
async def observe(
    items: Observations, services: ServicesIn, who: CallerIn, language: Lang, _g: Generation
) -> Response:
    """Apply readings; committed when answered. Counts, and each rejection with its reason.

    Items: `{"code" or "sensor", "property", "value", "unit"?, "observed_at"?, "quality"?}`.
    """
    told = await services.intake.observe(items, who.name)
    return answer({**told, "rejected": [_said(row, language) for row in told["rejected"]]})


def _said(row: dict[str, Any], language: str) -> dict[str, Any]:
    """Return a rejection in the caller's language."""
    message, hint = render(row["code"], row["facts"], language)
    return {**row, "message": message, "hint": hint}
