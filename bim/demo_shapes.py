"""Solids, colours and placements for the demo's models: metres in, the file's own unit out.

Everything is an extruded area, so that any IFC reader can draw it. A wall's face with its doors
and windows is extruded through the thickness: openings without a boolean.
"""

from collections.abc import Sequence
from typing import Any

import ifcopenshell

Point2 = tuple[float, float]
Entity = Any  # ifcopenshell ships no types

COLOURS: dict[str, tuple[float, float, float, float]] = {
    "concrete": (0.72, 0.72, 0.70, 0.0),
    "slab": (0.80, 0.79, 0.76, 0.0),
    "core": (0.58, 0.60, 0.63, 0.0),
    "plaster": (0.93, 0.92, 0.89, 0.0),
    "brick": (0.72, 0.42, 0.31, 0.0),
    "metal": (0.42, 0.45, 0.49, 0.0),
    "glass": (0.42, 0.62, 0.76, 0.55),
    "wood": (0.60, 0.43, 0.28, 0.0),
    "asphalt": (0.32, 0.33, 0.35, 0.0),
    "bay": (0.46, 0.52, 0.56, 0.0),
    "charging": (0.30, 0.62, 0.42, 0.0),
    "blue": (0.15, 0.42, 0.72, 0.0),
    "water": (0.20, 0.48, 0.66, 0.4),
    "office": (0.55, 0.72, 0.90, 0.75),
    "public": (0.95, 0.84, 0.50, 0.75),
    "home": (0.95, 0.72, 0.55, 0.75),
}
"""Name → red, green, blue, transparency (0 opaque)."""


