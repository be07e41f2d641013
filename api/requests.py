"""What every route asks first: the services, the one generation of this request, who calls."""

import base64
import json
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Query, Request
from fastapi.responses import Response

from api.errors import language
from api.services import Door, Services
from api.tokens import Caller
from cim.model import Box
from identity.errors import Invalid
from twin.ports import AuditRow

BOX_NUMBERS = 4
_ENCODER = msgspec.json.Encoder(enc_hook=str)
CURSOR_CHARS_MAX = 2_000
PAST = {"asOf", "knownAt"}  # asked of a route that tells only what is now: refused, not ignored


def door(request: Request) -> Door:
    """Return the door of the application."""
    found = request.app.state.door
    assert isinstance(found, Door)
    return found


def services(request: Request) -> Services:
    """Return the open services; Unavailable while there are none."""
    return door(request).services


async def at_head(request: Request, open_services: Annotated[Services, Depends(services)]) -> int:
    """Read head once: every answer of this request is read at it and says so."""
    if request.query_params.keys() & PAST:
        raise Invalid("as_of_not_here", path=request.url.path[:200])
    generation = (await open_services.graph.head()).generation
    request.state.generation = generation
    return generation


def caller(request: Request) -> Caller:
    """Return who calls, as the gate found out."""
    found = request.state.caller
    assert isinstance(found, Caller)
    return found


def lang(request: Request) -> str:
    """Return "zh" or "en"."""
    return language(request.headers.get("accept-language", ""))


ServicesIn = Annotated[Services, Depends(services)]
Generation = Annotated[int, Depends(at_head)]
CallerIn = Annotated[Caller, Depends(caller)]
Lang = Annotated[str, Depends(lang)]
Limit = Annotated[int, Query(ge=1, le=1000, description="items of a page")]
Cursor = Annotated[str, Query(max_length=CURSOR_CHARS_MAX, description="`next` of the last page")]
BoxText = Annotated[
    str | None, Query(description="west,south,east,north in degrees", examples=["114,30,115,31"])
]


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return JSON; written at once, without a second walk over the values."""
    return Response(_ENCODER.encode(content), status, headers, "application/json")


def page(items: list[Any], following: str | None) -> Response:
    """Return one page of a list."""
    return answer({"items": items, "next": following})


def cursor(g: int, after: str | None) -> str | None:
    """Return the opaque cursor of the next page: it carries the generation."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(json.dumps([g, after]).encode()).decode().rstrip("=")


def uncursor(text: str, request: Request, head: int) -> tuple[int, str]:
    """Return (generation, after) of a cursor; without one (head, "")."""
    if not text:
        return head, ""
    g, after = cursor_parts(text, head)
    request.state.generation = g
    return g, after


def cursor_parts(text: str, head: int) -> tuple[int, str]:
    """Return (generation, after) of a cursor; Invalid("cursor_unreadable")."""
    try:
        g, after = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError, RecursionError) as error:  # whatever somebody sends
        raise Invalid("cursor_unreadable", cursor=text[:80]) from error
    if not (isinstance(g, int) and isinstance(after, str) and 0 <= g <= head):
        raise Invalid("cursor_unreadable", cursor=text[:80])
    return g, after


def box(text: str | None) -> Box | None:
    """Return the box of ``west,south,east,north``; Invalid("bbox_invalid")."""
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != BOX_NUMBERS or not _orderly(numbers):
        raise Invalid("bbox_invalid", bbox=text[:80])
    west, south, east, north = numbers
    return west, south, east, north


def _orderly(numbers: list[float]) -> bool:
    west, south, east, north = numbers
    return -180 <= west <= east <= 180 and -90 <= south <= north <= 90  # noqa: PLR2004 - degrees


async def record(
    open_services: Services, who: Caller, action: str, target: str, **facts: Any
) -> None:
    """Append an audit row for a change that was made."""
    at = open_services.clock()
    row = AuditRow(at, who.name, who.role.name.lower(), action, target, "done", facts)
    await open_services.audit.record(row)
