"""What a device's messages are about: a cache of the graph's Sensor-OBSERVES→thing relations.

The binding IS graph data: an entity Sensor with the alias ``device`` (scope = tenant, "" = any
tenant of the city) and one relation OBSERVES to the thing. The cache holds what was asked for at
one generation and forgets everything when ``head`` moves.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from cim.device import SCHEME
from cim.model import Kind, Verb
from cim.ports import LOOKUP_LIMIT, Graph
from identity.errors import Conflict, NotFound
from identity.ports import Codes
from sensors.topics import Device
from twin.channels import NO_CHANNEL, Channel, channels_of

CACHED_DEVICES_MAX = 1_000_000  # forgotten all at once beyond it

T = TypeVar("T")
Known = Mapping[tuple[str, str], "Binding | None"]
"""What was looked up, by (tenant, name): a Device, or the first two fields of an Address."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Where readings go: ``target`` observed by ``source`` (the sensor's code).

    ``channels``: those bound, by property; empty: every property is taken. ``source`` None: the
    message named the target's own code, the writer's name is the source.
    """

    target: str | None
    source: str | None = None
    channels: Mapping[str, Channel] | None = None

    def takes(self, name: str) -> bool:
        """Whether the property ``name`` is bound."""
        return not self.channels or name in self.channels

    def channel(self, name: str) -> Channel:
        """Return how the property ``name`` is read."""
        return (self.channels or {}).get(name, NO_CHANNEL)


class Bindings:
    """Devices and codes looked up in batches, at the newest generation."""

    def __init__(self, graph: Graph, codes: Codes) -> None:
        self._graph = graph
        self._codes = codes
        self._generation = -1
        self._known: dict[tuple[str, str], Binding | None] = {}

    @property
    def generation(self) -> int:
        """The generation of the graph that the last ``lookup`` read."""
        return self._generation

    async def lookup(self, devices: Iterable[Device]) -> Known:
        """Return a mapping that holds each of ``devices``; None: neither a device nor a code."""
        head = await self._graph.head()
        if head.generation != self._generation or len(self._known) > CACHED_DEVICES_MAX:
            self._generation, self._known = head.generation, {}
        # Kept by name: another call may begin a new cache while this one waits for its answers.
        known, g = self._known, self._generation
        missing = [d for d in dict.fromkeys(devices) if d not in known]
        for batch in batches(missing, LOOKUP_LIMIT):
            known.update(await self._find(g, batch))
        return known

    async def _find(self, g: int, devices: Sequence[Device]) -> Known:
        sensors = await self._sensors(g, devices)
        rest = [d for d in devices if d not in sensors]
        things = await self._things(g, rest)
        named = {code for code, kind in things.items() if kind is Kind.SENSOR}
        bound = await read_bindings(self._graph, g, named.union(sensors.values()))
        found: dict[tuple[str, str], Binding | None] = {d: bound[c] for d, c in sensors.items()}
        for device in rest:
            thing = Binding(device.name) if device.name in things else None
            found[device] = bound[device.name] if device.name in named else thing
        return found

    async def _sensors(self, g: int, devices: Sequence[Device]) -> dict[Device, str]:
        """Return the sensor's code of each device: its tenant's own, else the city's."""
        names = list(dict.fromkeys(d.name for d in devices))
        aliases = await self._codes.resolve(g, names, scheme=SCHEME)
        codes = {(a.scope, a.value): a.code for found in aliases.values() for a in found}
        wanted = {d: codes.get((d.tenant, d.name)) or codes.get(("", d.name)) for d in devices}
        return {device: code for device, code in wanted.items() if code}

    async def _things(self, g: int, devices: Sequence[Device]) -> dict[str, Kind]:
        names = list(dict.fromkeys(d.name for d in devices))
        found = await self._graph.entities(g, names) if names else []
        return {entity.code: entity.kind for entity in found}


def bound(device: str, binding: Binding | None, name: str) -> Binding:
    """Return the binding that takes the property ``name`` of ``device``.

    Raises NotFound("device_unknown"), Conflict("device_unbound"), Conflict("property_not_bound").
    """
    if binding is None:
        raise NotFound("device_unknown", device=device)
    if binding.target is None:
        raise Conflict("device_unbound", device=device, sensor=binding.source)
    if not binding.takes(name):
        raise Conflict("property_not_bound", device=device, property=name)
    return binding


async def read_bindings(graph: Graph, g: int, sensors: Iterable[str]) -> dict[str, Binding]:
    """Return the binding of each sensor's code; ``target`` None where it observes nothing."""
    codes = sorted(sensors)
    if not codes:
        return {}
    entities = await graph.entities(g, codes)
    relations = await graph.relations(g, codes, [Verb.OBSERVES])
    targets = {r.source: r.target for r in relations}
    channels = {e.code: channels_of(e) for e in entities}
    return {c: Binding(targets.get(c), c, channels.get(c, {})) for c in codes}


def batches(rows: Sequence[T], size: int) -> Iterator[list[T]]:
    """Cut ``rows`` into pieces of at most ``size``."""
    source = iter(rows)
    while piece := list(islice(source, size)):
        yield piece
