"""Placements of an IFC file as 4x4 matrices in metres, each read once.

Column vectors: ``world = matrix @ (x, y, z, 1)``. World is the frame in which placements without
PlacementRelTo are given; the context's WorldCoordinateSystem is not applied (see bim.georef).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bim.extract_entities import entity, numbers

Matrix = NDArray[np.float64]
DIMENSIONS = 3
CHAIN_MAX = 10_000  # of PlacementRelTo; real files have fewer than 20


class Placements:
    """World matrices by the step id of IfcObjectPlacement."""

    def __init__(self, length_unit_m: float) -> None:
        self._unit_m = length_unit_m
        self._known: dict[int, Matrix | None] = {}

    def matrix(self, placement: Any) -> Matrix | None:
        """Return the world matrix; None where it can't be told (grid or linear placement)."""
        chain: list[Any] = []
        placement = entity(placement, "IfcObjectPlacement")
        while placement is not None and placement.id() not in self._known:
            chain.append(placement)
            if len(chain) > CHAIN_MAX:
                return None
            local = placement.is_a("IfcLocalPlacement")
            placement = entity(placement[0], "IfcObjectPlacement") if local else None
        above = self._known[placement.id()] if placement is not None else np.eye(4)
        for step in reversed(chain):
            relative = self._relative(step)
            with np.errstate(over="ignore", invalid="ignore"):  # absurd numbers give no origin
                above = None if above is None or relative is None else above @ relative
            self._known[step.id()] = above
        return above

    def origin_m(self, placement: Any) -> tuple[float, float, float] | None:
        """Return the origin in metres; None without a readable placement."""
        matrix = self.matrix(placement) if entity(placement) is not None else None
        if matrix is None or not np.isfinite(matrix[:3, 3]).all():
            return None
        x, y, z = (float(value) for value in matrix[:3, 3])
        return x, y, z

    def _relative(self, placement: Any) -> Matrix | None:
        if placement.is_a("IfcLocalPlacement"):
            return axis_matrix(placement[1], self._unit_m)
        cartesian = getattr(placement, "CartesianPosition", None)  # IfcLinearPlacement, IFC4X3
        return None if cartesian is None else axis_matrix(cartesian, self._unit_m)


def axis_matrix(axes: Any, unit_m: float) -> Matrix | None:
    """Return IfcAxis2Placement2D/3D as a matrix (metres); None for a linear one or no location."""
    axes = entity(axes, "IfcPlacement")
    location = entity(axes[0], "IfcCartesianPoint") if axes is not None else None
    coordinates = numbers(location[0]) if location is not None else ()
    if not 0 < len(coordinates) <= DIMENSIONS or axes.is_a("IfcAxis1Placement"):
        return None
    matrix = np.eye(4)
    matrix[: len(coordinates), 3] = np.array(coordinates, dtype=float) * unit_m
    planar = axes.is_a("IfcAxis2Placement2D")
    z = np.array([0.0, 0.0, 1.0]) if planar else _direction(axes[1], (0.0, 0.0, 1.0))
    x = _direction(axes[1] if planar else axes[2], (1.0, 0.0, 0.0))
    x = x - z * float(x @ z)
    length = math.hypot(*x)
    x = x / length if length > 0 else _perpendicular(z)  # parallel axes: any right angle
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2] = x, _cross(z, x), z
    return matrix


def _direction(value: Any, default: tuple[float, float, float]) -> Matrix:
    direction = entity(value, "IfcDirection")
    ratios = numbers(direction[0]) if direction is not None else ()
    ratios = ratios if 0 < len(ratios) <= DIMENSIONS else default
    vector = np.zeros(3)
    vector[: len(ratios)] = ratios
    length = math.hypot(*vector)
    return vector / length if length > 0 else np.array(default)


def _perpendicular(z: Matrix) -> Matrix:
    other = np.array([1.0, 0.0, 0.0]) if abs(z[0]) < abs(z[1]) else np.array([0.0, 1.0, 0.0])
    x = _cross(other, z)
    return np.asarray(x / math.hypot(*x))


def _cross(a: Matrix, b: Matrix) -> Matrix:
    """Return the cross product of two 3-vectors (numpy's is ten times slower on single ones)."""
    return np.array(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )
