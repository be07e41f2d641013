"""光谷之星大厦: an office tower of 30 storeys around a concrete core, behind a curtain wall."""

from dataclasses import dataclass
from typing import Any

from bim.demo_kit import Kit, rectangle, stair
from bim.demo_project import Spec
from bim.demo_shapes import Entity, Point2

STOREYS = 30
LONG_M, WIDE_M = 45.0, 36.0
LOBBY_M, STOREY_M = 5.4, 3.9
BAY_M = 9.0
CORE = (16.5, 12.0, 28.5, 24.0)  # x, y, x, y
STAIR = (17.0, 20.6, 5.6, 2.8)  # x, y, length, width of the stairwell

EAST: Point2 = (1.0, 0.0)
NORTH: Point2 = (0.0, 1.0)
WEST: Point2 = (-1.0, 0.0)
SOUTH: Point2 = (0.0, -1.0)

ROOMS = (
    ("01", 0.3, 0.3, 14.6, 9.0),
    ("02", 15.1, 0.3, 14.8, 9.0),
    ("03", 30.1, 0.3, 14.6, 9.0),
    ("04", 0.3, 26.7, 14.6, 9.0),
    ("05", 15.1, 26.7, 14.8, 9.0),
    ("06", 30.1, 26.7, 14.6, 9.0),
    ("07", 0.3, 9.6, 13.4, 8.3),
    ("08", 0.3, 18.1, 13.4, 8.3),
    ("09", 31.3, 9.6, 13.4, 8.3),
    ("10", 31.3, 18.1, 13.4, 8.3),
)
"""Number on the floor, low corner x, y, and size in x, y."""

OFFICE_NAMES: tuple[str, ...] = (
    "开放办公区",
    "开放办公区",
    "总监办公室",
    "开放办公区",
    "研发办公室",
    "财务办公室",
)
OFFICE_NAMES += ("大会议室", "小会议室", "培训会议室", "项目办公室")
LOBBY_NAMES: tuple[str, ...] = (
    "咖啡厅",
    "大堂",
    "银行网点",
    "便利店",
    "物业服务中心",
    "消防控制室",
)
LOBBY_NAMES += ("访客登记处", "快递收发室", "展厅", "接待会议室")

DOORS: tuple[tuple[float, float, Point2], ...] = (
    *((x, 9.4, EAST) for x in (12.5, 22.0, 31.5)),
    *((x, 26.5, EAST) for x in (12.5, 22.0, 31.5)),
    *((13.9, y, NORTH) for y in (14.0, 21.0)),
    *((31.2, y, NORTH) for y in (14.0, 21.0)),
)
"""Low corner and direction of the ten room doors, 1 m wide, 2.2 m high."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The types that every storey of one height repeats."""

    height_m: float
    column: Entity
    panel: Entity
    door: Entity
    flight: Entity


def draw(spec: Spec) -> Kit:
    """Return the model, not yet written."""
    kit = Kit(spec)
    door = _door_type(kit)
    lobby, office = _parts(kit, LOBBY_M, door), _parts(kit, STOREY_M, door)
    elevation_m = 0.0
    for floor in range(1, STOREYS + 1):
        parts = lobby if floor == 1 else office
        use = "大堂层" if floor == 1 else "标准办公层"
        _storey(kit, kit.storey(f"{floor}层", elevation_m, use), floor, parts)
        elevation_m += parts.height_m
    _roof(kit, kit.storey("屋面", elevation_m, "屋面层"))
    return kit


def _storey(kit: Kit, storey: Entity, floor: int, parts: Parts) -> None:
    holes = [] if floor == 1 else [rectangle(*STAIR)]
    kit.slab(f"{floor}层楼板", storey, rectangle(0, 0, LONG_M, WIDE_M), 0.15, holes=holes)
    _columns(kit, storey, parts)
    _core(kit, storey, parts)
    _partitions(kit, storey, parts)
    _doors(kit, storey, floor, parts)
    _curtain_wall(kit, storey, parts)
    _stairs(kit, storey, parts)
    _spaces(kit, storey, floor, parts)
    _sensor(kit, storey, floor)


def _parts(kit: Kit, height_m: float, door: Entity) -> Parts:
    clear_m = height_m - 0.15
    label = f"H{round(height_m * 1000)}"
    column = kit.type(
        "IfcColumnType",
        f"KZ-900×900-{label}",
        [kit.shapes.box((-0.45, -0.45, 0), (0.9, 0.9, clear_m), "concrete")],
        "COLUMN",
        sets={"Pset_ColumnCommon": {"LoadBearing": True, "FireRating": "3.00h"}},
    )
    panel = kit.type("IfcPlateType", f"MQ-9000-{label}", _panel(kit, height_m), "CURTAIN_PANEL")
    half = stair(kit.shapes, height_m / 2, round(height_m / 2 / 0.1625), 1.3)
    flight = kit.type("IfcStairFlightType", f"LT-{label}", [half], "STRAIGHT")
    return Parts(height_m, column, panel, door, flight)


