"""IFC rows become things of the city: the one module that speaks both vocabularies."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bim.glb import Feature
from bim.rows import Extract, Georef, Role, Row, Shape
from cim import heights
from cim.delivery_rows import address_of
from cim.merge import Incoming, Traits
from cim.model import Kind
from cim.placement import Box3, Placement

KINDS = {
    Role.PROJECT: Kind.PROJECT,
    Role.SITE: Kind.SITE,
    Role.BUILDING: Kind.BUILDING,
    Role.FACILITY: Kind.FACILITY,
    Role.STOREY: Kind.STOREY,
    Role.SPACE: Kind.SPACE,
    Role.ELEMENT: Kind.ELEMENT,
}
PARTS = {Role.STOREY, Role.SPACE, Role.ELEMENT}  # their codes hang on a root's code
DIGEST_BYTES = 16
TRAIT_BYTES = 8  # a trait tells apart within one document: 100,000 things at most
PROJECT_KEY = "project"  # the key of a file's project where IfcProject has no GUID


def translate(extract: Extract, shapes: Mapping[str, Shape]) -> list[Incoming]:
    """Return the delivery's things: the project first, then parents before children."""
    rows = _top_down(_with_project(extract))
    by_guid = {row.guid: row for row in rows}
    boxes = _boxes(rows, shapes)
    items = [_incoming(row, by_guid, shapes.get(row.guid), boxes.get(row.guid)) for row in rows]
    addresses = {row.address: address_of(row.address) for row in rows if row.address}
    return [*addresses.values(), *items]


def placement_of(georef: Georef) -> Placement:
    """Return the same statement in the city's vocabulary."""
    return Placement(
        provenance=georef.provenance.value,
        method=georef.method,
        lon=georef.lon,
        lat=georef.lat,
        height_m=georef.height_m,
        rotation_deg=georef.rotation_deg,
        scale=georef.scale,
        crs=georef.crs,
        anchor_m=georef.anchor_m,
        height_datum=georef.height_datum,
        height_provenance=heights.DECLARED if georef.height_datum else "",
    )


def features_by_root(
    incoming: Sequence[Incoming], shapes: Mapping[str, Shape], issued: Mapping[str, str]
) -> dict[str, list[Feature]]:
    """Return, for each root's key, the features whose shapes make its tile."""
    roots: dict[str, list[Feature]] = {}
    for item in incoming:
        shape = shapes.get(item.key)
        if shape is not None and shape.parts:
            roots.setdefault(item.root or item.key, []).append(_feature(item, issued))
    return roots


def _feature(item: Incoming, issued: Mapping[str, str]) -> Feature:
    return Feature(
        guid=item.key,
        code=issued[item.key],
        kind=item.kind.value,
        ifc_class=str(item.properties.get("ifc_class", "")),
        name=item.name,
        storey=issued[item.storey] if item.storey else "",
    )


def _with_project(extract: Extract) -> list[Row]:
    """Put exactly one project row first, also where the file has none."""
    rows = [row for row in extract.rows if row.role is not Role.PROJECT]
    named = [row for row in extract.rows if row.role is Role.PROJECT]
    guid = extract.project_guid or PROJECT_KEY
    made = Row(guid, "IfcProject", Role.PROJECT, 0, name=extract.project_name)
    return [named[0] if named else made, *rows]


def _top_down(rows: Sequence[Row]) -> list[Row]:
    """Order parents before children; a row without a known parent hangs on the project."""
    children: dict[str, list[Row]] = {}
    known = {row.guid for row in rows}
    project = rows[0]
    for row in rows[1:]:
        parent = row.parent if row.parent in known and row.parent != row.guid else project.guid
        children.setdefault(str(parent), []).append(row)
    ordered, queue = [], [project]
    while queue:
        row = queue.pop()
        ordered.append(row)
        queue.extend(reversed(children.pop(row.guid, ())))
    return ordered


def _root(row: Row, by_guid: Mapping[str, Row]) -> str | None:
    """Return the GUID of the nearest building, facility, site or project above a part."""
    if row.role not in PARTS:
        return None
    above = by_guid.get(row.parent or "")
    while above is not None and above.role in PARTS:
        above = by_guid.get(above.parent or "")
    return above.guid if above is not None else next(iter(by_guid))


