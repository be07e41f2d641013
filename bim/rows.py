"""What the extraction and meshing children write: plain rows, no codes, no open file.

Lengths are metres in the model's local frame (z up, axes as modelled, IFC project units applied).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """Where a product stands in the spatial tree."""

    PROJECT = "project"
    SITE = "site"
    BUILDING = "building"
    FACILITY = "facility"  # IfcFacility and parts, IfcRoad, IfcBridge …
    STOREY = "storey"
    SPACE = "space"
    ELEMENT = "element"


class Severity(StrEnum):
    """How bad a finding is; an ERROR on the whole file means that it was refused."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing said about a delivery: a code with facts (texts: ``identity.errors.render``).

    ``guid`` names the element where there is one; ``step_id`` the IFC line (#n).
    """

    code: str
    severity: Severity
    facts: Mapping[str, Any] = field(default_factory=dict)
    guid: str | None = None
    step_id: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One product of the file; ``parent`` is the GUID above it (aggregate or container).

    ``psets``/``quantities`` include those of the type (the occurrence's own value wins).
    ``materials`` and ``classifications`` too: ``bim.extract_materials``, ``bim.extract_classes``.
    ``origin_m`` is its placement's origin in the local frame; ``address`` is IfcPostalAddress as
    one line. Of a repeated GUID the first product keeps it, the others get "<guid>#2" ….
    """

    guid: str
    ifc_class: str
    role: Role
    step_id: int
    name: str = ""
    parent: str | None = None
    storey: str | None = None
    tag: str = ""
    object_type: str = ""
    type_name: str = ""
    predefined_type: str = ""
    elevation_m: float | None = None
    origin_m: tuple[float, float, float] | None = None
    address: str | None = None
    psets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    quantities: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    materials: tuple[Mapping[str, Any], ...] = ()
    classifications: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Instrument:
    """A sensor, controller, actuator, alarm … among the rows: what relations say it is for.

    ``sort``: its class; where that is IfcDistributionControlElement, the class its type stands for.
    ``point``: its ControlElementId (IFC2X3), the point's name in the building's automation.
    GUIDs: ``serves``: flow elements it senses or controls and products it is assigned to;
    ``seen_in``: spatial structures that reference it; ``within``: what contains it (its row's
    parent), None where no relation says so.
    """

    guid: str
    sort: str
    point: str = ""
    serves: tuple[str, ...] = ()
    seen_in: tuple[str, ...] = ()
    within: str | None = None


class Provenance(StrEnum):
    """Where a position comes from."""

    DECLARED = "declared"  # the file says so
    CONFIRMED = "confirmed"  # a person said so
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Georef:
    """How the local frame lies on the Earth.

    The local origin lies at lon/lat (CGCS2000 degrees) and ``height_m``; the local x axis points
    ``rotation_deg`` counter-clockwise from east (true, meridian convergence applied); ``scale``
    multiplies local lengths. ``method``: map_conversion | site | given | none.
    ``anchor_m`` is the local point that lies there: the origin, unless the model is given in map
    coordinates (more than 100 km from its origin), where a frame at the origin would be useless.
    ``height_datum``: one of ``identity.grid.Datum`` where the file names it, else "".
    """

    provenance: Provenance
    method: str = "none"
    lon: float | None = None
    lat: float | None = None
    height_m: float = 0.0
    rotation_deg: float = 0.0
    scale: float = 1.0
    crs: str = ""
    anchor_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    height_datum: str = ""


@dataclass(frozen=True, slots=True)
class Extract:
    """All that one pass over a file gives."""

    schema: str
    project_guid: str
    project_name: str
    length_unit_m: float
    rows: list[Row]
    georef: Georef
    findings: list[Finding]
    header: Mapping[str, Any] = field(default_factory=dict)
    instruments: list[Instrument] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shape:
    """The result of meshing one product.

    ``kernel``: cgal-simple | manifold | opencascade | placeholder | none (nothing to draw).
    ``box_m`` is (xmin, ymin, zmin, xmax, ymax, zmax) in the local frame, None without a shape.
    ``parts`` are (first index, index count, r, g, b, a) into the file's index array, colours 0-255.
    """

    guid: str
    kernel: str
    box_m: tuple[float, float, float, float, float, float] | None
    parts: tuple[tuple[int, int, int, int, int, int], ...] = ()