def _panel(kit: Kit, height_m: float) -> list[Entity]:
    """One bay of the curtain wall: it stands outside, at negative y."""
    top = height_m - 0.9
    bars = [(x, 0.0, 0.08, height_m) for x in (0.0, 2.96, 5.96)]
    items = [
        kit.shapes.box((0, -0.10, 0), (BAY_M, 0.04, top), "glass"),
        kit.shapes.box((0, -0.12, top), (BAY_M, 0.08, 0.9), "metal"),
    ]
    return items + [kit.shapes.box((x, -0.2, z), (w, 0.2, h), "metal") for x, z, w, h in bars]


def _door_type(kit: Kit) -> Entity:
    leaf = kit.shapes.box((0, 0.02, 0), (1.0, 0.05, 2.2), "wood")
    sets = {"Pset_DoorCommon": {"FireRating": "乙级", "IsExternal": False}}
    return kit.type(
        "IfcDoorType", "M1022", [leaf], "DOOR", sets=sets, OperationType="SINGLE_SWING_LEFT"
    )


def _columns(kit: Kit, storey: Entity, parts: Parts) -> None:
    xs = [1.0 + 8.6 * n for n in range(6)]
    places = [(x, y) for y in (1.0, WIDE_M - 1) for x in xs]
    places += [(x, y) for x in (1.0, LONG_M - 1) for y in (9.5, 18.0, 26.5)]
    for number, (x, y) in enumerate(places, start=1):
        kit.add(
            "IfcColumn",
            f"KZ{number:02d}",
            storey,
            at=(x, y, 0.0),
            style=parts.column,
            material="C60混凝土",
            PredefinedType="COLUMN",
        )


def _core(kit: Kit, storey: Entity, parts: Parts) -> None:
    x, y, x_end, y_end = CORE
    size = (x_end - x, 0.4, parts.height_m - 0.15)
    side = (y_end - y - 0.8, 0.4, size[2])
    lobby = [(3.9, 0.0, 2.2, 2.4)]
    walls: list[tuple[str, Point2, tuple[float, float, float], Point2]] = [
        ("核心筒南墙", (x, y), size, EAST),
        ("核心筒北墙", (x, y_end - 0.4), size, EAST),
        ("核心筒西墙", (x + 0.4, y + 0.4), side, NORTH),
        ("核心筒东墙", (x_end, y + 0.4), side, NORTH),
        ("电梯厅南墙", (x + 0.4, 15.6), (11.2, 0.2, size[2]), EAST),
        ("电梯厅北墙", (x + 0.4, 20.2), (11.2, 0.2, size[2]), EAST),
    ]
    for name, start, extent, along in walls:
        kit.wall(
            name,
            storey,
            start,
            extent,
            along=along,
            openings=lobby if along == NORTH else (),
            colour="core",
            material="C60混凝土",
        )


def _partitions(kit: Kit, storey: Entity, parts: Parts) -> None:
    high = parts.height_m - 0.15
    lines: list[tuple[Point2, float, Point2]] = [
        ((0.3, 9.4), LONG_M - 0.6, EAST),
        ((0.3, 26.5), LONG_M - 0.6, EAST),
        ((13.9, 9.5), 17.0, NORTH),
        ((31.2, 9.5), 17.0, NORTH),
        *(((x, y), 9.0, NORTH) for y in (0.4, 26.6) for x in (15.0, 30.0)),
        *(((x, 17.9), 13.5, EAST) for x in (0.3, 31.2)),
    ]
    for number, (start, length_m, along) in enumerate(lines, start=1):
        openings = [
            (x - start[0] if along == EAST else y - start[1], 0.0, 1.0, 2.2)
            for x, y, door_along in DOORS
            if door_along == along and (y == start[1] if along == EAST else x == start[0])
        ]
        size = (length_m, 0.1, high)
        kit.wall(f"隔墙{number:02d}", storey, start, size, along=along, openings=openings)


def _doors(kit: Kit, storey: Entity, floor: int, parts: Parts) -> None:
    for number, (x, y, along) in enumerate(DOORS, start=1):
        name = f"门{floor}{number:02d}"
        kit.add("IfcDoor", name, storey, at=(x, y, 0.0), along=along, style=parts.door)


