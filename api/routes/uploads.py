"""Resumable uploads: the protocol tus 1.0 with creation, expiration, termination and checksum.

POST creates → PATCH appends (204: durable up to Upload-Offset) → POST /models {"upload": id}
HEAD says where to go on · DELETE gives up · OPTIONS says what this server knows
"""

import asyncio
import base64
import binascii
import re
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from email.utils import formatdate
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from api.appending import Checksum, Writing
from api.errors import problem
from api.requests import CallerIn, ServicesIn, answer, door, lang, record
from api.resumable import Resumable, Room, resumables
from api.services import Services, until
from api.tokens import Caller
from api.uploads import WRITE_BYTES, check_filename
from identity.errors import CityError, Conflict, Invalid, TooLarge, Unavailable

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination,checksum"
MEDIA = "application/offset+octet-stream"
ALGORITHMS = {"sha256": 32, "sha1": 20}  # with the bytes of a digest; the protocol demands sha1
T = TypeVar("T")
_NUMBER = re.compile(r"\d{1,18}")


class TusRoute(APIRoute):
    """Refuses other versions of the protocol, and says ours on every answer, also of a refusal."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the protocol's version around it."""
        handle = super().get_route_handler()

        async def spoken(request: Request) -> Response:
            try:
                _check_version(request)
                said = await handle(request)
            except CityError as refused:
                said = problem(refused, lang(request))
                if refused.code == "upload_version":
                    said.headers["Tus-Version"] = VERSION
            said.headers["Tus-Resumable"] = VERSION
            return said

        return spoken


router = APIRouter(tags=["models"], route_class=TusRoute)


@router.options("/uploads", summary="What the resumable upload knows (tus 1.0)", status_code=204)
async def options(services: ServicesIn) -> Response:
    """Return version, extensions, checksums and the largest file."""
    said = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(services.settings.upload_bytes_max),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return Response(status_code=204, headers=said)


@router.post("/uploads", summary="Begin a resumable upload", status_code=201)
async def create(request: Request, services: ServicesIn, who: CallerIn) -> Response:
    """Answer 201 with its Location; Upload-Length and Upload-Metadata (filename) are needed."""
    settings = services.settings
    length = _number(request, "Upload-Length")
    if length > settings.upload_bytes_max:
        raise TooLarge("upload_too_large", limit=settings.upload_bytes_max)
    metadata = request.headers.get("Upload-Metadata", "")
    if len(metadata) > settings.upload_field_bytes_max:
        limit = settings.upload_field_bytes_max
        raise TooLarge("upload_field_too_large", field="Upload-Metadata", limit=limit)
    ends = services.clock() + settings.upload_expires_s
    filename = check_filename(_filename(metadata))
    made = Resumable(secrets.token_hex(16), who.name, length, filename, metadata, ends)
    room = Room(settings.uploads_max, settings.uploads_user_max, settings.uploads_bytes_max)
    await _stored(resumables(services).create, made, room)
    await record(services, who, "upload_begun", made.id, length=length)
    said = {"id": made.id, "offset": 0, "length": length, "filename": filename}
    return answer(said, 201, {"Location": f"/uploads/{made.id}", **_progress(made, 0)})


@router.head("/uploads/{upload}", summary="Where a resumable upload goes on")
async def head(upload: str, services: ServicesIn, who: CallerIn) -> Response:
    """Answer Upload-Offset: so many bytes are durable."""
    found = await _known(services, who, upload)
    offset = await asyncio.to_thread(resumables(services).offset, found)
    said = {"Upload-Length": str(found.length), "Cache-Control": "no-store"}
    metadata = {"Upload-Metadata": found.metadata} if found.metadata else {}
    return Response(headers={**said, **metadata, **_progress(found, offset)})


@router.patch("/uploads/{upload}", summary="Append to a resumable upload", status_code=204)
async def append(upload: str, request: Request, services: ServicesIn, who: CallerIn) -> Response:
    """Answer 204 once the bytes are fsynced; what came of an interrupted request is kept."""
    media = request.headers.get("Content-Type", "").partition(";")[0].strip()
    if media != MEDIA:
        raise Invalid("upload_media", media=media[:80], expected=MEDIA)
    at, checksum = _number(request, "Upload-Offset"), _checksum(request)
    found = await _known(services, who, upload)
    writing = await _stored(resumables(services).open, found, checksum)
    try:
        if writing.offset != at:
            raise Conflict("upload_offset", offset=writing.offset, given=at)
        declared = request.headers.get("Content-Length", "0")
        if declared.isdigit() and at + int(declared) > found.length:
            raise TooLarge("upload_beyond_length", length=found.length)
        await _receive(request, writing, found.length, services.settings.upload_stall_s)
    finally:
        await asyncio.to_thread(writing.close)
    return Response(status_code=204, headers=_progress(found, writing.offset))


