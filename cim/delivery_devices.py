"""The devices of a delivery come to the register, and leave it, in the delivery's own generation.

A device is known by its name (alias ``device``), so it keeps its sensor when its element gets
another GUID. What a person says of a device wins: a binding of theirs stays, what they unbound
stays unbound. One document never takes a device from another. Whatever is not bound is noted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cim import batches, redirects
from cim.delivery_rows import Delivery, located
from cim.device import SCHEME, Device, Held, Note, by_person, holding, sensor_of
from cim.merge import Holding
from cim.model import Entity, Kind, Lifecycle, Relation, Verb
from cim.placement import positions
from cim.ports import LOOKUP_LIMIT, Graph
from identity import code as uic
from identity.ports import Alias, Codes

BIND, SHARE = "bind", "share"
TAKEN, PERSONS, UNBOUND = "device_taken", "device_of_person", "device_unbound_by_person"


@dataclass(frozen=True, slots=True)
class Fitted:
    """``rows`` by the fields of a Batch; ``bound``: devices that the document binds now."""

    rows: Mapping[str, Sequence[Any]]
    notes: Sequence[Note]
    bound: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the city says of a delivery's devices, and of those its document delivered before.

    ``live``/``ended``: by device, its alias, and the code it led to last; ``sensors``: the living
    ones; ``redirected``: codes that others replaced.
    """

    held: Mapping[str, Held] = field(default_factory=dict)
    live: Mapping[str, Alias] = field(default_factory=dict)
    ended: Mapping[str, str] = field(default_factory=dict)
    redirected: frozenset[str] = frozenset()
    sensors: Mapping[str, Entity] = field(default_factory=dict)
    observed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    documents: Mapping[str, frozenset[str]] = field(default_factory=dict)


async def fit(  # noqa: PLR0917 - what a delivery's devices are judged by
    graph: Graph,
    codes: Codes,
    g: int,
    delivery: Delivery,
    held: Mapping[str, Held],
    issued: Mapping[str, str],
) -> Fitted:
    """Return what the devices of ``delivery`` change; ``issued``: key -> code of its things."""
    if not delivery.devices and not held:
        return Fitted({}, [], 0)
    names = [device.device for device in delivery.devices]
    now = await _standing(graph, g, held, *await _aliases(codes, g, held, names))
    fates = _fates(delivery, now)
    sensors = await _sensors(codes, g, delivery, [(d, c) for d, what, c in fates if what == BIND])
    rows = _Rows(now, delivery.document)
    for sensor, device in _placed(delivery, now, sensors):
        rows.bind(sensor, device, issued[device.target])
    for device, what, code in fates:
        if what == SHARE:
            rows.hold(code, device)
    stays = {*(code for _, _, code in fates), *(code for code, _ in sensors)}
    rows.end([code for code in held if code not in stays])
    notes = [Note(what, device) for device, what, _ in fates if what not in {BIND, SHARE}]
    return Fitted(rows.lists, notes, len(fates) - len(notes))


async def left(
    graph: Graph, g: int, document: str, held: Mapping[str, Held]
) -> Mapping[str, Sequence[Any]]:
    """Return the rows that end what a document delivered; what a person bound stays."""
    rows = _Rows(await _standing(graph, g, held, {}, {}), document)
    rows.end(list(held))
    return rows.lists


def places(devices: Mapping[str, Held], held: Mapping[str, Holding]) -> list[Holding]:
    """Return the sensors as holdings that lie where their elements do."""
    return [
        replace(held[said.key], code=code) for code, said in devices.items() if said.key in held
    ]


def of_models(found: Mapping[str, Entity]) -> dict[str, Entity]:
    """Leave out the sensors whose place a person may have said."""
    return {
        code: entity
        for code, entity in found.items()
        if entity.kind is not Kind.SENSOR or not by_person(entity)
    }


def fate(device: Device, now: Standing, project: str) -> tuple[str, str]:
    """Return BIND, SHARE or the code of the note that says why not, and the sensor's code or "".

    SHARE: another document of the project delivers the very same element. Pure.
    """
    alias = now.live.get(device.device)
    if alias is None:
        code = now.ended.get(device.device, "")
        if code in now.held:
            return UNBOUND, code
        return (PERSONS if code in now.redirected or code in now.sensors else BIND), code
    sensor = now.sensors.get(alias.code)
    if sensor is None or alias.scope or by_person(sensor):
        return PERSONS, alias.code
    if alias.code in now.held or not now.documents.get(alias.code):
        return BIND, alias.code
    said = (sensor.properties.get("project"), sensor.properties.get("ifc_guid"))
    return (SHARE if said == (project, device.key) else TAKEN), alias.code


def _fates(delivery: Delivery, now: Standing) -> list[tuple[Device, str, str]]:
    """Return each device with its fate; of two that a person merged into one sensor, neither's."""
    found = [(device, *fate(device, now, delivery.project)) for device in delivery.devices]
    count = Counter(code for _, _, code in found if code)
    return [(device, PERSONS if count[code] > 1 else what, code) for device, what, code in found]


