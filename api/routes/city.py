"""What the page needs to begin: the city's name, home, bounds, and the ground it draws."""

import statistics
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.requests import Generation, ServicesIn, answer, door
from cim.model import Box, Entity, Kind
from cim.ports import Filter, Graph
from identity.errors import NotFound

router = APIRouter(tags=["city"])

WUHAN = (114.398, 30.506)  # where an empty city begins: 光谷广场
EMPTY_SPAN_DEG = 0.01
CITY_SPAN_DEG = 1.0  # a model declared farther from the middle one is not in this city
HOME_HEIGHT_M = 600.0
PLACED = (Kind.SITE, Kind.BUILDING, Kind.FACILITY)
NAMES = {
    True: {"zh": "光谷示范区", "en": "Optics Valley demo district"},
    False: {"zh": "万物孪生", "en": "Wanwu Twin"},
}


@router.get("/city", summary="The city's name, home and bounds")
async def city(request: Request, services: ServicesIn, g: Generation) -> Response:
    """Return where the page flies first, and where it finds ground and tiles."""
    at = door(request)
    west, south, east, north = await _bounds(services.graph, g)
    home = {"lon": (west + east) / 2, "lat": (south + north) / 2, "height_m": HOME_HEIGHT_M}
    return answer(
        {
            "name": NAMES[at.demo],
            "home": home,
            "bounds": [west, south, east, north],
            "ground": "/city/ground.geojson" if at.demo else None,
            "tiles": "/tiles/tileset.json",
            "demo": at.demo,
            "mqtt": at.broker.address if at.broker else None,
            "tenant": services.settings.tenant,
        }
    )


@router.get("/city/ground.geojson", summary="Streets, water and greens")
async def ground(request: Request) -> Response:
    """Return the demo's own drawing of the ground (GeoJSON, CGCS2000 degrees)."""
    if not door(request).demo:
        raise NotFound("ground_unknown")
    return answer(_ground(), headers={"Cache-Control": "max-age=3600"})


def _ground() -> dict[str, Any]:
    from bim.demo_ground import ground as drawn

    return drawn()


async def _bounds(graph: Graph, g: int) -> Box:
    """Return what holds the buildings and facilities near the middle one (first page)."""
    page = await graph.find(g, Filter(PLACED), limit=1_000)
    boxes = [box for box in map(_box, page.items) if box is not None]
    if not boxes:
        lon, lat = WUHAN
        return (
            lon - EMPTY_SPAN_DEG,
            lat - EMPTY_SPAN_DEG,
            lon + EMPTY_SPAN_DEG,
            lat + EMPTY_SPAN_DEG,
        )
    lon, lat = (statistics.median_low([box[axis] for box in boxes]) for axis in (0, 1))
    near = [box for box in boxes if max(abs(box[0] - lon), abs(box[1] - lat)) <= CITY_SPAN_DEG]
    wests, souths, easts, norths = zip(*near, strict=True)
    return min(wests), min(souths), max(easts), max(norths)


def _box(entity: Entity) -> Box | None:
    if entity.lon is None or entity.lat is None:
        return None
    return entity.box or (entity.lon, entity.lat, entity.lon, entity.lat)
