"""What a file says about its position, as plain values: what ``bim.georef`` judges."""

from dataclasses import dataclass
from typing import Any

Triple = tuple[float, float, float]
ZERO: Triple = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Conversion:
    """A map conversion as declared; coordinates in map units (``map_unit_m``, None: not said).

    ``geographic``: eastings and northings are longitude and latitude in degrees.
    ``vertical_datum``: what the target system calls it, "" where it says nothing.
    """

    source: str  # IfcMapConversion | IfcRigidOperation | ePSet_MapConversion
    crs: str
    eastings: float
    northings: float
    height: float = 0.0
    abscissa: float | None = None
    ordinate: float | None = None
    scale: float | None = None
    map_unit_m: float | None = None
    geographic: bool = False
    vertical_datum: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the file says about its position; lengths in metres, angles in degrees.

    ``true_north`` is a direction in the local frame; ``wcs_m``/``wcs_deg`` the offset and rotation
    of the WorldCoordinateSystem; ``site_m`` the site placement's origin and ``middle_m`` the middle
    of the products' origins, both local.
    """

    length_unit_m: float = 1.0
    conversion: Conversion | None = None
    site_lon: float | None = None
    site_lat: float | None = None
    site_height_m: float | None = None
    site_m: Triple | None = None
    true_north: tuple[float, float] | None = None
    wcs_m: Triple = ZERO
    wcs_deg: float = 0.0
    middle_m: Triple | None = None


def degrees_of(parts: Any) -> float | None:
    """Return IfcCompoundPlaneAngleMeasure (degrees, minutes, seconds, millionths) in degrees.

    All parts should bear the sign; where only one does, it is the sign of the whole.
    """
    if not parts:
        return None
    weights = (1.0, 60.0, 3600.0, 3.6e9)
    size: float = sum(abs(p) / w for p, w in zip(parts, weights, strict=False))
    return -size if any(part < 0 for part in parts) else size
