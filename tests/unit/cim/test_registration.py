"""A list of things is registered whole, once, and with the same codes however often it dies."""

from dataclasses import replace

import pytest

from cim.heights import CityHeights
from cim.model import Entity, Kind
from cim.ports import Filter
from cim.registration import PORTION_THINGS, Registration, Thing
from cim.registry_change import Registry
from cim.stores.memory import MemoryBlobs, MemoryGraph
from identity import code as uic
from identity.errors import CityError, Conflict, Unavailable
from identity.grid import Datum
from identity.ports import Alias

pytestmark = pytest.mark.anyio
REGION = "420111"
LAMP, PUMP = Kind.FACILITY, Kind.SYSTEM
LAMPS = [Thing(LAMP, f"路灯 {n}") for n in range(5)]


@pytest.fixture
def graph():
    return MemoryGraph(lambda: 0.0)


@pytest.fixture
def registration(graph):
    return Registration(graph, graph, REGION, 0.0, portion=2)


async def register(registration, things, owner="lamps.ndjson", **options):
    found = registration.register(things, owner, **options)
    return [code async for portion in found for code in portion]


async def refusal(registration, *things):
    with pytest.raises(CityError) as refused:
        await register(registration, things)
    return refused.value


async def test_each_thing_gets_a_code_an_anchor_and_its_own_code_as_an_alias(registration, graph):
    mixed = [LAMPS[0], Thing(PUMP, "泵"), LAMPS[1]]
    codes = await register(registration, mixed)
    lamp, pump = uic.prefix(REGION, LAMP), uic.prefix(REGION, PUMP)
    assert codes == [uic.issue(lamp, 1), uic.issue(pump, 1), uic.issue(lamp, 2)]
    named = zip(codes, mixed, strict=True)
    assert await graph.entities(2, codes) == [Entity(c, t.kind, t.name) for c, t in named]
    own = {code: [Alias("uic", "", code, code, "registration")] for code in codes}
    assert await graph.resolve(2, codes) == await graph.aliases(2, codes) == own


async def test_a_portion_is_one_generation_and_says_what_it_was(registration, graph):
    codes = await register(registration, LAMPS)
    moves = await graph.moves(0, limit=10)
    assert [(m.event["count"], m.event["first"]) for m in moves] == [
        (2, codes[0]),
        (2, codes[2]),
        (1, codes[4]),
    ]
    assert moves[1].event["owner"] == "lamps.ndjson/1"


async def test_a_list_told_again_gets_the_same_codes_and_changes_nothing(registration, graph):
    codes = await register(registration, LAMPS)
    assert await register(registration, LAMPS) == codes
    assert await register(registration, LAMPS[2:], first=1) == codes[2:]
    assert (await graph.head()).generation == 3
    assert set(codes).isdisjoint(await register(registration, LAMPS, "another list"))
    renamed = [Thing(LAMP, f"灯 {n}") for n in range(5)]
    assert set(codes).isdisjoint(await register(registration, renamed))


async def test_a_list_that_died_goes_on_with_the_codes_it_had(registration, graph, monkeypatch):
    expected = [uic.issue(uic.prefix(REGION, LAMP), n) for n in range(1, 6)]
    written, apply = [], graph.apply

    def dies(batch, g):
        written.append(batch)
        if len(written) == 2:
            raise Unavailable("graph_unavailable", reason="the disk is full")
        apply(batch, g)

    monkeypatch.setattr(graph, "apply", dies)
    with pytest.raises(Unavailable):
        await register(registration, LAMPS)
    assert (await graph.find(9, Filter(), limit=9)).items[2:] == []
    await graph.reserve(uic.prefix(REGION, LAMP), 1, "somebody in between")
    assert (await register(registration, LAMPS))[:4] == expected[:4]


async def test_what_others_call_a_thing_leads_to_it(registration, graph):
    known = (("permit", "", "420111202601010101"), ("tag", "park", "L-1"))
    (code,) = await register(registration, [Thing(LAMP, "路灯", known_as=known)])
    found = await graph.resolve(1, [value for _, _, value in known])
    assert {value: [a.code for a in rows] for value, rows in found.items()} == {
        "420111202601010101": [code],
        "L-1": [code],
    }


