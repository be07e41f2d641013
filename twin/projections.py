"""Where the things of state rows stand, read from the graph at one generation."""

from collections.abc import Sequence

from cim import query
from cim.model import Entity, Kind
from cim.ports import Graph
from twin.ports import Projection

_REGION_DIGITS = 6  # GB/T 2260, the head of every own code


async def project_codes(graph: Graph, g: int, codes: Sequence[str]) -> dict[str, Projection]:
    """Return the projection of each code visible at ``g``; unknown codes are absent."""
    known = await query.entities(graph, g, codes)
    ways = await query.paths(graph, g, list(known))
    return {code: projection([entity, *ways[code]]) for code, entity in known.items()}


def projection(way: Sequence[Entity]) -> Projection:
    """Return the projection of a thing and its path, nearest first.

    ``building``: the nearest building, else the nearest facility. The place is the thing's own,
    else that of the nearest container. ``region``: the six digits its code was issued under.
    """
    thing = way[0]
    house = query.nearest(way, Kind.BUILDING) or query.nearest(way, Kind.FACILITY)
    placed = next((e for e in way if e.lon is not None and e.lat is not None), None)
    return Projection(
        kind=thing.kind.value,
        name=thing.name,
        region=thing.code[:_REGION_DIGITS],
        building=house.code if house else "",
        lon=placed.lon if placed else None,
        lat=placed.lat if placed else None,
        grid2d=placed.grid2d if placed else None,
    )
