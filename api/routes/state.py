"""State of many things at once, readings over HTTP, and the stream of what changes."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse

from api.requests import BoxText, CallerIn, Generation, Lang, ServicesIn, answer, box, door, page
from api.schemas import Observations, StateQuery
from api.services import Door, until
from api.wire import state_row
from identity.errors import Invalid, TooLarge, render
from twin.frames import Frame, parse_id
from twin.ports import Where

router = APIRouter(tags=["state"])

STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
FILTER_VALUES_MAX = 1_000


@router.post("/state/query", summary="State of many things")
async def query(wanted: StateQuery, services: ServicesIn, _g: Generation) -> Response:
    """Return a page of state rows by code, property and source."""
    area = box(",".join(str(number) for number in wanted.bbox)) if wanted.bbox else None
    where = Where(
        tuple(wanted.codes), tuple(wanted.kinds), tuple(wanted.properties), wanted.building, area
    )
    rows, following = await services.states.query(where, limit=wanted.limit, after=wanted.cursor)
    return page([state_row(row) for row in rows], following or None)


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


@router.get("/stream", summary="Follow what changes (server-sent events)")
async def stream(
    *,
    request: Request,
    services: ServicesIn,
    g: Generation,
    codes: Annotated[str, Query(max_length=32_000, description="comma separated")] = "",
    kinds: Annotated[str, Query(max_length=1_000)] = "",
    properties: Annotated[str, Query(max_length=8_000)] = "",
    bbox: BoxText = None,
    last_event_id: Annotated[str | None, Header()] = None,
    resume: Annotated[str | None, Query(alias="last_event_id", max_length=64)] = None,
) -> Response:
    """Send `state` and `model` events; `Last-Event-ID` resumes where a reader left."""
    at = door(request)
    if at.streams >= at.settings.streams_max:
        raise TooLarge("streams_limit", rate=True, limit=at.settings.streams_max)
    behind = last_event_id or resume or f"{await services.states.sequence()}.{g}"
    parse_id(behind)  # a wrong one is a problem document, not a broken stream
    frames = services.city.frames(
        behind,
        codes=_words(codes),
        kinds=_words(kinds),
        box=box(bbox),
        properties=_words(properties),
    )
    lines = _lines(frames, at, behind)
    return StreamingResponse(lines, media_type="text/event-stream", headers=STREAM_HEADERS)


def sse(event: str, data: Any, frame_id: str = "") -> bytes:
    """Return one server-sent event (HTML Living Standard 9.2)."""
    body = msgspec.json.encode(data, enc_hook=str).decode()
    head = f"id: {frame_id}\n" if frame_id else ""
    return f"{head}event: {event}\ndata: {body}\n\n".encode()


async def _lines(frames: AsyncIterator[Frame], at: Door, behind: str) -> AsyncIterator[bytes]:
    """Send frames until the reader leaves or the server stops; a first line opens the stream."""
    at.streams += 1
    try:
        yield f"retry: 2000\nid: {behind}\n: hello\n\n".encode()
        async for frame in until(frames, at.stopping):
            yield sse(frame["event"], frame["data"], frame["id"])
    finally:
        at.streams -= 1


def _words(text: str) -> list[str]:
    words = [word for word in text.split(",") if word]
    if len(words) > FILTER_VALUES_MAX:
        raise Invalid("filter_too_long", count=len(words), limit=FILTER_VALUES_MAX)
    return words
