"""Identity at work over HTTP: the whole application over SQLite, without a process of its own."""

import json
import time

import httpx
import pytest

from api import qr
from api.app import create_app
from api.bootstrap import open_services
from api.services import Door
from api.settings import load
from api.tokens import Tokens
from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Batch
from identity import code as universal
from identity.ports import Alias

pytestmark = pytest.mark.anyio

HOUSES = [universal.issue(universal.prefix("420111", "House"), n) for n in range(1, 6)]
SENSOR = universal.issue(universal.prefix("420111", "Sensor"), 1)


@pytest.fixture
async def city(tmp_path):
    """A client of the application, and its services; five houses, a sensor observes the first."""
    settings = load(data_dir=tmp_path)
    door = Door(settings)
    services = await door.open(lambda: open_services(settings, time.time))
    things = [Entity(code, Kind.HOUSE, f"house {n}") for n, code in enumerate(HOUSES)]
    things.append(Entity(SENSOR, Kind.SENSOR, "meter"))
    names = [Alias("vendor", "", f"V-{n}", code) for n, code in enumerate(HOUSES)]
    joins = [Relation(Verb.OBSERVES, SENSOR, HOUSES[0])]
    activation = await services.graph.activate("test", wait_s=1)
    await activation.write(Batch(entities=things, aliases=names, relations=joins))
    await activation.commit({"event": "test"})
    app = create_app(door, Tokens([]))
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client, services
    await door.close()


def lines(answer):
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_ten_thousand_lines_are_answered_in_order(city):
    client, _ = city
    asked = [*HOUSES, *[f"V-{n}" for n in range(5)], f"urn:uic:cn:{HOUSES[2]}"]
    asked += [universal.issue(universal.prefix("420111", "House"), n) for n in range(100, 10_089)]
    body = "\n".join(json.dumps(text) for text in asked)
    said = lines(await client.post("/codes/resolve", content=body))
    assert [row["q"] for row in said] == asked
    assert [row["answers"][0]["code"] for row in said[:11]] == [*HOUSES, *HOUSES, HOUSES[2]]
    assert {row["error"]["code"] for row in said[11:]} == {"code_unknown"}


async def test_a_wrong_line_is_answered_in_its_place_and_too_many_are_refused(city):
    client, _ = city
    body = f'{{"q": "{HOUSES[0]}"}}\nno json\n{{"q": "V-1"}}\n'
    said = lines(await client.post("/codes/resolve", content=body))
    assert said[0]["answers"][0]["name"] == "house 0"
    assert said[1]["error"]["code"] == "line_unreadable"
    assert said[2]["answers"][0]["code"] == HOUSES[1]
    refused = await client.post("/codes/resolve", content='"a"\n' * 10_001)
    assert (refused.status_code, refused.json()["code"]) == (413, "lines_limit")


async def post(client, path, **said):
    return await client.post(path, json={"why": "counted twice", **said})


async def test_a_merged_code_redirects_and_its_names_and_sensors_go_over(city):
    client, services = city
    told = (await post(client, f"/objects/{HOUSES[0]}/merge", into=HOUSES[1])).json()
    assert (told["action"], told["who"], told["why"]) == ("merge", "loopback", "counted twice")
    gone = (await client.get(f"/codes/{HOUSES[0]}")).json()
    assert (gone["lifecycle"], gone["replaced_by"]) == ("gone", [HOUSES[1]])
    assert (await client.get("/codes/V-0")).json()["code"] == HOUSES[1]
    seen = (await client.get(f"/codes/{HOUSES[1]}")).json()
    assert {alias["value"] for alias in seen["aliases"]} == {"V-0", "V-1"}
    joins = await services.graph.relations(told["generation"], [SENSOR], [Verb.OBSERVES])
    assert [row.target for row in joins] == [HOUSES[1]]
    short = lines(await client.post("/codes/resolve", content=json.dumps(HOUSES[0])))
    assert short[0]["answers"][0]["replaced_by"] == [HOUSES[1]]


async def everything(client):
    return [(await client.get(f"/codes/{text}")).json() for text in (*HOUSES, SENSOR, "V-0")]


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("merge", {"into": HOUSES[1]}),
        ("retire", {}),
        ("lifecycle", {"lifecycle": "under_construction"}),
        ("lifecycle", {"lifecycle": "gone"}),
    ],
)
async def test_an_undone_change_leaves_every_answer_as_it_was(city, action, said):
    client, _ = city
    before = await everything(client)
    done = await post(client, f"/objects/{HOUSES[0]}/{action}", **said)
    assert done.status_code == 200
    assert await everything(client) != before
    undone = (await post(client, f"/objects/{HOUSES[0]}/undo")).json()
    assert undone["undoes"] == done.json()["generation"]
    assert await everything(client) == before
    again = await post(client, f"/objects/{HOUSES[0]}/undo")
    assert (again.status_code, again.json()["code"]) == (404, "undo_none")


async def test_a_split_code_names_all_that_replace_it_and_can_be_undone_by_each(city):
    client, _ = city
    before = await everything(client)
    said = await post(client, f"/objects/{HOUSES[2]}/split", into=HOUSES[3:])
    gone = (await client.get(f"/codes/{HOUSES[2]}")).json()
    assert (gone["lifecycle"], gone["replaced_by"]) == ("gone", sorted(HOUSES[3:]))
    assert (await client.get("/codes/V-2")).json()["code"] == HOUSES[2]
    undone = await post(client, f"/objects/{HOUSES[4]}/undo")
    assert undone.json()["undoes"] == said.json()["generation"]
    assert await everything(client) == before


