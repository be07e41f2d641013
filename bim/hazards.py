"""What must not reach a parser or a kernel: endless or absurdly deep structures, by a byte scan.

A placement in itself, a boolean chain 20,000 deep, a whole that is part of itself or millions of
parentheses kill or hang the process that follows them (FIELD-NOTES, IFC). The scan reads the
normalised file once, keeps only the statements that can nest, and never recurses.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bim.normalise_blocks import STRING, blocks
from identity.errors import Invalid

DEPTH_MAX = {  # steps of a chain; real files stay below 30. Kernels set their own, lower limits.
    "placement": 1_000,
    "geometry": 1_000,
    "property": 100,
    "decomposition": 1_000,
}
PARENTHESES_MAX = 200

_STRING = re.compile(STRING)
_NESTING = re.compile(
    rb"=\s*+IFC(?:"
    rb"(?P<placement>(?:LOCAL|LINEAR|GRID)PLACEMENT)"
    rb"|(?P<geometry>BOOLEAN(?:CLIPPING)?RESULT|CSGSOLID|MAPPEDITEM|REPRESENTATIONMAP"
    rb"|(?:SHAPE|TOPOLOGY|STYLED)REPRESENTATION|COMPOSITECURVE\w*|TRIMMEDCURVE|OFFSETCURVE\w*"
    rb"|COMPOSITEPROFILEDEF|DERIVEDPROFILEDEF|MIRROREDPROFILEDEF|SURFACECURVESWEPTAREASOLID"
    rb"|SEGMENTEDREFERENCECURVE|GRADIENTCURVE|GEOMETRICREPRESENTATIONSUBCONTEXT|SHAPEASPECT"
    rb"|CONVERSIONBASEDUNIT|MEASUREWITHUNIT|DERIVEDUNIT|DERIVEDUNITELEMENT)"
    rb"|(?P<property>COMPLEXPROPERTY|PHYSICALCOMPLEXQUANTITY)"
    rb"|(?P<decomposition>REL(?:AGGREGATES|NESTS|VOIDSELEMENT|FILLSELEMENT|ADHERESTOELEMENT"
    rb"|CONTAINEDINSPATIALSTRUCTURE))"
    rb")\s*+\((?P<arguments>[^;]*+);"
)
_OWNER = re.compile(rb"#(\d++)")
_DECLARED = re.compile(rb"#(\d++)\s*+=")
_NO_PARENTHESES = bytes(set(range(256)) - set(b"()"))
_PART_FIRST = b"RELCONTAINEDINSPATIALSTRUCTURE"  # RelatedElements stand before RelatingStructure
_ROOT_ATTRIBUTES = 4  # GlobalId, OwnerHistory, Name, Description
_SHOWN = 5

Links = dict[int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Scan:
    """How whole the file is: statements, ids declared twice, ids that nothing declares."""

    statements: int
    repeated: tuple[int, ...]
    repeated_count: int
    unresolved: tuple[int, ...]
    unresolved_count: int


def check(path: Path) -> Scan:
    """Scan a normalised file; raises Invalid("ifc_hazard", kind=…, step_id=…, depth=…).

    Kinds: ``placement_cycle``, ``geometry_cycle``, ``property_cycle``, ``decomposition_cycle``, the
    same with ``_depth``, and ``parentheses_depth``.
    """
    graphs: dict[str, Links] = {kind: {} for kind in DEPTH_MAX}
    declared: list[NDArray[np.int64]] = []
    mentioned: list[NDArray[np.int64]] = []
    for bare in _bare_blocks(path):
        _check_parentheses(bare)
        _collect(bare, graphs)
        declared.append(_numbers(_DECLARED.findall(bare)))
        mentioned.append(_distinct(_numbers(_OWNER.findall(bare))))
    for kind, links in graphs.items():
        _check_chains(kind, links)
    return _scan(_joined(declared), _joined(mentioned))


def _bare_blocks(path: Path) -> Iterator[bytes]:
    """Yield blocks of statements whose strings are empty: nothing in a text is structure."""
    with path.open("rb") as stream:
        for block in blocks(stream):
            yield _STRING.sub(b"''", block)


def _check_parentheses(bare: bytes) -> None:
    parentheses = np.frombuffer(bare.translate(None, _NO_PARENTHESES), dtype=np.uint8)
    if not parentheses.size:
        return
    steps = ord("(") + ord(")") - 2 * parentheses.astype(np.int32)  # +1 opens, -1 closes
    depth = int(np.cumsum(steps).max())
    if depth > PARENTHESES_MAX:
        facts = {"kind": "parentheses_depth", "depth": depth, "limit": PARENTHESES_MAX}
        raise Invalid("ifc_hazard", step_id=None, **facts)


def _collect(bare: bytes, graphs: Mapping[str, Links]) -> None:
    """Put the links of each nesting statement into the graph of its kind."""
    for match in _NESTING.finditer(bare):
        kind = match.lastgroup if match.lastgroup != "arguments" else _kind(match)
        arguments = match["arguments"]
        if kind == "decomposition":
            _collect_parts(match["decomposition"], arguments, graphs["decomposition"])
            continue
        owner = _DECLARED.match(bare, max(bare.rfind(b"#", 0, match.start()), 0))
        if owner is None:
            continue  # damaged: the parser will not take it as a statement either
        targets = [int(number) for number in _OWNER.findall(arguments)]
        if kind == "placement":  # PlacementRelTo is the first attribute
            targets = targets[:1] if arguments.lstrip().startswith(b"#") else []
        graphs[str(kind)][int(owner[1])] = targets


def _kind(match: re.Match[bytes]) -> str:
    return next(kind for kind in DEPTH_MAX if match[kind])


def _collect_parts(name: bytes, arguments: bytes, links: Links) -> None:
    """Link the whole to its parts: which side comes first depends on the relation."""
    fields = arguments.split(b",", _ROOT_ATTRIBUTES)
    if len(fields) <= _ROOT_ATTRIBUTES:
        return
    numbers = [int(number) for number in _OWNER.findall(fields[_ROOT_ATTRIBUTES])]
    if name == _PART_FIRST:
        numbers.insert(0, numbers.pop() if numbers else 0)
    if numbers:
        links[numbers[0]] = [*links.get(numbers[0], ()), *numbers[1:]]


def _check_chains(kind: str, links: Links) -> None:
    """Walk every chain once (depth first, on a stack of our own); raise on a cycle or depth."""
    depth_of: dict[int, int] = {}
    open_: set[int] = set()
    for start in links:
        stack = [start]
        while stack:
            node = stack[-1]
            below = [target for target in links[node] if target in links]
            if node not in open_ and node not in depth_of:
                open_.add(node)
                if not open_.isdisjoint(below):
                    raise Invalid("ifc_hazard", kind=f"{kind}_cycle", step_id=node, depth=None)
                stack.extend(target for target in below if target not in depth_of)
                continue
            stack.pop()
            if node in open_:
                open_.discard(node)
                depth_of[node] = 1 + max((depth_of[target] for target in below), default=0)
                _check_depth(kind, node, depth_of[node])


def _check_depth(kind: str, node: int, depth: int) -> None:
    if depth > DEPTH_MAX[kind]:
        facts = {"kind": f"{kind}_depth", "depth": depth, "limit": DEPTH_MAX[kind]}
        raise Invalid("ifc_hazard", step_id=node, **facts)


def _numbers(digits: list[bytes]) -> NDArray[np.int64]:
    """Return ids as numbers (4x faster than int() on each)."""
    return np.fromstring(b" ".join(digits), dtype=np.int64, sep=" ")


def _distinct(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the different ids, sorted (5x faster than numpy.unique on ids of one block)."""
    ordered = np.sort(ids)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if ordered.size else ordered


def _joined(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _scan(declared: NDArray[np.int64], mentioned: NDArray[np.int64]) -> Scan:
    ids, counts = np.unique(declared, return_counts=True)
    repeated = ids[counts > 1]
    unresolved = np.setdiff1d(_distinct(mentioned), ids, assume_unique=True)
    return Scan(
        statements=int(declared.size),
        repeated=tuple(int(i) for i in repeated[:_SHOWN]),
        repeated_count=int(repeated.size),
        unresolved=tuple(int(i) for i in unresolved[:_SHOWN]),
        unresolved_count=int(unresolved.size),
    )
