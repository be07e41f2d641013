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
from twin.frames import Wanted
from twin.replay import Span
from twin.times import rfc3339, unix

router = APIRouter(tags=["state"])

FILTER_VALUES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client wants to be told; ``start``: history from then on, told again."""

    codes: str
    kinds: str
    properties: str
    area: str
    bbox: str | None
    behind: str
    start: str | None
    stop: str | None
    speed: float

    async def open(self, services: Services) -> tuple[Opening, str]:
        """Return the reader, to be entered, and where it begins; Invalid for what is none."""
        codes, kinds, properties = map(_words, (self.codes, self.kinds, self.properties))
        wanted = Wanted(codes, kinds, properties, box(self.bbox))
        if self.start is not None:
            return self._replay(services, wanted, self.behind or self.start)
        behind = self.behind or str(await services.city.now())
        return services.city.follow(behind, wanted, area=self.area), behind

    def _replay(self, services: Services, wanted: Wanted, start: str) -> tuple[Opening, str]:
        now = services.clock()
        begin, end = unix(start), now if self.stop is None else unix(self.stop)
        for at in (begin, end):
            if at > now + services.settings.future_s_max:
                raise Invalid("moment_in_future", time=rfc3339(at), now=rfc3339(now))
        span = Span(begin, end, self.speed)
        return services.city.replay(span, wanted, area=self.area), rfc3339(begin)


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
    start: Annotated[
        str | None, Query(alias="from", max_length=64, description="RFC 3339: replay from then")
    ] = None,
    stop: Annotated[str | None, Query(alias="to", max_length=64, description="RFC 3339")] = None,
    speed: Annotated[float, Query(description="of a replay; 60: an hour a minute")] = 1.0,
) -> Asked:
    """Return what is asked for; the header wins over the query."""
    behind = last_event_id or resume or ""
    return Asked(codes, kinds, properties, area, bbox, behind, start, stop, speed)


AskedIn = Annotated[Asked, Depends(asked)]


@router.get("/stream", summary="Follow what changes, or replay it (server-sent events)")
async def stream(
    request: Request, services: ServicesIn, _g: Generation, language: Lang, wanted: AskedIn
) -> Response:
    """Send `state` and `model` events; `Last-Event-ID` resumes where a reader left."""
    at = door(request)
    check_room(at)
    opening, behind = await wanted.open(services)
    return EventStream(opening, at, behind, language)


@router.websocket("/stream")
async def socket(websocket: WebSocket, wanted: AskedIn) -> None:
    """Send the same as JSON messages `{"id", "event", "data"}`."""
    at = websocket.app.state.door
    assert isinstance(at, Door)
    lang = language(websocket.headers.get("accept-language", ""))
    try:
        check_room(at)
        opening, behind = await wanted.open(at.services)
    except CityError as refused:
        await websocket.send_denial_response(problem(refused, lang))
        return
    await serve(websocket, opening, at, behind, lang)


def _words(text: str) -> frozenset[str]:
    words = frozenset(word for word in text.split(",") if word)
    if len(words) > FILTER_VALUES_MAX:
        raise Invalid("filter_too_long", count=len(words), limit=FILTER_VALUES_MAX)
    return words
