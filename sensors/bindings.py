"""Binding devices: one activation makes (or changes) the sensors of many devices at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Activation, Batch, Filter, Graph
from identity import code as universal
from identity.errors import Invalid, NotFound, TooLarge
from identity.ports import Alias, Codes
from identity.schemes import refuse
from sensors.lookup import SCHEME, read_bindings
from sensors.topics import NAME_CHARS_MAX, is_name
from twin.channels import Channel, channels_of

BIND_MAX = 1_000  # devices of one call: one activation, at most 4 rows each
LEASE_WAIT_S = 30.0
HOLDER = "bindings"

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Bind:
    """One device to bind: ``property`` of ``code`` is observed by ``device`` of ``tenant``.

    ``tenant`` "": the device may publish under any tenant. ``property`` "": every property.
    ``interval_s``: how often it reports, in seconds (for "stale").
    """

    device: str
    code: str
    property: str = ""
    unit: str = ""
    name: str = ""
    tenant: str = ""
    interval_s: float | None = None
    owner: str = ""


async def bind(
    graph: Graph,
    codes: Codes,
    clock: Clock,
    region: str,
    *,
    device: str,
    code: str,
    property: str = "",  # noqa: A002 - the wire's word
    unit: str = "",
    name: str = "",
    tenant: str = "",
    interval_s: float | None = None,
    owner: str = "",
    wait_s: float = LEASE_WAIT_S,
) -> dict[str, Any]:
    """Bind one device; see bind_many. Returns its row as ``devices`` lists it."""
    wanted = Bind(device, code, property, unit, name, tenant, interval_s, owner)
    (row,) = await bind_many(graph, codes, clock, region, [wanted], wait_s=wait_s)
    return row


async def bind_many(
    graph: Graph,
    codes: Codes,
    clock: Clock,
    region: str,
    wanted: Sequence[Bind],
    *,
    wait_s: float = LEASE_WAIT_S,
) -> list[dict[str, Any]]:
    """Bind many devices in ONE activation; all or none. Returns their rows in the order given.

    A device that is bound already keeps its sensor and code: a further property is added ("" takes
    every property again), another ``code`` moves the whole sensor there. Raises
    NotFound("target_unknown"), Invalid("device_invalid" / "property_invalid"),
    TooLarge("bindings_limit"), Conflict("lease_busy").
    """
    _check(wanted)
    if not wanted:
        return []
    activation = await graph.activate(HOLDER, wait_s=wait_s)
    try:
        sensors = await _sensors(graph, codes, activation, wanted, region=region, now=clock())
        await _write(graph, activation, wanted, sensors)
        event = {"event": "devices_bound", "count": len(wanted), "codes": _some_targets(wanted)}
        await activation.commit(event)
    except BaseException:
        await activation.abort()
        raise
    return [_row(b.device, b.tenant, sensors[b.tenant, b.device], b.code) for b in wanted]


async def unbind(
    graph: Graph, codes: Codes, *, device: str, tenant: str = "", wait_s: float = LEASE_WAIT_S
) -> dict[str, Any]:
    """End a device's sensor (its code stays known); NotFound("device_unknown"). Returns its row."""
    activation = await graph.activate(HOLDER, wait_s=wait_s)
    try:
        row = await _end(graph, codes, activation, tenant, device)
        await activation.commit({"event": "device_unbound", "count": 1, "codes": [row["code"]]})
    except BaseException:
        await activation.abort()
        raise
    return row


async def devices(
    graph: Graph, codes: Codes, *, limit: int = 100, after: str = "", code: str | None = None
) -> dict[str, Any]:
    """Return ``{"items": [row…], "next"}`` of bound devices by sensor code, or those of ``code``.

    A row: device, tenant, sensor, code (what it observes), property, unit, interval_s, channels,
    name, owner.
    """
    g = (await graph.head()).generation
    if code is not None:
        incoming = await graph.relations(g, [code], [Verb.OBSERVES], incoming=True)
        sensors = await graph.entities(g, sorted(r.source for r in incoming))
        return {"items": await _rows(graph, codes, g, sensors[:limit]), "next": None}
    page = await graph.find(g, Filter(kinds=(Kind.SENSOR,)), limit=limit, after=after)
    return {"items": await _rows(graph, codes, g, page.items), "next": page.next}


