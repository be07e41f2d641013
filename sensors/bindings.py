"""Binding devices: one activation makes (or changes) the sensors of many devices at once.

A device that is given a place instead of a thing is *proposed*: its sensor exists and names the
candidates, but observes nothing until a person confirms one; its messages wait in quarantine.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from cim import heights, redirects
from cim.device import NAME_CHARS_MAX, PERSON, SCHEME, SOURCE, by_person, is_name
from cim.heights import CityHeights
from cim.model import Entity, Kind, Lifecycle, Relation, Verb
from cim.ports import Activation, Batch, Graph
from identity import code as universal
from identity import grid
from identity.errors import Invalid, NotFound, TooLarge
from identity.ports import Alias, Codes
from identity.schemes import refuse
from sensors.register import BOUND, PROPOSED, row_of
from twin.channels import Calibration, Channel, channels_of
from twin.properties import known
from twin.units import conversion, unit

BIND_MAX = 1_000  # devices of one call: one activation, at most 4 rows each
CALIBRATIONS_MAX = 100  # of one property of one device
CODES_TOLD = 100  # of an event
LEASE_WAIT_S = 30.0
HOLDER = "bindings"

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Bind:
    """One device to bind: ``property`` of ``code`` is observed by ``device`` of ``tenant``.

    ``tenant`` "": the device may publish under any tenant. ``property`` "": every property.
    ``interval_s``: how often it reports, in seconds (for "stale"). ``low``/``high``: what is
    plausible here. ``calibration``: added to those before it. ``position``: (lon, lat, height_m) in
    degrees and metres, of the device itself. ``code`` "": proposed, with ``candidates``.
    ``source``: who says so, "" a person (see ``_sourced``).
    """

    device: str
    code: str = ""
    property: str = ""
    unit: str = ""
    name: str = ""
    tenant: str = ""
    interval_s: float | None = None
    owner: str = ""
    low: float | None = None
    high: float | None = None
    calibration: Calibration | None = None
    position: tuple[float, float, float | None] | None = None
    candidates: tuple[Mapping[str, Any], ...] = ()
    source: str = ""

    def key(self) -> tuple[str, str]:
        """Return (tenant, device)."""
        return self.tenant, self.device


async def bind(
    graph: Graph,
    codes: Codes,
    clock: Clock,
    region: str,
    wanted: Bind,
    *,
    wait_s: float = LEASE_WAIT_S,
) -> dict[str, Any]:
    """Bind one device; see bind_many. Returns its row as ``devices`` lists it."""
    (row,) = await bind_many(graph, codes, clock, region, [wanted], wait_s=wait_s)
    return row


async def bind_many(
    graph: Graph,
    codes: Codes,
    clock: Clock,
    region: str,
    wanted: Sequence[Bind],
    *,
    who: str = "",
    wait_s: float = LEASE_WAIT_S,
    city: CityHeights | None = None,
) -> list[dict[str, Any]]:
    """Bind many devices in ONE activation; all or none. Returns their rows in the order given.

    A device that is bound already keeps its sensor and code: a further property is added ("" takes
    every property again), another ``code`` moves the whole sensor there; without one it stays
    where it is. One that was unbound comes back under its old code. One that a model bound is the
    person's from now on, unless nothing new is said of it. ``who``: for the history.
    ``city``: what the heights of positions are.
    Raises what ``check`` raises, NotFound("target_unknown"),
    TooLarge("bindings_limit"), Conflict("lease_busy").
    """
    if len(wanted) > BIND_MAX:
        raise TooLarge("bindings_limit", count=len(wanted), limit=BIND_MAX)
    for bound in wanted:
        check(bound)
    if not wanted:
        return []
    activation = await graph.activate(HOLDER, wait_s=wait_s)
    try:
        sensors = await _sensors(graph, codes, activation, wanted, region=region, now=clock())
        sensors |= _placed(wanted, sensors, city or CityHeights())
        sensors |= await _sourced(graph, activation.base, wanted, sensors)
        targets = await _write(graph, activation, wanted, sensors)
        codes_ = [b.code for b in wanted if b.code]
        await activation.commit(_event("devices_bound", len(wanted), codes_, who))
    except BaseException:
        await activation.abort()
        raise
    return [_row(b.device, b.tenant, sensors[b.key()], targets) for b in wanted]


async def unbind(
    graph: Graph,
    codes: Codes,
    *,
    device: str,
    tenant: str = "",
    who: str = "",
    wait_s: float = LEASE_WAIT_S,
) -> dict[str, Any]:
    """End a device's sensor (its code stays known); NotFound("device_unknown"). Returns its row."""
    activation = await graph.activate(HOLDER, wait_s=wait_s)
    try:
        row = await _end(graph, codes, activation, tenant, device)
        await activation.commit(_event("device_unbound", 1, [row["code"] or row["sensor"]], who))
    except BaseException:
        await activation.abort()
        raise
    return row