async def _standing(
    graph: Graph,
    g: int,
    held: Mapping[str, Held],
    live: Mapping[str, Alias],
    ended: Mapping[str, str],
) -> Standing:
    former = sorted({*ended.values()} - {""})
    known = sorted({*held, *former, *(alias.code for alias in live.values())})
    return Standing(
        held,
        live,
        ended,
        frozenset(await redirects.survivors(graph, g, former)),
        await batches.entities(graph, g, known),
        _targets(await batches.relations(graph, g, known, Verb.OBSERVES)),
        _targets(await batches.relations(graph, g, known, Verb.DELIVERED_IN)),
    )


async def _aliases(
    codes: Codes, g: int, held: Mapping[str, Held], names: Sequence[str]
) -> tuple[dict[str, Alias], dict[str, str]]:
    """Return, by device, the living alias (the city's before a tenant's), and the last code."""
    live: dict[str, Alias] = {}
    ended: dict[str, str] = {}
    for piece in batches.pieces(names, LOOKUP_LIMIT):
        for name, found in (await codes.resolve(g, piece, scheme=SCHEME, retired=True)).items():
            living = sorted((a for a in found if not a.retired), key=lambda alias: alias.scope)
            if living:
                live[name] = living[0]
            else:
                ended[name] = _last(found, held)
    return live, ended


def _targets(relations: Sequence[Relation]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for relation in relations:
        found.setdefault(relation.source, set()).add(relation.target)
    return {source: frozenset(targets) for source, targets in found.items()}


def _last(ended: Sequence[Alias], held: Mapping[str, Held]) -> str:
    """Return the code that a device's ended aliases lead to; a tenant's own was a person's."""
    codes = [alias.code for alias in ended if not alias.scope]
    mine = [code for code in codes if code in held]
    return (mine or codes or [""])[-1]


async def _sensors(
    codes: Codes, g: int, delivery: Delivery, wanted: Sequence[tuple[Device, str]]
) -> list[tuple[str, Device]]:
    """Return the code of each device's sensor, new ones reserved under (receipt, base)."""
    new = [device for device, code in wanted if not code]
    prefix = uic.prefix(delivery.region, Kind.SENSOR)
    owner = f"{delivery.receipt}@{g}"
    serials = iter(await codes.reserve(prefix, len(new), owner) if new else ())
    return [(code or uic.issue(prefix, next(serials)), device) for device, code in wanted]


def _placed(
    delivery: Delivery, now: Standing, sensors: Sequence[tuple[str, Device]]
) -> list[tuple[Entity, Device]]:
    """Return the sensors as they shall be, each where its element is."""
    boxes = {item.key: item.box_m for item in delivery.incoming}
    where = delivery.placement
    found = positions([boxes.get(device.key) for _, device in sensors], where)
    made = []
    for (code, device), position in zip(sensors, found, strict=True):
        before = now.sensors.get(code)
        lifecycle = Lifecycle.IN_USE if before is None else before.lifecycle
        sensor = sensor_of(device, code, lifecycle, delivery.document, delivery.project)
        made.append((located(sensor, position, where.heights()), device))
    return made


class _Rows:
    """Collects what differs from what stands."""

    def __init__(self, now: Standing, document: str) -> None:
        self.lists: dict[str, list[Any]] = {}
        self._now = now
        self._document = document

    def bind(self, sensor: Entity, device: Device, target: str) -> None:
        """Write a sensor that observes ``target`` and nothing else."""
        code, now = sensor.code, self._now
        if sensor != now.sensors.get(code):
            self._put("entities", sensor)
        if device.device not in now.live:
            self._put("aliases", Alias(SCHEME, "", device.device, code, source=self._document))
        observed = now.observed.get(code, frozenset())
        self._unobserve(code, observed - {target})
        if target not in observed:
            self._put("relations", Relation(Verb.OBSERVES, code, target))
        self.hold(code, device)

    def hold(self, code: str, device: Device) -> None:
        """Say that the document delivers the sensor."""
        held = Held(device.device, device.key)
        if self._now.held.get(code) != held:
            self._put("relations", holding(code, self._document, held))

    def end(self, codes: Sequence[str]) -> None:
        """End the document's part in sensors, and those that nobody else speaks of."""
        now = self._now
        for code in codes:
            self._put("end_relations", (Verb.DELIVERED_IN, code, self._document))
            sensor = now.sensors.get(code)
            others = now.documents.get(code, frozenset()) - {self._document}
            if sensor is None or by_person(sensor) or others:
                continue
            self._put("end_entities", code)
            self._put("end_aliases", (SCHEME, "", now.held[code].device))
            self._unobserve(code, now.observed.get(code, frozenset()))

    def _unobserve(self, code: str, targets: frozenset[str]) -> None:
        ends = [(Verb.OBSERVES, code, target) for target in sorted(targets)]
        self._put("end_relations", *ends)

    def _put(self, name: str, *items: Any) -> None:
        self.lists.setdefault(name, []).extend(items)
