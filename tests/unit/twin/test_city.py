"""City: one text in, the whole answer out, read at one generation."""

from dataclasses import replace

import pytest

from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Batch
from cim.stores.memory import MemoryGraph
from cim.stores.sqlite import SqliteGraph
from identity import code as universal
from identity import grid, ifcguid
from identity.errors import Invalid, NotFound
from identity.ports import Alias
from twin.city import City
from twin.meanings import MEANINGS_MAX
from twin.ports import Commit, Where
from twin.reading import Quality, Reading
from twin.stores.memory import MemoryStates
from twin.stores.sqlite import SqliteStates

pytestmark = pytest.mark.anyio

NOW = 1_000_000.0
GUID = "1hfxWGdQqHqO2q0C1Fr338"


def issued(kind, serial=1):
    return universal.issue(universal.prefix(universal.REGION, kind), serial)


def part(letter, serial=1):
    return universal.issue(universal.part_prefix(TOWER, letter), serial)


PROJECT, TOWER, DOCUMENT = issued("Project"), issued("Building"), issued("Document")
ADDRESS, SENSOR, SILENT = issued("Address"), issued("Sensor"), issued("Sensor", 2)
STOREY, ROOM, DOOR, OLD = part("S"), part("R"), part("E"), part("E", 9)
TEXT = "武汉市洪山区珞喻路1号"
LON, LAT = 114.4, 30.5
CELL = grid.encode(LON, LAT)

CHANNELS = {"channels": {"temperature": {"unit": "Cel", "interval_s": 60}}, "unit": "Cel"}
THINGS = [
    Entity(PROJECT, Kind.PROJECT, "光谷"),
    Entity(TOWER, Kind.BUILDING, "塔楼", lon=LON, lat=LAT, height_m=20.0, grid2d=CELL,
           properties={"document": DOCUMENT}),
    Entity(STOREY, Kind.STOREY, "三层"),
    Entity(ROOM, Kind.SPACE, "301", properties={"document": DOCUMENT, "ifc_guid": GUID}),
    Entity(DOOR, Kind.ELEMENT, "门"),
    Entity(OLD, Kind.ELEMENT, "旧门"),
    Entity(ADDRESS, Kind.ADDRESS, TEXT),
    Entity(SENSOR, Kind.SENSOR, "温度计", properties=CHANNELS),
    Entity(SILENT, Kind.SENSOR, "哑", properties={"property": "co2", "unit": "ppm"}),
    Entity(DOCUMENT, Kind.DOCUMENT, "建筑", properties={
        "version": 2, "placement": {"provenance": "declared"}}),
]  # fmt: skip
JOINS = [
    Relation(Verb.CONTAINS, PROJECT, TOWER),
    Relation(Verb.CONTAINS, TOWER, STOREY),
    Relation(Verb.CONTAINS, STOREY, ROOM),
    Relation(Verb.CONTAINS, ROOM, DOOR),
    Relation(Verb.CONTAINS, STOREY, DOOR),
    Relation(Verb.CONTAINS, STOREY, OLD),
    Relation(Verb.LOCATED_AT, TOWER, ADDRESS),
    Relation(Verb.OBSERVES, SENSOR, ROOM),
    Relation(Verb.OBSERVES, SILENT, TOWER),
    Relation(Verb.DELIVERED_IN, ROOM, DOCUMENT, {"key": GUID}),
]
NAMES = [
    Alias("ifc_guid", PROJECT, GUID, ROOM),
    Alias("address", "", TEXT, ADDRESS),
    Alias("device", "", "d-1", SENSOR),
    Alias("tag", "a", "T1", ROOM),
    Alias("tag", "b", "T1", DOOR),
]


@pytest.fixture(params=["memory", "sqlite"])
async def graph(request, tmp_path):
    made = MemoryGraph(lambda: NOW)
    if request.param == "sqlite":
        made = await SqliteGraph.open(tmp_path / "graph.db", lambda: NOW)
    await change(made, Batch(entities=THINGS, relations=JOINS, aliases=NAMES))
    yield made
    await made.close()


@pytest.fixture
async def states(graph, tmp_path):
    if isinstance(graph, MemoryGraph):
        yield MemoryStates()
    else:
        store = await SqliteStates.open(tmp_path / "state.db")
        yield store
        await store.close()


@pytest.fixture
def city(graph, states):
    return City(graph, graph, states, lambda: NOW)


async def change(graph, batch):
    activation = await graph.activate("test", wait_s=1)
    await activation.write(batch)
    await activation.commit({"event": "test"})


def warm(value=21.5, at=NOW - 10, **more):
    more = {"property": "temperature", "source": SENSOR, "unit": "Cel", **more}
    return Reading(code=ROOM, value=value, observed_at=at, received_at=at + 1, **more)