class Shapes:
    """Geometry of one file. ``unit_m`` is the metres of one file unit (0.001 for millimetres)."""

    def __init__(self, file: ifcopenshell.file, unit_m: float) -> None:
        self.file = file
        self._per_m = 1 / unit_m
        self._styles: dict[str, Entity] = {}
        self._directions: dict[tuple[float, ...], Entity] = {}
        origin = self.placement_3d((0.0, 0.0, 0.0))
        self.context = self._new(
            "IfcGeometricRepresentationContext", None, "Model", 3, 1e-5, origin, None
        )
        self.body = file.create_entity(
            "IfcGeometricRepresentationSubContext",
            ContextIdentifier="Body",
            ContextType="Model",
            ParentContext=self.context,
            TargetView="MODEL_VIEW",
        )

    def length(self, metres: float) -> float:
        """Return a length in file units, rounded so that every machine writes the same digits."""
        return round(metres * self._per_m, 6) + 0.0

    def box(self, at: Sequence[float], size: Sequence[float], colour: str) -> Entity:
        """Return a box with its low corner at ``at``."""
        x, y, z = at
        dx, dy, dz = size
        centre = self._new("IfcAxis2Placement2D", self._point((x + dx / 2, y + dy / 2)), None)
        profile = self._new(
            "IfcRectangleProfileDef", "AREA", None, centre, self.length(dx), self.length(dy)
        )
        return self._extruded(profile, self.placement_3d((0.0, 0.0, z)), dz, colour)

    def cylinder(
        self, at: Sequence[float], radius_m: float, height_m: float, colour: str
    ) -> Entity:
        """Return an upright cylinder standing on ``at``."""
        centre = self._new("IfcAxis2Placement2D", self._point(at[:2]), None)
        profile = self._new("IfcCircleProfileDef", "AREA", None, centre, self.length(radius_m))
        return self._extruded(profile, self.placement_3d((0.0, 0.0, at[2])), height_m, colour)

    def prism(
        self,
        outline: Sequence[Point2],
        bottom_m: float,
        height_m: float,
        colour: str,
        *,
        holes: Sequence[Sequence[Point2]] = (),
    ) -> Entity:
        """Return a plan outline (counter-clockwise), with its holes, raised from ``bottom_m``."""
        position = self.placement_3d((0.0, 0.0, bottom_m))
        return self._extruded(self._profile(outline, holes), position, height_m, colour)

    def upright(
        self,
        outline: Sequence[Point2],
        thickness_m: float,
        colour: str,
        *,
        holes: Sequence[Sequence[Point2]] = (),
        y_m: float = 0.0,
    ) -> Entity:
        """Return a face drawn in (x, z), standing, from ``y_m`` to ``y_m + thickness_m``."""
        position = self._new(
            "IfcAxis2Placement3D",
            self._point((0.0, y_m + thickness_m, 0.0)),
            self._direction((0.0, -1.0, 0.0)),
            self._direction((1.0, 0.0, 0.0)),
        )
        return self._extruded(self._profile(outline, holes), position, thickness_m, colour)

    def local(self, parent: Entity, at: Sequence[float], along: Point2 = (1.0, 0.0)) -> Entity:
        """Return a placement relative to ``parent`` with x pointing ``along`` (in plan)."""
        return self._new("IfcLocalPlacement", parent, self.placement_3d(at, along))

    def placement_3d(self, at: Sequence[float], along: Point2 = (1.0, 0.0)) -> Entity:
        """Return an axis placement at ``at``, upright."""
        if along == (1.0, 0.0):
            return self._new("IfcAxis2Placement3D", self._point(at), None, None)
        axis, x = self._direction((0.0, 0.0, 1.0)), self._direction((*along, 0.0))
        return self._new("IfcAxis2Placement3D", self._point(at), axis, x)

    def solids(self, items: Sequence[Entity]) -> Entity:
        """Return the body representation of solids."""
        return self._new("IfcShapeRepresentation", self.body, "Body", "SweptSolid", items)

    def map(self, items: Sequence[Entity]) -> Entity:
        """Return a representation map that many products can show."""
        origin = self.placement_3d((0.0, 0.0, 0.0))
        return self._new("IfcRepresentationMap", origin, self.solids(items))

    def mapped(self, source: Entity) -> Entity:
        """Return the body representation that shows a representation map where the product is."""
        target = self.file.create_entity(
            "IfcCartesianTransformationOperator3D", LocalOrigin=self._point((0.0, 0.0, 0.0))
        )
        item = self._new("IfcMappedItem", source, target)
        return self._new(
            "IfcShapeRepresentation", self.body, "Body", "MappedRepresentation", [item]
        )

    def _extruded(self, profile: Entity, position: Entity, depth_m: float, colour: str) -> Entity:
        up = self._direction((0.0, 0.0, 1.0))
        solid = self._new("IfcExtrudedAreaSolid", profile, position, up, self.length(depth_m))
        self._new("IfcStyledItem", solid, [self._style(colour)], None)
        return solid

    def _profile(self, outline: Sequence[Point2], holes: Sequence[Sequence[Point2]]) -> Entity:
        curve = self._ring(outline)
        if not holes:
            return self._new("IfcArbitraryClosedProfileDef", "AREA", None, curve)
        rings = [self._ring(hole) for hole in holes]
        return self._new("IfcArbitraryProfileDefWithVoids", "AREA", None, curve, rings)

    def _ring(self, points: Sequence[Point2]) -> Entity:
        corners = [self._point(p) for p in points]
        return self._new("IfcPolyline", [*corners, corners[0]])

    def _style(self, colour: str) -> Entity:
        if colour not in self._styles:
            red, green, blue, transparency = COLOURS[colour]
            tint = self._new("IfcColourRgb", None, red, green, blue)
            shading = self._new("IfcSurfaceStyleShading", tint, transparency)
            self._styles[colour] = self._new("IfcSurfaceStyle", colour, "BOTH", [shading])
        return self._styles[colour]

    def _point(self, at: Sequence[float]) -> Entity:
        return self._new("IfcCartesianPoint", tuple(self.length(v) for v in at))

    def _direction(self, ratios: tuple[float, ...]) -> Entity:
        if ratios not in self._directions:
            self._directions[ratios] = self._new("IfcDirection", ratios)
        return self._directions[ratios]

    def _new(self, kind: str, *values: Any) -> Entity:
        return self.file.create_entity(kind, *values)


def face(
    length_m: float, height_m: float, openings: Sequence[tuple[float, float, float, float]]
) -> tuple[list[Point2], list[list[Point2]]]:
    """Return outline and holes of a wall's face; openings are (x, sill, width, height).

    An opening whose sill is 0 is a door: a notch in the outline, from left to right.
    """
    outline: list[Point2] = [(0.0, 0.0)]
    for x, sill, width, high in sorted(openings):
        if sill == 0:
            outline += [(x, 0.0), (x, high), (x + width, high), (x + width, 0.0)]
    outline += [(length_m, 0.0), (length_m, height_m), (0.0, height_m)]
    return outline, [
        [(x, sill), (x + width, sill), (x + width, sill + high), (x, sill + high)]
        for x, sill, width, high in sorted(openings)
        if sill > 0
    ]
