"""Graph.dossiers on every adapter: whatever way it reads, it is what the small questions tell."""

import pytest

from cim.dossiers import compose
from cim.model import Entity, Kind, Lifecycle, Relation, Verb
from cim.ports import DOSSIERS_LIMIT, Address, Batch
from cim.stores import sqlite
from cim.stores.neo4j import graph as neo4j_graph
from identity.errors import TooLarge
from identity.ports import Alias
from tests.parts.small_cities import CODES, generations

pytestmark = pytest.mark.anyio


async def same_as_composed(graph, g, codes):
    told = await graph.dossiers(g, codes)
    assert told == await compose(graph, graph, g, codes)
    return told


@pytest.mark.parametrize("seed", range(4))
async def test_a_dossier_is_what_the_small_questions_tell(graph, change, seed):
    for batch in generations(seed):
        g = await change(graph, batch)
    for at in range(g + 1):
        found = [await same_as_composed(graph, at, [code]) for code in CODES]
        assert await graph.dossiers(at, [*CODES, "unknown"]) == [d for row in found for d in row]
    assert any(dossier.way for row in found for dossier in row)


@pytest.mark.parametrize(("point", "scan"), [(1, 3), (4, 7), (2, 10_000)])
async def test_lists_too_long_for_one_go_give_the_same(graph, change, monkeypatch, point, scan):
    """On SQLite: on the event loop, in a thread, and put together from small questions.

    On Neo4j: put together, and of things with many parts these counted by themselves.
    """
    monkeypatch.setattr(sqlite, "POINT_PARTS", point)
    monkeypatch.setattr(sqlite, "DOSSIER_PARTS", scan)
    monkeypatch.setattr(neo4j_graph, "DOSSIER_ROWS", scan)
    for batch in generations(41):
        g = await change(graph, batch)
    for code in CODES:
        await same_as_composed(graph, g, [code])
    await same_as_composed(graph, g, CODES)


async def test_a_crowd_below_is_counted_and_a_crowd_above_does_not_hide_the_way(graph, change):
    parts = [Entity(f"part{n:03d}", Kind.ELEMENT) for n in range(300)]
    storeys = [Entity(f"storey{n:03d}", Kind.STOREY) for n in range(300)]
    hall = Entity("hall", Kind.SPACE)
    sensor = Entity("sensor", Kind.SENSOR)
    joins = [Relation(Verb.CONTAINS, "hall", part.code) for part in parts]
    joins += [Relation(Verb.CONTAINS, storey.code, "hall") for storey in storeys]
    joins.append(Relation(Verb.OBSERVES, "sensor", "part299"))
    g = await change(
        graph,
        Batch(entities=[hall, sensor, *parts, *storeys]),
        Batch(relations=joins),
    )

    (dossier,) = await same_as_composed(graph, g, ["hall"])

    assert {Kind.ELEMENT: 300} == dossier.counts
    assert ["storey000"] == [entity.code for entity in dossier.way]
    assert {"part299": ["sensor"]} == dossier.observed
    assert {"sensor": sensor} == dossier.sensors


def a_house():
    """A room on a storey and in a zone, with a sensor on its window; the house has the address."""
    plan = {"document": "plan"}
    return Batch(
        entities=[
            Entity("house", Kind.BUILDING, "1号楼", properties={"address": "珞喻路2号"}),
            Entity("zone", Kind.FACILITY, "东区"),
            Entity("storey", Kind.STOREY, "1F"),
            Entity("room", Kind.SPACE, "101", properties=plan),
            Entity("window", Kind.ELEMENT, "窗"),
            Entity("place", Kind.ADDRESS, "珞喻路1号"),
            Entity("meter", Kind.SENSOR, "温度计"),
            Entity("spare", Kind.SENSOR, "备用"),
            Entity("model", Kind.DOCUMENT, "建筑"),
            Entity("plan", Kind.DOCUMENT, "图纸"),
        ],
        relations=[
            Relation(Verb.CONTAINS, "house", "storey"),
            Relation(Verb.CONTAINS, "house", "zone"),
            Relation(Verb.CONTAINS, "zone", "room"),
            Relation(Verb.CONTAINS, "storey", "room"),
            Relation(Verb.CONTAINS, "room", "window"),
            Relation(Verb.LOCATED_AT, "house", "place"),
            Relation(Verb.OBSERVES, "meter", "window"),
            Relation(Verb.DELIVERED_IN, "room", "model", {"key": "k"}),
        ],
        aliases=[Alias("tag", "", "R-101", "room", "model"), Alias("oid", "", "1.2", "room", "x")],
    )


async def test_a_room_in_two_things_is_told_with_all_that_stands_round_it(graph, change):
    g = await change(graph, a_house())

    (room,) = await same_as_composed(graph, g, ["room"])

    assert ["storey", "house"] == [entity.code for entity in room.way]
    assert Address("珞喻路1号", "place") == room.address
    assert ["oid", "tag"] == [alias.scheme for alias in room.aliases]
    assert {Kind.ELEMENT: 1} == room.counts
    assert [Relation(Verb.DELIVERED_IN, "room", "model", {"key": "k"})] == room.delivered
    assert {"model", "plan"} == set(room.documents)
    assert {"window": ["meter"]} == room.observed
    assert {"meter"} == set(room.sensors)


async def test_sensors_tell_what_they_observe_and_a_house_hears_itself_only(graph, change):
    g = await change(graph, a_house())

    house, meter, spare = await same_as_composed(graph, g, ["house", "meter", "spare"])

    assert {Kind.STOREY: 1, Kind.FACILITY: 1, Kind.SPACE: 1, Kind.ELEMENT: 1} == house.counts
    assert [{}, {"window": ["meter"]}, {"spare": ["spare"]}] == [
        each.observed for each in (house, meter, spare)
    ]


async def test_what_has_ended_is_told_of_itself_and_is_absent_from_others(graph, change):
    await change(graph, a_house())
    ended = Batch(end_entities=["room", "meter", "place"], end_aliases=[("oid", "", "1.2")])
    g = await change(graph, ended)

    room, meter, window = await same_as_composed(graph, g, ["room", "meter", "window"])

    assert [Lifecycle.GONE, Lifecycle.GONE] == [each.entity.lifecycle for each in (room, meter)]
    assert ["tag"] == [alias.scheme for alias in room.aliases]
    assert Address("珞喻路2号") == room.address
    assert ({"window": ["meter"]}, {}) == (window.observed, window.sensors)
    assert [] == window.way


async def test_more_dossiers_than_the_limit_are_refused(graph):
    with pytest.raises(TooLarge) as refused:
        await graph.dossiers(0, ["x"] * (DOSSIERS_LIMIT + 1))
    assert {"count": DOSSIERS_LIMIT + 1, "limit": DOSSIERS_LIMIT} == refused.value.facts
