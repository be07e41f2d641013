"""What callers send, as types; what they get is described in the routes' docstrings."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from identity.grid_datum import SEPARATION_M_MAX, Datum
from twin.ports import Comparison


class Placement(BaseModel):
    """Where a model stands: the local origin, and how its x axis is turned."""

    model_config = ConfigDict(extra="forbid")

    lon: float = Field(ge=-180, le=180, description="degrees, CGCS2000")
    lat: float = Field(ge=-90, le=90, description="degrees, CGCS2000")
    height_m: float = Field(default=0.0, ge=-1_000, le=10_000)
    height_datum: Datum | None = Field(default=None, description="none: the city's")
    geoid_separation_m: float | None = Field(
        default=None,
        ge=-SEPARATION_M_MAX,
        le=SEPARATION_M_MAX,
        description="of the datum's zero above the ellipsoid; none: the city's",
    )
    rotation_deg: float = Field(default=0.0, ge=-360, le=360, description="from east to north")
    scale: float = Field(default=1.0, gt=0)


class DeviceCalibration(BaseModel):
    """From ``since`` on a value is value * gain + offset, in the unit of the property."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    gain: float = 1.0
    offset: float = 0.0
    since: str | float = Field(default=0.0, description="RFC 3339 or Unix seconds")


class Device(BaseModel):
    """Which device observes which property of what: a code, an IFC GUID, an address, or a place.

    A place (lon, lat) alone proposes what stands nearest. A device that is known already may be
    said without any: it stays where it is.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    device: str = Field(min_length=1, max_length=128)
    code: str = Field(default="", max_length=64, description="what it observes")
    ifc_guid: str = Field(default="", max_length=64)
    project: str = Field(default="", max_length=200, description="of ifc_guid: its code or name")
    address: str = Field(default="", max_length=500, description="the address as it is written")
    lon: float | None = Field(default=None, ge=-180, le=180)
    lat: float | None = Field(default=None, ge=-90, le=90)
    height_m: float | None = Field(default=None, ge=-1_000, le=10_000)
    property: str = Field(default="", max_length=128, description="empty: every property")
    unit: str = Field(default="", max_length=32)
    name: str = Field(default="", max_length=200)
    tenant: str = Field(default="", max_length=128)
    owner: str = Field(default="", max_length=200)
    interval_s: float | None = Field(default=None, gt=0)
    low: float | None = Field(default=None, description="below it a value is uncertain")
    high: float | None = Field(default=None, description="above it a value is uncertain")
    calibration: DeviceCalibration | None = None


class DeviceName(BaseModel):
    """Which device."""

    model_config = ConfigDict(extra="forbid")

    device: str = Field(min_length=1, max_length=128)
    tenant: str = Field(default="", max_length=128)


class Compared(BaseModel):
    """How the value of a property stands; only numbers do."""

    model_config = ConfigDict(extra="forbid")

    property: str = Field(min_length=1, max_length=128)
    op: Literal[">", ">=", "<", "<=", "=", "between"]
    number: float = Field(allow_inf_nan=False)
    high: float | None = Field(default=None, allow_inf_nan=False, description="of between")

    def comparison(self) -> Comparison:
        """Return it as the stores take it."""
        return Comparison(self.property, self.op, self.number, self.high)


class Confirmation(DeviceName):
    """Which of its candidates a proposed device observes."""

    code: str = Field(min_length=1, max_length=64)


class MappingText(BaseModel):
    """How messages of a topic filter are read."""

    model_config = ConfigDict(extra="forbid")

    filter: str = Field(min_length=1, max_length=400)
    mapping: dict[str, Any]


class Trial(BaseModel):
    """A message to try a mapping on; without a mapping the one that reads the topic now."""

    model_config = ConfigDict(extra="forbid")

    topic: str = Field(min_length=1, max_length=400)
    payload: str = Field(max_length=1_048_576)
    mapping: dict[str, Any] | None = None


class StateQuery(BaseModel):
    """Which state rows; all given conditions hold."""

    model_config = ConfigDict(extra="forbid")

    codes: list[str] = Field(default_factory=list, max_length=10_000)
    kinds: list[str] = Field(default_factory=list, max_length=50)
    properties: list[str] = Field(default_factory=list, max_length=200)
    building: str | None = Field(default=None, max_length=64)
    bbox: tuple[float, float, float, float] | None = None
    region: str | None = Field(default=None, pattern=r"^\d{6}$")
    value: Compared | None = None
    qualities: list[Literal["good", "uncertain", "bad"]] = Field(default_factory=list, max_length=3)
    limit: int = Field(default=1_000, ge=1, le=1_000)
    cursor: str = Field(default="", max_length=2_000, description="`next` of the last page")


class Reason(BaseModel):
    """Why the register is changed."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(min_length=1, max_length=1_000)


class Merge(Reason):
    """Which code takes over."""

    into: str = Field(min_length=1, max_length=64)


class Split(Reason):
    """Which codes take over."""

    into: list[str] = Field(min_length=1, max_length=100)


class LifecycleMove(Reason):
    """Where a thing comes to stand in its life."""

    lifecycle: Literal["planned", "under_construction", "in_use", "gone"]


class Undo(Reason):
    """Which change is taken back; none: the last that still stands."""

    generation: int | None = Field(default=None, ge=1)


class ForeignCode(Reason):
    """Which foreign code a thing has, who says so, and how sure that is."""

    value: str = Field(min_length=1, max_length=512)
    scheme: str = Field(default="", max_length=32, description="empty: read by its form")
    scope: str = Field(default="", max_length=128, description="empty: city-wide")
    source: str = Field(default="", max_length=200)
    confidence: float = Field(default=1.0, ge=0, le=1)


class ForeignCodeEnd(Reason):
    """Which foreign code a thing shall not have any longer."""

    scheme: str = Field(min_length=1, max_length=32)
    value: str = Field(min_length=1, max_length=512)
    scope: str | None = Field(default=None, max_length=128, description="where several have it")


class ImportUndo(Reason):
    """Which list of foreign codes is taken back."""

    generation: int = Field(ge=1)


class MatchUndo(Reason):
    """Whose correction is taken back."""

    guid: str = Field(min_length=1, max_length=64)


class Match(MatchUndo):
    """Which code a thing of a model has; none: a new one of its own."""

    code: str | None = Field(default=None, max_length=64)


class Cover(BaseModel):
    """A polygon, or a box with heights, and how fine its cells shall be."""

    model_config = ConfigDict(extra="forbid")

    polygon: list[list[tuple[float, float]]] | None = Field(
        default=None, max_length=1_000, description="rings of lon, lat: outer, then holes"
    )
    box: tuple[float, float, float, float] | None = Field(
        default=None, description="west, south, east, north"
    )
    bottom_m: float | None = Field(default=None, description="of a box, ellipsoidal metres")
    top_m: float | None = Field(default=None, description="of a box, ellipsoidal metres")
    level: int | None = Field(default=None, ge=0, le=10)
    max_count: int | None = Field(default=None, ge=1, description="cells of mixed levels")


Observations = list[Any]
"""Objects as POST /observations describes them; what is none is rejected by its index."""
