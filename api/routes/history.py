"""History of many things: in buckets, and as files that grow while they are sent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse

from api.requests import BoxText, Cursor, Generation, Limit, ServicesIn, answer, box
from identity.errors import Invalid
from twin import exports
from twin.buckets import GAP_S, Buckets, Row
from twin.ports import Where
from twin.times import rfc3339, unix

router = APIRouter(tags=["history"])

Names = Annotated[list[str] | None, Query()]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which series: all conditions hold, for what is true now; and the span."""

    where: Where
    start: float
    stop: float


def chosen(
    *,
    start: Annotated[str, Query(alias="from", description="RFC 3339 with a zone")],
    stop: Annotated[str, Query(alias="to", description="RFC 3339 with a zone")],
    code: Names = None,
    kind: Names = None,
    property: Names = None,  # noqa: A002 - the wire's word
    building: Annotated[str | None, Query(max_length=64)] = None,
    region: Annotated[str | None, Query(max_length=6)] = None,
    bbox: BoxText = None,
) -> Chosen:
    """Read what every question here names; Invalid for times and boxes that are none."""
    names = (tuple(code or ()), tuple(kind or ()), tuple(property or ()))
    since, until = unix(start), unix(stop)
    if since > until:
        raise Invalid("span_invalid", start=since, stop=until)
    return Chosen(Where(*names, building, box(bbox), region), since, until)


ChosenIn = Annotated[Chosen, Depends(chosen)]


@router.get("/history/series", summary="History in buckets, by thing, area or property")
async def series(
    *,
    wanted: ChosenIn,
    services: ServicesIn,
    _g: Generation,
    every: Annotated[float, Query(gt=0, description="width of a bucket, seconds")],
    agg: str = "mean",
    fill: str = "none",
    gap: Annotated[float, Query(ge=0, description="a longer stretch is not bridged, s")] = GAP_S,
    by: Annotated[str, Query(description="source, thing or property")] = "thing",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Response:
    """Return rows of buckets [begin, value, count, left out, filled]; empty ones have null.

    `coarse_s`: 0, or the width of older rows that answered and do not fit the buckets.
    """
    ask = Buckets(wanted.start, wanted.stop, every, agg, fill, gap, by)
    rows, following = await services.states.series(wanted.where, ask, limit=limit, after=cursor)
    declared = {"every_s": every, "agg": agg, "fill": fill, "gap_s": gap, "by": by}
    return answer({**declared, "items": [_row(row) for row in rows], "next": following or None})


@router.get("/history/export", summary="History as CSV, Arrow or Parquet, streamed")
async def export(
    *,
    wanted: ChosenIn,
    services: ServicesIn,
    _g: Generation,
    form: Annotated[str, Query(alias="format", description="csv, arrow or parquet")] = "csv",
) -> Response:
    """Return every reading of the span, day by day (UTC), by property, code, source and time."""
    rows = services.states.export(wanted.where, start=wanted.start, stop=wanted.stop)
    pieces = exports.encoded(rows, form)
    first = await anext(pieces)  # what is refused is refused before the answer begins
    name = {"Content-Disposition": f'attachment; filename="history.{form}"'}
    return StreamingResponse(_from(first, pieces), headers=name, media_type=exports.MEDIA[form])


async def _from(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _row(row: Row) -> dict[str, Any]:
    buckets = [[rfc3339(b.at), b.value, b.count, b.left_out, b.filled] for b in row.buckets]
    key = {"code": row.code, "property": row.property, "source": row.source}
    return {**key, "units": row.units, "coarse_s": row.coarse_s, "buckets": buckets}
