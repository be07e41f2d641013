"""A firm's tool exports a model again: new GUIDs for all, some things moved, removed, added."""

import random
from dataclasses import dataclass
from pathlib import Path

import ifcopenshell
import ifcopenshell.util.unit

from tests.parts import ifc_edit

MOVED, REMOVED, ADDED = 0.05, 0.03, 0.03
SHIFT_M = (0.07, 2.9)
ONE_SIDED = ("RelatedObjects", "RelatedElements")

Product = ifcopenshell.entity_instance


@dataclass(frozen=True)
class Truth:
    """What really is what; the sets hold old GUIDs, ``added`` new ones.

    ``same``: new GUID -> old GUID of all survivors; ``tagged``: (class, tag) unique in both files.
    """

    same: dict[str, str]
    moved: set[str]
    removed: set[str]
    added: set[str]
    tagged: set[str]


def reexport(source: Path, target: Path, *, seed: int, tags: bool) -> Truth:
    """Write the next export of ``source``; without ``tags`` every Tag is empty in it."""
    model = ifcopenshell.open(str(source))
    dice = random.Random(seed)
    unit_m = ifcopenshell.util.unit.calculate_unit_scale(model)
    things = sorted(_things(model), key=lambda thing: thing.GlobalId)
    before = _unique_tags(things)
    dice.shuffle(things)
    cut = [round(len(things) * share) for share in (REMOVED, REMOVED + MOVED)]
    gone, moved, others = things[: cut[0]], things[cut[0] : cut[1]], things[cut[1] :]
    for thing in moved:
        _move(model, thing, dice, unit_m)
    patterns = dice.sample(others, round(len(things) * ADDED))
    added = [_twin(model, thing, dice, unit_m) for thing in patterns]
    removed = {_remove(model, thing) for thing in gone}
    after = _unique_tags(_things(model))
    if not tags:
        for thing in model.by_type("IfcElement"):
            thing.Tag = None
    text = model.to_string()
    new_text = ifc_edit.new_guids(text, f"export {seed}")
    target.write_text(new_text, encoding="utf-8")
    old_guids = [m[2] for m in ifc_edit.GUID.finditer(text)]
    new_guids = [m[2] for m in ifc_edit.GUID.finditer(new_text)]
    same = dict(zip(new_guids, old_guids, strict=True))
    made = {new for new, old in same.items() if old in added}
    kept = {new: old for new, old in same.items() if new not in made}
    tagged = {before[key] for key in before.keys() & after.keys()} if tags else set()
    return Truth(kept, {thing.GlobalId for thing in moved}, removed, made, tagged)


def _things(model: ifcopenshell.file) -> list[Product]:
    return [
        element
        for element in model.by_type("IfcElement")
        if element.ObjectPlacement and not element.is_a("IfcFeatureElement")
    ]


def _unique_tags(things: list[Product]) -> dict[tuple[str, str], str]:
    """Return (class, tag) -> GUID of what is alone with it."""
    found: dict[tuple[str, str], list[str]] = {}
    for thing in things:
        if thing.Tag:
            found.setdefault((thing.is_a(), thing.Tag), []).append(thing.GlobalId)
    return {key: guids[0] for key, guids in found.items() if len(guids) == 1}


def _move(model: ifcopenshell.file, thing: Product, dice: random.Random, unit_m: float) -> None:
    """Give it a placement of its own elsewhere; what was placed relative to it stays."""
    old = thing.ObjectPlacement
    place = old.RelativePlacement
    by = [dice.uniform(*SHIFT_M) / unit_m for _ in range(3)]
    start = [*place.Location.Coordinates, 0.0][:3]
    axes = {"Axis": place.Axis, "RefDirection": place.RefDirection}
    point = model.create_entity(
        "IfcCartesianPoint", [a + b for a, b in zip(start, by, strict=True)]
    )
    moved = model.create_entity("IfcAxis2Placement3D", Location=point, **axes)
    thing.ObjectPlacement = model.create_entity(
        "IfcLocalPlacement", PlacementRelTo=old.PlacementRelTo, RelativePlacement=moved
    )


def _twin(model: ifcopenshell.file, thing: Product, dice: random.Random, unit_m: float) -> str:
    """Add a thing that differs only in its GUID, its tag and its place."""
    facts = thing.get_info(include_identifier=False)
    kind = facts.pop("type")
    copy = model.create_entity(kind, **facts)
    copy.GlobalId = ifc_edit._guid(f"twin {thing.GlobalId}")
    if thing.Tag:
        copy.Tag = f"new-{copy.GlobalId}"
    _move(model, copy, dice, unit_m)
    for relation in model.get_inverse(thing):
        for name in ONE_SIDED:
            ends = getattr(relation, name, None)
            if relation.is_a("IfcRelationship") and isinstance(ends, tuple) and thing in ends:
                setattr(relation, name, (*ends, copy))
    return str(copy.GlobalId)


def _remove(model: ifcopenshell.file, thing: Product) -> str:
    """Remove it with the relations that are about it alone."""
    guid = str(thing.GlobalId)
    for relation in [r for r in model.get_inverse(thing) if r.is_a("IfcRelationship")]:
        for number, end in enumerate(relation):
            rest = [other for other in end if other != thing] if isinstance(end, tuple) else []
            if isinstance(end, tuple) and thing in end and rest:
                relation[number] = rest
            elif end == thing or (isinstance(end, tuple) and thing in end):
                model.remove(relation)
                break
    model.remove(thing)
    return guid
