"""Units of an IFC file: metres a length unit, radians an angle unit, and names for values.

Names follow UCUM where it has one ("mm", "m2", "Cel"); values stay in the file's units.
"""

import re
from typing import Any

from ifcopenshell import entity_instance

from bim.extract_entities import entities, entity, number

PREFIX = {
    "EXA": ("E", 1e18),
    "PETA": ("P", 1e15),
    "TERA": ("T", 1e12),
    "GIGA": ("G", 1e9),
    "MEGA": ("M", 1e6),
    "KILO": ("k", 1e3),
    "HECTO": ("h", 1e2),
    "DECA": ("da", 1e1),
    "DECI": ("d", 1e-1),
    "CENTI": ("c", 1e-2),
    "MILLI": ("m", 1e-3),
    "MICRO": ("u", 1e-6),
    "NANO": ("n", 1e-9),
    "PICO": ("p", 1e-12),
    "FEMTO": ("f", 1e-15),
    "ATTO": ("a", 1e-18),
}
_SI = {
    "AMPERE": "A",
    "BECQUEREL": "Bq",
    "CANDELA": "cd",
    "COULOMB": "C",
    "CUBIC_METRE": "m3",
    "DEGREE_CELSIUS": "Cel",
    "FARAD": "F",
    "GRAM": "g",
    "GRAY": "Gy",
    "HENRY": "H",
    "HERTZ": "Hz",
    "JOULE": "J",
    "KELVIN": "K",
    "LUMEN": "lm",
    "LUX": "lx",
    "METRE": "m",
    "MOLE": "mol",
    "NEWTON": "N",
    "OHM": "Ohm",
    "PASCAL": "Pa",
    "RADIAN": "rad",
    "SECOND": "s",
    "SIEMENS": "S",
    "SIEVERT": "Sv",
    "SQUARE_METRE": "m2",
    "STERADIAN": "sr",
    "TESLA": "T",
    "VOLT": "V",
    "WATT": "W",
    "WEBER": "Wb",
}
_CONVERSION = {
    "degree": "deg",
    "inch": "[in_i]",
    "foot": "[ft_i]",
    "ft (us survey)": "[ft_us]",
    "us survey foot": "[ft_us]",
    "yard": "[yd_i]",
    "square foot": "[sft_i]",
    "square inch": "[sin_i]",
    "cubic foot": "[cft_i]",
    "pound": "[lb_av]",
    "litre": "L",
    "minute": "min",
    "hour": "h",
    "day": "d",
    "year": "a",
    "percent": "%",
    "fahrenheit": "[degF]",
}
_MEASURE = re.compile(r"Ifc(?:Positive|NonNegative|Normalised)?(\w+?)Measure\Z")
_QUANTITY = {
    "IfcQuantityLength": "LENGTHUNIT",
    "IfcQuantityArea": "AREAUNIT",
    "IfcQuantityVolume": "VOLUMEUNIT",
    "IfcQuantityWeight": "MASSUNIT",
    "IfcQuantityTime": "TIMEUNIT",
}


class Units:
    """The units that IfcProject assigns, by IfcUnitEnum."""

    def __init__(self, project: Any) -> None:
        assignment = entity(project.UnitsInContext, "IfcUnitAssignment")
        units = entities(assignment.Units) if assignment is not None else []
        # Where a type is assigned twice the first counts, as in the geometry kernels.
        self._by_type = {getattr(u, "UnitType", "MONETARYUNIT"): u for u in reversed(units)}
        self._names: dict[int, str | None] = {}
        self.length_m = factor(self._by_type.get("LENGTHUNIT"))
        self.length_declared = _usable(self._by_type.get("LENGTHUNIT"))
        self.angle_rad = factor(self._by_type.get("PLANEANGLEUNIT"))

    def of_measure(self, measure: str) -> str | None:
        """Return the unit name of a measure type ("IfcLengthMeasure"), None when it has none."""
        match = _MEASURE.match(measure)
        return self._assigned(match[1].upper() + "UNIT") if match else None

    def of_quantity(self, ifc_class: str) -> str | None:
        """Return the unit name of a quantity class; counts and undeclared units have none."""
        return self._assigned(_QUANTITY.get(ifc_class, ""))

    def name(self, unit: Any) -> str | None:
        """Return the name of an IfcUnit entity (memoised by its step id)."""
        if entity(unit) is None:
            return None
        key = unit.id()
        if key not in self._names:
            self._names[key] = unit_name(unit)
        return self._names[key]

    def _assigned(self, unit_type: str) -> str | None:
        return self.name(self._by_type.get(unit_type))


def factor(unit: Any) -> float:
    """Return SI units a unit (metres, radians …); 1.0 where nothing usable is declared."""
    if entity(unit) is None:
        return 1.0
    if unit.is_a("IfcConversionBasedUnit"):
        measure = entity(unit.ConversionFactor, "IfcMeasureWithUnit")
        value = _conversion_value(measure)
        return 1.0 if value is None else value * factor(measure.UnitComponent)
    return PREFIX.get(unit.Prefix, ("", 1.0))[1] if unit.is_a("IfcSIUnit") else 1.0


def _conversion_value(measure: Any) -> float | None:
    """Return the value of an IfcMeasureWithUnit; a bare number is none, as for the kernels.

    (A real file says 0.3048 without a measure type there, and is in metres.)
    """
    component = measure.ValueComponent if measure is not None else None
    value = number(component) if isinstance(component, entity_instance) else None
    return value if value is not None and value > 0 else None


def _usable(unit: Any) -> bool:
    if entity(unit) is None:
        return False
    if not unit.is_a("IfcConversionBasedUnit"):
        return bool(unit.is_a("IfcSIUnit"))
    return _conversion_value(entity(unit.ConversionFactor, "IfcMeasureWithUnit")) is not None


def unit_name(unit: Any) -> str | None:
    """Return a short name: UCUM for SI and common units, else the name that the file gives."""
    if entity(unit) is None:
        return None
    if unit.is_a("IfcSIUnit"):
        return PREFIX.get(unit.Prefix, ("", 1.0))[0] + _SI.get(unit.Name, str(unit.Name))
    if unit.is_a("IfcDerivedUnit"):
        return ".".join(_element_name(element) for element in entities(unit.Elements))
    if unit.is_a("IfcMonetaryUnit"):
        return str(unit.Currency)
    name = str(getattr(unit, "Name", None) or "")
    return _CONVERSION.get(name.lower(), name) or None


def _element_name(element: Any) -> str:
    exponent = int(number(element.Exponent) or 1)
    return f"{unit_name(element.Unit) or ''}{exponent if exponent != 1 else ''}"
