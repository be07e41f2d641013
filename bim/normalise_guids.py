"""GUIDs of the things in a STEP file by a scan of its bytes: no parser, bounded memory.

Which classes are rows is a rule on names (a test holds it against the published schemas): what has
a GlobalId and is neither a relation, a type, a property definition, a group nor a process, and is
not geometry's helper (openings, grids, annotations, ports, analysis models).
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bim.normalise_zip import SOURCE_BYTES_MAX, opened

_CHUNK_BYTES = 4 << 20
_OVERLAP_BYTES = 512  # longer than "#n= IFC…('guid'" with the line breaks exporters put in
_ROOTED = re.compile(rb"=\s*IFC([A-Z0-9]+)\s*\(\s*'([0-3][0-9A-Za-z_$]{21})'")
_ROOTED_CLASS = re.compile(rb"=\s*IFC([A-Z0-9]+)\s*\(\s*'[0-3][0-9A-Za-z_$]{21}'")
_SPATIAL = re.compile(
    r"(SITE|BUILDING|BUILDINGSTOREY|FACILITY\w*|ROAD|ROADPART|BRIDGE|BRIDGEPART|RAILWAY|RAILWAYPART"
    r"|MARINEFACILITY|MARINEPART|TUNNEL|TUNNELPART)\Z"
)
_NO_ROW = re.compile(
    r"(REL[A-Z]\w*|PROJECT|PROJECTLIBRARY|\w*TYPE|(DOOR|WINDOW)STYLE|\w*PROPERTIES|\w*TEMPLATE"
    r"|PROPERTYSET|ELEMENTQUANTITY|SERVICELIFE|SERVICELIFEFACTOR|SOUNDVALUE|TYPEOBJECT|TYPEPRODUCT|TYPEPROCESS"
    r"|TYPERESOURCE|GROUP|\w*SYSTEM|\w*CIRCUIT|ZONE|ASSET|INVENTORY|CONDITION|CONDITIONCRITERION"
    r"|TASK|EVENT|PROCEDURE|MOVE|ORDERACTION|WORK(PLAN|SCHEDULE|CALENDAR)|SCHEDULETIMECONTROL"
    r"|TIMESERIESSCHEDULE|ACTOR|OCCUPANT|PERMIT|PERFORMANCEHISTORY|COST(ITEM|SCHEDULE)"
    r"|(EQUIPMENT|FURNITURE)STANDARD|ACTIONREQUEST|PROJECTORDER(RECORD)?|SPACEPROGRAM|\w*RESOURCE"
    # products that are no things of the city (see bim.extract)
    r"|OPENING\w*|VOIDINGFEATURE|EDGEFEATURE|CHAMFEREDGEFEATURE|ROUNDEDEDGEFEATURE|EARTHWORKSCUT"
    r"|PROJECTIONELEMENT|VIRTUALELEMENT|GRID|ANNOTATION|\w*PORT|STRUCTURAL\w*"
    r"|ALIGNMENT\w*|REFERENT|LINEARPOSITIONINGELEMENT|POSITIONINGELEMENT|LINEARELEMENT)\Z"
)


@dataclass(frozen=True, slots=True)
class Guids:
    """GlobalIds of elements and spaces, and apart from them those of the spatial structure above.

    Templates repeat the GUIDs of site, building and storey, so only ``products`` say that two
    files are versions of one document.
    """

    products: frozenset[str]
    spatial: frozenset[str]


def is_row_class(ifc_class: str) -> bool:
    """Tell whether instances of this class (with GlobalId) become rows; the project does not."""
    return not _NO_ROW.match(ifc_class.upper().removeprefix("IFC"))


def guids(path: Path, *, limit_bytes: int = SOURCE_BYTES_MAX) -> Guids:
    """Return the GlobalIds of an .ifc or .ifczip; refusals as ``normalise_zip.opened``."""
    found: dict[bytes, set[bytes]] = {}
    with opened(path, limit_bytes=limit_bytes) as stream:
        for window in _windows(stream):
            for name, guid in _ROOTED.findall(window):
                found.setdefault(name, set()).add(guid)
    products: set[str] = set()
    spatial: set[str] = set()
    for name, ids in found.items():
        ifc_class = name.decode("ascii")
        if is_row_class(ifc_class):
            kind = spatial if _SPATIAL.match(ifc_class) else products
            kind.update(guid.decode("ascii") for guid in ids)
    return Guids(frozenset(products), frozenset(spatial))


def count_products(block: bytes) -> int:
    """Return how many statements of ``block`` (whole statements) become rows."""
    classes = Counter(_ROOTED_CLASS.findall(block))
    return sum(n for name, n in classes.items() if is_row_class(name.decode("ascii")))


def _windows(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield chunks that overlap, so that no statement's head is cut."""
    tail = b""
    while chunk := stream.read(_CHUNK_BYTES):
        yield tail + chunk
        tail = (tail + chunk)[-_OVERLAP_BYTES:]
