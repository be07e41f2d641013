"""The page at ``/``, its files, and the documents of this API; nothing comes from elsewhere."""

import asyncio
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

import viewer
from api import docs
from api.requests import Lang, answer
from identity.errors import NotFound, render

router = APIRouter(include_in_schema=False)

HASHED = "public, max-age=31536000, immutable"  # the build names its files by their content


@router.get("/")
async def index(language: Lang) -> Response:
    """Return the built page; where it was not built, say how."""
    path = viewer.page() / "index.html"
    if not await asyncio.to_thread(path.is_file):
        message, hint = render("page_not_built", {}, language)
        return HTMLResponse(docs.plain(message, hint), 503)
    return FileResponse(path, headers={"Cache-Control": "no-cache"})


@router.get("/assets/{name:path}")
async def asset(name: str) -> Response:
    """Return one of the page's own files."""
    folder = viewer.page() / "assets"
    path = await asyncio.to_thread(_inside, folder, name)
    if path is None:
        raise NotFound("asset_unknown", name=name[:80])
    return FileResponse(path, headers={"Cache-Control": HASHED})


@router.get("/docs")
async def documents(request: Request, language: Lang) -> Response:
    """Return the reference of this API as one self-contained page."""
    return HTMLResponse(docs.page(request.app.openapi(), language))


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """Return the OpenAPI 3.1 document."""
    return answer(request.app.openapi())


def _inside(folder: Path, name: str) -> Path | None:
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
