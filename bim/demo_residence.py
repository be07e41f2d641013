"""光谷人家1号楼: a residence of 16 storeys, two units, three flats a unit and storey, balconies."""

from dataclasses import dataclass
from typing import Any

from bim.demo_kit import Kit, Opening, rectangle, stair
from bim.demo_project import Spec
from bim.demo_shapes import Entity, Point2

STOREYS = 16
UNITS = 2
STOREY_M = 2.9
CLEAR_M = 2.78
UNIT_M, DEPTH_M, FLAT_M = 33.0, 13.0, 11.0
CORE_Y_M = 7.5  # the stair hall lies north of it, in the middle of a unit
STAIR = (11.6, 9.9, 4.2, 2.6)

EAST: Point2 = (1.0, 0.0)
NORTH: Point2 = (0.0, 1.0)

WINDOW: Opening = (1.2, 0.9, 2.1, 1.5)
BALCONY_DOOR: Opening = (5.2, 0.0, 3.0, 2.3)
HALL_WINDOW: Opening = (4.4, 0.9, 2.1, 1.5)
FLAT_DOOR_M = (1.0, 2.1)
LAYOUTS = ("三室两厅", "两室一厅", "三室两厅")


@dataclass(frozen=True, slots=True)
class Parts:
    """The types that every storey repeats."""

    window: Entity
    sliding: Entity
    door: Entity
    balcony: Entity
    railing: Entity
    flight: Entity


def draw(spec: Spec) -> Kit:
    """Return the model, not yet written."""
    kit = Kit(spec)
    parts = _parts(kit)
    for floor in range(1, STOREYS + 1):
        storey = kit.storey(f"{floor}层", STOREY_M * (floor - 1), "住宅层")
        outline = rectangle(0, 0, UNITS * UNIT_M, DEPTH_M)
        wells = [_shifted(rectangle(*STAIR), UNIT_M * unit) for unit in range(UNITS)]
        kit.slab(f"{floor}层楼板", storey, outline, 0.12, holes=wells if floor > 1 else ())
        _gables(kit, storey)
        for unit in range(1, UNITS + 1):
            _unit(kit, storey, floor, unit, parts)
    roof = kit.storey("屋面", STOREY_M * STOREYS, "屋面层")
    kit.slab("屋面板", roof, rectangle(-0.5, -0.5, 67.0, DEPTH_M + 1), 0.2, kind="ROOF")
    return kit


def _unit(kit: Kit, storey: Entity, floor: int, unit: int, parts: Parts) -> None:
    x = UNIT_M * (unit - 1)
    _walls(kit, storey, unit, x)
    _entrance(kit, storey, unit, parts, ground=floor == 1)
    _south(kit, storey, unit, x, parts)
    _doors(kit, storey, unit, x, parts)
    _stairs(kit, storey, unit, x, parts)
    _spaces(kit, storey, floor, unit, x)


