"""What an IDS may ask for by the IFC schemas it names, where the XSD cannot tell."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import ifcopenshell

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
WRITTEN = {
    "integer": re.compile(r"[+-]?\d+"),
    "boolean": re.compile("true|false|0|1"),
    "real": NUMBER,
    "number": NUMBER,
}
"""How a plain value of a type is written (xs:integer, xs:boolean, xs:double)."""
_TYPE_ENDINGS = ("TYPE", "STYLE")


def declared(schema: str, name: str) -> Any:
    """Return the declaration of ``name`` in ``schema``; None where it has none."""
    try:
        return ifcopenshell.schema_by_name(schema).declaration_by_name(name)
    except RuntimeError:
        return None


@cache
def classes(schema: str) -> frozenset[str]:
    """Return the names of all classes, upper case, with those of ``by_type``."""
    return _entities(schema) | by_type(schema)


@cache
def by_type(schema: str) -> frozenset[str]:
    """Return the occurrences that IFC2X3 knows by their type alone (IFCAIRTERMINAL).

    "The name of the entity to be checked should be IfcAirTerminal" (entity facet, IFC2X3).
    """
    if schema != "IFC2X3":
        return frozenset()
    known = _entities(schema)
    ended = ((name, end) for name in known for end in _TYPE_ENDINGS if name.endswith(end))
    return frozenset(name.removesuffix(end) for name, end in ended) - known


@cache
def _entities(schema: str) -> frozenset[str]:
    return frozenset(e.name().upper() for e in ifcopenshell.schema_by_name(schema).entities())


def predefined(schema: str, name: str) -> bool:
    """Tell whether a class or its type can have a predefined type."""
    found = (declared(schema, each) for each in (name, *(name + end for end in _TYPE_ENDINGS)))
    entities = (one.as_entity() for one in found if one is not None)
    names = (a.name() for e in entities if e is not None for a in e.all_attributes())
    return "PredefinedType" in names


@cache
def attributes(schema: str, entity: str) -> tuple[tuple[str, str], ...]:
    """Return (name, base) of every attribute that a file writes of an entity."""
    found = declared(schema, entity)
    declaration = None if found is None else found.as_entity()
    return () if declaration is None else tuple(_written(declaration))


def _written(declaration: Any) -> Iterator[tuple[str, str]]:
    for item, derived in zip(declaration.all_attributes(), declaration.derived(), strict=True):
        if not derived:
            yield item.name(), base(item.type_of_attribute())


def base(declaration: Any) -> str:
    """Return "real", "integer", "boolean", "string" …; "object" for what has no plain value."""
    while hasattr(declaration, "declared_type") and not isinstance(declaration, str):
        declaration = declaration.declared_type()
    if isinstance(declaration, str):
        return declaration
    return "string" if hasattr(declaration, "enumeration_items") else "object"


def written(kind: str, value: str) -> bool:
    """Tell whether ``value`` is written as its type asks."""
    return kind not in WRITTEN or WRITTEN[kind].fullmatch(value) is not None
