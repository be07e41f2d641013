"""Everything one answer needs, gathered for many codes at once and at one generation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cim import query, redirects
from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Graph
from identity.ports import Alias, Codes
from twin.channels import channels_of
from twin.live import Channels
from twin.ports import States, Where
from twin.properties import Table
from twin.reading import State

SENSOR_ROWS_MAX = 200  # rows of "sensors" in one answer
_WITH_PARTS = (Kind.STOREY, Kind.SPACE)  # their parts' sensors are found by walking down
_WITH_ROWS = (Kind.BUILDING, Kind.FACILITY)  # theirs by the building stored beside each state


@dataclass(frozen=True, slots=True)
class Doors:
    """The ports the city is read through, and the table of properties."""

    graph: Graph
    codes: Codes
    states: States
    table: Table


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of some entities at one generation.

    ``ways``: the entity itself and its path, nearest first. ``observed``: {thing: its sensors} for
    each answered code (its parts included). ``states``: rows by thing. ``replaced_by``: where the
    redirects of a code end.
    """

    entities: list[Entity]
    ways: Mapping[str, list[Entity]]
    addresses: Mapping[str, query.Address]
    aliases: Mapping[str, list[Alias]]
    counts: Mapping[str, Mapping[Kind, int]]
    delivered: Mapping[str, list[Relation]]
    documents: Mapping[str, Entity]
    replaced_by: Mapping[str, list[str]]
    observed: Mapping[str, Mapping[str, list[str]]]
    sensors: Mapping[str, Entity]
    states: Mapping[str, list[State]]


async def gather(doors: Doors, g: int, wanted: Sequence[str]) -> Facts:
    """Read what ``twin.answers`` tells of the codes; unknown ones are absent, ended ones kept."""
    graph = doors.graph
    entities = await graph.entities(g, wanted, ended=True)
    codes = [entity.code for entity in entities]
    above = await query.paths(graph, g, codes)
    ways = {entity.code: [entity, *above[entity.code]] for entity in entities}
    delivered = await _delivered(graph, g, codes)
    observed = {entity.code: await _observed(doors, g, entity) for entity in entities}
    sensors = {s for things in observed.values() for held in things.values() for s in held}
    things = {thing for held in observed.values() for thing in held}
    return Facts(
        entities=entities,
        ways=ways,
        addresses=await query.addresses(graph, g, ways),
        aliases=await doors.codes.aliases(g, codes),
        counts={code: await graph.counts(g, code) for code in codes},
        delivered=delivered,
        documents=await query.entities(graph, g, _documents(entities, delivered)),
        replaced_by=await redirects.survivors(graph, g, codes),
        observed=observed,
        sensors=await query.entities(graph, g, sensors),
        states=await doors.states.states(sorted(things)[:SENSOR_ROWS_MAX]) if things else {},
    )


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


async def _observed(doors: Doors, g: int, entity: Entity) -> dict[str, list[str]]:
    if entity.kind is Kind.SENSOR:
        return {thing: [entity.code] for thing in await things_of(doors, g, entity)}
    found = await query.observers(doors.graph, g, [entity.code])
    if entity.kind in _WITH_PARTS:
        found |= await query.observers_below(doors.graph, g, entity.code)
    if entity.kind in _WITH_ROWS:
        rows, _ = await doors.states.query(Where(building=entity.code), limit=SENSOR_ROWS_MAX)
        found |= await query.observers(doors.graph, g, [row.code for row in rows])
    return found


async def _delivered(graph: Graph, g: int, codes: Sequence[str]) -> dict[str, list[Relation]]:
    found: dict[str, list[Relation]] = {}
    for relation in await query.relations(graph, g, codes, (Verb.DELIVERED_IN,)):
        found.setdefault(relation.source, []).append(relation)
    return found


def _documents(entities: Sequence[Entity], delivered: Mapping[str, Sequence[Relation]]) -> set[str]:
    said = {entity.properties.get("document") for entity in entities}
    held = {relation.target for rows in delivered.values() for relation in rows}
    return held | {code for code in said if isinstance(code, str)}
