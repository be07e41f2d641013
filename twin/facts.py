"""Everything one answer needs, gathered for many codes at once and at one generation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cim import query, redirects
from cim.model import Entity, Kind, Lifecycle, Verb
from cim.ports import Dossier, Graph
from identity.ports import Codes
from twin.channels import channels_of
from twin.live import Channels
from twin.past import StateReads
from twin.ports import Where
from twin.properties import Table
from twin.reading import State

SENSOR_ROWS_MAX = 200  # rows of "sensors" in one answer
# Their parts' sensors are found by the building stored beside each state, not by walking down.
_WITH_ROWS = (Kind.BUILDING, Kind.FACILITY)


@dataclass(frozen=True, slots=True)
class Doors:
    """The ports the city is read through, and the table of properties."""

    graph: Graph
    codes: Codes
    states: StateReads
    table: Table


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one code: what the graph keeps, and the state of what its sensors observe.

    ``observed``: {thing: its sensors}, of the code and its parts; of a building also of the things
    inside it that have state. ``states``: rows by thing. ``replaced_by``: where the redirects of a
    code that is gone end.
    """

    dossier: Dossier
    observed: Mapping[str, list[str]]
    sensors: Mapping[str, Entity]
    states: Mapping[str, list[State]]
    replaced_by: list[str]


async def gather(doors: Doors, g: int, wanted: Sequence[str]) -> list[Facts]:
    """Read what ``twin.answers`` tells of the codes; unknown ones are absent, ended ones kept."""
    return [await _facts(doors, g, dossier) for dossier in await doors.graph.dossiers(g, wanted)]


async def _facts(doors: Doors, g: int, dossier: Dossier) -> Facts:
    entity, observed, sensors = dossier.entity, dossier.observed, dossier.sensors
    if entity.kind in _WITH_ROWS:
        rows, _ = await doors.states.query(Where(building=entity.code), limit=SENSOR_ROWS_MAX)
        inside = await query.observers(doors.graph, g, [row.code for row in rows])
        observed = {**observed, **inside}
        heard = {sensor for held in inside.values() for sensor in held}
        sensors = {**sensors, **await query.entities(doors.graph, g, heard - sensors.keys())}
    states = await doors.states.states(sorted(observed)[:SENSOR_ROWS_MAX]) if observed else {}
    gone = entity.lifecycle is Lifecycle.GONE
    ends = await redirects.survivors(doors.graph, g, [entity.code]) if gone else {}
    return Facts(dossier, observed, sensors, states, ends.get(entity.code, []))


async def things_of(doors: Doors, g: int, entity: Entity) -> list[str]:
    """Return what a code's state hangs on: the thing a sensor observes, else the code itself."""
    if entity.kind is not Kind.SENSOR:
        return [entity.code]
    observed = await doors.graph.relations(g, [entity.code], (Verb.OBSERVES,))
    return [relation.target for relation in observed] or [entity.code]


def all_channels(sensors: Mapping[str, Entity]) -> Channels:
    """Return how each property of each sensor is read."""
    return {
        (code, name): channel
        for code, sensor in sensors.items()
        for name, channel in channels_of(sensor).items()
    }