async def test_a_code_gives_parents_address_position_sensors_and_model_in_one_answer(city, states):
    await states.commit(Commit([warm()]))

    (told,) = await city.resolve(ROOM)

    assert told == {
        "code": ROOM,
        "kind": "Space",
        "name": "301",
        "lifecycle": "in_use",
        "aliases": [
            {"scheme": "ifc_guid", "value": GUID, "scope": PROJECT},
            {"scheme": "tag", "value": "T1", "scope": "a"},
        ],
        "position": {
            "lon": LON,
            "lat": LAT,
            "height_m": 20.0,
            "height_datum": None,
            "height_provenance": None,
            "height_uncertain": True,
            "crs": "EPSG:4490",
            "grid2d": CELL,
            "grid3d": grid.encode_3d(LON, LAT, 20.0),
            "provenance": "declared",
            "of": TOWER,
        },
        "address": TEXT,
        "address_code": ADDRESS,
        "parents": [
            {"code": PROJECT, "kind": "Project", "name": "光谷"},
            {"code": TOWER, "kind": "Building", "name": "塔楼"},
            {"code": STOREY, "kind": "Storey", "name": "三层"},
        ],
        "building": {"code": TOWER, "name": "塔楼"},
        "storey": {"code": STOREY, "name": "三层"},
        "children": {"Element": 1},
        "sensors": [
            {
                "code": SENSOR,
                "name": "温度计",
                "of": ROOM,
                "property": "temperature",
                "value": 21.5,
                "unit": "Cel",
                "observed_at": "1970-01-12T13:46:30.000Z",
                "quality": "good",
            }
        ],
        "model": {"id": DOCUMENT, "version": 2, "ifc_guid": GUID},
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"  {TOWER} ", TOWER),
        (f"{TOWER[:6]} {TOWER[6:12]} {TOWER[12:]}", TOWER),
        (f"urn:uic:cn:{TOWER}", TOWER),
        (f"URN:UIC:CN:{ROOM}", ROOM),
        (ROOM.lower(), ROOM),
        (GUID, ROOM),
        (str(ifcguid.to_uuid(GUID)), ROOM),
        (f"urn:uuid:{ifcguid.to_uuid(GUID)}", ROOM),
        ("d-1", SENSOR),
        (CELL, TOWER),
        (CELL[:11].lower(), TOWER),
        (grid.encode_3d(LON, LAT, 20.0), TOWER),
        (TEXT, TOWER),
    ],
)
async def test_every_way_of_writing_leads_to_the_thing(city, text, code):
    assert [told["code"] for told in await city.resolve(text)] == [code]


async def test_a_text_with_several_meanings_gives_each(city):
    assert [told["code"] for told in await city.resolve("T1")] == [ROOM, DOOR]


async def test_a_room_is_nearer_than_the_storey_that_also_contains_the_thing(city):
    path = await city.path(DOOR)

    assert [step["code"] for step in path["items"]] == [PROJECT, TOWER, STOREY, ROOM, DOOR]


async def test_a_building_tells_the_sensors_of_its_rooms_too(city, states):
    projections = await city.project_codes([ROOM])
    await states.commit(Commit([warm()], projections=projections))

    (told,) = await city.resolve(TOWER)
    assert [(row["code"], row["of"], row["value"]) for row in told["sensors"]] == [
        (SILENT, TOWER, None),
        (SENSOR, ROOM, 21.5),
    ]
    assert told["children"] == {"Storey": 1, "Space": 1, "Element": 2}


async def test_a_sensor_tells_what_it_observes(city, states):
    await states.commit(Commit([warm()]))

    (told,) = await city.resolve("d-1")
    assert [(row["of"], row["value"]) for row in told["sensors"]] == [(ROOM, 21.5)]


async def test_a_sensor_is_stale_three_announced_intervals_after_its_last_reading(city, states):
    await states.commit(Commit([warm(at=NOW - 901)]))

    (told,) = await city.resolve(ROOM)
    assert [row["quality"] for row in told["sensors"]] == ["stale"]


async def test_a_retired_code_answers_with_what_replaced_it(city, graph):
    joined = Relation(Verb.REPLACES, DOOR, OLD)
    await change(graph, Batch(end_entities=[OLD], relations=[joined]))

    (told,) = await city.resolve(OLD)
    assert (told["lifecycle"], told["replaced_by"], told["name"]) == ("gone", [DOOR], "旧门")


async def test_a_retired_alias_still_leads_to_the_code_that_was(city, graph):
    await change(graph, Batch(end_entities=[SENSOR], end_aliases=[("device", "", "d-1")]))

    assert [t["lifecycle"] for t in await city.resolve("d-1")] == ["gone"]


async def test_an_unknown_text_says_what_was_tried(city):
    with pytest.raises(NotFound) as unknown:
        await city.resolve("nothing here")

    assert (unknown.value.code, unknown.value.facts) == (
        "code_unknown",
        {"text": "nothing here", "tried": ["code", "alias", "beidou", "address"]},
    )


async def test_a_mistyped_code_says_which_position_is_wrong_and_what_belongs_there(city):
    wrong = TOWER[:-1] + str((int(TOWER[-1]) + 1) % 10)
    with pytest.raises(NotFound) as unknown:
        await city.resolve(wrong)

    facts = unknown.value.facts
    assert (facts["position"], facts["expected"], facts["reason"]) == (21, TOWER[-1], "code_check")


