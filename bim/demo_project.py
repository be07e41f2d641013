"""The head of a demo model: project, units, site, building, postal address, place on the Earth."""

from dataclasses import dataclass
from typing import Any

import ifcopenshell

from bim.demo_facts import Book
from bim.demo_shapes import Entity, Point2, Shapes

CRS = "EPSG:4547"
WRITTEN_AT = "2026-01-01T00:00:00"


@dataclass(frozen=True, slots=True)
class Spec:
    """A model's names, unit, address and place.

    ``east_m``/``north_m`` (EPSG:4547) and ``height_m`` are where the local origin lies (the low
    corner of the ground floor); ``along`` is the local x axis on the grid, of length 1.
    """

    name: str
    file_name: str
    project: str
    document: str
    purpose: str
    unit_m: float
    address: str
    lon: float
    lat: float
    east_m: float
    north_m: float
    height_m: float = 25.0
    along: Point2 = (1.0, 0.0)


def open_project(spec: Spec, file: ifcopenshell.file, shapes: Shapes, book: Book) -> Entity:
    """Write project, site and building; return the building."""
    project = book.rooted(
        "IfcProject",
        "",
        spec.project,
        LongName=f"{spec.project}（示范数据）",
        Phase="竣工",
        RepresentationContexts=[shapes.context],
        UnitsInContext=_units(file, spec.unit_m),
    )
    _place_on_earth(spec, file, shapes)
    site = _site(spec, file, shapes, book)
    building = book.rooted(
        "IfcBuilding",
        "",
        spec.name,
        ObjectPlacement=shapes.local(site.ObjectPlacement, (0.0, 0.0, 0.0)),
        LongName=spec.name,
        CompositionType="ELEMENT",
        BuildingAddress=_address(spec, file),
    )
    book.relate("IfcRelAggregates", project, site)
    book.relate("IfcRelAggregates", site, building)
    book.describe(building, _building_facts(spec), None, None)
    return building


def stamp(file: ifcopenshell.file, spec: Spec) -> None:
    """Fix the header, which else would carry the time and the library's build."""
    head = file.header.file_name
    head.name, head.time_stamp = spec.file_name, WRITTEN_AT
    head.author, head.organization = ("Wanwu Twin",), ("Wanwu Twin",)
    head.preprocessor_version = "IfcOpenShell"
    head.originating_system = "Wanwu Twin demo district"
    head.authorization = "none"
    file.header.file_description.description = ("ViewDefinition [ReferenceView_V1.2]",)


def _site(spec: Spec, file: ifcopenshell.file, shapes: Shapes, book: Book) -> Entity:
    return book.rooted(
        "IfcSite",
        "",
        f"{spec.name}用地",
        ObjectPlacement=shapes.local(None, (0.0, 0.0, 0.0)),
        CompositionType="ELEMENT",
        RefLatitude=_compound(spec.lat),
        RefLongitude=_compound(spec.lon),
        RefElevation=shapes.length(spec.height_m),
        SiteAddress=_address(spec, file),
    )


def _address(spec: Spec, file: ifcopenshell.file) -> Entity:
    return file.create_entity(
        "IfcPostalAddress",
        Purpose="SITE",
        AddressLines=[spec.address],
        Town="武汉市洪山区",
        Region="湖北省",
    )


def _building_facts(spec: Spec) -> dict[str, dict[str, Any]]:
    return {
        "Pset_BuildingCommon": {"Reference": spec.document, "IsLandmarked": False},
        "建设信息": {
            "建筑用途": spec.purpose,
            "建设状态": "已竣工",
            "建设单位": "光谷示范建设有限公司（虚构）",
            "设计使用年限": 50,
        },
    }


def _units(file: ifcopenshell.file, unit_m: float) -> Entity:
    prefix = None if unit_m == 1 else "MILLI"
    length = file.create_entity("IfcSIUnit", UnitType="LENGTHUNIT", Prefix=prefix, Name="METRE")
    others = {
        "AREAUNIT": "SQUARE_METRE",
        "VOLUMEUNIT": "CUBIC_METRE",
        "PLANEANGLEUNIT": "RADIAN",
        "THERMODYNAMICTEMPERATUREUNIT": "DEGREE_CELSIUS",
    }
    units = [length]
    units += [file.create_entity("IfcSIUnit", UnitType=k, Name=v) for k, v in others.items()]
    return file.create_entity("IfcUnitAssignment", units)


def _place_on_earth(spec: Spec, file: ifcopenshell.file, shapes: Shapes) -> None:
    """Write the map conversion, in metres in every file: a millimetre file scales by 0.001."""
    metre = file.create_entity("IfcSIUnit", UnitType="LENGTHUNIT", Name="METRE")
    target = file.create_entity(
        "IfcProjectedCRS",
        Name=CRS,
        Description="CGCS2000 / 3-degree Gauss-Kruger CM 114E",
        GeodeticDatum="CGCS2000",
        VerticalDatum="1985国家高程基准",
        MapProjection="Gauss-Kruger",
        MapZone="CM 114E",
        MapUnit=metre,
    )
    file.create_entity(
        "IfcMapConversion",
        SourceCRS=shapes.context,
        TargetCRS=target,
        Eastings=round(spec.east_m, 3),
        Northings=round(spec.north_m, 3),
        OrthogonalHeight=spec.height_m,
        XAxisAbscissa=spec.along[0],
        XAxisOrdinate=spec.along[1],
        Scale=spec.unit_m,
    )


def _compound(degrees: float) -> tuple[int, int, int, int]:
    """Return degrees, minutes, seconds, millionths of a second (positive here)."""
    millionths = round(degrees * 3_600_000_000)
    seconds, millionths = divmod(millionths, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    whole, minutes = divmod(minutes, 60)
    return whole, minutes, seconds, millionths
