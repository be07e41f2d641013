"""Who may link: a firm what its own models brought, a planner everything, a reader nothing."""

import time

import httpx
import pytest

from api.app import create_app
from api.bootstrap import open_services
from api.services import Door
from api.settings import load
from api.tokens import Caller, Entry, Role, Tokens, digest
from cim.model import Entity, Kind
from cim.ports import Batch
from identity import code as universal
from twin.ports import Job

pytestmark = pytest.mark.anyio

PERSON = "11010519491231002X"
SALT = b"salt"
ONE, TWO = (universal.issue(universal.prefix("420111", "House"), n) for n in (1, 2))
UNITS = [f"370105012002GB00001F0001{n:04d}" for n in range(1, 9)]
CALLERS = {"one": Role.FIRM, "two": Role.FIRM, "desk": Role.PLANNER, "eye": Role.READER}


@pytest.fixture
async def city(tmp_path):
    """Two houses, each brought by a firm; limits of 20 rows and 2,000 bytes a list."""
    tokens = Tokens([Entry(Caller(n, r), SALT, digest(n, SALT)) for n, r in CALLERS.items()])
    small = {"import_rows_max": 20, "import_bytes_max": 2_000}
    settings = load(data_dir=tmp_path, graph_url="memory://", state_url="memory://", **small)
    door = Door(settings)
    services = await door.open(lambda: open_services(settings, time.time))
    houses = [
        Entity(code, Kind.HOUSE, properties={"document": f"doc-{name}"})
        for code, name in ((ONE, "one"), (TWO, "two"))
    ]
    activation = await services.graph.activate("test", wait_s=1)
    await activation.write(Batch(entities=houses))
    await activation.commit({"event": "test"})
    for name in ("one", "two"):
        payload = {"model": f"doc-{name}", "owner": name}
        await services.jobs.add(Job(f"job-{name}", "import", payload, created_at=1.0))
    transport = httpx.ASGITransport(app=create_app(door, tokens), client=("10.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://city.example") as client:
        yield client, services, tmp_path
    await door.close()


def bearer(name):
    return {"Authorization": f"Bearer {name}"}


async def link(client, name, code, value):
    body = {"value": value, "why": "ours"}
    said = await client.post(f"/objects/{code}/aliases", json=body, headers=bearer(name))
    return said.status_code


async def unlink(client, name, code, value):
    body = {"scheme": "bdcdy28", "value": value, "why": "not ours"}
    path = f"/objects/{code}/aliases/remove"
    return (await client.post(path, json=body, headers=bearer(name))).status_code


async def send(client, name, body, media="text/csv", **params):
    headers = {**bearer(name), "Content-Type": media}
    params = {"why": "ours", **params}
    return await client.post("/codes/import", content=body, params=params, headers=headers)


async def test_a_firm_links_and_unlinks_what_its_own_models_brought(city):
    client, _, _ = city
    assert await link(client, "eye", ONE, UNITS[0]) == 403
    assert await link(client, "two", ONE, UNITS[0]) == 403
    assert await link(client, "one", ONE, UNITS[0]) == 200
    assert await link(client, "desk", ONE, UNITS[1]) == 200
    assert await unlink(client, "two", ONE, UNITS[0]) == 403
    assert await unlink(client, "eye", ONE, UNITS[0]) == 403
    assert await unlink(client, "one", ONE, UNITS[1]) == 200
    assert await unlink(client, "desk", ONE, UNITS[0]) == 200


async def test_in_a_list_of_a_firm_the_things_of_others_are_refused_by_their_rows(city):
    client, services, _ = city
    body = f"code,value\n{ONE},{UNITS[0]}\n{TWO},{UNITS[1]}\n{ONE},{UNITS[2]}\n"
    told = (await send(client, "one", body)).json()
    assert [(row["row"], row["code"]) for row in told["refused"]] == [(3, "link_of_another")]
    assert told["counts"]["linked"] == 2
    undo = {"generation": told["generation"], "why": "back"}
    refused = await client.post("/codes/import/undo", json=undo, headers=bearer("one"))
    assert refused.status_code == 403
    done = await client.post("/codes/import/undo", json=undo, headers=bearer("desk"))
    assert done.json()["count"] == 2
    rows = await services.audit.rows(limit=10)
    acted = {(row.who, row.action) for row in rows if row.outcome == "done"}
    assert acted == {("one", "register_import"), ("desk", "register_import_undo")}


@pytest.mark.parametrize(
    ("body", "media", "params", "status", "code"),
    [
        ("code,value\n", "application/xml", {}, 422, "import_media"),
        ("", "text/csv", {}, 422, "import_empty"),
        ("code,value\n", "text/csv", {"why": " "}, 422, "reason_invalid"),
        ("code,value\n" + "a,b\n" * 21, "text/csv", {}, 413, "import_rows_limit"),
        ("code,value\n" + "a," + "b" * 2_000, "text/csv", {}, 413, "import_bytes_limit"),
        ("code,value\na,b\n", "text/csv", {"why": PERSON}, 422, "identity_number_refused"),
    ],
)
async def test_a_list_that_is_none_is_refused_whole_and_leaves_nothing(  # noqa: PLR0917
    city, body, media, params, status, code
):
    client, services, folder = city
    refused = await send(client, "desk", body, media, **params)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await services.graph.head()).generation == 1
    assert list((folder / "uploads").iterdir()) == []