async def test_a_code_never_issued_is_unknown_without_a_fault(city):
    with pytest.raises(NotFound) as unknown:
        await city.resolve(issued("Building", 77))

    assert "position" not in unknown.value.facts


async def test_an_answer_asked_at_an_older_generation_is_of_that_generation(city, graph):
    g = (await graph.head()).generation
    await change(graph, Batch(entities=[replace(THINGS[1], name="新名")]))

    old, new = await city.resolve(TOWER, g=g), await city.resolve(TOWER)
    assert (old[0]["name"], new[0]["name"]) == ("塔楼", "新名")


async def test_state_shows_the_freshest_good_source_and_the_others_beside_it(city, states):
    rows = [
        warm(20, source="a", at=NOW - 5000),
        warm(21, source="b", at=NOW - 20),
        warm(22, source="c", at=NOW - 10, quality=Quality.BAD),
    ]
    await states.commit(Commit(rows))

    told = (await city.state(ROOM))["properties"]["temperature"]
    assert (told["source"], told["value"]) == ("b", 21)
    assert [(s["source"], s["quality"]) for s in told["sources"]] == [("a", "stale"), ("c", "bad")]


async def test_state_of_a_thing_without_readings_is_empty_and_of_an_unknown_code_refused(city):
    assert await city.state(DOOR) == {"code": DOOR, "properties": {}}
    with pytest.raises(NotFound) as unknown:
        await city.state("nobody")
    assert unknown.value.code == "code_unknown"


async def test_history_pages_join_to_the_whole(city, states):
    await states.commit(Commit([warm(i, at=NOW - 100 + i) for i in range(25)]))

    seen, after = [], ""
    while True:
        page = await city.history(ROOM, "temperature", limit=10, after=after)
        seen += [row["value"] for row in page["items"]]
        after = page["next"]
        if not after:
            break
    assert seen == list(range(25))


async def test_history_takes_wire_times_and_refuses_what_is_no_span(city, states):
    await states.commit(Commit([warm(1, at=100.0), warm(2, at=200.0)]))

    page = await city.history(ROOM, "temperature", start="1970-01-01T08:02:30+08:00", stop=300)
    with pytest.raises(Invalid) as backwards:
        await city.history(ROOM, "temperature", start=2, stop=1)
    with pytest.raises(Invalid) as cursor:
        await city.history(ROOM, "temperature", after="bm9uc2Vuc2U")
    assert [row["value"] for row in page["items"]] == [2]
    assert (backwards.value.code, cursor.value.code) == ("span_invalid", "cursor_invalid")


async def test_search_pages_stay_in_the_generation_they_began_in(city, graph):
    first = await city.search("门", limit=1)
    await change(graph, Batch(end_entities=[OLD]))
    second = await city.search("门", limit=1, after=first["next"])

    assert [h["code"] for h in (*first["items"], *second["items"])] == sorted([DOOR, OLD])
    assert first["items"][0]["parents"][0]["code"] == PROJECT


async def test_projections_name_kind_building_and_place(city):
    known = await city.project_codes([ROOM, "nobody"])

    assert sorted(known) == [ROOM]
    told = known[ROOM]
    assert (told.kind, told.building, told.lon, told.region) == ("Space", TOWER, LON, "420111")


async def test_reproject_rewrites_what_moved(city, graph, states):
    await states.commit(Commit([warm()], projections=await city.project_codes([ROOM])))
    await change(graph, Batch(entities=[replace(THINGS[1], lon=114.9)]))

    count = await city.reproject()

    found, _ = await states.query(Where(box=(114.85, 30, 114.95, 31)), limit=10)
    assert (count, [row.code for row in found]) == (1, [ROOM])


async def test_a_sensors_own_state_and_history_leave_other_sources_out(city, states):
    rows = [warm(20), warm(99, source="王"), warm(5, at=NOW - 20, source="王")]
    await states.commit(Commit(rows))

    told = (await city.state(SENSOR))["properties"]["temperature"]
    page = await city.history(SENSOR, "temperature")
    assert (told["value"], told["sources"]) == (20, [])
    assert [row["value"] for row in page["items"]] == [20]


async def test_a_crowded_cell_answers_with_a_bounded_list(city, graph):
    many = [
        replace(THINGS[1], code=issued("Facility", i + 1), kind=Kind.FACILITY) for i in range(60)
    ]
    await change(graph, Batch(entities=many))

    assert len(await city.resolve(CELL)) == MEANINGS_MAX


async def test_a_text_longer_than_any_identifier_is_refused(city):
    with pytest.raises(Invalid) as refused:
        await city.resolve("长" * 513)

    assert refused.value.code == "text_too_long"


async def test_a_wrong_letter_in_a_part_code_is_named_by_its_position(city):
    with pytest.raises(NotFound) as unknown:
        await city.resolve(ROOM[:22] + "X" + ROOM[23:])

    facts = unknown.value.facts
    assert (facts["position"], facts["reason"]) == (23, "code_shape")
