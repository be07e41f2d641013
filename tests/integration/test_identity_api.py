"""Identity at work over HTTP: the whole application over SQLite, without a process of its own."""

import json
import time

import httpx
import pytest

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
