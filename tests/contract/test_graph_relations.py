"""What joins the things of the city: neighbours, children, counts."""

import sys

import pytest

from cim import ports
from cim.model import Entity, Kind, Relation, Verb
from cim.ports import LOOKUP_LIMIT, Batch, Page
from identity.errors import TooLarge

pytestmark = pytest.mark.anyio

HOUSE = "420111990101000000011"
STOREYS = [f"{HOUSE}-S{n:07d}X" for n in (1, 2)]
ROOMS = [f"{HOUSE}-R{n:07d}X" for n in (1, 2, 3)]
SENSOR = "420111990401000000015"


def contains(source, target):
    return Relation(Verb.CONTAINS, source, target)


def entities(kind, codes):
    return [Entity(code, kind) for code in codes]


@pytest.fixture
async def house(graph, change):
    """A house of two storeys with three rooms and a sensor that observes one of them."""
    things = [
        *entities(Kind.BUILDING, [HOUSE]),
        *entities(Kind.STOREY, STOREYS),
        *entities(Kind.SPACE, ROOMS),
        *entities(Kind.SENSOR, [SENSOR]),
    ]
    joins = [
        *(contains(HOUSE, storey) for storey in STOREYS),
        contains(STOREYS[0], ROOMS[0]),
        contains(STOREYS[0], ROOMS[1]),
        contains(STOREYS[1], ROOMS[2]),
        Relation(Verb.OBSERVES, SENSOR, ROOMS[2], {"property": "温度", "interval_s": 60}),
        Relation(Verb.FEEDS, ROOMS[0], ROOMS[2]),
    ]
    await change(graph, Batch(entities=things, relations=joins))
    return graph


async def test_outgoing_relations_come_by_verb_source_target(house):
    found = await house.relations(1, [STOREYS[0], HOUSE, SENSOR, ROOMS[0]], list(Verb))
    assert [(r.verb, r.source, r.target) for r in found] == [
        (Verb.CONTAINS, HOUSE, STOREYS[0]),
        (Verb.CONTAINS, HOUSE, STOREYS[1]),
        (Verb.CONTAINS, STOREYS[0], ROOMS[0]),
        (Verb.CONTAINS, STOREYS[0], ROOMS[1]),
        (Verb.FEEDS, ROOMS[0], ROOMS[2]),
        (Verb.OBSERVES, SENSOR, ROOMS[2]),
    ]


async def test_incoming_relations_come_by_verb_source_target(house):
    found = await house.relations(1, [ROOMS[2], STOREYS[1]], list(Verb), incoming=True)
    assert [(r.verb, r.source, r.target) for r in found] == [
        (Verb.CONTAINS, HOUSE, STOREYS[1]),
        (Verb.CONTAINS, STOREYS[1], ROOMS[2]),
        (Verb.FEEDS, ROOMS[0], ROOMS[2]),
        (Verb.OBSERVES, SENSOR, ROOMS[2]),
    ]


async def test_only_the_verbs_asked_for_answer_and_none_means_all(house):
    only = await house.relations(1, [ROOMS[2]], [Verb.OBSERVES], incoming=True)
    assert only == [
        Relation(Verb.OBSERVES, SENSOR, ROOMS[2], {"property": "温度", "interval_s": 60})
    ]
    everything = await house.relations(1, [ROOMS[2]], [], incoming=True)
    assert [r.verb for r in everything] == [Verb.CONTAINS, Verb.FEEDS, Verb.OBSERVES]
    assert await house.relations(1, [ROOMS[2]], [Verb.BOUNDS], incoming=True) == []
    assert await house.relations(1, [], [Verb.CONTAINS]) == []


async def test_a_code_asked_twice_answers_once(house):
    assert len(await house.relations(1, [SENSOR, SENSOR], [Verb.OBSERVES, Verb.OBSERVES])) == 1


async def test_a_put_replaces_the_relation_and_an_end_closes_it(house, change):
    new = Relation(Verb.OBSERVES, SENSOR, ROOMS[2], {"property": "humidity"})
    await change(house, Batch(relations=[Relation(Verb.OBSERVES, SENSOR, ROOMS[2]), new]))
    await change(house, Batch(end_relations=[(Verb.OBSERVES, SENSOR, ROOMS[2])]))
    assert len(await house.relations(1, [SENSOR], [])) == 1
    assert await house.relations(2, [SENSOR], []) == [new]
    assert await house.relations(3, [SENSOR], []) == []


