"""The city's tiles as one 3D Tiles 1.1 tileset (OGC 22-025r4).

city (box around all) → one child a root entity (building, else facility, site, project) → one leaf
a document of it, with its transform and its GLB.

Boxes of leaves are in the local frame of the model; those above, which have no transform, are in
ECEF (EPSG:4978, metres).
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from cim.model import Tile

HALF_MIN_M = 0.05  # a flat or empty box is a trap for culling
EARTH_RADIUS_M = 6_500_000.0  # beyond the highest building: the volume of a city without tiles
BOX_CORNERS = np.array([[x, y, z] for x in (0, 3) for y in (1, 4) for z in (2, 5)])
"""Which of (xmin, ymin, zmin, xmax, ymax, zmax) make the eight corners."""

Points = npt.NDArray[np.float64]


def tileset(tiles: Sequence[Tile], content_url: Callable[[Tile], str]) -> dict[str, Any]:
    """Return tileset.json of the ``tiles`` that have a transform; pure, ordered by code.

    ``content_url`` gives a tile's URI, absolute or relative to tileset.json. Each leaf's ``extras``
    name root and document by code. A tile without content has its diagonal as geometric error, so
    what is smaller on the screen than the viewer's error target is not loaded.
    """
    placed = sorted(
        (tile for tile in tiles if tile.transform), key=lambda tile: (tile.root, tile.document)
    )
    children = [
        _root_entity(root, list(documents), content_url)
        for root, documents in groupby(placed, key=lambda tile: tile.root)
    ]
    city = {**_volume([_corners(tile) for tile in placed]), "refine": "ADD", "children": children}
    if not children:
        del city["children"]  # 3D Tiles forbids empty lists
    return {
        "asset": {"version": "1.1"},
        "geometricError": city["geometricError"],
        "root": city,
    }


def _root_entity(
    root: str, documents: Sequence[Tile], content_url: Callable[[Tile], str]
) -> dict[str, Any]:
    return {
        **_volume([_corners(tile) for tile in documents]),
        "refine": "ADD",
        "extras": {"root": root},
        "children": [_document(tile, content_url(tile)) for tile in documents],
    }


def _document(tile: Tile, url: str) -> dict[str, Any]:
    low, high = np.array(tile.box_m[:3]), np.array(tile.box_m[3:])
    return {
        "transform": list(tile.transform or ()),
        "boundingVolume": {"box": _box(low, high)},
        "geometricError": 0,
        "content": {"uri": url},
        "extras": {
            "root": tile.root,
            "document": tile.document,
            "name": tile.name,
            "bytes": tile.bytes,
            "triangles": tile.triangles,
            "features": tile.features,
        },
    }


def _volume(corners: Sequence[Points]) -> dict[str, Any]:
    """Return bounding volume and geometric error of a tile without content; ECEF."""
    if not corners:
        sphere = [0.0, 0.0, 0.0, EARTH_RADIUS_M]
        return {"boundingVolume": {"sphere": sphere}, "geometricError": EARTH_RADIUS_M}
    points = np.concatenate(corners)
    low, high = points.min(axis=0), points.max(axis=0)
    error = round(float(np.linalg.norm(high - low)), 3)
    return {"boundingVolume": {"box": _box(low, high)}, "geometricError": error}


def _box(low: Points, high: Points) -> list[float]:
    """Return centre and half axes (3D Tiles 1.1 §7.3.1.1), axis-aligned in its frame."""
    half = np.diag(np.maximum((high - low) / 2, HALF_MIN_M))
    return [*((low + high) / 2).tolist(), *half.reshape(-1).tolist()]


def _corners(tile: Tile) -> Points:
    """Return the eight corners (8, 3) of the tile's box in ECEF."""
    local = np.array(tile.box_m)[BOX_CORNERS]
    matrix = np.array(tile.transform).reshape(4, 4).T  # given column by column
    return np.asarray(local @ matrix[:3, :3].T + matrix[:3, 3])
