"""IFC control elements become devices of the city: which, observing what, known by which name.

A device is bound by itself where the model says all three plainly; whatever it leaves open is a
finding, and nothing is guessed. The table of types is held against the properties of the city
(``twin.properties``, which bim does not know) by a test.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bim.rows import Extract, Finding, Instrument, Role, Row, Severity
from cim.device import Device, is_name
from identity import code as uic
from identity.errors import Invalid
from identity.schemes import refuse

SOURCE = "ifc"  # what the register says of where a device comes from
POINT, TAG, NAME = "ControlElementId", "Tag", "Name"
NAMES = (POINT, "Pset_ManufacturerOccurrence.SerialNumber", TAG, NAME)
"""Where a device's name is looked for, in this order; "Set.Property" is a property."""

SAMPLES = 5  # GUIDs named in a finding about many
PROPERTIES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "IfcSensor": {
        "CO2SENSOR": {"co2": "ppm"},
        "COSENSOR": {"co": "ug/m3"},
        "FLOWSENSOR": {"flow": "m3/h"},
        "HUMIDITYSENSOR": {"humidity": "%"},
        "LEVELSENSOR": {"level": "m"},
        "LIGHTSENSOR": {"illuminance": "lx"},
        "MOVEMENTSENSOR": {"occupied": ""},
        "PRESSURESENSOR": {"pressure": "kPa"},
        "RAINSENSOR": {"rainfall": "mm"},
        "SMOKESENSOR": {"smoke": ""},
        "SOUNDSENSOR": {"noise": "dB"},
        "TEMPERATURESENSOR": {"temperature": "Cel"},
        "WINDSENSOR": {"wind_speed": "m/s", "wind_direction": ""},
    },
    "IfcFlowInstrument": {
        "AMMETER": {"current": "A"},
        "PRESSUREGAUGE": {"pressure": "kPa"},
        "THERMOMETER": {"temperature": "Cel"},
        "VOLTMETER": {"voltage": "V"},
        "VOLTMETER_PEAK": {"voltage": "V"},
        "VOLTMETER_RMS": {"voltage": "V"},
    },
}
"""Class and PredefinedType → property and unit (UCUM). Others (GASSENSOR: of which gas?) tell none
and take every property."""

UNNAMED, INVALID, REPEATED = "ifc_device_unnamed", "ifc_device_invalid", "ifc_device_repeated"
LOOSE, SEVERAL, OPEN = "ifc_device_loose", "ifc_device_targets", "ifc_device_property"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a control element is no device: the code of a finding."""

    code: str


def devices(extract: Extract, names: Sequence[str] = NAMES) -> tuple[list[Device], list[Finding]]:
    """Return the devices of a file, each name once, and what was left open.

    ``names``: where a device's name is looked for. The first place that says anything counts, also
    when what it says is of no use: the next one would be a guess.
    """
    rows = {row.guid: row for row in extract.rows}
    among = {instrument.guid: instrument for instrument in extract.instruments}
    said = {guid: name_of(i, rows[guid], names) for guid, i in among.items()}
    count = Counter(name for name in said.values() if isinstance(name, str))
    found: list[Device] = []
    told: list[tuple[str, str]] = []
    for guid, name in said.items():
        repeated = isinstance(name, str) and count[name] > 1
        made = _device(guid, Refused(REPEATED) if repeated else name, rows, among)
        if isinstance(made, Device):
            found.append(made)
        if isinstance(made, Refused) or not made.channels:
            told.append((guid, made.code if isinstance(made, Refused) else OPEN))
    return found, _findings(told, names)


def name_of(instrument: Instrument, row: Row, names: Sequence[str] = NAMES) -> str | Refused:
    """Return by which name a control element's messages find it."""
    said = next((text for place in names if (text := _said(place, instrument, row))), "")
    if not said:
        return Refused(UNNAMED)
    return said if _usable(said) else Refused(INVALID)


def observed(
    instrument: Instrument, rows: Mapping[str, Row], among: Mapping[str, Instrument]
) -> str | Refused:
    """Return the GUID of what a control element observes, as the relations of the model say.

    In this order: the flow element it senses or controls or the product it is assigned to; the
    space that contains it; the space that references it; what else contains it (an element whose
    part it is, a storey, a building). Several of one rank are none. A part of another control
    element (the sensor in a thermostat) observes what that one does. ``among``: all of them.
    """
    within = rows.get(instrument.within or "")
    inside = [within.guid] if within is not None and within.role is not Role.PROJECT else []
    ranks = (
        [guid for guid in instrument.serves if guid != instrument.guid],
        [guid for guid in inside if rows[guid].role is Role.SPACE],
        [guid for guid in instrument.seen_in if rows[guid].role is Role.SPACE],
        inside,
        list(instrument.seen_in),
    )
    nearest = next((rank for rank in ranks if rank), [])
    if len(nearest) != 1:
        return Refused(SEVERAL if nearest else LOOSE)
    whole = among.get(nearest[0]) if nearest is inside else None
    return nearest[0] if whole is None else observed(whole, rows, among)


def _device(
    guid: str, name: str | Refused, rows: Mapping[str, Row], among: Mapping[str, Instrument]
) -> Device | Refused:
    if isinstance(name, Refused):
        return name
    target = observed(among[guid], rows, among)
    if isinstance(target, Refused):
        return target
    row, sort = rows[guid], among[guid].sort
    channels = PROPERTIES.get(sort, {}).get(row.predefined_type, {})
    facts = {
        "ifc_guid": guid,
        "ifc_class": sort,
        "predefined_type": row.predefined_type,
        "type": row.type_name,
        "tag": row.tag,
    }
    kept = {said: value for said, value in facts.items() if value}
    return Device(name, guid, target, row.name, SOURCE, channels, kept)


def places(text: str) -> tuple[str, ...]:
    """Return where names are looked for, of a comma-separated list; Invalid("device_names")."""
    found = tuple(place.strip() for place in text.split(",") if place.strip())
    for place in found:
        if place not in {POINT, TAG, NAME} and not all(place.rpartition(".")[::2]):
            raise Invalid("device_names", place=place[:80])
    if not found:
        raise Invalid("device_names", place="")
    return found


def _said(place: str, instrument: Instrument, row: Row) -> str:
    own = {POINT: instrument.point, TAG: row.tag, NAME: row.name}
    if place in own:
        return own[place].strip()
    name, _, key = place.rpartition(".")
    value = row.psets.get(name, {}).get(key)
    said = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).strip() if said else ""


def _usable(name: str) -> bool:
    """Whether a name may be a device's: a topic holds it, it is no code and no person's number."""
    try:
        refuse(name)
    except Invalid:
        return False
    return is_name(name) and not uic.is_shaped(name)


def _findings(said: Iterable[tuple[str, str]], names: Sequence[str]) -> list[Finding]:
    """Return one finding for each code, with the GUIDs it is about."""
    found: dict[str, list[str]] = {}
    for guid, code in said:
        found.setdefault(code, []).append(guid)
    return [
        Finding(
            code,
            Severity.INFO if code == OPEN else Severity.WARNING,
            {"count": len(guids), "samples": guids[:SAMPLES], "names": ", ".join(names)},
            guid=guids[0],
        )
        for code, guids in found.items()
    ]
