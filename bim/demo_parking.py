"""光谷广场停车楼: three open decks, 144 numbered parking spaces, ramps, a solar roof."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bim.demo_kit import Kit, rectangle
from bim.demo_project import Spec
from bim.demo_shapes import Entity, Point2

DECKS = ("A", "B", "C")
DECK_M = 3.0
LONG_M, WIDE_M = 40.0, 34.2
BAY_M = (2.6, 5.3)
BAYS_A_ROW = 12
ROWS_Y_M = (0.0, 11.8, 17.1, 28.9)  # two double rows along aisles of 6.5 m
ACCESSIBLE = 2  # the first bays of each deck
RAMP = (32.2, 2.1, 6.0, 30.0)  # x, y, width, length

EAST: Point2 = (1.0, 0.0)
NORTH: Point2 = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Bay:
    """One parking space: its number (A-001), kind and low corner."""

    number: str
    kind: str
    x: float
    y: float


def draw(spec: Spec) -> Kit:
    """Return the model, not yet written."""
    kit = Kit(spec)
    column = _column(kit)
    paint = {kind: _paint(kit, kind) for kind in ("标准车位", "充电车位", "无障碍车位")}
    for level, deck in enumerate(DECKS):
        storey = kit.storey(f"{level + 1}层", DECK_M * level, f"{deck}区停车层")
        _deck(kit, storey, deck, level)
        _columns(kit, storey, deck, column)
        _ramp(kit, storey, deck, level)
        for bay in bays(deck):
            _bay(kit, storey, bay, paint[bay.kind])
    _roof(kit, kit.storey("屋面", DECK_M * len(DECKS), "光伏屋面"))
    return kit


def bays(deck: str) -> Iterator[Bay]:
    """Yield the parking spaces of a deck, numbered from 001 row by row."""
    for row, y in enumerate(ROWS_Y_M):
        for place in range(BAYS_A_ROW):
            number = row * BAYS_A_ROW + place + 1
            yield Bay(f"{deck}-{number:03d}", _kind(deck, row, number), BAY_M[0] * place, y)


def _kind(deck: str, row: int, number: int) -> str:
    if number <= ACCESSIBLE:
        return "无障碍车位"
    return "充电车位" if deck == "A" and row == len(ROWS_Y_M) - 1 else "标准车位"


def _bay(kit: Kit, storey: Entity, bay: Bay, paint: Entity) -> None:
    facts: dict[str, dict[str, Any]] = {
        "Pset_SpaceParking": {
            "ParkingUse": "电动汽车" if bay.kind == "充电车位" else "小型汽车",
            "IsAisle": False,
        },
        "车位信息": {"车位编号": bay.number, "车位类型": bay.kind, "管理单位": "光谷停车（虚构）"},
    }
    kit.space(
        bay.number,
        bay.kind,
        storey,
        (bay.x, bay.y, 0.0),
        (*BAY_M, 2.2),
        colour="public",
        kind="PARKING",
        facts=facts,
    )
    name = f"车位{bay.number}地坪"
    kit.add("IfcCovering", name, storey, at=(bay.x, bay.y, 0.0), style=paint)


def _paint(kit: Kit, kind: str) -> Entity:
    colour = {"标准车位": "bay", "充电车位": "charging", "无障碍车位": "blue"}[kind]
    item = kit.shapes.box((0.07, 0.07, 0.0), (BAY_M[0] - 0.14, BAY_M[1] - 0.14, 0.02), colour)
    return kit.type("IfcCoveringType", f"{kind}地坪", [item], "FLOORING")


def _column(kit: Kit) -> Entity:
    item = kit.shapes.box((-0.3, -0.3, 0.0), (0.6, 0.6, DECK_M - 0.2), "concrete")
    sets = {"Pset_ColumnCommon": {"LoadBearing": True, "FireRating": "3.00h"}}
    return kit.type("IfcColumnType", "KZ-600×600", [item], "COLUMN", sets=sets)


def _deck(kit: Kit, storey: Entity, deck: str, level: int) -> None:
    holes = [rectangle(*RAMP)] if level else []
    outline = rectangle(-0.4, -0.4, LONG_M + 0.8, WIDE_M + 0.8)
    kit.slab(f"{deck}区楼板", storey, outline, 0.2, holes=holes, colour="asphalt")
    if level == 0:
        return
    rims: list[tuple[str, Point2, float, Point2]] = [
        ("南", (-0.4, -0.4), LONG_M + 0.8, EAST),
        ("北", (-0.4, WIDE_M + 0.25), LONG_M + 0.8, EAST),
        ("西", (-0.25, -0.25), WIDE_M + 0.5, NORTH),
        ("东", (LONG_M + 0.4, -0.25), WIDE_M + 0.5, NORTH),
    ]
    for side, start, length_m, along in rims:
        size = (length_m, 0.15, 1.1)
        kit.wall(f"{deck}区{side}护墙", storey, start, size, along=along, external=True)


def _columns(kit: Kit, storey: Entity, deck: str, column: Entity) -> None:
    places = [(7.8 * n, y) for y in (-0.05, 11.5, 22.75, WIDE_M + 0.05) for n in range(5)]
    for number, (x, y) in enumerate([*places, (39.6, -0.05), (39.6, WIDE_M + 0.05)], start=1):
        kit.add(
            "IfcColumn",
            f"{deck}区柱{number:02d}",
            storey,
            at=(x, y, 0.0),
            style=column,
            material="C40混凝土",
            PredefinedType="COLUMN",
        )


def _ramp(kit: Kit, storey: Entity, deck: str, level: int) -> None:
    if level == len(DECKS) - 1:
        return
    x, y, width, length = RAMP
    outline: list[Point2] = [(0, 0), (2.5, 0), (length, DECK_M - 0.25), (length, DECK_M)]
    item = kit.shapes.upright(outline, width, "concrete")
    whole = kit.add("IfcRamp", f"{deck}区上行坡道", storey, PredefinedType="STRAIGHT_RUN_RAMP")
    kit.add(
        "IfcRampFlight",
        f"{deck}区坡道段",
        storey,
        [item],
        at=(x + width, y, 0.0),
        along=NORTH,
        whole=whole,
        material="C40混凝土",
        PredefinedType="STRAIGHT",
        facts={"Pset_RampFlightCommon": {"Headroom": 2.4, "Reference": "坡度10%"}},
    )


def _roof(kit: Kit, roof: Entity) -> None:
    outline = rectangle(-0.4, -0.4, LONG_M + 0.8, WIDE_M + 0.8)
    kit.slab("屋面板", roof, outline, 0.2, kind="ROOF")
    panel = kit.shapes.upright([(0, 0.3), (0.06, 0.3), (2.0, 1.1), (1.94, 1.1)], 5.0, "blue")
    style = kit.type("IfcSolarDeviceType", "PV-5020", [panel], "SOLARPANEL")
    places = [(2.0 + 4.5 * column, 2.0 + 6.2 * row) for row in range(5) for column in range(8)]
    for number, (x, y) in enumerate(places, start=1):
        kit.add("IfcSolarDevice", f"光伏组件{number:02d}", roof, at=(x, y, 0.0), style=style)