async def test_an_identifier_is_never_taken_from_who_bears_it(registration, graph):
    tagged = Thing(LAMP, "路灯", known_as=(("tag", "park", "L-1"),))
    (code,) = await register(registration, [tagged])
    other = Thing(LAMP, "新路灯", known_as=(("tag", "park", "L-1"),))
    refused = await refusal(registration, LAMPS[0], other)
    assert (refused.code, refused.facts["bearer"]) == ("identifier_taken", code)
    assert (await graph.head()).generation == 1
    elsewhere = Thing(LAMP, "新路灯", known_as=(("tag", "garden", "L-1"),))
    assert len(await register(registration, [elsewhere])) == 1
    assert (await refusal(registration, elsewhere, elsewhere)).code == "identifier_taken"


@pytest.mark.parametrize(
    ("thing", "code"),
    [
        (Thing(Kind.STOREY, "一层"), "class_unknown"),
        (Thing(LAMP, "11010519491231002X"), "identity_number_refused"),
        (Thing(LAMP, known_as=(("tag", "", "11010519491231002X"),)), "identity_number_refused"),
        (Thing(LAMP, lon=114.0), "position_invalid"),
        (Thing(LAMP, lon=514.0, lat=30.0), "position_range"),
    ],
)
async def test_what_cannot_be_registered_is_refused_whole(registration, graph, thing, code):
    assert (await refusal(registration, LAMPS[0], thing)).code == code
    assert (await graph.head()).generation == 0
    await graph.activate("the lease is free", wait_s=0)


async def test_a_thing_with_a_place_stands_in_its_grid_cell(registration, graph):
    placed = Thing(LAMP, "路灯", lon=114.39, lat=30.5, height_m=20.0)
    polar = Thing(LAMP, "极地站", lon=10.0, lat=89.0)
    codes = await register(registration, [LAMPS[0], placed, polar])
    found = await graph.find(2, Filter(grid="N50H"), limit=10)
    assert [(e.code, e.lon, e.height_m) for e in found.items] == [(codes[1], 114.39, 20.0)]


async def test_a_height_keeps_what_its_thing_says_of_it_else_the_city_s_datum(graph):
    city = CityHeights(Datum.YELLOW_SEA_1985, -12.0)
    registration = Registration(graph, graph, REGION, 0.0, heights=city)
    placed = Thing(LAMP, "路灯", lon=114.39, lat=30.5, height_m=20.0)
    said = replace(placed, properties={"height_datum": "ellipsoidal", "colour": "red"})
    flat = replace(placed, height_m=None)
    codes = await register(registration, [placed, said, flat])
    kept = {"height_datum": "1985", "height_provenance": "assumed", "geoid_separation_m": -12.0}
    own = said.properties | {"height_provenance": "confirmed"}
    found = await graph.entities((await graph.head()).generation, codes)
    assert [entity.properties for entity in found] == [kept, own, {}]
    wrong = replace(placed, properties={"height_datum": "NAP"})
    assert (await refusal(registration, wrong)).code == "height_datum"


async def test_a_portion_has_a_limit(graph):
    wide = Registration(graph, graph, REGION, 0.0, portion=PORTION_THINGS + 1)
    assert (await refusal(wide, *[LAMPS[0]] * (PORTION_THINGS + 1))).code == "portion_limit"


async def test_a_merge_takes_the_own_code_along(registration, graph):
    old, new = await register(registration, LAMPS[:2])
    changes = Registry(graph, graph, MemoryBlobs(), 0.0)
    await changes.merge(old, new, who="somebody", why="counted twice")
    assert [a.code for a in (await graph.resolve(2, [old]))[old]] == [new]


async def test_a_busy_city_is_told(registration, graph):
    await graph.activate("an import", wait_s=0)
    with pytest.raises(Conflict, match="an import"):
        await register(registration, LAMPS)
