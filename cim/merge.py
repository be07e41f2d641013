"""What a new version of a document changes: a pure plan, no I/O.

A document *holds* entities: relation DELIVERED_IN (entity -> document) with the key (IFC GUID),
the digest of its meaning and its local box there. An entity lives while one active document
holds it. Header, order and line numbers of a file are no part of a digest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cim.model import Kind
from cim.placement import Box3

BOX_TOLERANCE_M = 0.002  # two meshings of one shape differ by less, a moved thing by more


@dataclass(frozen=True, slots=True)
class Traits:
    """What a document says of a thing that outlives its GUID (``cim.matching``).

    ``sort``: its class in the authoring vocabulary; ``meaning`` and ``drawn``: digests without any
    GUID, tag or name, of its properties and of its triangles and colours. ``storey`` and ``parent``
    are keys in an Incoming, codes in a Holding.
    """

    kind: Kind
    sort: str
    name: str = ""
    tag: str = ""
    type: str = ""
    meaning: str = ""
    drawn: str = ""
    elevation_m: float | None = None
    storey: str = ""
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One thing of a delivery, in the city's vocabulary, without a code yet.

    ``key`` is unique in its lineage (``scheme`` and scope; a ``citywide`` key has no scope).
    ``root`` is the key of the building/facility/site/project its part code hangs on; None: it gets
    a code of its own. ``own_shape``: ``box_m`` is of its own geometry, not of what it contains.
    """

    key: str
    kind: Kind
    digest: str
    name: str = ""
    parent: str | None = None
    storey: str | None = None
    root: str | None = None
    address: str | None = None
    box_m: Box3 | None = None
    own_shape: bool = False
    scheme: str = "ifc_guid"
    citywide: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)
    traits: Traits | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """What a document's current version says of one entity."""

    code: str
    key: str
    digest: str
    box_m: Box3 | None = None
    own_shape: bool = False
    traits: Traits | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """added + changed + moved + kept = the delivery; removed is no longer delivered.

    ``moved``: only the box of a container changed (through what it contains): rewritten, but not
    counted as a change.
    """

    added: list[Incoming]
    changed: list[Incoming]
    moved: list[Incoming]
    kept: list[Incoming]
    removed: list[Holding]


def plan(incoming: Sequence[Incoming], held: Mapping[str, Holding]) -> Plan:
    """Compare a delivery with what the document holds (by key).

    Laws: ``plan(x, holdings(x))`` adds, changes, removes nothing; every incoming thing is in
    exactly one list; removed and incoming keys are disjoint.
    """
    lists: dict[str, list[Incoming]] = {"added": [], "changed": [], "moved": [], "kept": []}
    for item in incoming:
        lists[_fate(item, held.get(item.key))].append(item)
    keys = {item.key for item in incoming}
    removed = [holding for key, holding in sorted(held.items()) if key not in keys]
    return Plan(removed=removed, **lists)


def _fate(item: Incoming, before: Holding | None) -> str:
    if before is None:
        return "added"
    near = same_box(item.box_m, before.box_m)
    if item.digest != before.digest or item.own_shape != before.own_shape:
        return "changed"
    if near:
        return "kept"
    return "changed" if item.own_shape else "moved"


def same_box(a: Box3 | None, b: Box3 | None) -> bool:
    """Tell whether two local boxes agree within BOX_TOLERANCE_M."""
    if a is None or b is None:
        return a is b
    return all(abs(x - y) <= BOX_TOLERANCE_M for x, y in zip(a, b, strict=True))
