"""The demo district near 光谷广场, Wuhan: four IFC4 models and the ground between them.

Everything is made up here, addresses too; two runs write the same bytes. The tower and the car
park are in millimetres, the residence and the pump station in metres, as real deliveries mix them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bim import demo_parking, demo_pump, demo_residence, demo_tower
from bim.demo_ground import CRS, ground, to_map
from bim.demo_kit import Kit
from bim.demo_project import Spec
from cim import crs

__all__ = ["DemoModel", "district", "ground", "write_district"]

GROUND_M = 25.0  # height of all ground floors


@dataclass(frozen=True, slots=True)
class DemoModel:
    """One model: names for the upload, and how to write its file (about a second for the tower)."""

    name: str
    file_name: str
    project: str
    document: str
    spec: Spec
    draw: Callable[[Spec], Kit]

    def write(self, path: Path) -> None:
        """Write the IFC file to ``path``."""
        self.draw(self.spec).write(path)


def district() -> list[DemoModel]:
    """Return the models of the district, the tower first."""
    return [
        _model(
            "光谷之星大厦",
            "guanggu-star-tower.ifc",
            "办公",
            demo_tower.draw,
            address="珞喻路1008号",
            corner_m=(96.0, 76.0),
            turn_deg=5.0,
            unit_m=0.001,
        ),
        _model(
            "光谷人家1号楼",
            "guanggu-residence-1.ifc",
            "住宅",
            demo_residence.draw,
            address="人家路16号1号楼",
            corner_m=(64.0, -128.0),
            turn_deg=8.0,
            unit_m=1.0,
        ),
        _model(
            "光谷广场停车楼",
            "guanggu-car-park.ifc",
            "停车",
            demo_parking.draw,
            address="珞喻路1003号停车楼",
            corner_m=(-146.0, 70.0),
            turn_deg=-4.0,
            unit_m=0.001,
        ),
        _model(
            "南湖渠泵站",
            "nanhu-pump-station.ifc",
            "水务",
            demo_pump.draw,
            address="南湖渠路9号",
            corner_m=(-112.0, -99.0),
            turn_deg=7.0,
            unit_m=1.0,
        ),
    ]


def write_district(directory: Path) -> list[Path]:
    """Write all models into an existing directory and return their paths, in order."""
    paths = []
    for model in district():
        path = directory / model.file_name
        model.write(path)
        paths.append(path)
    return paths


def _model(
    name: str,
    file_name: str,
    purpose: str,
    draw: Callable[[Spec], Kit],
    *,
    address: str,
    corner_m: tuple[float, float],
    turn_deg: float,
    unit_m: float,
) -> DemoModel:
    east_m, north_m = to_map(*corner_m)
    lon, lat = crs.to_lonlat(CRS, east_m, north_m)
    turn = math.radians(turn_deg)
    project, document = f"{name}工程", f"{name}建筑模型"
    spec = Spec(
        name=name,
        file_name=file_name,
        project=project,
        document=document,
        purpose=purpose,
        unit_m=unit_m,
        address=address,
        lon=lon,
        lat=lat,
        east_m=east_m,
        north_m=north_m,
        height_m=GROUND_M,
        along=(round(math.cos(turn), 9), round(math.sin(turn), 9)),
    )
    return DemoModel(name, file_name, project, document, spec, draw)
