"""南湖渠泵站: three pumps and their pipes, a sump with a water gauge, a control room."""

from typing import Any

from bim.demo_kit import Kit, rectangle
from bim.demo_project import Spec
from bim.demo_shapes import Entity

HALL_M = (18.0, 10.0, 6.0)  # length, width, height
SUMP_M = (18.0, 6.0, 4.5)  # the sump lies north of the hall, open to the sky
PUMPS = 3


def draw(spec: Spec) -> Kit:
    """Return the model, not yet written."""
    kit = Kit(spec)
    ground = kit.storey("1层", 0.0, "泵房层")
    _hall(kit, ground)
    _sump(kit, ground)
    _pumps(kit, ground)
    kit.slab("泵房屋面板", kit.storey("屋面", HALL_M[2] + 0.2, "屋面层"), _roof(), 0.2, kind="ROOF")
    return kit


def _roof() -> list[tuple[float, float]]:
    return rectangle(-0.4, -0.4, HALL_M[0] + 0.8, HALL_M[1] + 0.8)


def _hall(kit: Kit, ground: Entity) -> None:
    length, width, height = HALL_M
    kit.slab("泵房底板", ground, rectangle(0, 0, length, width), 0.4)
    windows = [(x, 1.2, 2.0, 2.4) for x in (5.5, 9.5, 13.5)]
    door = (1.5, 0.0, 2.4, 3.0)
    look: dict[str, Any] = {"colour": "brick", "external": True, "material": "烧结页岩砖"}
    kit.wall("南墙", ground, (0, 0), (length, 0.3, height), openings=[door, *windows], **look)
    kit.wall("北墙", ground, (0, width - 0.3), (length, 0.3, height), **look)
    for name, x in (("西墙", 0.3), ("东墙", length)):
        size = (width - 0.6, 0.3, height)
        kit.wall(name, ground, (x, 0.3), size, along=(0.0, 1.0), **look)
    glass = kit.type(
        "IfcWindowType",
        "C2024",
        [kit.shapes.box((0, 0.12, 0), (2.0, 0.06, 2.4), "glass")],
        "WINDOW",
        PartitioningType="SINGLE_PANEL",
    )
    for number, (x, sill, _, _) in enumerate(windows, start=1):
        kit.add("IfcWindow", f"窗{number}", ground, at=(x, 0.0, sill), style=glass)
    leaf = kit.shapes.box((0, 0.1, 0), (2.4, 0.1, 3.0), "blue")
    kit.add("IfcDoor", "设备大门", ground, [leaf], at=(1.5, 0.0, 0.0), PredefinedType="DOOR")
    kit.space("泵房", "水泵间", ground, (4.3, 0.3, 0.0), (13.4, 9.4, 5.8), colour="public")
    kit.space("控制室", "值班控制室", ground, (0.3, 0.3, 0.0), (3.8, 9.4, 5.8))


def _sump(kit: Kit, ground: Entity) -> None:
    length, width, depth = SUMP_M
    north = HALL_M[1]
    pool = kit.shapes.box((0, north, -depth), (length, width, 0.4), "concrete")
    kit.add("IfcSlab", "集水池底板", ground, [pool], PredefinedType="BASESLAB")
    rims = [
        ("集水池北壁", (0, north + width - 0.3), (length, 0.3)),
        ("集水池西壁", (0, north), (0.3, width - 0.3)),
        ("集水池东壁", (length - 0.3, north), (0.3, width - 0.3)),
    ]
    for name, (x, y), (dx, dy) in rims:
        rim = kit.shapes.box((x, y, -depth), (dx, dy, depth + 0.9), "concrete")
        kit.add(
            "IfcWall", name, ground, [rim], material="C30抗渗混凝土", PredefinedType="SOLIDWALL"
        )
    water = (length - 0.6, width - 0.3, depth - 1.6)
    kit.space(
        "集水池",
        "进水集水池",
        ground,
        (0.3, north, -depth + 0.4),
        water,
        colour="water",
        kind="EXTERNAL",
        facts={"水务信息": {"警戒水位_m": 2.6, "设计水位_m": 1.8, "汇水区": "南湖渠片区"}},
    )
    staff = kit.shapes.box((0, 0, -depth + 0.4), (0.12, 0.08, depth + 1.4), "blue")
    kit.add(
        "IfcSensor",
        "水位计SW-01",
        ground,
        [staff],
        at=(length / 2, north + width - 0.5, 0.0),
        PredefinedType="LEVELSENSOR",
    )


def _pumps(kit: Kit, ground: Entity) -> None:
    body = [
        kit.shapes.box((-0.6, -0.8, 0), (1.2, 1.6, 0.3), "concrete"),
        kit.shapes.cylinder((0, 0, 0.3), 0.45, 1.1, "blue"),
        kit.shapes.cylinder((0, 0, 1.4), 0.28, 0.8, "metal"),
    ]
    sets = {"水泵参数": {"额定流量_m3_h": 1200.0, "扬程_m": 9.5, "额定功率_kW": 55.0}}
    style = kit.type("IfcPumpType", "500QZ-100", body, "SUBMERSIBLEPUMP", sets=sets)
    pipe = kit.type(
        "IfcPipeSegmentType",
        "DN500",
        [kit.shapes.box((-0.25, 0, 0.5), (0.5, 4.2, 0.5), "metal")],
        "RIGIDSEGMENT",
    )
    for number in range(1, PUMPS + 1):
        x = 6.0 + 4.0 * (number - 1)
        kit.add(
            "IfcPump",
            f"{number}号水泵",
            ground,
            at=(x, 5.0, 0.0),
            style=style,
            Tag=f"P-{number:02d}",
        )
        kit.add("IfcPipeSegment", f"{number}号出水管", ground, at=(x, 5.8, 0.0), style=pipe)