def check(bound: Bind) -> None:
    """Refuse what can be seen to be wrong without asking anybody.

    Raises Invalid: identity_number_refused, device_invalid, property_invalid, unit_unknown,
    unit_unconvertible, bounds_invalid, calibration_invalid.
    """
    for said in (bound.device, bound.name, bound.owner):
        refuse(said)  # an identity number is never kept
    if not is_name(bound.device) or (bound.tenant and not is_name(bound.tenant)):
        raise Invalid("device_invalid", device=bound.device, limit=NAME_CHARS_MAX)
    if bound.property and not is_name(bound.property):
        raise Invalid("property_invalid", name=bound.property, limit=NAME_CHARS_MAX)
    if bound.unit:
        wanted = known(bound.property).unit
        if wanted:
            conversion(bound.unit, wanted)
        elif bound.property:
            unit(bound.unit)
    if bound.low is not None and bound.high is not None and bound.low > bound.high:
        raise Invalid("bounds_invalid", low=bound.low, high=bound.high)
    if bound.calibration is not None and not (bound.property and bound.calibration.gain):
        raise Invalid("calibration_invalid", gain=bound.calibration.gain)


def _event(name: str, count: int, codes: Sequence[str], who: str) -> dict[str, Any]:
    some = sorted(set(codes))[:CODES_TOLD]
    return {"event": name, "count": count, "codes": some} | ({"who": who} if who else {})


async def _sensors(
    graph: Graph,
    codes: Codes,
    activation: Activation,
    wanted: Sequence[Bind],
    *,
    region: str,
    now: float,
) -> dict[tuple[str, str], Entity]:
    """Return the Sensor entity of each (tenant, device) as it shall be, new ones with new codes."""
    base = activation.base
    await _refuse_unknown_targets(graph, base, [b.code for b in wanted if b.code])
    names = sorted({b.device for b in wanted})
    found = await codes.resolve(base, names, scheme=SCHEME, retired=True)
    aliases = sorted((a for rows in found.values() for a in rows), key=lambda a: not a.retired)
    held = {(a.scope, a.value): a.code for a in aliases}  # a live one counts before an ended one
    held = await _surviving(graph, base, held)
    new = sorted({b.key() for b in wanted} - held.keys())
    held.update(await _issue(codes, region, new))
    known_ = await graph.entities(base, sorted(set(held.values())), ended=True)
    old = {e.code: replace(e, lifecycle=Lifecycle.IN_USE) for e in known_}
    sensors: dict[tuple[str, str], Entity] = {}
    for bound in wanted:
        key = bound.key()
        before = sensors.get(key) or old.get(held[key]) or Entity(held[key], Kind.SENSOR)
        sensors[key] = _sensor(before, bound, now)
    return sensors


async def _surviving(
    graph: Graph, g: int, held: Mapping[tuple[str, str], str]
) -> dict[tuple[str, str], str]:
    """Return the codes that the codes held lead to: one that redirects never lives again."""
    ends = await redirects.survivors(graph, g, held.values())
    led = {key: ends.get(code, [code]) for key, code in held.items()}
    return {key: found[0] for key, found in led.items() if len(found) == 1}


async def _refuse_unknown_targets(graph: Graph, g: int, targets: Sequence[str]) -> None:
    found = {e.code for e in await graph.entities(g, sorted(set(targets)))} if targets else set()
    for target in targets:
        if target not in found:
            raise NotFound("target_unknown", target=target)


