"""Properties and quantities of an IFC file as JSON values.

A single value is plain ("REI60", 3, true); with a unit it is {"value": 3.2, "unit": "m"}. The other
kinds: enumerated and list → list, bounded → {"lower", "upper", "set_point", "unit"}, table →
{"table": [[defining, defined], …]}, reference → {"reference": class, "name": …}, complex → object.
NaN and infinite numbers become null.
"""

import math
from collections.abc import Callable
from typing import Any

from ifcopenshell import entity_instance

from bim.extract_entities import entities
from bim.extract_units import Units

NESTING_MAX = 8  # of complex properties; deeper ones (or cycles) are cut


def plain(value: Any) -> Any:
    """Return a select or attribute value as JSON; entities become {"reference": class, …}."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if value.id():
        return reference(value)
    return plain(value[0])


def reference(entity: Any) -> dict[str, Any]:
    """Return what an entity is and how it is called."""
    name = getattr(entity, "Name", None) or getattr(entity, "Identification", None)
    return {"reference": entity.is_a(), "name": name}


def properties(items: Any, units: Units, depth: int = 0) -> dict[str, Any]:
    """Return IfcProperty entities as {name: value}."""
    values: dict[str, Any] = {}
    for item in entities(items):
        read = _READERS.get(item.is_a())
        if read is not None and depth < NESTING_MAX:
            values[str(item[0])] = read(item, units, depth)
    return values


def quantities(items: Any, units: Units, prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Return IfcPhysicalQuantity entities as {name: {"value", "unit"}}; complex ones flattened."""
    values: dict[str, Any] = {}
    for item in entities(items):
        name = prefix + str(item[0])
        ifc_class = item.is_a()
        if item.is_a("IfcPhysicalSimpleQuantity"):
            unit = units.name(item[2]) or units.of_quantity(ifc_class)
            values[name] = {"value": plain(item[3]), "unit": unit}
        elif item.is_a("IfcPhysicalComplexQuantity") and depth < NESTING_MAX:
            values |= quantities(item[2], units, f"{name}/", depth + 1)
    return values


def _single(item: Any, units: Units, _depth: int) -> Any:
    return _with_unit(item[2], item[3], units)


def _with_unit(value: Any, unit: Any, units: Units) -> Any:
    name = _unit_name(value, unit, units)
    json_value = plain(value)
    return json_value if name is None else {"value": json_value, "unit": name}


def _unit_name(value: Any, unit: Any, units: Units) -> str | None:
    """Return the unit given, else that of the measure; a bare or missing value has none."""
    if not isinstance(value, entity_instance):
        return None
    measure: Any = value
    return units.name(unit) or units.of_measure(measure.is_a())


def _list(item: Any, _units: Units, _depth: int) -> Any:
    return plain(item[2] or ())


def _bounded(item: Any, units: Units, _depth: int) -> Any:
    bounds = {"upper": item[2], "lower": item[3], "set_point": getattr(item, "SetPointValue", None)}
    typed = next((bound for bound in bounds.values() if bound is not None), None)
    unit = _unit_name(typed, item[4], units)
    return {name: plain(bound) for name, bound in bounds.items()} | {"unit": unit}


def _table(item: Any, _units: Units, _depth: int) -> Any:
    columns = [value if isinstance(value, tuple) else () for value in (item[2], item[3])]
    return {"table": [[plain(left), plain(right)] for left, right in zip(*columns, strict=False)]}


def _reference(item: Any, _units: Units, _depth: int) -> Any:
    return plain(item[3])


def _complex(item: Any, units: Units, depth: int) -> Any:
    return properties(item[3], units, depth + 1)


_READERS: dict[str, Callable[[Any, Units, int], Any]] = {
    "IfcPropertySingleValue": _single,
    "IfcPropertyEnumeratedValue": _list,
    "IfcPropertyListValue": _list,
    "IfcPropertyBoundedValue": _bounded,
    "IfcPropertyTableValue": _table,
    "IfcPropertyReferenceValue": _reference,
    "IfcComplexProperty": _complex,
}
