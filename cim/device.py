"""A device that a document delivers: what identifies it, and which thing it observes.

It becomes a Sensor of the register with the alias ``device``, as one that a person binds does. Who
said what a Sensor says stands in it as ``source``: PERSON (or nothing), or the kind of document.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cim.model import Entity, Kind, Lifecycle, Relation, Verb

SCHEME = "device"  # of the alias by which messages find a sensor
SOURCE, PERSON = "source", "person"
NAME_CHARS_MAX = 128  # of a device, and of whatever else is one level of a topic


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a delivery; ``device`` is unique in it and may stand in a topic.

    ``key``: of the element that it is; ``target``: of the thing that it observes. ``channels``:
    {property: its unit} (UCUM); none: every property is taken. ``source``: what kind of document
    says so ("ifc"); ``facts``: what else it says of the device.
    """

    device: str
    key: str
    target: str
    name: str
    source: str
    channels: Mapping[str, str]
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Note:
    """Why a device of a delivery was not bound by it: a code of ``identity.errors.render``."""

    code: str
    device: Device


def is_name(text: str) -> bool:
    """Whether ``text`` can be one level of a topic: no separators, wildcards, controls."""
    return 0 < len(text) <= NAME_CHARS_MAX and text.isprintable() and not set(text) & set("/+#")


def by_person(sensor: Entity) -> bool:
    """Return whether a person (or a person's list) said what a sensor observes."""
    return bool(sensor.properties.get(SOURCE, PERSON) == PERSON)


@dataclass(frozen=True, slots=True)
class Held:
    """What a document's current version says of one Sensor; ``key``: of the element it is."""

    device: str
    key: str


def is_device(delivered: Relation) -> bool:
    """Return whether a DELIVERED_IN is of a Sensor: it is no holding of the model's things."""
    return SCHEME in delivered.properties


def held_devices(delivered: Iterable[Relation]) -> dict[str, Held]:
    """Read DELIVERED_IN relations back, by the sensor's code; the inverse of ``holding``."""
    return {
        r.source: Held(r.properties[SCHEME], r.properties["key"]) for r in delivered if is_device(r)
    }


def holding(code: str, document: str, held: Held) -> Relation:
    """Return the DELIVERED_IN relation that says which device a document delivers."""
    return Relation(Verb.DELIVERED_IN, code, document, {SCHEME: held.device, "key": held.key})


def sensor_of(
    device: Device, code: str, lifecycle: Lifecycle, document: str, project: str
) -> Entity:
    """Return the Sensor that a device is, without its position."""
    names = sorted(device.channels)
    last = names[-1] if names else ""
    facts: dict[str, Any] = {
        **device.facts,
        "device": device.device,
        "measures": " ".join(names),  # so that words find it
        "property": last,
        "unit": device.channels.get(last, ""),
        "owner": "",
        "channels": {name: {"unit": unit} for name, unit in device.channels.items()},
        "status": "bound",
        "candidates": [],
        SOURCE: device.source,
        "document": document,
        "project": project,
    }
    return Entity(code, Kind.SENSOR, device.name or device.device, lifecycle, properties=facts)
