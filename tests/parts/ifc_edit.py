"""Editing real IFC files for tests: new GUIDs, copies in one file, one thing changed at a time."""

import hashlib
import re
from pathlib import Path

import ifcopenshell
import ifcopenshell.guid

GUID = re.compile(r"^(#\d+\s*=\s*IFC\w+\s*\(\s*)'([0-3][0-9A-Za-z_$]{21})'", re.MULTILINE)
REFERENCE = re.compile(r"#(\d+)")
STATEMENT = re.compile(r"^#(\d+)\s*=\s*(IFC\w+)", re.MULTILINE)


def new_guids(text: str, salt: str) -> str:
    """Replace every GlobalId by another that follows from ``salt``."""
    return GUID.sub(lambda m: f"{m[1]}'{_guid(salt + m[2])}'", text)


def copies(text: str, count: int) -> str:
    """Return one file holding ``count`` copies with GUIDs of their own under one project."""
    start = text.index("DATA;") + len("DATA;")
    stop = text.rindex("ENDSEC;")
    data = text[start:stop]
    largest = max(int(m[1]) for m in STATEMENT.finditer(data))
    project = next(m[1] for m in STATEMENT.finditer(data) if m[2].upper() == "IFCPROJECT")
    first = re.search(rf"^#{project}\s*=.*?;\s*$", data, re.MULTILINE | re.DOTALL)[0]
    rest = data.replace(first, "")
    more = (new_guids(rest, f"copy {number} ") for number in range(1, count))
    shifted = (_shifted(part, n * largest, project) for n, part in enumerate(more, 1))
    parts = [data, *shifted]
    return text[:start] + "\n".join(parts) + text[stop:]


def next_version(source: Path, target: Path) -> dict[str, str]:
    """Write a re-export: new header time, one property changed, one wall removed, one added.

    Returns the GUIDs that were touched: changed, removed, added.
    """
    model = ifcopenshell.open(str(source))
    walls = sorted(_plain_walls(model), key=lambda wall: wall.GlobalId)
    removed, pattern = walls[0], walls[1]
    added = _copy_of(model, pattern)
    changed = _change_a_property(model, {removed.GlobalId, pattern.GlobalId})
    gone = removed.GlobalId
    for relation in model.get_inverse(removed):
        alone = relation.is_a("IfcRelDefines") and len(relation.RelatedObjects) == 1
        if alone or (relation.is_a("IfcRelConnects") and "Elements" in relation.is_a()):
            model.remove(relation)
    model.remove(removed)
    model.header.file_name.time_stamp = "2026-11-22T12:00:00"
    model.write(str(target))
    return {"changed": changed, "removed": gone, "added": added}


def _guid(text: str) -> str:
    return ifcopenshell.guid.compress(hashlib.md5(text.encode()).hexdigest())


def _shifted(data: str, by: int, project: str) -> str:
    def shift(match: re.Match[str]) -> str:
        return match[0] if match[1] == project else f"#{int(match[1]) + by}"

    pieces = re.split(r"('(?:[^']|'')*')", data)  # references inside strings are text
    return "".join(p if p.startswith("'") else REFERENCE.sub(shift, p) for p in pieces)


def _plain_walls(model: ifcopenshell.file) -> list[ifcopenshell.entity_instance]:
    """Return walls without openings, so that nothing else changes with them."""
    kinds = {"IfcRelVoidsElement", "IfcRelAggregates"}
    return [
        wall
        for wall in model.by_type("IfcWall")
        if wall.Representation and not kinds & {r.is_a() for r in model.get_inverse(wall)}
    ]


def _copy_of(model: ifcopenshell.file, wall: ifcopenshell.entity_instance) -> str:
    facts = wall.get_info(include_identifier=False)
    kind = facts.pop("type")
    facts |= {"GlobalId": _guid("added" + wall.GlobalId), "Name": "Added wall"}
    copy = model.create_entity(kind, **facts)
    for relation in model.get_inverse(wall):
        if relation.is_a("IfcRelContainedInSpatialStructure"):
            relation.RelatedElements = (*relation.RelatedElements, copy)
    return copy.GlobalId


def _change_a_property(model: ifcopenshell.file, besides: set[str]) -> str:
    """Change one text property that only one product has; return that product's GUID."""
    for relation in sorted(model.by_type("IfcRelDefinesByProperties"), key=lambda r: r.GlobalId):
        products, sets = relation.RelatedObjects, relation.RelatingPropertyDefinition
        single = len(products) == 1 and products[0].is_a("IfcElement")
        if not single or not sets.is_a("IfcPropertySet") or products[0].GlobalId in besides:
            continue
        for item in sets.HasProperties:
            alone = len(model.get_inverse(item)) == len(model.get_inverse(sets)) == 1
            value = getattr(item, "NominalValue", None)
            if alone and value is not None and isinstance(value.wrappedValue, str):
                item.NominalValue = model.create_entity(value.is_a(), "changed by the test")
                return str(products[0].GlobalId)
    raise LookupError("no property of a single product in this file")
