"""From the heights that cities keep to the ellipsoidal heights that 3D grid codes mean."""

import math
from enum import StrEnum
from typing import NamedTuple

from identity.errors import Invalid
from identity.grid_flat import check_level

SURE_LEVEL_MAX = 6  # layers of 61.84 m; finer ones are thinner than a usual separation (IDENTITY 7)
SEPARATION_M_MAX = 150.0  # no geoid lies further from the ellipsoid (about -107 … 86 m)
# The Qingdao origin has 72.289 m in 1956, 72.260 m in 1985. Old local networks differ by more:
# their heights are "local", with a separation of their own.
YELLOW_SEA_1956_ABOVE_1985_M = 0.029


class Datum(StrEnum):
    """Where a height is counted from."""

    ELLIPSOIDAL = "ellipsoidal"  # CGCS2000
    YELLOW_SEA_1985 = "1985"  # EPSG:5737
    YELLOW_SEA_1956 = "1956"  # EPSG:5736
    LOCAL = "local"  # a city's own zero


class Height(NamedTuple):
    """An ellipsoidal height; ``uncertain`` where the separation was not known and taken as 0."""

    height_m: float
    uncertain: bool


def ellipsoidal_height_m(
    height_m: float,
    datum: str,
    geoid_separation_m: float | None,
    *,
    level: int = SURE_LEVEL_MAX,
) -> Height:
    """Return the ellipsoidal height of a height in a datum, good for grid codes of ``level``.

    ``geoid_separation_m``: how far the zero of the datum lies above the ellipsoid here, configured
    per city; for "1956" that of the 1985 datum, the 0.029 m between them are taken off. Unknown
    (None): up to level 6 the height is returned as it is, uncertain; for finer levels
    Invalid("height_separation_unknown"). Also Invalid("height_datum"),
    Invalid("height_range"), Invalid("height_separation_range").
    """
    check_level(level)
    check_datum(datum)
    if not math.isfinite(height_m):
        raise Invalid("height_range", height_m=str(height_m))
    if datum == Datum.ELLIPSOIDAL:
        return Height(height_m, uncertain=False)
    if geoid_separation_m is None:
        if level > SURE_LEVEL_MAX:
            raise Invalid(
                "height_separation_unknown", datum=datum, level=level, largest=SURE_LEVEL_MAX
            )
        return Height(height_m, uncertain=True)
    if not abs(geoid_separation_m) <= SEPARATION_M_MAX:
        raise Invalid(
            "height_separation_range", separation_m=str(geoid_separation_m), limit=SEPARATION_M_MAX
        )
    shift_m = YELLOW_SEA_1956_ABOVE_1985_M if datum == Datum.YELLOW_SEA_1956 else 0.0
    return Height(height_m - shift_m + geoid_separation_m, uncertain=False)


def check_datum(datum: str) -> None:
    """Raise Invalid("height_datum") for a word that names none."""
    if datum not in list(Datum):
        raise Invalid("height_datum", datum=str(datum)[:40], known=", ".join(Datum))
