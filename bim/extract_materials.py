"""What things are made of: IfcRelAssociatesMaterial of all products and types, in one pass.

A statement is {"kind", "name", "parts", "usage"}. Kinds: material | layers | constituents |
profiles | list, and layer | constituent | profile where a relation names a part itself. Each part
says "material" (its name), "category", and of its own "name", "thickness_m", "ventilated",
"fraction", "profile"; a usage says how a set lies ("direction", "sense", "offset_m",
"cardinal_point", "extent_m"). What the file does not say is absent; a part may be without material
(an air gap). Lengths are metres.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from bim.extract_entities import entities, entity, number
from bim.extract_units import Units

Statement = Mapping[str, Any]
_OBJECTS, _RELATING = 4, 5  # of every IfcRelAssociates, in all schemas


def associated(model: Any, relation_class: str) -> dict[int, list[Any]]:
    """Return what relations associate with each product and type: by step id, in file order."""
    found: dict[int, list[Any]] = defaultdict(list)
    for relation in model.by_type(relation_class):
        relating = entity(relation[_RELATING])
        for thing in entities(relation[_OBJECTS]) if relating is not None else ():
            found[thing.id()].append(relating)
    return found


class Materials:
    """Materials by the step id of products; what a product says itself hides its type's."""

    def __init__(self, model: Any, units: Units, type_of: Mapping[int, Any]) -> None:
        self._own = associated(model, "IfcRelAssociatesMaterial")
        self._length_m = units.length_m
        self._type_of = type_of
        self._known: dict[int, Statement] = {}

    def of(self, step_id: int) -> tuple[Statement, ...]:
        """Return the product's materials, else its type's."""
        its_type = self._type_of.get(step_id)
        said = self._own.get(step_id)
        if not said and its_type is not None:
            said = self._own.get(its_type.id())
        return tuple(self._statement(item) for item in said or ())

    def _statement(self, item: Any) -> Statement:
        key = item.id()
        if key not in self._known:
            self._known[key] = told(self._read(item))
        return self._known[key]

    def _read(self, item: Any) -> dict[str, Any]:
        ifc_class = str(item.is_a())
        reader = _READERS.get(ifc_class)
        return {"kind": ifc_class} if reader is None else reader(item, self._length_m)


def _material(item: Any, _unit_m: float) -> dict[str, Any]:
    return {"kind": "material", "name": text(item[0]), "parts": [told(_made_of(item))]}


def _list(item: Any, _unit_m: float) -> dict[str, Any]:
    return {"kind": "list", "parts": [told(_made_of(one)) for one in entities(item[0])]}


def _layers(item: Any, unit_m: float) -> dict[str, Any]:
    parts = [_layer(one, unit_m) for one in entities(item[0])]
    return {"kind": "layers", "name": text(item[1]), "parts": parts}


def _constituents(item: Any, unit_m: float) -> dict[str, Any]:
    parts = [_constituent(one, unit_m) for one in entities(item[2])]
    return {"kind": "constituents", "name": text(item[0]), "parts": parts}


def _profiles(item: Any, unit_m: float) -> dict[str, Any]:
    parts = [_profile(one, unit_m) for one in entities(item[2])]
    return {"kind": "profiles", "name": text(item[0]), "parts": parts}


def _layer_usage(item: Any, unit_m: float) -> dict[str, Any]:
    known = entity(item[0], "IfcMaterialLayerSet")
    said = _layers(known, unit_m) if known is not None else {"kind": "layers"}
    usage = {
        "direction": text(item[1]),
        "sense": text(item[2]),
        "offset_m": _length(item[3], unit_m),
        "extent_m": _length(getattr(item, "ReferenceExtent", None), unit_m),
    }
    return {**said, "usage": told(usage)}


def _profile_usage(item: Any, unit_m: float) -> dict[str, Any]:
    known = entity(item[0], "IfcMaterialProfileSet")
    said = _profiles(known, unit_m) if known is not None else {"kind": "profiles"}
    point = item[1] if isinstance(item[1], int) else None
    usage = {"cardinal_point": point, "extent_m": _length(item[2], unit_m)}
    return {**said, "usage": told(usage)}


def _single(
    kind: str, read: Callable[[Any, float], Statement]
) -> Callable[[Any, float], dict[str, Any]]:
    return lambda item, unit_m: {"kind": kind, "parts": [read(item, unit_m)]}


def _layer(item: Any, unit_m: float) -> Statement:
    ventilated = item[2] if isinstance(item[2], bool) else None
    own = {"thickness_m": _length(item[1], unit_m), "ventilated": ventilated}
    return told({**_part(item), **own})


def _constituent(item: Any, _unit_m: float) -> Statement:
    return told({**_part(item), "fraction": number(item[3])})


def _profile(item: Any, _unit_m: float) -> Statement:
    drawn = entity(item[3], "IfcProfileDef")
    name = (text(drawn[1]) or str(drawn.is_a())) if drawn is not None else ""
    return told({**_part(item), "profile": name})


def _part(item: Any) -> dict[str, Any]:
    """Return what layers, constituents and profiles have in common; IFC2X3's have no name."""
    made_of = _made_of(entity(item.Material, "IfcMaterial"))
    category = text(getattr(item, "Category", None)) or made_of.get("category")
    return {**made_of, "category": category, "name": text(getattr(item, "Name", None))}


def _made_of(material: Any) -> dict[str, Any]:
    if entity(material, "IfcMaterial") is None:
        return {}
    return {"material": text(material[0]), "category": text(getattr(material, "Category", None))}


def _length(value: Any, unit_m: float) -> float | None:
    length = number(value)
    return None if length is None else length * unit_m


def text(value: Any) -> str:
    """Return a text on one line, "" where there is none."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def told(said: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what the file does not say (but zero and false are said)."""
    return {name: value for name, value in said.items() if value not in ("", None, [], {})}


_READERS: dict[str, Callable[[Any, float], dict[str, Any]]] = {
    "IfcMaterial": _material,
    "IfcMaterialList": _list,
    "IfcMaterialLayer": _single("layer", _layer),
    "IfcMaterialLayerWithOffsets": _single("layer", _layer),
    "IfcMaterialLayerSet": _layers,
    "IfcMaterialLayerSetUsage": _layer_usage,
    "IfcMaterialConstituent": _single("constituent", _constituent),
    "IfcMaterialConstituentSet": _constituents,
    "IfcMaterialProfile": _single("profile", _profile),
    "IfcMaterialProfileWithOffsets": _single("profile", _profile),
    "IfcMaterialProfileSet": _profiles,
    "IfcMaterialProfileSetUsage": _profile_usage,
    "IfcMaterialProfileSetUsageTapering": _profile_usage,
}
