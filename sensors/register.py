"""The register of devices: each with what it observes, its newest values, and how its clock stands.

Devices are bound by people and lists (``source`` "person"), or by models in which they stand
(``source`` "ifc", see ``cim.delivery_devices``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from cim.device import PERSON, SCHEME, SOURCE
from cim.model import Entity, Kind, Verb
from cim.ports import Filter, Graph
from identity.errors import Conflict, NotFound
from identity.ports import Codes
from sensors.lookup import read_bindings
from twin.channels import NO_CHANNEL, channels_of
from twin.live import judged, state_wire
from twin.ports import Sample, States
from twin.properties import default_table
from twin.reading import State
from twin.state import UNTIMED_TIE_S

BOUND, PROPOSED = "bound", "proposed"
SKEW_SAMPLES = 50  # the newest readings of a property that tell how the device's clock stands
SKEW_SAMPLES_MIN = 3
FACTS = ("property", "unit", "interval_s", "owner")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which devices: all given conditions hold. ``q``: words of name, device, owner, property."""

    code: str | None = None
    q: str | None = None
    status: str | None = None
    owner: str | None = None
    property: str | None = None
    source: str | None = None

    def filter(self) -> Filter:
        """Return the question to the graph; ``holds`` is exact."""
        source = None if self.source == PERSON else self.source  # which not every sensor says
        said = {"status": self.status, "owner": self.owner, SOURCE: source}
        facts = {name: value for name, value in said.items() if value is not None}
        words = " ".join(word for word in (self.q, self.property) if word)
        return Filter(kinds=(Kind.SENSOR,), q=words or None, properties=facts)

    def holds(self, sensor: Entity) -> bool:
        """Return whether a sensor is wanted, its words aside."""
        said = sensor.properties
        return (
            self.status in {None, said.get("status")}
            and self.owner in {None, said.get("owner")}
            and self.source in {None, said.get(SOURCE, PERSON)}
            and (self.property is None or self.property in channels_of(sensor))
        )


@dataclass(frozen=True, slots=True)
class Register:
    """The ports that the register is read from."""

    graph: Graph
    codes: Codes
    states: States


async def devices(
    register: Register, wanted: Wanted, g: int, now: float, *, limit: int = 100, after: str = ""
) -> dict[str, Any]:
    """Return ``{"items": [row…], "next"}`` by sensor code; ``now``: Unix seconds.

    A page may be short. With ``code`` all that observe it are one page and ``q`` does not count.

    A row: device, tenant, sensor, code (what it observes), name, status, property, unit,
    interval_s, owner, channels, position, candidates, source, element_guid (in the model in which
    it stands), ``last`` by property with ``age_s``, and ``skew_s``, see ``skew``.
    """
    if wanted.code is None:
        page = await register.graph.find(g, wanted.filter(), limit=limit, after=after)
        sensors, more = page.items, page.next
    else:
        watching = await observing(register.graph, g, wanted.code)
        sensors, more = [s for s in watching if s.code > after][:limit], None
    chosen = [sensor for sensor in sensors if wanted.holds(sensor)]
    return {"items": await _rows(register, g, chosen, now), "next": more}


async def observing(graph: Graph, g: int, code: str) -> list[Entity]:
    """Return the sensors that observe a code, by their own."""
    incoming = await graph.relations(g, [code], [Verb.OBSERVES], incoming=True)
    return await graph.entities(g, sorted(r.source for r in incoming))


async def one(register: Register, g: int, device: str, tenant: str, now: float) -> dict[str, Any]:
    """Return the row of one device; NotFound("device_unknown")."""
    found = await register.codes.resolve(g, [device], scheme=SCHEME)
    aliases = [a for a in found.get(device, ()) if a.scope == tenant]
    if not aliases:
        raise NotFound("device_unknown", device=device)
    sensors = await register.graph.entities(g, [aliases[0].code])
    rows = await _rows(register, g, sensors, now)
    return next(row for row in rows if (row["device"], row["tenant"]) == (device, tenant))


