"""Placeholder boxes for products that no kernel can shape: where they stand, as large as others."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

CUBE_M = 1.0  # in a file in which nothing at all has a body
EXTENT_MIN_M = 0.05  # a sheet would not be seen
CORNERS = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], np.float64)
TRIANGLES = np.array(
    [
        *([0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4]),
        *([2, 6, 3], [3, 6, 7], [0, 4, 2], [2, 4, 6], [1, 3, 5], [3, 7, 5]),
    ],
    np.uint32,
)
"""The 12 triangles over CORNERS, counter-clockwise seen from outside."""

Box = tuple[float, float, float, float, float, float]


def placeholder_boxes(records: Sequence[Mapping[str, Any]]) -> dict[int, Box]:
    """Return the box (xmin … zmax, metres) by STEP id of every record with kernel "placeholder".

    Its extent is the median of its class's bodies (else of all); it stands centred on the origin of
    its placement, or in the middle of the model where that is unknown.
    """
    extents, centres = _measures(records)
    every = [extent for found in extents.values() for extent in found]
    middle = _median(centres, np.zeros(3))
    return {
        record["step_id"]: _box(
            middle if record["at"] is None else np.array(record["at"]),
            _median(extents.get(record["class"], every), np.full(3, CUBE_M)),
        )
        for record in records
        if record["kernel"] == "placeholder"
    }


def _measures(
    records: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, list[npt.NDArray[np.float64]]], list[npt.NDArray[np.float64]]]:
    extents = defaultdict(list)
    centres = []
    for record in records:
        if "box" in record:
            low, high = np.array(record["box"]).reshape(2, 3)
            extents[record["class"]].append(high - low)
            centres.append((low + high) / 2)
    return extents, centres


def _median(
    found: Sequence[npt.NDArray[np.float64]], otherwise: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return np.median(np.array(found), axis=0) if found else otherwise


def _box(at: npt.NDArray[np.float64], extent: npt.NDArray[np.float64]) -> Box:
    extent = np.maximum(extent, EXTENT_MIN_M)
    low = at - extent * (0.5, 0.5, 0.0)
    xmin, ymin, zmin = map(float, low)
    xmax, ymax, zmax = map(float, low + extent)
    return xmin, ymin, zmin, xmax, ymax, zmax
