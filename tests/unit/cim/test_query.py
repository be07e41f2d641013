"""City questions: the way up, addresses, sensors, what lies below; batched, bounded, cycle-safe."""

import pytest

from cim import query
from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Address, Batch
from cim.stores.memory import MemoryGraph

pytestmark = pytest.mark.anyio


def contains(*pairs):
    return [Relation(Verb.CONTAINS, above, below) for above, below in pairs]


THINGS = [
    Entity("site", Kind.SITE, "园区", properties={"address": "珞喻路1号"}),
    Entity("house", Kind.BUILDING),
    Entity("floor", Kind.STOREY),
    Entity("room", Kind.SPACE),
    Entity("door", Kind.ELEMENT),
    Entity("bench", Kind.ELEMENT, properties={"address": ""}),
    Entity("address", Kind.ADDRESS, "光谷街2号"),
    Entity("loop1", Kind.SITE),
    Entity("loop2", Kind.SITE),
]
JOINS = [
    *contains(("site", "house"), ("house", "floor"), ("floor", "room"), ("room", "door")),
    *contains(("floor", "door"), ("site", "bench"), ("loop1", "loop2"), ("loop2", "loop1")),
    Relation(Verb.LOCATED_AT, "house", "address"),
    Relation(Verb.OBSERVES, "s1", "room"),
    Relation(Verb.OBSERVES, "s2", "room"),
    Relation(Verb.OBSERVES, "s3", "house"),
]


class Counted(MemoryGraph):
    """Counts calls, so that a question per thing instead of per level is seen."""

    calls = 0

    async def relations(self, g, codes, verbs, *, incoming=False):
        self.calls += 1
        return await super().relations(g, codes, verbs, incoming=incoming)


@pytest.fixture
async def graph():
    made = Counted(lambda: 1.0)
    activation = await made.activate("test", wait_s=1)
    await activation.write(Batch(entities=THINGS, relations=JOINS))
    await activation.commit({})
    return made


def codes(way):
    return [entity.code for entity in way]


async def test_a_path_leads_from_the_nearest_container_outwards(graph):
    found = await query.paths(graph, 1, ["door", "house", "site", "nobody"])

    assert {code: codes(way) for code, way in found.items()} == {
        "door": ["room", "floor", "house", "site"],
        "house": ["site"],
        "site": [],
        "nobody": [],
    }


async def test_many_paths_take_one_call_a_level(graph):
    await query.paths(graph, 1, ["door", "room", "bench", "floor"])

    assert graph.calls == 2


async def test_a_cycle_ends_where_it_closes(graph):
    found = await query.paths(graph, 1, ["loop1"])

    assert codes(found["loop1"]) == ["loop2"]


async def test_a_path_deeper_than_the_limit_is_cut(graph):
    depth = query.PATH_DEPTH_MAX + 10
    chain = [Entity(f"n{i}", Kind.SITE) for i in range(depth)]
    joins = contains(*((f"n{i + 1}", f"n{i}") for i in range(depth - 1)))
    activation = await graph.activate("test", wait_s=1)
    await activation.write(Batch(entities=chain, relations=joins))
    await activation.commit({})

    found = await query.paths(graph, 2, ["n0"])
    assert codes(found["n0"]) == [f"n{i + 1}" for i in range(query.PATH_DEPTH_MAX)]


async def test_an_address_is_the_nearest_one_upwards_else_the_property(graph):
    above = await query.paths(graph, 1, ["door", "bench", "loop1"])
    known = await query.entities(graph, 1, above)
    ways = {code: [known[code], *way] for code, way in above.items()}

    assert await query.addresses(graph, 1, ways) == {
        "door": Address("光谷街2号", "address"),
        "bench": Address("珞喻路1号"),
    }


async def test_nearest_names_the_building_and_the_storey(graph):
    way = (await query.paths(graph, 1, ["door"]))["door"]

    assert query.nearest(way, Kind.BUILDING).code == "house"
    assert query.nearest(way, Kind.STOREY).code == "floor"
    assert query.nearest(way, Kind.REGION) is None


async def test_observers_are_the_sensors_of_the_thing_itself(graph):
    found = await query.observers(graph, 1, ["room", "house", "door"])

    assert found == {"room": ["s1", "s2"], "house": ["s3"]}


async def test_observers_below_are_those_of_its_parts(graph):
    assert await query.observers_below(graph, 1, "house") == {"room": ["s1", "s2"]}


async def test_what_lies_below_is_bounded_and_says_so(graph):
    whole = await query.below(graph, 1, "site")
    some = await query.below(graph, 1, "site", limit=2)
    loop = await query.below(graph, 1, "loop1")

    assert whole == (["bench", "house", "floor", "door", "room"], True)
    assert some == (["bench", "house"], False)
    assert loop == (["loop2"], True)


async def test_entities_may_be_asked_beyond_the_limit_of_one_call(graph):
    asked = [*(f"x{i}" for i in range(query.LOOKUP_LIMIT + 5)), "room", "site"]

    assert sorted(await query.entities(graph, 1, asked)) == ["room", "site"]
