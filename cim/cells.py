"""What stands in a cell of the Beidou grid: by the prefix of its 2D code, at every legal cut.

Of a 3D cell those whose ellipsoidal height (``cim.heights``) lies in its layer: no store keeps that
height, so they are picked from what stands in the flat cell, page by page.
"""

from dataclasses import replace

from cim import heights
from cim.model import Entity
from cim.ports import PAGE_LIMIT, Filter, Graph, Page
from identity import grid

LOOKED_AT_MAX = 20_000  # things of a flat cell looked at for one page; then a short page is given


async def standing(
    graph: Graph, g: int, where: Filter, cell: str, *, limit: int, after: str = ""
) -> Page:
    """Return a page of what stands in ``cell`` and fulfils ``where``, ordered by code.

    Of a 3D cell a page may be short, or empty, and still have a next. Raises as ``grid.canonical``.
    """
    wanted = grid.canonical(cell)
    if not grid.is_3d(wanted):
        return await graph.find(g, replace(where, grid=wanted), limit=limit, after=after)
    flat, _ = grid.split(wanted)
    _, bottom_m, top_m = grid.decode_3d(wanted)
    found: list[Entity] = []
    for _ in range(LOOKED_AT_MAX // PAGE_LIMIT):
        page = await graph.find(g, replace(where, grid=flat), limit=PAGE_LIMIT, after=after)
        found += [entity for entity in page.items if _within(entity, bottom_m, top_m)]
        if len(found) > limit:
            return Page(found[:limit], found[limit - 1].code)
        if page.next is None:
            return Page(found, None)
        after = page.next
    return Page(found, after)


def _within(entity: Entity, bottom_m: float, top_m: float) -> bool:
    height = heights.of_entity(entity)
    return height is not None and bottom_m <= height.height_m < top_m