def _curtain_wall(kit: Kit, storey: Entity, parts: Parts) -> None:
    facts: dict[str, dict[str, Any]] = {
        "Pset_CurtainWallCommon": {"IsExternal": True, "ThermalTransmittance": 1.8}
    }
    whole = kit.add("IfcCurtainWall", "玻璃幕墙", storey, facts=facts)
    for number, (at, along) in enumerate(_bays(), start=1):
        kit.add(
            "IfcPlate",
            f"幕墙单元{number:02d}",
            storey,
            at=(*at, 0.0),
            along=along,
            style=parts.panel,
            whole=whole,
            PredefinedType="CURTAIN_PANEL",
        )


def _bays() -> list[tuple[Point2, Point2]]:
    """Low corner and direction of the 18 bays, round the building, outside on the right."""
    long, wide = range(5), range(4)
    bays: list[tuple[Point2, Point2]] = [((BAY_M * n, 0.0), EAST) for n in long]
    bays += [((LONG_M, BAY_M * n), NORTH) for n in wide]
    bays += [((LONG_M - BAY_M * n, WIDE_M), WEST) for n in long]
    return bays + [((0.0, WIDE_M - BAY_M * n), SOUTH) for n in wide]


def _stairs(kit: Kit, storey: Entity, parts: Parts) -> None:
    whole = kit.add("IfcStair", "疏散楼梯", storey, PredefinedType="HALF_TURN_STAIR")
    x, y, length, width = STAIR
    half_m = parts.height_m / 2
    starts = [(x, y, 0.0), (x + length, y + width, half_m)]
    for number, (at, along) in enumerate(zip(starts, (EAST, WEST), strict=True), start=1):
        name = f"梯段{number}"
        kit.add("IfcStairFlight", name, storey, at=at, along=along, style=parts.flight, whole=whole)


def _spaces(kit: Kit, storey: Entity, floor: int, parts: Parts) -> None:
    high = parts.height_m - 0.9
    names = LOBBY_NAMES if floor == 1 else OFFICE_NAMES
    for name, (number, x, y, dx, dy) in zip(names, ROOMS, strict=True):
        facts: dict[str, dict[str, Any]] = {
            "房间信息": {"房号": f"{floor}{number}", "使用单位": "示范租户（虚构）"}
        }
        label = f"{floor}{number}{name}"
        kit.space(label, name, storey, (x, y, 0.0), (dx, dy, high), facts=facts)
    shared = [
        ("走廊南段", 14.0, 9.6, 17.0, 2.3),
        ("走廊北段", 14.0, 24.1, 17.0, 2.3),
        ("走廊西段", 14.0, 12.0, 2.4, 12.0),
        ("走廊东段", 28.6, 12.0, 2.4, 12.0),
        ("电梯厅", 16.95, 15.85, 11.1, 4.3),
        ("楼梯间", 16.95, 20.45, 5.7, 3.1),
        ("卫生间", 22.8, 20.45, 5.2, 3.1),
    ]
    for name, x, y, dx, dy in shared:
        label = f"{floor}层{name}"
        kit.space(label, name, storey, (x, y, 0.0), (dx, dy, high), colour="public")


def _sensor(kit: Kit, storey: Entity, floor: int) -> None:
    body = kit.shapes.box((0, 0, 0), (0.12, 0.04, 0.12), "blue")
    name = f"温湿度传感器T-{floor:02d}"
    kit.add(
        "IfcSensor", name, storey, [body], at=(22.0, 9.52, 1.5), PredefinedType="TEMPERATURESENSOR"
    )


def _roof(kit: Kit, roof: Entity) -> None:
    kit.slab("屋面板", roof, rectangle(0, 0, LONG_M, WIDE_M), 0.2, kind="ROOF")
    rims = [
        ((0, 0), LONG_M, EAST),
        ((LONG_M, 0), WIDE_M, NORTH),
        ((LONG_M, WIDE_M), LONG_M, WEST),
        ((0, WIDE_M), WIDE_M, SOUTH),
    ]
    for number, (start, length_m, along) in enumerate(rims, start=1):
        kit.wall(f"女儿墙{number}", roof, start, (length_m, 0.2, 1.4), along=along, external=True)
    room = kit.shapes.box((CORE[0], CORE[1], 0), (12.0, 12.0, 4.2), "core")
    kit.add("IfcBuildingElementProxy", "电梯机房", roof, [room], PredefinedType="COMPLEX")
    station = [
        kit.shapes.cylinder((0, 0, 0), 0.08, 2.4, "metal"),
        kit.shapes.box((-0.3, -0.2, 2.4), (0.6, 0.4, 0.5), "blue"),
    ]
    kit.add(
        "IfcSensor", "PM2.5监测站", roof, station, at=(8.0, 8.0, 0.0), PredefinedType="GASSENSOR"
    )