async def _issue(
    codes: Codes, region: str, new: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Issue codes; the same devices asked for again after a death get the same codes."""
    if not new:
        return {}
    prefix = universal.prefix(region, Kind.SENSOR)
    owner = HOLDER + ":" + sha256(repr(new).encode()).hexdigest()
    serials = await codes.reserve(prefix, len(new), owner)
    return {key: universal.issue(prefix, n) for key, n in zip(new, serials, strict=True)}


def _sensor(before: Entity, bound: Bind, now: float) -> Entity:
    channels = dict(channels_of(before))
    if bound.property:
        channels[bound.property] = _channel(channels.get(bound.property), bound)
    facts: dict[str, Any] = {
        "device": bound.device,
        "measures": " ".join(sorted(channels)),  # so that words find it
        "property": bound.property,
        "unit": bound.unit,
        "interval_s": bound.interval_s,
        "owner": bound.owner or before.properties.get("owner", ""),
        "channels": {n: c.said() for n, c in channels.items()} if bound.property else {},
        "bound_at": now,
        "status": BOUND if bound.code or before.properties.get("status") == BOUND else PROPOSED,
        "candidates": [] if bound.code else list(bound.candidates),
    }
    name = bound.name or before.name or bound.device
    return replace(before, name=name, properties={**before.properties, **facts})


def _channel(before: Channel | None, bound: Bind) -> Channel:
    """Return the channel as said now; calibrations are added to those there are."""
    kept = before.calibrations if before is not None else ()
    if bound.calibration is not None:
        others = [c for c in kept if c.since != bound.calibration.since]
        kept = tuple(sorted([*others, bound.calibration], key=lambda c: c.since))
    if len(kept) > CALIBRATIONS_MAX:
        raise TooLarge("calibrations_limit", limit=CALIBRATIONS_MAX)
    return Channel(bound.unit, bound.interval_s, bound.low, bound.high, kept)


def _placed(
    wanted: Sequence[Bind], sensors: Mapping[tuple[str, str], Entity], city: CityHeights
) -> dict[tuple[str, str], Entity]:
    """Return the sensors that are given a position, there; the last one said counts."""
    places = {b.key(): b.position for b in wanted if b.position is not None}
    cells = grid.finest_many([p[0] for p in places.values()], [p[1] for p in places.values()])
    made = {}
    for (key, (lon, lat, height_m)), cell in zip(places.items(), cells, strict=True):
        said = {n: v for n, v in sensors[key].properties.items() if n not in heights.KEPT}
        at = replace(
            sensors[key],
            lon=lon,
            lat=lat,
            height_m=height_m,
            box=(lon, lat, lon, lat),
            grid2d=cell,
            properties=said,
        )
        made[key] = heights.kept(at, city)
    return made


async def _sourced(
    graph: Graph, g: int, wanted: Sequence[Bind], sensors: Mapping[tuple[str, str], Entity]
) -> dict[tuple[str, str], Entity]:
    """Return the sensors that models bound: the person's now, or the model's where nothing changes.

    So a table that was given out can be taken back, and what was unbound comes back as it was
    (``Bind.source``), while its document still delivers it.
    """
    models = {key: sensor for key, sensor in sensors.items() if not by_person(sensor)}
    codes = sorted(sensor.code for sensor in models.values())
    joins = await graph.relations(g, codes, [Verb.OBSERVES, Verb.DELIVERED_IN]) if codes else []
    living = {e.code: e for e in await graph.entities(g, codes)} if codes else {}
    observed = {r.source: r.target for r in joins if r.verb is Verb.OBSERVES}
    delivered = {r.source for r in joins if r.verb is Verb.DELIVERED_IN}
    made = {}
    for key, sensor in models.items():
        said = [bound for bound in wanted if bound.key() == key]
        before, source = living.get(sensor.code), sensor.properties[SOURCE]
        stays = {bound.code for bound in said} <= {"", observed.get(sensor.code)}
        if before is not None and stays and _meant(before) == _meant(sensor):
            made[key] = before
        elif sensor.code not in delivered or {bound.source for bound in said} != {source}:
            made[key] = replace(sensor, properties={**sensor.properties, SOURCE: PERSON})
    return made


def _meant(sensor: Entity) -> tuple[Any, ...]:
    """Return what people say of a sensor."""
    place = (sensor.lon, sensor.lat, sensor.height_m)
    return channels_of(sensor), sensor.name, sensor.properties.get("owner", ""), place


async def _write(
    graph: Graph,
    activation: Activation,
    wanted: Sequence[Bind],
    sensors: Mapping[tuple[str, str], Entity],
) -> dict[str, str]:
    """Write everything; return what each sensor observes."""
    before = await graph.relations(
        activation.base, sorted({s.code for s in sensors.values()}), [Verb.OBSERVES]
    )
    said = {sensors[b.key()].code: b.code for b in wanted if b.code}
    targets = {r.source: r.target for r in before} | said
    moved = [(r.verb, r.source, r.target) for r in before if targets[r.source] != r.target]
    aliases = [
        Alias(SCHEME, tenant, device, sensor.code, source=HOLDER)
        for (tenant, device), sensor in sensors.items()
    ]
    await activation.write(
        Batch(
            entities=list(sensors.values()),
            relations=[Relation(Verb.OBSERVES, s, t) for s, t in said.items()],
            aliases=aliases,
            end_relations=moved,
        )
    )
    return targets


async def _end(
    graph: Graph, codes: Codes, activation: Activation, tenant: str, device: str
) -> dict[str, Any]:
    found = await codes.resolve(activation.base, [device], scheme=SCHEME, scope=tenant)
    aliases = found.get(device, [])
    if not aliases:
        raise NotFound("device_unknown", device=device)
    (sensor,) = await graph.entities(activation.base, [aliases[0].code])
    relations = await graph.relations(activation.base, [sensor.code], [Verb.OBSERVES])
    await activation.write(
        Batch(
            end_entities=[sensor.code],
            end_relations=[(r.verb, r.source, r.target) for r in relations],
            end_aliases=[(SCHEME, tenant, device)],
        )
    )
    return _row(device, tenant, sensor, {r.source: r.target for r in relations})


def _row(device: str, tenant: str, sensor: Entity, targets: Mapping[str, str]) -> dict[str, Any]:
    return row_of(device, tenant, sensor, targets.get(sensor.code))
