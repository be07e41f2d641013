"""The Beidou grid: what a cell is and touches, and which cells cover a polygon or a box."""

from contextlib import suppress
from typing import Any

import anyio.to_thread
from fastapi import APIRouter
from fastapi.responses import Response

from api.requests import answer
from api.schemas import Cover
from identity import grid
from identity.errors import Invalid

router = APIRouter(tags=["grid"])


@router.get("/grid/{cell}", summary="A cell of the Beidou grid")
async def one(cell: str) -> Response:
    """Return outline, heights (3D), parents, children and neighbours of a 2D or 3D cell."""
    return answer(await anyio.to_thread.run_sync(_told, cell))


@router.post("/grid/cover", summary="The cells that cover a polygon or a box")
async def cover(wanted: Cover) -> Response:
    """Return cells of one `level`, or at most `max_count` of mixed levels; 3D with heights."""
    cells = await anyio.to_thread.run_sync(_cover, wanted)
    return answer({"items": cells, "next": None})


def _told(text: str) -> dict[str, Any]:
    cell = grid.canonical(text)
    west, south, east, north, *heights = grid.box(cell)
    return {
        "cell": cell,
        "level": grid.level(cell),
        "bbox": [west, south, east, north],
        "heights_m": heights or None,
        "polygon": {"type": "Polygon", "coordinates": [grid.ring(cell)]},
        "parents": grid.ancestors(cell),
        "children": _children(cell),
        "neighbours": grid.neighbours(cell),
    }


def _children(cell: str) -> list[str]:
    """Return the cells inside; the finest level has none, and polar cells below level 2."""
    with suppress(Invalid):
        return grid.children(cell)
    return []


def _cover(wanted: Cover) -> list[str]:
    if (wanted.polygon is None) == (wanted.box is None):
        raise Invalid("grid_cover_shape")
    if wanted.polygon is not None:
        return grid.cover(wanted.polygon, level=wanted.level, max_count=wanted.max_count)
    if wanted.box is None or wanted.bottom_m is None or wanted.top_m is None:
        raise Invalid("grid_cover_shape")
    return grid.cover_box_3d(
        wanted.box,
        wanted.bottom_m,
        wanted.top_m,
        level=wanted.level,
        max_count=wanted.max_count,
    )
