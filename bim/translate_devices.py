"""IFC control elements become devices of the city: which, observing what, known by which name.

A device is bound by itself where the model says all three plainly; whatever it leaves open is a
finding, and nothing is guessed. The table of types is held against the properties of the city
(``twin.properties``, which bim does not know) by a test.
"""

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
    read = [(i, device(i, rows, names)) for i in extract.instruments]
    found = [made for _, made in read if isinstance(made, Device)]
    refused = [(i.guid, made.code) for i, made in read if isinstance(made, Refused)]
    count: dict[str, int] = {}
    for each in found:
        count[each.device] = count.get(each.device, 0) + 1
    refused += [(each.key, REPEATED) for each in found if count[each.device] > 1]
    bound = [each for each in found if count[each.device] == 1]
    told = [(each.key, OPEN) for each in bound if not each.channels]
    return bound, _findings([*refused, *told], names)


def device(
    instrument: Instrument, rows: Mapping[str, Row], names: Sequence[str] = NAMES
) -> Device | Refused:
    """Return the device that one control element is, or why it is none."""
    row = rows[instrument.guid]
    said = next((text for place in names if (text := _said(place, instrument, row))), "")
    if not said:
        return Refused(UNNAMED)
    if not _usable(said):
        return Refused(INVALID)
    target = observed(instrument, rows)
    if isinstance(target, Refused):
        return target
    channels = PROPERTIES.get(instrument.sort, {}).get(row.predefined_type, {})
    facts = {
        "ifc_guid": row.guid,
        "ifc_class": instrument.sort,
        "predefined_type": row.predefined_type,
        "type": row.type_name,
        "tag": row.tag,
    }
    kept = {name: value for name, value in facts.items() if value}
    return Device(said, row.guid, target, row.name, SOURCE, channels, kept)


def observed(instrument: Instrument, rows: Mapping[str, Row]) -> str | Refused:
    """Return the GUID of what a control element observes, as the relations of the model say.

    In this order: the flow element it senses or controls or the product it is assigned to; the
    space that contains it; the space that references it; what else contains it (an element whose
    part it is, a storey, a building). Several of one rank are none.
    """
    spaces = [guid for guid in instrument.seen_in if rows[guid].role is Role.SPACE]
    within = instrument.within if instrument.within in rows else None
    if within is not None and rows[within].role is Role.PROJECT:
        within = None
    inside = [within] if within is not None else []
    in_space = [guid for guid in inside if rows[guid].role is Role.SPACE]
    others = [guid for guid in instrument.serves if guid != instrument.guid]
    for rank in (others, in_space, spaces, inside, list(instrument.seen_in)):
        if len(rank) > 1:
            return Refused(SEVERAL)
        if rank:
            return rank[0]
    return Refused(LOOSE)


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
