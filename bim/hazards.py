"""What must not reach a parser or a kernel: structures that never end, nest or unfold absurdly.

A placement in itself, a boolean chain 20,000 deep, a whole that is part of itself, ten levels that
each hold the next a hundred times or millions of parentheses kill or hang the process that follows
them (FIELD-NOTES, IFC). The check looks at every reference of the normalised file (``bim.step``)
and never recurses.
"""

import mmap
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bim import step
from bim.normalise_blocks import STRING
from bim.step import Step
from bim.step_graph import Edges, Indexes, nesting
from identity.errors import Invalid

DEPTH_MAX = {  # steps of a chain; in 781 real files at most 23. Kernels set lower limits.
    "placement": 1_000,
    "geometry": 1_000,
    "property": 100,
    "decomposition": 1_000,
    "reference": 4_000,  # any chain: a placement's and what stands at its end
}
PATHS_MAX = 100_000  # copies that nested items unfold to; in 781 real files at most 1,986
FAN_OUT_MAX = 5_000_000  # references of one statement; in 781 real files at most 12,072
PARENTHESES_MAX = 200

_KINDS = {  # whose references to one another are a chain of their own
    "placement": re.compile(r"IFC(LOCAL|LINEAR|GRID)PLACEMENT"),
    "geometry": re.compile(
        r"IFC(BOOLEAN(CLIPPING)?RESULT|CSGSOLID|MAPPEDITEM|REPRESENTATIONMAP"
        r"|(SHAPE|TOPOLOGY|STYLED)REPRESENTATION|COMPOSITECURVE\w*|TRIMMEDCURVE|OFFSETCURVE\w*"
        r"|COMPOSITEPROFILEDEF|DERIVEDPROFILEDEF|MIRROREDPROFILEDEF|SURFACECURVESWEPTAREASOLID"
        r"|SEGMENTEDREFERENCECURVE|GRADIENTCURVE|GEOMETRICREPRESENTATIONSUBCONTEXT|SHAPEASPECT"
        r"|CONVERSIONBASEDUNIT|MEASUREWITHUNIT|DERIVEDUNIT|DERIVEDUNITELEMENT)"
    ),
    "property": re.compile(r"IFC(COMPLEXPROPERTY|PHYSICALCOMPLEXQUANTITY)"),
}
_WHOLES = re.compile(
    r"IFCREL(AGGREGATES|NESTS|VOIDSELEMENT|FILLSELEMENT|ADHERESTOELEMENT"
    r"|CONTAINEDINSPATIALSTRUCTURE)"
)
_SPATIAL = re.compile(r"IFC(PROJECT|SITE|BUILDING(STOREY)?|SPACE|FACILITY\w*)")
_PARTS_FIRST = "IFCRELCONTAINEDINSPATIALSTRUCTURE"  # RelatedElements before RelatingStructure
_ROOT_ATTRIBUTES = 4  # GlobalId, OwnerHistory, Name, Description
_STRING = re.compile(STRING)
_REFERENCE = re.compile(rb"#(\d{1,18})")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Scan:
    """How whole the file is: statements, ids declared twice, ids that nothing declares."""

    statements: int
    repeated: tuple[int, ...]
    repeated_count: int
    unresolved: tuple[int, ...]
    unresolved_count: int


def check(path: Path) -> Scan:
    """Check a normalised file; raises Invalid("ifc_hazard", kind=…, step_id=…, depth=…).

    Kinds: ``placement_cycle``, ``geometry_cycle``, ``property_cycle``, ``decomposition_cycle``,
    ``reference_cycle`` (any other), the same with ``_depth``, ``geometry_paths``,
    ``property_paths``, ``fan_out`` and ``parentheses_depth``.
    """
    found = step.read(path)
    if found.depth > PARENTHESES_MAX:
        raise _hazard("parentheses_depth", None, found.depth, PARENTHESES_MAX)
    _check_fan_out(found)
    ids, rows, repeated = _distinct(found.ids)
    targets, known = _targets(ids, found.references)
    sources = np.repeat(rows, np.diff(found.offsets))
    edges = Edges(ids.size, sources[known], targets[known])
    for kind, pattern in _KINDS.items():
        _check_kind(kind, edges.among(_nodes(found, rows, ids.size, pattern)), ids)
    _check_nesting("decomposition", _decomposition(path, found, ids), ids)
    # Only relations may name these: an attribute that does is wrong, and nothing follows it.
    spatial = _nodes(found, rows, ids.size, _SPATIAL)
    _check_nesting("reference", edges.among(~spatial), ids)
    return _scan(found, repeated, np.unique(found.references[~known]))


