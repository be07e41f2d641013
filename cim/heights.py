"""Heights as they are kept: each with its datum and who said it. Pure.

So no setting, changed later, reinterprets a height that stands. A height stands in metres of its
own datum. Ellipsoidal heights, which 3D grid codes and tiles need, are computed from it and the
separation kept beside it (standards, identity §7). A row without a datum is from before datums were
kept: it was taken as ellipsoidal and still is, uncertain.
"""

from dataclasses import dataclass, replace

from cim.model import Entity
from identity import grid
from identity.grid import Datum, Height
from identity.grid_datum import check_datum

DATUM, PROVENANCE, SEPARATION = "height_datum", "height_provenance", "geoid_separation_m"
KEPT = frozenset({DATUM, PROVENANCE, SEPARATION})
"""The properties of an entity that say what its ``height_m`` is."""

DECLARED, CONFIRMED, ASSUMED = "declared", "confirmed", "assumed"
"""The file says the datum; a person says it; nobody does, and the city's setting stands in."""

_YELLOW_SEA = frozenset({Datum.YELLOW_SEA_1985, Datum.YELLOW_SEA_1956})
_NAMES = (
    (("1985", "5737"), Datum.YELLOW_SEA_1985),
    (("1956", "5736"), Datum.YELLOW_SEA_1956),
    (("ellips", "椭球", "大地高", "4480", "4979"), Datum.ELLIPSOIDAL),
)


@dataclass(frozen=True, slots=True)
class CityHeights:
    """How a city's heights are counted where nobody says otherwise.

    ``separation_m``: how far the zero of ``datum`` lies above the ellipsoid; of the two Yellow Sea
    datums always that of 1985. None: not known.
    """

    datum: Datum = Datum.YELLOW_SEA_1985
    separation_m: float | None = None

    def separation_of(self, datum: str) -> float | None:
        """Return the separation that holds for heights of a datum."""
        same = datum == self.datum or {datum, self.datum} <= _YELLOW_SEA
        return self.separation_m if same and datum != Datum.ELLIPSOIDAL else None


def kept(entity: Entity, city: CityHeights) -> Entity:
    """Return an entity placed by hand or from a list with what is kept with its height.

    What its properties say themselves wins over the city's. Raises Invalid("height_datum").
    """
    said = {name: v for name, v in entity.properties.items() if name not in KEPT}
    if entity.height_m is None:
        return replace(entity, properties=said)
    told = entity.properties.get(DATUM)
    datum = str(told or city.datum)
    check_datum(datum)
    separation_m = entity.properties.get(SEPARATION, city.separation_of(datum))
    provenance = entity.properties.get(PROVENANCE) or (CONFIRMED if told else ASSUMED)
    said |= {DATUM: datum, PROVENANCE: provenance}
    said |= {} if separation_m is None else {SEPARATION: separation_m}
    return replace(entity, properties=said)


def named(text: str) -> Datum | None:
    """Return the datum that a file's words mean (IfcProjectedCRS.VerticalDatum), else None."""
    wanted = text.casefold()
    return next((datum for words, datum in _NAMES if any(w in wanted for w in words)), None)


def ellipsoidal(height_m: float, datum: str, separation_m: float | None) -> Height:
    """Return the ellipsoidal height; ``uncertain`` where datum or separation are not known."""
    if datum not in list(Datum):
        return Height(height_m, uncertain=True)
    return grid.ellipsoidal_height_m(height_m, datum, separation_m)


def of_entity(entity: Entity) -> Height | None:
    """Return the ellipsoidal height of an entity; None where it has no height."""
    if entity.height_m is None:
        return None
    separation_m = entity.properties.get(SEPARATION)
    known_m = float(separation_m) if isinstance(separation_m, int | float) else None
    return ellipsoidal(entity.height_m, str(entity.properties.get(DATUM) or ""), known_m)
