"""Many texts at once: each means what it means alone, and all of them cost a few look-ups."""

import pytest

from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Batch
from cim.stores.memory import MemoryGraph
from identity import code as universal
from identity import grid
from identity.errors import CityError, NotFound
from identity.ports import Alias
from twin.batch import Searches
from twin.city import City
from twin.stores.memory import MemoryStates

pytestmark = pytest.mark.anyio

POINT = (114.41, 30.51)
CELL = grid.encode(*POINT)
HOUSES = [universal.issue(universal.prefix("420111", "House"), n) for n in range(1, 6)]
PLACE = universal.issue(universal.prefix("420111", "Address"), 1)
UNIT = "370105012002GB00001F00010751"
ROAD = "珞喻路1号"


class Counting(MemoryGraph):
    """Counts what is asked of it."""

    asked = 0

    async def entities(self, *args, **named):
        self.asked += 1
        return await super().entities(*args, **named)

    async def resolve(self, *args, **named):
        self.asked += 1
        return await super().resolve(*args, **named)

    async def find(self, *args, **named):
        self.asked += 1
        return await super().find(*args, **named)


@pytest.fixture
async def graph():
    made = Counting(lambda: 1.0)
    lon, lat = POINT
    things = [
        Entity(code, Kind.HOUSE, f"h{n}", lon=lon, lat=lat, grid2d=CELL)
        for n, code in enumerate(HOUSES)
    ]
    things.append(Entity(PLACE, Kind.ADDRESS, ROAD))
    names = [Alias("bdcdy28", "", UNIT, HOUSES[0])]
    names += [Alias("tag", scope, "twice", HOUSES[n]) for n, scope in enumerate("ab", 1)]
    names.append(Alias("address", "", "short road", PLACE))
    joins = [Relation(Verb.LOCATED_AT, HOUSES[3], PLACE)]
    activation = await made.activate("test", wait_s=1)
    await activation.write(Batch(entities=things, aliases=names, relations=joins))
    await activation.commit({})
    activation = await made.activate("test", wait_s=1)
    replaces = [Relation(Verb.REPLACES, HOUSES[0], HOUSES[4])]
    await activation.write(Batch(end_entities=[HOUSES[4]], relations=replaces))
    await activation.commit({})
    made.asked = 0
    return made


def city_of(graph):
    return City(graph, graph, MemoryStates(), lambda: 2.0)


TEXTS = [
    HOUSES[0],
    f"urn:uic:cn:{HOUSES[1]}",
    UNIT.lower(),
    "twice",
    "short road",
    ROAD,
    CELL,
    HOUSES[4],
    "nothing at all",
    HOUSES[0][:-1] + ("0" if HOUSES[0][-1] != "0" else "1"),
    "",
    "x" * 600,
    "11010519491231002X",
]


async def meaning(city, text):
    """What GET /codes/{any} says of one text: its codes, or the refusal."""
    try:
        return [row["code"] for row in await city.resolve(text)]
    except CityError as refused:
        return refused.code, refused.facts


async def test_a_text_means_in_a_batch_what_it_means_alone(graph):
    city = city_of(graph)
    many = await city.resolve_many(TEXTS, Searches(10))
    assert len(many) == len(TEXTS)
    said = [
        (found.code, found.facts) if isinstance(found, CityError) else [r["code"] for r in found]
        for found in many
    ]
    assert said == [await meaning(city, text) for text in TEXTS]


async def test_the_short_form_says_what_replaced_a_code_that_is_gone(graph):
    ((gone,),) = await city_of(graph).resolve_many([HOUSES[4]], Searches(0))
    wanted = {"kind": "House", "name": "h4", "lifecycle": "gone", "replaced_by": [HOUSES[0]]}
    assert gone == {"code": HOUSES[4], **wanted}


async def test_thousands_of_codes_and_aliases_cost_a_few_look_ups(graph):
    unknown = [universal.issue(universal.prefix("420111", "House"), n) for n in range(100, 2_100)]
    found = await city_of(graph).resolve_many([*HOUSES, UNIT, *unknown], Searches(0))
    assert graph.asked <= 5
    assert all(isinstance(each, NotFound) for each in found[6:])


async def test_searches_beyond_the_limit_are_said_line_by_line(graph):
    found = await city_of(graph).resolve_many([ROAD, CELL, "words", HOUSES[0]], Searches(2))
    assert [row["code"] for row in found[0]] == [HOUSES[3]]
    assert found[2].code == "searches_limit"
    assert [row["code"] for row in found[3]] == [HOUSES[0]]
