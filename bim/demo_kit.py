"""One demo model in the making: storeys, spaces, walls, elements; metres in, IFC4 out.

Two runs write the same bytes: GlobalIds come from names, times are fixed, order is program order.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ifcopenshell

from bim.demo_facts import Book, Facts
from bim.demo_project import Spec, open_project, stamp
from bim.demo_shapes import Entity, Point2, Shapes, face

Opening = tuple[float, float, float, float]
"""x along the wall, sill, width, height in metres."""


class Kit:
    """One IFC4 file. Placements are metres in the frame of the storey."""

    def __init__(self, spec: Spec) -> None:
        self.file = ifcopenshell.file(schema="IFC4")
        self.shapes = Shapes(self.file, spec.unit_m)
        self.book = Book(self.file, spec.name, 1 / spec.unit_m)
        self.building = open_project(spec, self.file, self.shapes, self.book)
        self._spec = spec

    def write(self, path: Path) -> None:
        """Write the file, whole."""
        self.book.finish()
        stamp(self.file, self._spec)
        text: str = self.file.to_string()  # type: ignore[no-untyped-call] # ifcopenshell is untyped
        path.write_text(text, encoding="ascii", newline="\n")

    def storey(self, name: str, elevation_m: float, long_name: str) -> Entity:
        """Return a new storey of the building."""
        place = self.shapes.local(self.building.ObjectPlacement, (0.0, 0.0, elevation_m))
        storey = self.book.rooted(
            "IfcBuildingStorey",
            "",
            name,
            ObjectPlacement=place,
            LongName=long_name,
            CompositionType="ELEMENT",
            Elevation=self.shapes.length(elevation_m),
        )
        self.book.relate("IfcRelAggregates", self.building, storey)
        return storey

    def add(
        self,
        kind: str,
        name: str,
        storey: Entity,
        items: Sequence[Entity] = (),
        *,
        at: Sequence[float] = (0.0, 0.0, 0.0),
        along: Point2 = (1.0, 0.0),
        style: Entity | None = None,
        facts: Facts | None = None,
        material: str | None = None,
        whole: Entity | None = None,
        **attributes: Any,
    ) -> Entity:
        """Return a new element: its own solids, or those of its type ``style``.

        ``whole`` aggregates it (a curtain wall's plate) where else the storey would contain it.
        """
        place = self.shapes.local(storey.ObjectPlacement, at, along)
        product = self.book.rooted(kind, storey.Name, name, ObjectPlacement=place, **attributes)
        product.Representation = self._shown(items, style)
        if whole is None:
            self.book.relate("IfcRelContainedInSpatialStructure", storey, product)
        else:
            self.book.relate("IfcRelAggregates", whole, product)
        self.book.describe(product, facts, material, style)
        return product

    def space(
        self,
        name: str,
        long_name: str,
        storey: Entity,
        corner: Sequence[float],
        size: Sequence[float],
        *,
        colour: str = "office",
        kind: str = "INTERNAL",
        facts: Facts | None = None,
    ) -> Entity:
        """Return a new space: a box of ``size`` (x, y, height) with its low corner there."""
        space = self.book.rooted(
            "IfcSpace",
            storey.Name,
            name,
            ObjectPlacement=self.shapes.local(storey.ObjectPlacement, corner),
            LongName=long_name,
            CompositionType="ELEMENT",
            PredefinedType=kind,
        )
        space.Representation = self._shown([self.shapes.box((0.0, 0.0, 0.0), size, colour)], None)
        self.book.relate("IfcRelAggregates", storey, space)
        self.book.describe(space, {**_space_facts(long_name, size), **(facts or {})}, None, None)
        return space

    def wall(
        self,
        name: str,
        storey: Entity,
        start: Point2,
        size: tuple[float, float, float],
        *,
        along: Point2 = (1.0, 0.0),
        openings: Sequence[Opening] = (),
        colour: str = "plaster",
        material: str = "加气混凝土砌块",
        external: bool = False,
    ) -> Entity:
        """Return a wall of ``size`` (length, thickness, height) from its low left corner.

        The thickness lies to the left of ``along``; openings are part of the drawn face.
        """
        outline, holes = face(size[0], size[2], openings)
        if openings:
            item = self.shapes.upright(outline, size[1], colour, holes=holes)
        else:
            item = self.shapes.box((0.0, 0.0, 0.0), size, colour)
        return self.add(
            "IfcWall",
            name,
            storey,
            [item],
            at=(*start, 0.0),
            along=along,
            facts=_wall_facts(size, material, external=external),
            material=material,
            PredefinedType="SOLIDWALL",
        )

    def slab(
        self,
        name: str,
        storey: Entity,
        outline: Sequence[Point2],
        thickness_m: float,
        *,
        holes: Sequence[Sequence[Point2]] = (),
        colour: str = "slab",
        kind: str = "FLOOR",
    ) -> Entity:
        """Return a slab whose top is the storey's floor."""
        item = self.shapes.prism(outline, -thickness_m, thickness_m, colour, holes=holes)
        facts: dict[str, dict[str, Any]] = {
            "Pset_SlabCommon": {"LoadBearing": True, "IsExternal": kind == "ROOF"},
            "Qto_SlabBaseQuantities": {"Width": ("Length", thickness_m)},
        }
        return self.add(
            "IfcSlab", name, storey, [item], facts=facts, material="C35混凝土", PredefinedType=kind
        )

    def type(
        self,
        kind: str,
        name: str,
        items: Sequence[Entity],
        predefined: str,
        *,
        sets: Mapping[str, Mapping[str, Any]] | None = None,
        **attributes: Any,
    ) -> Entity:
        """Return a new type whose solids its products show."""
        made = self.book.rooted(kind, "type", name, PredefinedType=predefined, **attributes)
        made.RepresentationMaps = [self.shapes.map(items)]
        if sets:
            made.HasPropertySets = [self.book.set(key, values) for key, values in sets.items()]
        return made

    def opening(self, host: Entity, name: str, item: Entity, filling: Entity) -> None:
        """Cut ``item`` (drawn in the host's frame) out of ``host`` and fill it with a product."""
        place = self.shapes.local(host.ObjectPlacement, (0.0, 0.0, 0.0))
        hole = self.book.rooted(
            "IfcOpeningElement",
            host.Name,
            name,
            ObjectPlacement=place,
            Representation=self._shown([item], None),
            PredefinedType="OPENING",
        )
        self.book.relate("IfcRelVoidsElement", host, hole)
        self.book.relate("IfcRelFillsElement", hole, filling)

    def _shown(self, items: Sequence[Entity], style: Entity | None) -> Entity | None:
        if style is not None and not items:
            body = self.shapes.mapped(style.RepresentationMaps[0])
        elif items:
            body = self.shapes.solids(items)
        else:
            return None
        return self.file.create_entity("IfcProductDefinitionShape", Representations=[body])


def rectangle(x: float, y: float, dx: float, dy: float) -> list[Point2]:
    """Return a rectangle's corners, counter-clockwise."""
    return [(x, y), (x + dx, y), (x + dx, y + dy), (x, y + dy)]


def _space_facts(long_name: str, size: Sequence[float]) -> Facts:
    area_m2 = round(size[0] * size[1], 3)
    return {
        "Pset_SpaceCommon": {"Reference": long_name, "IsExternal": False},
        "Qto_SpaceBaseQuantities": {
            "Height": ("Length", size[2]),
            "NetFloorArea": ("Area", area_m2),
            "GrossVolume": ("Volume", round(area_m2 * size[2], 3)),
        },
    }


def _wall_facts(size: tuple[float, float, float], material: str, *, external: bool) -> Facts:
    bearing = "混凝土" in material and "砌块" not in material
    names = ("Length", "Width", "Height")
    return {
        "Pset_WallCommon": {
            "Reference": f"墙-{round(size[1] * 1000)}",
            "IsExternal": external,
            "LoadBearing": bearing,
            "FireRating": "3.00h" if bearing else "2.00h",
        },
        "Qto_WallBaseQuantities": {n: ("Length", v) for n, v in zip(names, size, strict=True)},
    }


def stair(shapes: Shapes, rise_m: float, steps: int, width_m: float) -> Entity:
    """Return one flight as a solid: it climbs ``rise_m`` along x, steps of 0.28 m."""
    riser, tread = rise_m / steps, 0.28
    top = steps * tread
    outline: list[Point2] = [(0.0, 0.0), (tread, 0.0), (top, rise_m - 0.3), (top, rise_m)]
    for step in range(steps - 1, 0, -1):
        outline += [(step * tread, (step + 1) * riser), (step * tread, step * riser)]
    outline.append((0.0, riser))
    return shapes.upright(outline, width_m, "concrete")
