"""What an IDS may ask for by the IFC schemas it names, where the XSD cannot tell."""

import re
from collections.abc import Sequence
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


def declared(version: str, name: str) -> Any:
    """Return the declaration of ``name`` in the schema ``version``; None where it has none."""
    try:
        return ifcopenshell.schema_by_name(version).declaration_by_name(name)
    except RuntimeError:
        return None


def base(declaration: Any) -> str:
    """Return "real", "integer", "boolean", "string" …; "object" for what has no plain value."""
    while hasattr(declaration, "declared_type") and not isinstance(declaration, str):
        declaration = declaration.declared_type()
    if isinstance(declaration, str):
        return declaration
    return "string" if hasattr(declaration, "enumeration_items") else "object"


def attribute(versions: Sequence[str], entity: str, name: str) -> str | None:
    """Return the base of an entity's attribute; None where no version lets a file write it."""
    for version in versions:
        found = declared(version, entity)
        if found is not None and found.as_entity() is not None:
            pairs = zip(found.all_attributes(), found.derived(), strict=True)
            for item, derived in pairs:
                if item.name() == name and not derived:
                    return base(item.type_of_attribute())
    return None


def written(kind: str, value: str) -> bool:
    """Tell whether ``value`` is written as its type asks."""
    return kind not in WRITTEN or WRITTEN[kind].fullmatch(value) is not None