def _distinct(ids: Indexes) -> tuple[Indexes, Indexes, Indexes]:
    """Return the ids in order, where each stands among them, and those that come again."""
    if (np.diff(ids) > 0).all():  # as most exporters write them: nothing to sort
        return ids, np.arange(ids.size), ids[:0]
    distinct, rows, counts = np.unique(ids, return_inverse=True, return_counts=True)
    return distinct, rows, distinct[counts > 1]


def _check_fan_out(found: Step) -> None:
    widest = int(np.diff(found.offsets).max(initial=0))
    if widest > FAN_OUT_MAX:
        step_id = int(found.ids[np.argmax(np.diff(found.offsets))])
        raise _hazard("fan_out", step_id, widest, FAN_OUT_MAX)


def _targets(ids: Indexes, references: Indexes) -> tuple[Indexes, NDArray[np.bool_]]:
    """Return the place of each reference in ``ids``, and which of them are declared at all."""
    if not ids.size:
        return references, np.zeros(references.size, dtype=np.bool_)
    places = np.minimum(np.searchsorted(ids, references), ids.size - 1)
    return places, ids[places] == references


def _nodes(found: Step, rows: Indexes, size: int, pattern: re.Pattern[str]) -> NDArray[np.bool_]:
    """Return which ids have a type of this pattern (in one of their declarations)."""
    fits = np.array([bool(pattern.fullmatch(name)) for name in found.names], dtype=np.bool_)
    nodes = np.zeros(size, dtype=np.bool_)
    if fits.any():
        nodes[rows[fits[found.types]]] = True
    return nodes


def _check_kind(kind: str, edges: Edges, ids: Indexes) -> None:
    paths = _check_nesting(kind, edges, ids)
    if paths is not None and paths.max(initial=0) > PATHS_MAX:
        widest = int(np.argmax(paths))
        raise _hazard(kind + "_paths", int(ids[widest]), float(paths[widest]), PATHS_MAX)


def _check_nesting(kind: str, edges: Edges, ids: Indexes) -> NDArray[np.float64] | None:
    """Raise on a cycle or a depth; return the paths of the nodes, None where nothing nests."""
    if not edges.sources.size:
        return None
    limit = DEPTH_MAX[kind]
    found = nesting(edges, limit)
    if found.too_deep is not None:
        raise _hazard(kind + "_depth", int(ids[found.too_deep]), found.depth + 1, limit)
    if found.cyclic is not None:
        raise _hazard(kind + "_cycle", int(ids[found.cyclic]), None, limit)
    return found.paths


def _decomposition(path: Path, found: Step, ids: Indexes) -> Edges:
    """Return the references from wholes to parts: relations name both, and not in one order."""
    wholes: list[int] = []
    parts: list[int] = []
    for name, arguments in _relations(path, found):
        numbers = _related(arguments)
        if name == _PARTS_FIRST:
            numbers.insert(0, numbers.pop() if numbers else 0)
        wholes += numbers[:1] * (len(numbers) - 1)
        parts += numbers[1:]
    sources, known_sources = _targets(ids, np.array(wholes, dtype=np.int64))
    targets, known_targets = _targets(ids, np.array(parts, dtype=np.int64))
    known = known_sources & known_targets
    return Edges(ids.size, sources[known], targets[known])


def _relations(path: Path, found: Step) -> Iterator[tuple[str, bytes]]:
    fits = np.array([bool(_WHOLES.fullmatch(name)) for name in found.names], dtype=np.bool_)
    rows = np.flatnonzero(fits[found.types]) if fits.any() else ()
    if not len(rows):
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for row in rows:
            name = found.names[found.types[row]]
            yield name, data[found.starts[row] : found.stops[row]]


def _related(arguments: bytes) -> list[int]:
    """Return the ids behind the attributes that every relation has."""
    fields = _STRING.sub(b"''", arguments).split(b",", _ROOT_ATTRIBUTES)
    if len(fields) <= _ROOT_ATTRIBUTES:
        return []
    return [int(number) for number in _REFERENCE.findall(fields[_ROOT_ATTRIBUTES])]


def _hazard(kind: str, step_id: int | None, depth: float | None, limit: int) -> Invalid:
    facts: Mapping[str, object] = {"kind": kind, "depth": depth, "limit": limit}
    return Invalid("ifc_hazard", step_id=step_id, **facts)


def _scan(found: Step, repeated: Indexes, unresolved: Indexes) -> Scan:
    return Scan(
        statements=int(found.ids.size),
        repeated=tuple(int(i) for i in repeated[:_SHOWN]),
        repeated_count=int(repeated.size),
        unresolved=tuple(int(i) for i in unresolved[:_SHOWN]),
        unresolved_count=int(unresolved.size),
    )
