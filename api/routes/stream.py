"""The stream of what changes: server-sent events and WebSocket, the same frames."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, WebSocket
from fastapi.responses import Response

from api.errors import language, problem
from api.pushing import EventStream, Opening, check_room, serve
from api.requests import BoxText, Generation, Lang, ServicesIn, box, door
from api.services import Door, Services
from identity.errors import CityError, Invalid
from twin.frames import parse_id

router = APIRouter(tags=["state"])

FILTER_VALUES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client wants to be told."""

    codes: str
    kinds: str
    properties: str
    area: str
    bbox: str | None
    behind: str

    def open(self, services: Services, behind: str) -> Opening:
        """Return the reader, to be entered; Invalid for a filter or a position that is none."""
        parse_id(behind)
        return services.city.follow(
            behind,
            codes=_words(self.codes),
            kinds=_words(self.kinds),
            properties=_words(self.properties),
            area=self.area,
            box=box(self.bbox),
        )


def asked(
    *,
    codes: Annotated[str, Query(max_length=32_000, description="comma separated")] = "",
    kinds: Annotated[str, Query(max_length=1_000)] = "",
    properties: Annotated[str, Query(max_length=8_000)] = "",
    area: Annotated[
        str, Query(max_length=64, description="a code with all it contains, or a region's digits")
    ] = "",
    bbox: BoxText = None,
    last_event_id: Annotated[str | None, Header()] = None,
    resume: Annotated[str | None, Query(alias="last_event_id", max_length=64)] = None,
) -> Asked:
    """Return what is asked for; the header wins over the query."""
    return Asked(codes, kinds, properties, area, bbox, last_event_id or resume or "")


AskedIn = Annotated[Asked, Depends(asked)]


@router.get("/stream", summary="Follow what changes (server-sent events)")
async def stream(
    request: Request, services: ServicesIn, g: Generation, language: Lang, wanted: AskedIn
) -> Response:
    """Send `state` and `model` events; `Last-Event-ID` resumes where a reader left."""
    at = door(request)
    check_room(at)
    behind = wanted.behind or f"{await services.states.sequence()}.{g}"
    return EventStream(wanted.open(services, behind), at, behind, language)


@router.websocket("/stream")
async def socket(websocket: WebSocket, wanted: AskedIn) -> None:
    """Send the same as JSON messages `{"id", "event", "data"}`."""
    at = websocket.app.state.door
    assert isinstance(at, Door)
    lang = language(websocket.headers.get("accept-language", ""))
    try:
        check_room(at)
        services = at.services
        g = (await services.graph.head()).generation
        behind = wanted.behind or f"{await services.states.sequence()}.{g}"
        opening = wanted.open(services, behind)
    except CityError as refused:
        await websocket.send_denial_response(problem(refused, lang))
        return
    await serve(websocket, opening, at, behind, lang)


def _words(text: str) -> list[str]:
    words = [word for word in text.split(",") if word]
    if len(words) > FILTER_VALUES_MAX:
        raise Invalid("filter_too_long", count=len(words), limit=FILTER_VALUES_MAX)
    return words