async def test_a_later_change_stands_in_the_way_of_an_undo(city):
    client, _ = city
    path = f"/objects/{HOUSES[0]}"
    first = (await post(client, f"{path}/lifecycle", lifecycle="under_construction")).json()
    second = (await post(client, f"{path}/lifecycle", lifecycle="in_use")).json()
    blocked = await post(client, f"{path}/undo", generation=first["generation"])
    assert (blocked.status_code, blocked.json()["code"]) == (409, "undo_blocked")
    for wanted in (second, first):
        undone = (await post(client, f"{path}/undo")).json()
        assert undone["undoes"] == wanted["generation"]


async def test_what_the_rules_forbid_is_a_typed_refusal_and_changes_nothing(city):
    client, services = city
    head = await services.graph.head()
    for path, said, status, code in [
        (f"/objects/{HOUSES[0]}/merge", {"into": SENSOR}, 422, "registry_kind"),
        (f"/objects/{HOUSES[0]}/merge", {"into": "nobody"}, 404, "registry_not_living"),
        (f"/objects/{HOUSES[0]}/split", {"into": HOUSES[1:3]}, 409, "registry_observed"),
        (f"/objects/{HOUSES[0]}/lifecycle", {"lifecycle": "planned"}, 409, "lifecycle_move"),
        (f"/objects/{HOUSES[0]}/retire", {"why": " "}, 422, "reason_invalid"),
        (f"/objects/{HOUSES[0]}/undo", {}, 404, "undo_none"),
        (f"/objects/{HOUSES[0]}/retire", {"why": ""}, 422, "request_invalid"),
    ]:
        refused = await post(client, path, **said)
        assert (refused.status_code, refused.json()["code"]) == (status, code), path
    assert await services.graph.head() == head


async def test_the_changes_of_a_code_say_what_who_and_why_page_by_page(city):
    client, _ = city
    path = f"/objects/{HOUSES[0]}"
    await post(client, f"{path}/lifecycle", lifecycle="under_construction", why="new roof")
    await post(client, f"{path}/merge", into=HOUSES[1])
    await post(client, f"{path}/undo", why="a mistake")
    items = (await client.get(f"{path}/changes")).json()["items"]
    assert [row["change"] for row in items] == ["restored", "ended", "changed", "created"]
    assert [row["cause"].get("why") for row in items] == [
        *("a mistake", "counted twice", "new roof"),
        None,
    ]
    wanted = {"before": "in_use", "after": "under_construction"}
    assert items[2]["fields"] == {"lifecycle": wanted}
    assert {row["cause"].get("who") for row in items[:3]} == {"loopback"}
    paged, following = [], ""
    while following is not None:
        params = {"limit": 1, "cursor": following}
        page = (await client.get(f"{path}/changes", params=params)).json()
        paged, following = paged + page["items"], page["next"]
    assert paged == items
    unknown = await client.get("/objects/420111990101000000099/changes")
    assert unknown.status_code == 404


async def test_a_survivor_tells_whose_place_it_took(city):
    client, _ = city
    done = (await post(client, f"/objects/{HOUSES[0]}/merge", into=HOUSES[1])).json()
    items = (await client.get(f"/objects/{HOUSES[1]}/changes")).json()["items"]
    assert [row["change"] for row in items] == ["replaced_others", "created"]
    assert items[0]["generation"] == done["generation"]


async def test_every_change_of_the_register_is_in_the_audit_trail(city):
    client, _ = city
    await post(client, f"/objects/{HOUSES[0]}/retire")
    await post(client, f"/objects/{HOUSES[0]}/undo")
    rows = (await client.get("/audit")).json()["items"]
    assert {row["action"] for row in rows} == {"register_retire", "register_undo"}
    assert {row["facts"]["why"] for row in rows} == {"counted twice"}


@pytest.mark.parametrize(
    ("asked", "accept", "begins", "media"),
    [
        ({}, "*/*", b"<?xml", "image/svg+xml"),
        ({"format": "png"}, "*/*", b"\x89PNG", "image/png"),
        ({}, "text/html,image/png;q=0.9", b"\x89PNG", "image/png"),
        ({"format": "svg"}, "image/png", b"<?xml", "image/svg+xml"),
    ],
)
async def test_the_qr_of_a_code_comes_as_it_is_asked_for(city, asked, accept, begins, media):
    client, _ = city
    path = f"/objects/{HOUSES[0]}/qr"
    said = await client.get(path, params=asked, headers={"Accept": accept})
    assert said.content.startswith(begins)
    assert said.headers["content-type"] == media
    assert said.headers["x-twin-urn"] == f"urn:uic:cn:{HOUSES[0]}"
    assert said.content == qr.image(f"http://127.0.0.1/codes/{HOUSES[0]}", media[6:9], 8)


async def test_a_qr_of_an_unknown_code_or_form_is_refused(city):
    client, _ = city
    assert (await client.get("/objects/nobody/qr")).status_code == 404
    refused = await client.get(f"/objects/{HOUSES[0]}/qr", params={"format": "gif"})
    assert (refused.status_code, refused.json()["code"]) == (422, "qr_format_unknown")


async def test_an_unknown_text_that_reads_as_an_address_says_its_parts(city):
    client, _ = city
    refused = (await client.get("/codes/武昌区八一路２９９号3栋")).json()
    assert refused["code"] == "code_unknown"
    (seen,) = refused["facts"]["recognised"]
    assert (seen["scheme"], seen["canonical"]) == ("address", "武昌区八一路299号3栋")
    assert [row["text"] for row in seen["segments"]] == ["武昌区", "八一路", "299号", "3栋"]