def row_of(device: str, tenant: str, sensor: Entity, target: str | None) -> dict[str, Any]:
    """Return a device as it is listed, without its values."""
    said = sensor.properties
    placed = sensor.lon is not None and sensor.kind is Kind.SENSOR and "device" in said
    return {
        "device": device,
        "tenant": tenant,
        "sensor": sensor.code,
        "code": target,
        "name": sensor.name,
        "status": BOUND if target else PROPOSED,
        **{name: said.get(name) for name in FACTS},
        "channels": {name: channel.said() for name, channel in channels_of(sensor).items()},
        "position": [sensor.lon, sensor.lat, sensor.height_m] if placed else None,
        "candidates": [] if target else list(said.get("candidates", ())),
        "source": said.get(SOURCE, PERSON),
        "element_guid": said.get("ifc_guid"),
    }


def skew(samples: Sequence[Sample]) -> float | None:
    """Return by how many seconds a device's clock is behind (negative: ahead), None if unknown.

    The lower quartile of received − observed over its newest readings: a quarter of them may be
    far ahead, three quarters late, before it is led astray. Late delivery cannot be told from a
    clock that is behind, so this is an upper bound of how far behind it is. Readings that came
    without a time of their own say nothing.
    """
    lags = [s.received_at - s.observed_at for s in samples]
    timed = [lag for lag in lags if not -UNTIMED_TIE_S < lag <= 0]
    if len(timed) < SKEW_SAMPLES_MIN:
        return None
    return round(quantiles(timed, n=4, method="inclusive")[0], 3)


async def _rows(
    register: Register, g: int, sensors: Sequence[Entity], now: float
) -> list[dict[str, Any]]:
    if not sensors:
        return []
    names = await register.codes.aliases(g, [s.code for s in sensors])
    bindings = await read_bindings(register.graph, g, [s.code for s in sensors])
    targets = {code: binding.target for code, binding in bindings.items()}
    states = await _states(register.states, targets)
    newest = await register.states.newest([_key(s) for s in states], limit=SKEW_SAMPLES)
    return [
        {
            **row_of(alias.value, alias.scope, sensor, targets[sensor.code]),
            **_values(sensor, states, newest, now),
        }
        for sensor in sensors
        for alias in names.get(sensor.code, [])
        if alias.scheme == SCHEME
    ]


async def _states(states: States, targets: Mapping[str, str | None]) -> list[State]:
    """Return the state rows that the sensors wrote."""
    things = sorted({target for target in targets.values() if target})
    held = await states.states(things) if things else {}
    return [row for rows in held.values() for row in rows if targets.get(row.source) == row.code]


def _values(
    sensor: Entity,
    states: Sequence[State],
    newest: Mapping[tuple[str, str, str], Sequence[Sample]],
    now: float,
) -> dict[str, Any]:
    mine = [state for state in states if state.source == sensor.code]
    channels = channels_of(sensor)
    last = {}
    for state in mine:
        thought = judged(state, now, default_table(), channels.get(state.property, NO_CHANNEL))
        age_s = round(now - state.observed_at, 3)
        last[state.property] = {**state_wire(state, thought), "age_s": age_s}
    skews = [s for state in mine if (s := skew(newest.get(_key(state), ()))) is not None]
    return {"last": last, "skew_s": min(skews, key=abs) if skews else None}


def _key(state: State) -> tuple[str, str, str]:
    return state.code, state.property, state.source


def confirmable(row: Mapping[str, Any], code: str) -> None:
    """Refuse to confirm what nobody proposed.

    Raises Conflict("device_bound") and Conflict("candidate_unknown").
    """
    if row["status"] == BOUND:
        raise Conflict("device_bound", device=row["device"], target=row["code"])
    if code not in {candidate["code"] for candidate in row["candidates"]}:
        raise Conflict("candidate_unknown", device=row["device"], target=code)
