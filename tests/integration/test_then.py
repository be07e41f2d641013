"""Back in time over HTTP: what was true, as it was known; the same on every pair of stores."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import httpx
import pytest

from api.app import create_app
from api.bootstrap import open_services
from api.services import Door, Services
from api.settings import load
from api.tokens import Tokens
from cim.model import Entity, Kind, Relation, Tile, Verb
from cim.ports import Batch
from identity.ports import Alias
from tests.parts.neo4j_wipe import wipe
from twin.ports import Commit
from twin.reading import Quality, Reading

pytestmark = pytest.mark.anyio

MONDAY = "2026-11-16T14:00:00+08:00"  # the question's time
HOUSE, OTHER = "420111990101000000011", "420111990101000000020"
STOREY = f"{HOUSE}-S00000011"
R1, R2, R3, R4, R5, R9 = (f"{HOUSE}-R0000001{n}" for n in "123459")
DOCUMENT = "420111950101000000011"
BOX = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)


def at(text):
    return datetime.fromisoformat(text).timestamp()


@dataclass
class Town:
    """A city whose clock is set by hand, and a client of it."""

    door: Door
    client: httpx.AsyncClient
    now: dict

    @property
    def services(self) -> Services:
        return self.door.services

    async def get(self, path, status=200, **query):
        answer = await self.client.get(path, params=query)
        assert (answer.status_code, answer.text[:500]) == (status, answer.text[:500])
        return answer.json()

    async def change(self, time, *batches, **event):
        self.now["s"] = at(time)
        activation = await self.services.graph.activate("test", wait_s=1)
        for batch in batches:
            await activation.write(batch)
        await activation.commit({"event": "model", "model": DOCUMENT, **event})

    async def read(self, received, *rows):
        readings = [
            Reading(
                *(code, "temperature", value, at(observed), at(received), source, "Cel"),
                quality=Quality(quality),
            )
            for code, value, observed, source, quality in rows
        ]
        await self.services.states.commit(Commit(readings))


def room(code, house=HOUSE):
    return Batch(
        entities=[Entity(code, Kind.SPACE, f"room {code[-2:]}")],
        relations=[
            Relation(Verb.CONTAINS, STOREY if house == HOUSE else house, code),
            Relation(Verb.DELIVERED_IN, code, DOCUMENT, {"key": code}),
        ],
        aliases=[Alias("ifc_guid", "P", f"guid-{code[-2:]}", code)],
    )


def tile(blob):
    return Batch(tiles=[Tile(HOUSE, DOCUMENT, blob, 1, 1, 1, BOX, transform=(1.0,) * 16)])


GROUND = Batch(
    entities=[
        Entity(DOCUMENT, Kind.DOCUMENT, "arch"),
        Entity(HOUSE, Kind.BUILDING, "House", lon=114.4, lat=30.5),
        Entity(OTHER, Kind.BUILDING, "Other"),
        Entity(STOREY, Kind.STOREY, "1F"),
    ],
    relations=[
        Relation(Verb.CONTAINS, HOUSE, STOREY),
        *[Relation(Verb.DELIVERED_IN, c, DOCUMENT, {"key": c}) for c in (HOUSE, OTHER, STOREY)],
    ],
)
R3_ENDS = Batch(
    end_entities=[R3],
    end_relations=[(Verb.CONTAINS, STOREY, R3), (Verb.DELIVERED_IN, R3, DOCUMENT)],
    end_aliases=[("ifc_guid", "P", "guid-13")],
)


async def lived(town):
    """Two versions of a house, readings of that Monday, one that came late, and later ones."""
    rooms = [room(R1), room(R2), room(R3), room(R4), room(R9, OTHER)]
    await town.change("2026-11-01T08:00:00+08:00", GROUND, *rooms, tile("a" * 64))
    await town.read(
        "2026-11-16T13:56:00+08:00",
        (R1, 31.5, "2026-11-16T13:55:00+08:00", "s1", "good"),
        (R2, 29.0, "2026-11-16T13:55:00+08:00", "s1", "good"),
        (R2, 35.0, "2026-11-16T13:55:30+08:00", "s2", "bad"),
        (R3, 33, "2026-11-16T13:50:00+08:00", "s1", "uncertain"),
        (R9, 36.0, "2026-11-16T13:50:00+08:00", "s1", "good"),
    )
    await town.read(
        "2026-11-17T09:00:00+08:00", (R4, 30.5, "2026-11-16T13:45:00+08:00", "s1", "good")
    )
    await town.change("2026-11-20T08:00:00+08:00", R3_ENDS, room(R5), tile("b" * 64))
    await town.read(
        "2026-11-24T10:00:00+08:00",
        (R1, 20.0, "2026-11-24T10:00:00+08:00", "s1", "good"),
        (R5, 40.0, "2026-11-24T10:00:00+08:00", "s1", "good"),
        (R4, None, "2026-11-24T10:00:00+08:00", "s1", "good"),
        (R9, 10.0, "2026-11-24T10:00:00+08:00", "s1", "good"),
    )
    town.now["s"] = at("2026-11-24T10:05:00+08:00")


@asynccontextmanager
async def town_of(folder, **urls):
    now = {"s": at("2026-10-01T00:00:00+08:00")}
    settings = load(data_dir=folder, broker_url="none://", **urls)
    door = Door(settings, clock=lambda: now["s"])
    await door.open(lambda: open_services(settings, door.clock))
    transport = httpx.ASGITransport(app=create_app(door, Tokens([])), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        town = Town(door, client, now)
        await lived(town)
        yield town
    await door.close()


async def served(folder, neo4j, database):
    """Return the URLs of real servers, empty."""
    await wipe(neo4j.url, neo4j.user, neo4j.password)
    login = {"graph_user": neo4j.user, "graph_password": neo4j.password}
    return {"graph_url": neo4j.url, "state_url": database, **login}


PAIRS = [
    "embedded",
    pytest.param(
        "servers",
        marks=[
            pytest.mark.neo4j,
            pytest.mark.postgres,
            pytest.mark.adapter,
            pytest.mark.timeout(300),
        ],
    ),
]


@pytest.fixture(params=PAIRS)
async def town(request, tmp_path):
    urls = {}
    if request.param == "servers":
        wanted = [request.getfixturevalue(name) for name in ("neo4j", "database")]
        urls = await served(tmp_path, *wanted)
    async with town_of(tmp_path, **urls) as made:
        yield made


QUESTION = {"kind": "Space", "within": HOUSE, "property": "temperature>30"}


def values(answer):
    return [(i["code"], i["state"]["temperature"]["value"]) for i in answer["items"]]


async def test_which_rooms_of_this_building_were_above_30_degrees_then_is_one_call(town):
    then = await town.get("/objects", **QUESTION, asOf=MONDAY)
    assert values(then) == [(R1, 31.5), (R3, 33), (R4, 30.5)]
    assert then["then"] == {
        "as_of": "2026-11-16T06:00:00.000Z",
        "known_at": None,
        "generations": [1],
    }
    known = await town.get("/objects", **QUESTION, asOf=MONDAY, knownAt=MONDAY)
    assert values(known) == [(R1, 31.5), (R3, 33)]
    now = await town.get("/objects", **QUESTION)
    assert (values(now), "then" in now) == ([(R5, 40.0)], False)


@pytest.mark.parametrize("within", [{}, {"within": HOUSE}])
async def test_pages_of_the_question_join_to_the_whole_answer(town, within):
    asked = {"kind": "Space", "property": "temperature>=30.5", "asOf": MONDAY, **within}
    whole = values(await town.get("/objects", **asked))
    assert [code for code, _ in whole] == [R1, R3, R4, *([] if within else [R9])]
    paged, following = [], ""
    while following is not None:
        page = await town.get("/objects", **asked, limit=1, cursor=following)
        paged += values(page)
        following = page["next"]
    assert paged == whole


async def test_all_conditions_of_a_question_hold_together(town):
    asked = {"kind": "Space", "within": HOUSE, "asOf": MONDAY}
    between = ["temperature>30", "temperature<32"]
    assert [v for _, v in values(await town.get("/objects", **asked, property=between))] == [
        31.5,
        30.5,
    ]
    named = await town.get("/objects", **asked, property="temperature==33", q="room 13")
    assert values(named) == [(R3, 33)]
    assert (await town.get("/objects", **asked, property="humidity>0"))["items"] == []
    inside = await town.get("/objects", within=HOUSE)
    assert [i["code"] for i in inside["items"]] == sorted([STOREY, R1, R2, R4, R5])


async def test_state_is_as_it_was_then_and_as_it_was_known_then(town):
    async def temperature(**query):
        told = await town.get(f"/objects/{R4}/state", **query)
        return told["properties"].get("temperature", {}).get("value", "none")

    assert await temperature(asOf=MONDAY) == 30.5
    assert await temperature(asOf=MONDAY, knownAt=MONDAY) == "none"
    assert await temperature(knownAt="2026-11-18T00:00:00+08:00") == 30.5
    assert await temperature() is None
    body = {
        "properties": ["temperature"],
        "value": {"property": "temperature", "op": ">", "number": 30},
    }
    rows = await town.client.post("/state/query", params={"asOf": MONDAY}, json=body)
    assert [(r["code"], r["value"]) for r in rows.json()["items"]] == [
        (R1, 31.5),
        (R2, 35.0),
        (R3, 33),
        (R4, 30.5),
        (R9, 36.0),
    ]
    series = await town.get(
        f"/objects/{R4}/history",
        property="temperature",
        knownAt=MONDAY,
        **{"from": MONDAY[:10] + "T00:00:00Z"},
    )
    assert series["items"] == []


async def test_codes_objects_children_paths_and_tiles_are_of_that_time(town):
    then = {"asOf": MONDAY}
    assert [m["name"] for m in [await town.get("/codes/guid-13", **then)]] == ["room 13"]
    assert (await town.get(f"/objects/{R3}", **then))["lifecycle"] == "in_use"
    assert (await town.get(f"/objects/{R3}"))["lifecycle"] == "gone"
    children = await town.get(f"/objects/{STOREY}/children", **then)
    assert [i["code"] for i in children["items"]] == [R1, R2, R3, R4]
    path = await town.get(f"/objects/{R3}/path", **then)
    assert [i["code"] for i in path["items"]] == [HOUSE, STOREY, R3]
    told = await town.get(f"/codes/{HOUSE}", **then)
    assert (told["children"], told["then"]["generations"]) == ({"Storey": 1, "Space": 4}, [1])
    assert f"{'a' * 64}.glb" in str(await town.get("/tiles/tileset.json", **then))
    assert f"{'b' * 64}.glb" in str(await town.get("/tiles/tileset.json"))
    found = await town.get("/codes", q="room", knownAt=MONDAY)
    assert [i["code"] for i in found["items"]] == [R1, R2, R3, R4, R9]


async def test_answers_say_in_their_head_what_they_were_read_at(town):
    answer = await town.client.get("/objects", params={"asOf": MONDAY, "knownAt": MONDAY})
    assert answer.headers["x-twin-generation"] == "1"
    assert answer.headers["x-twin-as-of"] == answer.headers["x-twin-known-at"]
    assert answer.headers["x-twin-as-of"] == "2026-11-16T06:00:00.000Z"
    tiles = await town.client.get("/tiles/tileset.json", params={"asOf": MONDAY})
    assert tiles.headers["etag"] == 'W/"g1"'


async def test_what_cannot_be_told_of_a_time_is_refused_with_the_reason(town):
    early = {"asOf": "2026-10-01T00:00:00+08:00"}
    told = await town.get(f"/objects/{HOUSE}", 404, **early)
    assert (told["code"], told["facts"]["begins"]) == (
        "code_unknown_then",
        "2026-11-01T00:00:00.000Z",
    )
    assert (await town.get(f"/codes/{R5}", 404, asOf=MONDAY))["code"] == "code_unknown_then"
    assert (await town.get("/objects", **early)) == {
        "items": [],
        "next": None,
        "then": {"as_of": "2026-09-30T16:00:00.000Z", "known_at": None, "generations": [0]},
    }
    assert (await town.get("/objects/nothing", 404))["code"] == "code_unknown"
    for query, code in (
        ({"asOf": "2027-01-01T00:00:00Z"}, "moment_in_future"),
        ({"knownAt": "2027-01-01T00:00:00Z"}, "moment_in_future"),
        ({"asOf": "2026-11-16T14:00:00"}, "time_without_zone"),
        ({"asOf": "yesterday"}, "time_unreadable"),
    ):
        assert (await town.get("/objects", 422, **query))["code"] == code
    refused = await town.get("/models", 422, asOf=MONDAY)
    assert refused["code"] == "as_of_not_here"
    within = await town.get("/objects", 404, within=R5, asOf=MONDAY)
    assert within["code"] == "code_unknown_then"


async def test_a_document_delivered_late_is_there_at_its_date(town):
    late, hall = "420111950101000000020", f"{HOUSE}-R0000001X"
    delivered = Batch(
        entities=[
            Entity(late, Kind.DOCUMENT, "extension"),
            Entity(hall, Kind.SPACE, "hall"),
        ],
        relations=[
            Relation(Verb.CONTAINS, STOREY, hall),
            Relation(Verb.DELIVERED_IN, hall, late, {"key": "x"}),
        ],
    )
    since = at("2026-11-15T00:00:00+08:00")
    await town.change("2026-11-24T11:00:00+08:00", delivered, model=late, valid_from=since)
    names = {"within": STOREY, "kind": "Space"}

    async def rooms(**query):
        told = await town.get("/objects", **names, **query)
        return [i["name"] for i in told["items"]], told["then"]["generations"]

    assert await rooms(asOf=MONDAY) == (
        ["room 11", "room 12", "room 13", "room 14", "hall"],
        [1, 3],
    )
    assert (await rooms(asOf="2026-11-14T00:00:00+08:00"))[1] == [1]
    assert (await rooms(asOf=MONDAY, knownAt=MONDAY))[0] == [
        "room 11",
        "room 12",
        "room 13",
        "room 14",
    ]
    told = await town.get(f"/codes/{hall}", asOf=MONDAY)
    assert [p["name"] for p in told["parents"]] == ["House", "1F"]


@pytest.mark.neo4j
@pytest.mark.postgres
@pytest.mark.adapter
@pytest.mark.timeout(300)
async def test_both_pairs_of_stores_give_the_same_answers(tmp_path, neo4j, database):
    asked = [
        ("/objects", {**QUESTION, "asOf": MONDAY}),
        ("/objects", {**QUESTION, "asOf": MONDAY, "knownAt": MONDAY}),
        ("/objects", {"property": "temperature<100", "asOf": MONDAY}),
        ("/objects", QUESTION),
        (f"/codes/{HOUSE}", {"asOf": MONDAY}),
        (f"/objects/{R2}/state", {"asOf": MONDAY}),
    ]
    told = []
    for urls in ({}, await served(tmp_path, neo4j, database)):
        async with town_of(tmp_path / str(len(told)), **urls) as town:
            told.append([await town.get(path, **query) for path, query in asked])
    assert told[0] == told[1]
    assert all(answer.get("items", [1]) for answer in told[0])