async def test_relations_have_a_limit(house, monkeypatch, change):
    many = [contains(ROOMS[0], f"{HOUSE}-E{n:07d}X") for n in range(ports.BATCH_ROWS)]
    batches = [Batch(relations=[Relation(verb, r.source, r.target) for r in many]) for verb in Verb]
    await change(house, *batches)
    assert len(await house.relations(2, [ROOMS[0]], [Verb.CONTAINS])) == len(many)
    for name, module in list(sys.modules.items()):
        if name.startswith("cim.stores.") and hasattr(module, "NEIGHBOUR_LIMIT"):
            monkeypatch.setattr(module, "NEIGHBOUR_LIMIT", 10_000)
    assert len(await house.relations(2, [ROOMS[0]], [Verb.CONTAINS, Verb.BOUNDS])) == 10_000
    with pytest.raises(TooLarge) as refused:
        await house.relations(2, [ROOMS[0]], [Verb.CONTAINS, Verb.BOUNDS, Verb.FEEDS])
    assert refused.value.code == "neighbour_limit"


async def test_children_are_the_direct_ones_in_pages(house):
    page = await house.children(1, STOREYS[0], limit=1)
    assert page == Page(entities(Kind.SPACE, ROOMS[:1]), ROOMS[0])
    page = await house.children(1, STOREYS[0], limit=1, after=page.next)
    assert page == Page(entities(Kind.SPACE, ROOMS[1:2]), None)
    assert await house.children(1, ROOMS[0], limit=10) == Page([], None)


async def test_children_may_be_asked_by_kind(house, change):
    column = HOUSE + "-E0000001W"
    await change(
        house,
        Batch(
            entities=[Entity(column, Kind.ELEMENT, "柱")], relations=[contains(STOREYS[0], column)]
        ),
    )
    found = await house.children(2, STOREYS[0], kinds=[Kind.SPACE], limit=10)
    assert [e.code for e in found.items] == ROOMS[:2]
    found = await house.children(2, STOREYS[0], kinds=[Kind.ELEMENT, Kind.SENSOR], limit=10)
    assert [e.code for e in found.items] == [column]
    assert len((await house.children(2, STOREYS[0], limit=10)).items) == 3


async def test_children_of_an_old_page_go_on_in_their_generation(house, change):
    first = await house.children(1, HOUSE, limit=1)
    ends = [(Verb.CONTAINS, HOUSE, storey) for storey in STOREYS]
    await change(house, Batch(end_relations=ends[1:], end_entities=STOREYS[1:]))
    rest = await house.children(1, HOUSE, limit=10, after=first.next)
    assert [e.code for e in rest.items] == STOREYS[1:]
    assert [e.code for e in (await house.children(2, HOUSE, limit=10)).items] == STOREYS[:1]


async def test_counts_go_through_all_levels(house):
    assert await house.counts(1, HOUSE) == {Kind.STOREY: 2, Kind.SPACE: 3}
    assert await house.counts(1, STOREYS[1]) == {Kind.SPACE: 1}
    assert await house.counts(1, ROOMS[0]) == {}
    assert await house.counts(1, "420111990101000000099") == {}
    assert await house.counts(0, HOUSE) == {}


async def test_counts_are_of_their_generation(house, change):
    await change(
        house,
        Batch(
            end_entities=[ROOMS[2]],
            end_relations=[(Verb.CONTAINS, STOREYS[1], ROOMS[2])],
        ),
    )
    assert await house.counts(2, HOUSE) == {Kind.STOREY: 2, Kind.SPACE: 2}
    assert await house.counts(1, HOUSE) == {Kind.STOREY: 2, Kind.SPACE: 3}


async def test_what_is_reached_twice_or_in_a_circle_counts_once(house, change):
    await change(
        house,
        Batch(relations=[contains(STOREYS[1], ROOMS[0]), contains(ROOMS[0], HOUSE)]),
    )
    assert await house.counts(2, HOUSE) == {Kind.STOREY: 2, Kind.SPACE: 3}
    assert await house.counts(2, ROOMS[0]) == {Kind.BUILDING: 1, Kind.STOREY: 2, Kind.SPACE: 2}


async def test_twenty_thousand_children_are_counted_exactly(house, change):
    codes = [f"{HOUSE}-E{n:07d}X" for n in range(20_000)]
    parts = [codes[i : i + 2_500] for i in range(0, len(codes), 2_500)]
    await change(
        house,
        *(
            Batch(
                entities=entities(Kind.ELEMENT, part),
                relations=[contains(ROOMS[1], code) for code in part],
            )
            for part in parts
        ),
    )
    counted = await house.counts(2, HOUSE)
    assert counted == {Kind.STOREY: 2, Kind.SPACE: 3, Kind.ELEMENT: 20_000}


@pytest.mark.parametrize("call", ["entities", "relations", "resolve", "aliases"])
async def test_lookups_have_a_limit(graph, call):
    values = ["x"] * (LOOKUP_LIMIT + 1)
    calls = {
        "entities": lambda: graph.entities(0, values),
        "relations": lambda: graph.relations(0, values, []),
        "resolve": lambda: graph.resolve(0, values),
        "aliases": lambda: graph.aliases(0, values),
    }
    with pytest.raises(TooLarge) as refused:
        await calls[call]()
    assert refused.value.code == "lookup_limit"
    assert await graph.entities(0, values[1:]) == []
