"""A finished resumable upload becomes the file of ``POST /models``.

JSON {"upload": id, …} → its owner's, whole, claimed → a second name of the file → Upload
The first name stays until the job is queued, so that a kill in between loses nothing; the answer
is kept until the upload would have expired, for a client that did not hear it.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import msgspec
from fastapi import Request

from api.resumable import Resumable, Resumables, resumables
from api.services import Services
from api.tokens import Caller
from api.uploads import Upload
from identity.errors import Conflict, Invalid, NotFound, TooLarge, Unavailable

MEDIA = "application/json"


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What the body of the request says."""

    upload: str
    project: str | None = None
    document: str | None = None
    placement: dict[str, Any] | None = None
    delivered_at: str | None = None

    @property
    def fields(self) -> dict[str, str]:
        """What the multipart form would say."""
        placement = None if self.placement is None else json.dumps(self.placement)
        said = {"project": self.project, "document": self.document, "placement": placement}
        said["delivered_at"] = self.delivered_at
        return {name: text for name, text in said.items() if text is not None}


@dataclass(frozen=True, slots=True)
class Told:
    """An upload that was handed on before: the answer of then."""

    status: int
    body: dict[str, Any]


async def handed(request: Request, services: Services, who: Caller) -> Upload | Told:
    """Return the finished upload that the request names.

    Raises Invalid("request_invalid"), NotFound("upload_unknown", "upload_expired"),
    Conflict("upload_unfinished", "upload_busy"), TooLarge("upload_field_too_large").
    """
    order = await _order(request, services.settings.upload_field_bytes_max)
    return await asyncio.to_thread(_taken, services, who, order)


async def hand_on(services: Services, taken: Upload, status: int, body: dict[str, Any]) -> None:
    """Let go of an upload whose job is queued; nothing to do for one that came in one request."""
    if taken.origin is not None:
        answer = {"status": status, "body": body}
        await asyncio.to_thread(resumables(services).tell, taken.origin, answer)


async def _order(request: Request, limit: int) -> Order:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge("upload_field_too_large", field="body", limit=limit)
    try:
        return msgspec.json.decode(body, type=Order)
    except msgspec.DecodeError as error:
        raise Invalid("request_invalid", field="body", reason=str(error)) from error


def _taken(services: Services, who: Caller, order: Order) -> Upload | Told:
    kept = resumables(services)
    try:
        found = kept.find(order.upload, who.name, services.clock())
    except NotFound:
        answer = kept.told(order.upload, who.name)
        if answer is None:
            raise
        return Told(**answer)
    try:
        return _claimed(services, kept, found, order.fields)
    except OSError as error:
        raise Unavailable("upload_not_appended", reason=error.strerror or str(error)) from error


def _claimed(
    services: Services, kept: Resumables, found: Resumable, fields: dict[str, str]
) -> Upload:
    writing = kept.open(found)
    try:
        _check_whole(writing.offset, found.length)
        path = kept.link(found, services.settings.data_dir / "uploads")
    except BaseException:
        writing.close()
        raise
    return Upload(path, writing.let_go(), found.filename, "", found.length, fields, found)


def _check_whole(offset: int, length: int) -> None:
    if offset < length:
        raise Conflict("upload_unfinished", offset=offset, length=length)
