"""A cell as a closed ring of longitude and latitude or a box, and back."""

from collections.abc import Sequence

from identity.errors import Invalid
from identity.grid_flat import Cell, Square, code_of, decode
from identity.grid_pole import POLE_ZONE, pole_cells
from identity.grid_solid import Box, decode_3d, is_3d
from identity.grid_units import DEGREE, POLE, SIZES

Ring = list[tuple[float, float]]
_NEAR = 1e-3  # units, 15 µm: what a degree as a double may be off its whole unit is far less


def box(code: str) -> Cell | Box:
    """Return the box of a 2D code in degrees, of a 3D code in degrees and ellipsoidal metres."""
    return box_3d(code) if is_3d(code) else decode(code)


def box_3d(code: str) -> Box:
    """Return the box of a 3D code in degrees and ellipsoidal metres."""
    cell, bottom_m, top_m = decode_3d(code)
    return Box(*cell, bottom_m, top_m)


def ring(code: str) -> Ring:
    """Return the outline of a cell (of a 3D cell: its footprint): five (lon, lat), closed.

    Counter-clockwise from the south-west corner (RFC 7946). A cell across 180° (near the poles
    only) has its east beyond 180, so that the ring stays in one piece.
    """
    west, south, east, north = decode_3d(code)[0] if is_3d(code) else decode(code)
    if east < west:
        east += 360
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


def from_box(west: float, south: float, east: float, north: float) -> str:
    """Return the 2D code of the cell with exactly these edges; Invalid("grid_no_cell")."""
    across = 360 if east < west else 0
    edges = [round(value * DEGREE) for value in (west, south, east + across, north)]
    wanted = (west, south, east + across, north)
    off = max(abs(v * DEGREE - e) for v, e in zip(wanted, edges, strict=True))
    found = _code(edges) if off < _NEAR else None
    if found is None:
        raise Invalid("grid_no_cell", box=[west, south, east, north])
    return found


def from_ring(points: Sequence[tuple[float, float]]) -> str:
    """Return the 2D code of the cell with this outline; Invalid("grid_no_cell")."""
    corners = list(dict.fromkeys((float(lon), float(lat)) for lon, lat in points))
    lons, lats = sorted({lon for lon, _ in corners}), sorted({lat for _, lat in corners})
    if len(corners) != 4 or len(lons) != 2 or len(lats) != 2:  # noqa: PLR2004 - a rectangle's
        raise Invalid("grid_no_cell", box=[*lons[:1], *lats[:1], *lons[-1:], *lats[-1:]])
    return from_box(lons[0], lats[0], lons[1], lats[1])


def _code(edges: list[int]) -> str | None:
    west, south, east, north = edges
    wide, high = east - west, north - south
    if (wide, high) in SIZES[1:]:
        level = SIZES.index((wide, high))
        within = south >= -POLE and north <= POLE and west >= -180 * DEGREE
        if within and east <= 180 * DEGREE and west % wide == 0 and south % high == 0:
            return code_of(Square(level, west // wide, south // high))
        return None
    named = "N" if south >= 0 else "S"
    polar = [named, named + POLE_ZONE, *pole_cells(named)]
    return next((code for code in polar if _edges(code) == edges), None)


def _edges(code: str) -> list[int]:
    west, south, east, north = decode(code)
    return [round(v * DEGREE) for v in (west, south, east + (360 if east < west else 0), north)]
