"""The register over HTTP where models deliver: firms deliver, people merge, split and undo."""

import json
import time

import httpx
import pytest

from api.app import create_app
from api.bootstrap import open_services
from api.services import Door
from api.settings import load
from api.tokens import Tokens
from tests.parts.register import Town, house
from tests.unit.cim.test_delivery import wall

pytestmark = pytest.mark.anyio


@pytest.fixture
async def city(tmp_path):
    """A client and a town whose two firms deliver one building under two codes, A and B."""
    settings = load(data_dir=tmp_path)
    door = Door(settings)
    services = await door.open(lambda: open_services(settings, time.time))
    town = Town(services.graph, services.blobs)
    await town.deliver(house("w1", building="a"), project="P")
    await town.deliver(house("c1", building="b", digest="b"), project="Q")
    transport = httpx.ASGITransport(app=create_app(door, Tokens([])), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client, town
    await door.close()


async def post(client, code, action, **said):
    answer = await client.post(f"/objects/{code}/{action}", json={"why": "the same house", **said})
    return answer.status_code, answer.json()


async def resolved(client, text):
    return (await client.get(f"/codes/{text}")).json()


async def test_one_building_of_two_projects_becomes_one_code_and_stays_it(city):
    client, town = city
    a, b = await town.of("a"), await town.of("b", "Q")
    await client.post("/devices", json={"device": "meter-1", "code": a, "property": "power"})
    status, told = await post(client, a, "merge", into=b)
    assert (status, told["codes"]) == (200, [a, b])
    assert (await resolved(client, a))["replaced_by"] == [b]
    seen = await resolved(client, b)
    assert [row["code"] for row in seen["sensors"]] == [await sensor_of(client)]
    assert {alias["value"] for alias in seen["aliases"]} == {"a", "b"}
    assert {seen["model"]["id"], *(m["id"] for m in seen["model"]["others"])} == set(
        town.documents.values()
    )
    await town.deliver([*house("w1", building="a", digest="new"), wall("w2", "a")], project="P")
    assert (await resolved(client, "a"))["code"] == b
    await town.withdraw("Q")
    seen = await resolved(client, b)
    assert (seen["lifecycle"], seen["children"]) == ("in_use", {"Storey": 1, "Element": 2})
    parents = [row["kind"] for row in (await resolved(client, await town.of("w2")))["parents"]]
    assert parents == ["Project", "Site", "Building", "Storey"]


async def sensor_of(client):
    return (await client.get("/devices")).json()["items"][0]["sensor"]


async def test_an_undone_merge_of_delivered_things_leaves_every_answer_as_it_was(city):
    client, town = city
    texts = [await town.of("a"), await town.of("b", "Q"), "w1", "c1", *town.documents.values()]
    before = [await resolved(client, text) for text in texts]
    tiles = (await client.get("/tiles/tileset.json")).json()
    await post(client, texts[0], "merge", into=texts[1])
    assert [await resolved(client, text) for text in texts] != before
    status, told = await post(client, texts[1], "undo")
    assert (status, told["undone"]) == (200, "merge")
    assert [await resolved(client, text) for text in texts] == before
    assert (await client.get("/tiles/tileset.json")).json() == tiles


async def test_an_undo_over_a_version_that_wrote_the_same_is_a_409(city):
    client, town = city
    a, b = await town.of("a"), await town.of("b", "Q")
    await post(client, a, "merge", into=b)
    await town.deliver(house("w1", building="a", digest="rebuilt"), project="P")
    status, refused = await post(client, a, "undo")
    assert (status, refused["code"]) == (409, "undo_blocked")


async def test_two_buildings_instead_of_one_are_recorded_as_a_split_afterwards(city):
    client, town = city
    old = await town.of("a")
    status, refused = await post(client, old, "split", into=[old, await town.of("b", "Q")])
    assert (status, refused["code"]) == (422, "registry_same")
    status, refused = await post(client, old, "retire")
    assert (status, refused["code"]) == (409, "registry_delivered")
    assert "merge or split" in refused["hint"]
    halves = [item for name in ("east", "west") for item in house(building=name)[2:3]]
    await town.deliver([*house(building="a")[:2], *halves], project="P")
    gone = await resolved(client, old)
    assert (gone["lifecycle"], gone["replaced_by"]) == ("gone", [])
    heirs = sorted([await town.of("east"), await town.of("west")])
    status, told = await post(client, old, "split", into=heirs)
    assert (status, told["action"]) == (200, "split")
    assert (await resolved(client, "a"))["replaced_by"] == heirs
    status, refused = await post(client, old, "merge", into=heirs[0])
    assert (status, refused["code"]) == (409, "registry_redirected")
    status, _ = await post(client, heirs[1], "undo")
    assert (status, (await resolved(client, old))["replaced_by"]) == (200, [])


async def test_a_chain_of_merges_is_answered_with_its_end(city):
    client, town = city
    a, b = await town.of("a"), await town.of("b", "Q")
    await town.deliver(house("x1", building="c"), project="R")
    c = await town.of("c", "R")
    await post(client, a, "merge", into=b)
    await post(client, b, "merge", into=c)
    assert (await resolved(client, a))["replaced_by"] == [c]
    lines = (await client.post("/codes/resolve", content=f'"{a}"\n"{b}"\n')).text.splitlines()
    assert [json.loads(line)["answers"][0]["replaced_by"] for line in lines] == [[c], [c]]
    status, refused = await post(client, c, "merge", into=a)
    assert (status, refused["code"]) == (404, "registry_not_living")
    status, _ = await post(client, c, "undo")
    assert (status, (await resolved(client, a))["replaced_by"]) == (200, [b])


async def test_things_of_one_model_of_another_kind_or_of_other_roots_are_not_merged(city):
    client, town = city
    a, b = await town.of("a"), await town.of("b", "Q")
    held, theirs = await town.held("P"), await town.held("Q")
    head = await town.graph.head()
    for code, into, wanted in [
        (held["w1"], held["st"], (422, "registry_kind")),
        (held["w1"], theirs["c1"], (422, "registry_root")),
        (town.documents["P"], town.documents["Q"], (422, "registry_managed")),
        (a, "nobody", (404, "registry_not_living")),
    ]:
        status, refused = await post(client, code, "merge", into=into)
        assert (status, refused["code"]) == wanted
    assert await town.graph.head() == head
    await town.deliver([*house("w1", building="a"), *house(building="b2")[2:3]], project="P")
    status, refused = await post(client, await town.of("b2"), "merge", into=a)
    assert (status, refused["code"]) == (409, "registry_same_document")
    assert (await resolved(client, b))["lifecycle"] == "in_use"