def _boxes(rows: Sequence[Row], shapes: Mapping[str, Shape]) -> dict[str, Box3]:
    """Return each row's box: its own shape's, else that of what it contains, else its origin."""
    boxes = {g: s.box_m for g, s in shapes.items() if s.box_m is not None}
    for row in reversed(rows):
        if row.guid not in boxes and row.role in PARTS and row.origin_m is not None:
            boxes[row.guid] = (*row.origin_m, *row.origin_m)
        box = boxes.get(row.guid)
        if box is not None and row.parent is not None and not _shaped(shapes, row.parent):
            held = boxes.get(row.parent)
            boxes[row.parent] = box if held is None else union(held, box)
    return boxes


def _shaped(shapes: Mapping[str, Shape], guid: str) -> bool:
    shape = shapes.get(guid)
    return shape is not None and shape.box_m is not None


def union(a: Box3, b: Box3) -> Box3:
    """Return the smallest box that holds both."""
    low = [min(a[i], b[i]) for i in range(3)]
    high = [max(a[i], b[i]) for i in range(3, 6)]
    return (low[0], low[1], low[2], high[0], high[1], high[2])


def _incoming(
    row: Row, by_guid: Mapping[str, Row], shape: Shape | None, box: Box3 | None
) -> Incoming:
    parent = row.parent if row.parent in by_guid else None
    if parent is None and row.role is not Role.PROJECT:
        parent = next(iter(by_guid))
    return Incoming(
        key=row.guid,
        kind=KINDS[row.role],
        digest=_digest(row, shape),
        name=row.name,
        parent=parent,
        storey=row.storey if row.storey in by_guid else None,
        root=_root(row, by_guid),
        address=row.address,
        box_m=box,
        own_shape=shape is not None and shape.box_m is not None,
        properties=_properties(row),
        traits=_traits(row, parent, row.storey if row.storey in by_guid else None, shape),
    )


def _properties(row: Row) -> dict[str, Any]:
    """Return what a reader of the city sees; empty fields are left out."""
    said: dict[str, Any] = {
        "ifc_class": row.ifc_class,
        "ifc_guid": row.guid,
        "tag": row.tag,
        "object_type": row.object_type,
        "type": row.type_name,
        "predefined_type": row.predefined_type,
        "elevation_m": row.elevation_m,
        "address": row.address,
        "psets": row.psets,
        "quantities": row.quantities,
        "materials": list(row.materials),
        "classifications": list(row.classifications),
    }
    return {name: value for name, value in said.items() if value not in (None, "", {}, [])}


def _traits(row: Row, parent: str | None, storey: str | None, shape: Shape | None) -> Traits:
    """Return what stays the same when a tool gives every thing a new GUID."""
    apart = {"ifc_guid", "tag", "type", "ifc_class"}
    meant = {name: value for name, value in _properties(row).items() if name not in apart}
    drawn = _drawn(shape)
    return Traits(
        kind=KINDS[row.role],
        sort=row.ifc_class.removesuffix("StandardCase"),  # IFC4 drops it from many classes
        name=row.name,
        tag=row.tag,
        type=row.type_name,
        meaning=_hash(meant, TRAIT_BYTES),
        drawn=_hash(drawn, TRAIT_BYTES) if drawn else "",
        elevation_m=row.elevation_m,
        storey=storey or "",
        parent=parent or "",
    )


def _digest(row: Row, shape: Shape | None) -> str:
    """Hash what the row means: no line number, no header; of the shape its size and colours.

    Where it lies is compared by box with a tolerance (``cim.merge``), not by hash.
    """
    said = [_properties(row), row.name, row.role, row.parent, row.storey, _drawn(shape)]
    return _hash(said, DIGEST_BYTES)


def _drawn(shape: Shape | None) -> list[tuple[int, ...]]:
    return [(p[1], *p[2:]) for p in shape.parts] if shape is not None else []


def _hash(said: Any, size: int) -> str:
    return hashlib.blake2b(msgspec.json.encode(said, order="sorted"), digest_size=size).hexdigest()