async def _rows(
    graph: Graph, codes: Codes, g: int, sensors: Sequence[Entity]
) -> list[dict[str, Any]]:
    names = await codes.aliases(g, [s.code for s in sensors]) if sensors else {}
    bindings = await read_bindings(graph, g, [s.code for s in sensors])
    return [
        _row(a.value, a.scope, s, bindings[s.code].target)
        for s in sensors
        for a in names.get(s.code, [])
        if a.scheme == SCHEME
    ]


def _row(device: str, tenant: str, sensor: Entity, target: str | None) -> dict[str, Any]:
    facts = {k: sensor.properties.get(k) for k in ("property", "unit", "interval_s", "owner")}
    return {
        "device": device,
        "tenant": tenant,
        "sensor": sensor.code,
        "code": target,
        "name": sensor.name,
        **facts,
        "channels": {name: channel.said() for name, channel in channels_of(sensor).items()},
    }


def _check(wanted: Sequence[Bind]) -> None:
    if len(wanted) > BIND_MAX:
        raise TooLarge("bindings_limit", count=len(wanted), limit=BIND_MAX)
    for bound in wanted:
        for said in (bound.device, bound.name, bound.owner):
            refuse(said)  # an identity number is never kept
        if not is_name(bound.device) or (bound.tenant and not is_name(bound.tenant)):
            raise Invalid("device_invalid", device=bound.device, limit=NAME_CHARS_MAX)
        if bound.property and not is_name(bound.property):
            raise Invalid("property_invalid", name=bound.property, limit=NAME_CHARS_MAX)


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
    await _refuse_unknown_targets(graph, base, [b.code for b in wanted])
    found = await codes.resolve(base, list({b.device for b in wanted}), scheme=SCHEME)
    known = {(a.scope, a.value): a.code for aliases in found.values() for a in aliases}
    new = sorted({(b.tenant, b.device) for b in wanted} - known.keys())
    known.update(await _issue(codes, region, new))
    old = {e.code: e for e in await graph.entities(base, sorted(set(known.values())))}
    sensors: dict[tuple[str, str], Entity] = {}
    for bound in wanted:
        key = (bound.tenant, bound.device)
        before = sensors.get(key) or old.get(known[key]) or Entity(known[key], Kind.SENSOR)
        sensors[key] = _sensor(before, bound, now)
    return sensors


async def _refuse_unknown_targets(graph: Graph, g: int, targets: Sequence[str]) -> None:
    known = {e.code for e in await graph.entities(g, sorted(set(targets)))}
    for target in targets:
        if target not in known:
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
        channels[bound.property] = Channel(bound.unit, bound.interval_s)
    facts: dict[str, Any] = {
        "property": bound.property,
        "unit": bound.unit,
        "interval_s": bound.interval_s,
        "owner": bound.owner or before.properties.get("owner", ""),
        "channels": {n: c.said() for n, c in channels.items()} if bound.property else {},
        "bound_at": now,
    }
    name = bound.name or before.name or bound.device
    return replace(before, name=name, properties={**before.properties, **facts})


async def _write(
    graph: Graph,
    activation: Activation,
    wanted: Sequence[Bind],
    sensors: Mapping[tuple[str, str], Entity],
) -> None:
    targets = {sensors[b.tenant, b.device].code: b.code for b in wanted}
    before = await graph.relations(activation.base, sorted(targets), [Verb.OBSERVES])
    moved = [(r.verb, r.source, r.target) for r in before if targets[r.source] != r.target]
    aliases = [
        Alias(SCHEME, tenant, device, sensor.code, source=HOLDER)
        for (tenant, device), sensor in sensors.items()
    ]
    await activation.write(
        Batch(
            entities=list(sensors.values()),
            relations=[Relation(Verb.OBSERVES, s, t) for s, t in targets.items()],
            aliases=aliases,
            end_relations=moved,
        )
    )


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
    return _row(device, tenant, sensor, relations[0].target if relations else None)


def _some_targets(wanted: Sequence[Bind]) -> list[str]:
    return sorted({b.code for b in wanted})[:100]
