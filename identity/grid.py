"""The Beidou grid location code, GB/T 39409-2020: one door to the ``grid_…`` modules beside it.

2D codes are CGCS2000 longitude/latitude at levels 0-10 (a hemisphere … 1.5 cm); each level's code
is a prefix of the next one's, cut at ``LEGAL_CUTS``. 3D codes put each level's height characters
behind its 2D characters (``LEGAL_CUTS_3D``); heights are ellipsoidal metres.

::

    position  encode  decode  encode_many  finest_many  encode_3d  decode_3d  lifted  split
    heights   encode_height  decode_height
    outline   ring  box  box_3d  from_ring  from_box
    family    prefixes  parent  ancestors  children  neighbours   (2D and 3D codes)
    cover     cover (polygon)  cover_box_3d
    short     reference_code  resolve_reference  short_code  resolve_short  reference_range
    datum     ellipsoidal_height_m

All horizontal arithmetic is exact, in whole units of 1/2048″.

Where the standard is silent we decide, and say so: exact zone edges in the western hemisphere and
longitude ±180° belong to the last cell before them; latitude 0 is north, longitude 0 east; heights
are binary with sign and magnitude. At the poles (|latitude| >= 88°) the text stops at level 2.
"""

from identity.grid_cover import cover
from identity.grid_cover_box import cover_box_3d
from identity.grid_datum import Datum, Height, ellipsoidal_height_m
from identity.grid_flat import Cell, decode, encode, level_of
from identity.grid_height import decode_height, encode_height
from identity.grid_many import encode_many, finest_many
from identity.grid_neighbours import neighbours
from identity.grid_outline import Ring, box, box_3d, from_box, from_ring, ring
from identity.grid_polygon import POLYGON_POINTS_MAX, Points
from identity.grid_refine import COVER_CELLS_MAX
from identity.grid_short import (
    Short,
    parse_short,
    reference_code,
    reference_range,
    resolve_reference,
    resolve_short,
    short_code,
)
from identity.grid_solid import Box, decode_3d, encode_3d, is_3d, lifted, split
from identity.grid_tree import (
    CHILDREN_MAX,
    ancestors,
    canonical,
    children,
    is_legal_prefix,
    level,
    parent,
    prefixes,
)
from identity.grid_units import (
    LAT_MAX_DEG,
    LEGAL_CUTS,
    LEGAL_CUTS_3D,
    LEVEL_MAX,
    POLE_LEVEL_MAX,
    Degrees,
)

__all__ = [
    "CHILDREN_MAX",
    "COVER_CELLS_MAX",
    "LAT_MAX_DEG",
    "LEGAL_CUTS",
    "LEGAL_CUTS_3D",
    "LEVEL_MAX",
    "POLE_LEVEL_MAX",
    "POLYGON_POINTS_MAX",
    "Box",
    "Cell",
    "Datum",
    "Degrees",
    "Height",
    "Points",
    "Ring",
    "Short",
    "ancestors",
    "box",
    "box_3d",
    "canonical",
    "children",
    "cover",
    "cover_box_3d",
    "decode",
    "decode_3d",
    "decode_height",
    "ellipsoidal_height_m",
    "encode",
    "encode_3d",
    "encode_height",
    "encode_many",
    "finest_many",
    "from_box",
    "from_ring",
    "is_3d",
    "is_legal_prefix",
    "level",
    "level_of",
    "lifted",
    "neighbours",
    "parent",
    "parse_short",
    "prefixes",
    "reference_code",
    "reference_range",
    "resolve_reference",
    "resolve_short",
    "ring",
    "short_code",
    "split",
]
