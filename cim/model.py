"""The city as values: entities, relations, tiles. Frozen, without I/O.

Positions are CGCS2000 longitude/latitude in degrees (EPSG:4490); heights are metres, ellipsoidal
where ``height_datum`` in the properties does not say otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Box = tuple[float, float, float, float]
"""west, south, east, north in degrees."""


class Kind(StrEnum):
    """What a thing is; all but STOREY, SPACE and ELEMENT have a row in the class table."""

    REGION = "Region"
    STREET = "Street"
    COMMUNITY = "Community"
    ADDRESS = "Address"
    SITE = "Site"
    BUILDING = "Building"
    STOREY = "Storey"
    SPACE = "Space"
    ELEMENT = "Element"
    SYSTEM = "System"
    UNIT = "Unit"
    HOUSE = "House"
    SENSOR = "Sensor"
    FACILITY = "Facility"
    PROJECT = "Project"
    DOCUMENT = "Document"
    MODEL = "Model"
    DELIVERY = "Delivery"
    SCHEME = "Scheme"
    ALERT = "Alert"
    ALGORITHM = "Algorithm"


class Lifecycle(StrEnum):
    """规划 / 建设中 / 在用 / 消失."""

    PLANNED = "planned"
    UNDER_CONSTRUCTION = "under_construction"
    IN_USE = "in_use"
    GONE = "gone"


class Verb(StrEnum):
    """What joins two entities; ``source VERB target``."""

    CONTAINS = "CONTAINS"
    LOCATED_AT = "LOCATED_AT"
    PART_OF_SYSTEM = "PART_OF_SYSTEM"
    OBSERVES = "OBSERVES"
    FEEDS = "FEEDS"
    REPLACES = "REPLACES"
    DELIVERED_IN = (
        "DELIVERED_IN"  # entity -> Document; properties: guid, digest (of its rows there)
    )
    OPERATES_AT = "OPERATES_AT"
    BOUNDS = "BOUNDS"


@dataclass(frozen=True, slots=True)
class Entity:
    """What is known of one code at one generation.

    ``properties`` holds JSON values: for IFC things ``ifc_class``, ``ifc_guid``, ``tag``, ``type``,
    ``storey`` (code), ``psets`` {set: {name: value}}, ``quantities`` {set: {name: {value, unit}}},
    ``materials`` and ``classifications`` (lists of statements; docs/reference/api.md).
    """

    code: str
    kind: Kind
    name: str = ""
    lifecycle: Lifecycle = Lifecycle.IN_USE
    lon: float | None = None
    lat: float | None = None
    height_m: float | None = None
    box: Box | None = None
    grid2d: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Relation:
    """``source VERB target``; unique by (verb, source, target) at a generation."""

    verb: Verb
    source: str
    target: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tile:
    """One 3D Tiles entry: a document's GLB under one root (building, facility, site, project).

    ``transform`` is the column-major 4x4 matrix from the model's local frame (metres, z up, x as
    modelled) to ECEF; None: the model has no position yet and is not listed in tileset.json.
    ``box_m`` is (xmin, ymin, zmin, xmax, ymax, zmax) in the local frame.
    """

    root: str
    document: str
    blob: str
    bytes: int
    triangles: int
    features: int
    box_m: tuple[float, float, float, float, float, float]
    transform: tuple[float, ...] | None = None
    name: str = ""