def _parts(kit: Kit) -> Parts:
    box = kit.shapes.box
    frame = [
        box((0, 0.06, 0), (2.1, 0.08, 0.06), "metal"),
        box((1.02, 0.06, 0.06), (0.06, 0.08, 1.44), "metal"),
    ]
    pane = box((0, 0.08, 0.06), (2.1, 0.03, 1.44), "glass")
    bars = [box((0.6 * n, 0, 0), (0.04, 0.04, 1.1), "metal") for n in range(7)]
    rail = [
        box((0, 0, 1.06), (3.64, 0.05, 0.06), "metal"),
        box((0, 0.01, 0.1), (3.64, 0.02, 0.9), "glass"),
    ]
    insulated = {"Pset_WindowCommon": {"IsExternal": True, "ThermalTransmittance": 2.2}}
    safe = {
        "Pset_DoorCommon": {"FireRating": "乙级", "IsExternal": False, "SecurityRating": "甲级"}
    }
    return Parts(
        window=kit.type(
            "IfcWindowType",
            "C2115",
            [pane, *frame],
            "WINDOW",
            sets=insulated,
            PartitioningType="DOUBLE_PANEL_VERTICAL",
        ),
        sliding=kit.type(
            "IfcDoorType",
            "TLM3023",
            [box((0, 0.08, 0), (3.0, 0.05, 2.3), "glass")],
            "DOOR",
            OperationType="DOUBLE_DOOR_SLIDING",
        ),
        door=kit.type(
            "IfcDoorType",
            "FDM1021",
            [box((0, 0.07, 0), (*FLAT_DOOR_M[:1], 0.06, 2.1), "wood")],
            "DOOR",
            sets=safe,
            OperationType="SINGLE_SWING_LEFT",
        ),
        balcony=kit.type(
            "IfcSlabType", "YT-3715", [box((0, -1.5, -0.12), (3.7, 1.5, 0.12), "slab")], "FLOOR"
        ),
        railing=kit.type("IfcRailingType", "LG-1100", [*bars, *rail], "GUARDRAIL"),
        flight=kit.type(
            "IfcStairFlightType", "LT-1", [stair(kit.shapes, 1.45, 9, 1.2)], "STRAIGHT"
        ),
    )


def _gables(kit: Kit, storey: Entity) -> None:
    size = (DEPTH_M - 0.4, 0.2, CLEAR_M)
    for name, x in (("西山墙", 0.2), ("单元分隔墙", UNIT_M + 0.1), ("东山墙", UNITS * UNIT_M)):
        kit.wall(
            name, storey, (x, 0.2), size, along=NORTH, colour="brick", external=name[1] == "山"
        )


def _walls(kit: Kit, storey: Entity, unit: int, x: float) -> None:
    long = (FLAT_M, 0.2, CLEAR_M)
    for flat in range(3):
        start = x + FLAT_M * flat
        look: dict[str, Any] = {"external": True, "colour": "brick", "material": "烧结页岩砖"}
        south = [WINDOW, BALCONY_DOOR]
        kit.wall(f"{unit}单元南外墙{flat + 1}", storey, (start, 0.0), long, openings=south, **look)
        if flat != 1:
            at = (start, DEPTH_M - 0.2)
            kit.wall(
                f"{unit}单元北外墙{flat + 1}", storey, at, long, openings=[HALL_WINDOW], **look
            )
    party = (DEPTH_M - 0.4, 0.2, CLEAR_M)
    door = [(9.0 - 0.2, 0.0, *FLAT_DOOR_M)]
    for name, off in (("西分户墙", FLAT_M + 0.1), ("东分户墙", 2 * FLAT_M + 0.1)):
        kit.wall(f"{unit}单元{name}", storey, (x + off, 0.2), party, along=NORTH, openings=door)
    inner = (FLAT_M - 0.2, 0.2, CLEAR_M)
    hall = [(8.0, 0.0, *FLAT_DOOR_M)]
    kit.wall(f"{unit}单元楼梯间南墙", storey, (x + 11.1, CORE_Y_M), inner, openings=hall)


def _entrance(kit: Kit, storey: Entity, unit: int, parts: Parts, *, ground: bool) -> None:
    """Close the hall to the north: on the ground a true opening with its door, else a window."""
    look: dict[str, Any] = {"external": True, "colour": "brick", "material": "烧结页岩砖"}
    size = (FLAT_M, 0.2, CLEAR_M)
    start = (UNIT_M * (unit - 1) + FLAT_M, DEPTH_M - 0.2)
    above = [] if ground else [HALL_WINDOW]
    wall = kit.wall(f"{unit}单元北外墙2", storey, start, size, openings=above, **look)
    if not ground:
        at = (start[0] + HALL_WINDOW[0], start[1], HALL_WINDOW[1])
        kit.add("IfcWindow", f"{unit}单元楼梯间窗", storey, at=at, style=parts.window)
        return
    leaf = kit.shapes.box((0, 0.06, 0), (1.8, 0.08, 2.2), "blue")
    place = (start[0] + 4.6, start[1], 0.0)
    door = kit.add("IfcDoor", f"{unit}单元门", storey, [leaf], at=place, PredefinedType="DOOR")
    cut = kit.shapes.box((4.6, -0.1, -0.1), (1.8, 0.4, 2.3), "plaster")
    kit.opening(wall, f"{unit}单元门洞", cut, door)


