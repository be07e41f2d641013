"""3D Tiles 1.1: the tileset of one generation, and its contents named by their bytes."""

import gzip
import re
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Request
from fastapi.responses import Response, StreamingResponse

from api.moments import ThenIn
from api.requests import ServicesIn
from api.services import Services
from bim import tiles
from cim.model import Tile
from identity.errors import Invalid, NotFound

router = APIRouter(tags=["tiles"])

GLB = "model/gltf-binary"
IMMUTABLE = "private, max-age=31536000, immutable"
GZIP_BYTES_MIN = 1_024
GZIP_LEVEL = 5
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_NAME = re.compile(r"[0-9a-f]{64}")


@router.get("/tiles/tileset.json", summary="The 3D Tiles 1.1 tileset of the city")
async def tileset(
    then: ThenIn,
    if_none_match: Annotated[str | None, Header()] = None,
    accept_encoding: Annotated[str, Header()] = "",
) -> Response:
    """Return the tileset of head, or of a moment; the ETag names what was read."""
    read = then.told["generations"] if then.told else [then.g]
    etag = f'W/"g{"-".join(map(str, read))}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if if_none_match is not None and etag in [tag.strip() for tag in if_none_match.split(",")]:
        return Response(status_code=304, headers=headers)
    body = msgspec.json.encode(tiles.tileset(await then.graph.tiles(then.g), content_url))
    if "gzip" in accept_encoding and len(body) >= GZIP_BYTES_MIN:
        body = gzip.compress(body, GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type="application/json")


@router.get("/tiles/{name}.glb", summary="One tile's content")
async def content(
    name: str,
    request: Request,
    services: ServicesIn,
    range_header: Annotated[str | None, Header(alias="range")] = None,
) -> Response:
    """Return the GLB; bytes never change under a name, so it may be kept for ever."""
    size = await services.blobs.size(name) if _NAME.fullmatch(name) else None
    if size is None:
        raise NotFound("blob_unknown", name=name[:80])
    headers = {"ETag": f'"{name}"', "Cache-Control": IMMUTABLE, "Accept-Ranges": "bytes"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    span = asked(range_header, size)
    if span is None:
        return _pieces(services, name, (0, size), headers, 200)
    headers["Content-Range"] = f"bytes {span[0]}-{span[1] - 1}/{size}"
    return _pieces(services, name, span, headers, 206)


def content_url(tile: Tile) -> str:
    """Return the content's address relative to tileset.json."""
    return f"{tile.blob}.glb"


def asked(header: str | None, size: int) -> tuple[int, int] | None:
    """Return [start, stop) of a Range header, None for the whole (RFC 9110 14.2).

    One range only; several, or another unit, are answered whole. Raises Invalid("range_invalid").
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first == "":
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    if start >= stop:
        raise Invalid("range_invalid", range=str(header)[:80], size=size)
    return start, stop


def _pieces(
    services: Services, name: str, span: tuple[int, int], headers: dict[str, str], status: int
) -> Response:
    start, stop = span
    headers["Content-Length"] = str(stop - start)
    body = services.blobs.chunks(name, start=start, stop=stop)
    return StreamingResponse(body, status, headers, GLB)