@router.delete("/uploads/{upload}", summary="Give a resumable upload up", status_code=204)
async def remove(upload: str, services: ServicesIn, who: CallerIn) -> Response:
    """Remove what came of it."""
    found = await _known(services, who, upload)
    await _stored(resumables(services).remove, found)
    await record(services, who, "upload_given_up", found.id)
    return Response(status_code=204)


async def _known(services: Services, who: Caller, upload: str) -> Resumable:
    """Return the caller's upload; of another it is unknown."""
    find = resumables(services).find
    return await asyncio.to_thread(find, upload, who.name, services.clock())


async def _receive(request: Request, writing: Writing, length: int, stall_s: float) -> None:
    """Write the body in pieces of WRITE_BYTES; what was written counts however it ends."""
    whole = False
    try:
        await _write_all(request, writing, length, stall_s)
        whole = True
    finally:
        await _stored(_finish, writing, whole)


def _finish(writing: Writing, whole: bool) -> None:  # noqa: FBT001 - called in a thread
    writing.finish(whole=whole)


async def _write_all(request: Request, writing: Writing, length: int, stall_s: float) -> None:
    waiting, left = bytearray(), length - writing.offset
    try:
        async for chunk in _chunks(request, stall_s):
            left -= len(chunk)
            if left < 0:
                raise TooLarge("upload_beyond_length", length=length)
            waiting += chunk
            if len(waiting) >= WRITE_BYTES:
                full, waiting = bytes(waiting), bytearray()
                await _stored(writing.write, full)
    finally:
        if waiting:
            await _stored(writing.write, bytes(waiting))


async def _chunks(request: Request, stall_s: float) -> AsyncIterator[bytes]:
    """Yield the body until it ends.

    Raises Invalid("upload_stalled") after ``stall_s`` without a byte, Invalid("upload_incomplete"),
    Unavailable("stopping").
    """
    async with aclosing(until(request.stream(), door(request).stopping)) as stream:
        while True:
            try:
                async with asyncio.timeout(stall_s):
                    chunk = await anext(stream, None)
            except TimeoutError:
                raise Invalid("upload_stalled", seconds=stall_s) from None
            except ClientDisconnect:
                raise Invalid("upload_incomplete", reason="the connection was cut") from None
            if chunk is None and door(request).stopping.is_set():
                raise Unavailable("stopping")
            if chunk is None:
                return
            yield chunk


async def _stored(call: Callable[..., T], *args: Any) -> T:
    """Do in a thread what writes; what the disk refuses is said."""
    try:
        return await asyncio.to_thread(call, *args)
    except OSError as error:
        raise Unavailable("upload_not_appended", reason=error.strerror or str(error)) from error


def _check_version(request: Request) -> None:
    said = request.headers.get("Tus-Resumable", "")
    if said != VERSION and request.method != "OPTIONS":
        raise Invalid("upload_version", version=said[:40], known=VERSION)


def _progress(upload: Resumable, offset: int) -> dict[str, str]:
    ends = formatdate(upload.expires_at, usegmt=True)
    return {"Upload-Offset": str(offset), "Upload-Expires": ends}


def _number(request: Request, name: str) -> int:
    said = request.headers.get(name, "")
    if _NUMBER.fullmatch(said) is None:
        raise Invalid("upload_header", header=name, value=said[:80])
    return int(said)


def _checksum(request: Request) -> Checksum | None:
    said = request.headers.get("Upload-Checksum")
    if said is None:
        return None
    algorithm, _, digest = said.partition(" ")
    try:
        read = base64.b64decode(digest, validate=True)
    except binascii.Error:
        read = b""
    if len(read) != ALGORITHMS.get(algorithm, -1):
        raise Invalid("upload_header", header="Upload-Checksum", value=said[:80])
    return Checksum(algorithm, read)


def _filename(metadata: str) -> str:
    """Return the file's name of Upload-Metadata; a path in it is never used."""
    said = dict(pair.strip().partition(" ")[::2] for pair in metadata.split(","))
    try:
        name = base64.b64decode(said.get("filename", ""), validate=True).decode()
    except ValueError:
        raise Invalid("upload_header", header="Upload-Metadata", value=metadata[:80]) from None
    return name.replace("\\", "/").rpartition("/")[2]