def _south(kit: Kit, storey: Entity, unit: int, x: float, parts: Parts) -> None:
    for flat in range(3):
        start = x + FLAT_M * flat
        name = f"{unit}单元{flat + 1:02d}"
        window = (start + WINDOW[0], 0.0, WINDOW[1])
        kit.add("IfcWindow", f"{name}南窗", storey, at=window, style=parts.window)
        place = (start + BALCONY_DOOR[0], 0.0, 0.0)
        kit.add("IfcDoor", f"{name}阳台门", storey, at=place, style=parts.sliding)
        edge = start + BALCONY_DOOR[0] - 0.35
        kit.add("IfcSlab", f"{name}阳台板", storey, at=(edge, 0.0, 0.0), style=parts.balcony)
        kit.add("IfcRailing", f"{name}阳台栏杆", storey, at=(edge, -1.5, 0.0), style=parts.railing)
        if flat != 1:
            north = (start + HALL_WINDOW[0], DEPTH_M - 0.2, HALL_WINDOW[1])
            kit.add("IfcWindow", f"{name}北窗", storey, at=north, style=parts.window)


def _doors(kit: Kit, storey: Entity, unit: int, x: float, parts: Parts) -> None:
    places: list[tuple[Point2, Point2]] = [
        ((x + FLAT_M + 0.1, 9.0), NORTH),
        ((x + 11.1 + 8.0, CORE_Y_M), EAST),
        ((x + 2 * FLAT_M + 0.1, 9.0), NORTH),
    ]
    for flat, (at, along) in enumerate(places, start=1):
        name = f"{unit}单元{flat:02d}户门"
        kit.add("IfcDoor", name, storey, at=(*at, 0.0), along=along, style=parts.door)


def _stairs(kit: Kit, storey: Entity, unit: int, x: float, parts: Parts) -> None:
    left, y, length, width = STAIR
    whole = kit.add("IfcStair", f"{unit}单元楼梯", storey, PredefinedType="HALF_TURN_STAIR")
    low, high = (x + left, y, 0.0), (x + left + length, y + width, STOREY_M / 2)
    for number, (at, along) in enumerate(((low, EAST), (high, (-1.0, 0.0))), start=1):
        name = f"{unit}单元梯段{number}"
        kit.add("IfcStairFlight", name, storey, at=at, along=along, style=parts.flight, whole=whole)


def _spaces(kit: Kit, storey: Entity, floor: int, unit: int, x: float) -> None:
    for flat, layout in enumerate(LAYOUTS, start=1):
        number = f"{unit}单元{floor}{flat:02d}室"
        deep = CORE_Y_M - 0.3 if flat == 2 else DEPTH_M - 0.4  # noqa: PLR2004 - the middle flat
        corner = (x + FLAT_M * (flat - 1) + 0.2, 0.2, 0.0)
        facts: dict[str, dict[str, Any]] = {
            "房屋信息": {"户号": number, "户型": layout, "房屋性质": "商品住宅"}
        }
        kit.space(
            number,
            f"住宅·{layout}",
            storey,
            corner,
            (FLAT_M - 0.4, deep, 2.7),
            colour="home",
            facts=facts,
        )
    hall = (x + FLAT_M + 0.2, CORE_Y_M + 0.25, 0.0)
    size = (FLAT_M - 0.4, DEPTH_M - CORE_Y_M - 0.5, 2.7)
    kit.space(f"{unit}单元{floor}层楼梯间", "楼梯间", storey, hall, size, colour="public")


def _shifted(outline: list[Point2], x: float) -> list[Point2]:
    return [(px + x, py) for px, py in outline]
