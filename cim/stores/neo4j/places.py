"""Where an entity is, for the point index: the centre of its extent, by size tier.

Neo4j indexes points, not boxes. So the centre of each extent is indexed, and a box that is asked
for is widened by half the size of the largest extent there may be. That would be the whole city
for the sake of one district; therefore extents are put into tiers by size, each tier is widened
by its own reach, and lies 1,000 degrees to the east of the last, so that one index holds them all.
The statement compares the extents exactly; this only names candidates.
"""

from cim.model import Box, Entity
from cim.stores.rows import extent

REACHES_DEG = (0.0005, 0.005, 0.05, 0.5, 5.0, 400.0)
"""Largest half width or height of an extent in each tier: about 55 m, 550 m, …"""
TIER_DEG = 1_000.0
_SLACK_DEG = 1e-9  # a centre is rounded; candidates may be too many, never too few


def spot(entity: Entity) -> tuple[float, float] | None:
    """Return the point to index (degrees, moved by tier), None for an entity without a place."""
    box = extent(entity)
    if box is None:
        return None
    west, south, east, north = box
    half = max(east - west, north - south) / 2
    tier = next((n for n, reach in enumerate(REACHES_DEG) if half <= reach), len(REACHES_DEG) - 1)
    return (west + east) / 2 + tier * TIER_DEG, (south + north) / 2


def candidates(box: Box) -> list[list[float]]:
    """Return the boxes [west, south, east, north] of the index that hold what touches ``box``."""
    west, south, east, north = box
    found = []
    for tier, reach in enumerate(REACHES_DEG):
        east_deg, wide = tier * TIER_DEG, reach + _SLACK_DEG
        found.append([west - wide + east_deg, south - wide, east + wide + east_deg, north + wide])
    return found
