"""GRF: where the model lies on the Earth (IFC4.3, 8.18 representation resource: coordinates)."""

import math
from collections.abc import Iterator
from typing import Any

from bim.extract_entities import MALFORMED, entity, number
from bim.extract_units import Units, factor
from bim.rules.case import Case
from bim.rules.verdict import Fault, empty, fault, value, verdict_on
from cim import crs

_CRS = "IfcCoordinateReferenceSystem"
_EPSG = "EPSG:"
_WKT = "WKT"
SCALE_ACCURACY = 1e-7  # relative; the two feet of the United States differ by 2e-6
_COORDINATES = ("IfcLengthMeasure", "IfcPlaneAngleMeasure")


def grf000(case: Case) -> Iterator[Fault | None]:
    """Check for a reference system; a file without one is not wrong by this rule."""
    if case.all(_CRS):
        yield None


def grf001(case: Case) -> Iterator[Fault | None]:
    """Check that all contexts have the same coordinate operation, or none has one."""
    contexts = case.all("IfcGeometricRepresentationContext", exactly=True)
    told = [(context, _operation(context)) for context in contexts]
    if not any(operation for _, operation in told):
        return
    first = told[0][1]
    for context, operation in told:
        seen = ", ".join(map(str, operation)) or "HasCoordinateOperation = ()"
        yield verdict_on(context, right=operation == first, seen=seen)


def grf002(case: Case) -> Iterator[Fault | None]:
    """Check that the name of a reference system is a valid EPSG code."""
    for system in case.all(_CRS):
        name = value(system, "Name")
        yield verdict_on(system, right=_valid(name), seen=f"Name = {name}")


def grf003(case: Case) -> Iterator[Fault | None]:
    """Check that a file with buildings, facilities or alignments has a reference system."""
    if case.all(_CRS):
        return
    for ifc_class in ("IfcBuilding", "IfcFacility", "IfcAlignment"):
        for built in case.all(ifc_class):
            if ifc_class == "IfcBuilding" or not built.is_a("IfcBuilding"):  # a facility, IFC4.3
                yield fault(built, _CRS)


def grf004(case: Case) -> Iterator[Fault | None]:
    """Check that what begins with "EPSG:" in a reference system is a valid code."""
    for system in case.all(_CRS):
        for name in ("Name", "GeodeticDatum", "VerticalDatum"):
            text = value(system, name)
            if isinstance(text, str) and text.startswith(_EPSG):
                yield verdict_on(system, right=_valid(text), seen=f"{name} = {text}")


def grf005(case: Case) -> Iterator[Fault | None]:
    """Check that a map conversion's scale is project unit / map unit, in metres; unset is 1."""
    project_m = _project_unit_m(case)
    for conversion in case.all("IfcMapConversion"):
        map_m = _map_unit_m(entity(value(conversion, "TargetCRS")))
        if not project_m or not map_m:
            continue
        scale, wanted = number(value(conversion, "Scale")) or 1.0, project_m / map_m
        right = math.isclose(scale, wanted, rel_tol=SCALE_ACCURACY)
        yield verdict_on(conversion, right=right, seen=f"Scale = {scale:.12g}, {wanted:.12g}")


def grf006(case: Case) -> Iterator[Fault | None]:
    """Check that a system without an EPSG code is named "WKT" and has a well-known text."""
    for system in case.all(_CRS):
        name, has_text = _text(value(system, "Name")), not empty(system, "WellKnownText")
        if has_text or not name.startswith(_EPSG):
            right = has_text and name == _WKT
            yield verdict_on(system, right=right, seen=f"Name = {name}, WellKnownText: {has_text}")


def grf007(case: Case) -> Iterator[Fault | None]:
    """Check that a vertical datum that is a valid EPSG code is a system with heights."""
    for system in case.all("IfcProjectedCRS"):
        name = value(system, "VerticalDatum")
        known = _registered(name)
        if known is not None:
            yield verdict_on(system, right=known.has_height, seen=f"VerticalDatum = {name}")


def grf008(case: Case) -> Iterator[Fault | None]:
    """Check that the coordinates of a rigid operation are lengths or angles."""
    for operation in case.all("IfcRigidOperation"):
        for name in ("FirstCoordinate", "SecondCoordinate"):
            measure = _measure(value(operation, name))
            yield verdict_on(operation, right=measure in _COORDINATES, seen=f"{name}: {measure}")


def _operation(context: Any) -> tuple[Any, ...]:
    """Return class and values of a context's operation without its source; () without one."""
    for operation in value(context, "HasCoordinateOperation") or ():
        given = [operation[i] for i in range(len(operation))]
        return (operation.is_a(), *(_plain(item) for item in given[1:]))
    return ()


def _plain(given: Any) -> Any:
    """Return a value that compares by what it says: a step id, or a measure with its name."""
    if not hasattr(given, "id"):
        return given
    return f"#{given.id()}" if given.id() else (given.is_a(), given[0])


def _registered(name: Any) -> crs.Registered | None:
    """Return the system of "EPSG:n"; what EPSG has withdrawn is none, as for buildingSMART."""
    found = crs.registered(name) if isinstance(name, str) else None
    return None if found is None or found.deprecated else found


def _valid(name: Any) -> bool:
    return _registered(name) is not None


def _project_unit_m(case: Case) -> float | None:
    """Return the metres of the project's length unit; None without one that can be used."""
    for project in case.all("IfcProject"):
        try:
            units = Units(project)
        except MALFORMED:
            return None
        return units.length_m if units.length_declared else None
    return None


def _map_unit_m(system: Any) -> float | None:
    """Return the metres of a map unit: what EPSG says, else MapUnit, else None (not known)."""
    if system is None:
        return None
    name = value(system, "Name")
    known = crs.registered(name) if isinstance(name, str) else None
    if known is not None:
        return known.unit_m
    unit = entity(value(system, "MapUnit"))
    try:
        return None if unit is None else factor(unit)
    except MALFORMED:  # a unit in terms of itself, too
        return None


def _text(given: Any) -> str:
    return given if isinstance(given, str) else ""


def _measure(given: Any) -> str:
    return str(given.is_a()) if hasattr(given, "is_a") else type(given).__name__
