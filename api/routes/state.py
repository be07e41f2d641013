"""State of many things at once, and readings over HTTP."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from api.moments import ThenIn
from api.requests import CallerIn, Generation, Lang, ServicesIn, answer, box
from api.schemas import Observations, StateQuery
from api.wire import state_row
from identity.errors import render
from twin.ports import Where
from twin.reading import Quality

router = APIRouter(tags=["state"])


@router.post("/state/query", summary="State of many things")
async def query(wanted: StateQuery, then: ThenIn) -> Response:
    """Return a page of state rows by code, property and source; places are those of now."""
    where = Where(
        codes=tuple(wanted.codes),
        kinds=tuple(wanted.kinds),
        properties=tuple(wanted.properties),
        building=wanted.building,
        box=box(",".join(str(number) for number in wanted.bbox)) if wanted.bbox else None,
        region=wanted.region,
        value=wanted.value.comparison() if wanted.value else None,
        qualities=tuple(map(Quality, wanted.qualities)),
    )
    rows, following = await then.states.query(where, limit=wanted.limit, after=wanted.cursor)
    items = [state_row(row, then.now) for row in rows]
    return then.answer({"items": items, "next": following or None})


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
