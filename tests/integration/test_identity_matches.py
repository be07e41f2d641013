"""A person corrects the code of a re-exported thing over HTTP; who may change the register."""

import json
import time

import httpx
import pytest
from typer.testing import CliRunner

from api.app import create_app
from api.bootstrap import open_services
from api.cli import app as commands
from api.services import Door
from api.settings import load
from api.tokens import Caller, Entry, Role, Tokens, digest
from bim.relatives import told
from cim import delivery
from cim.model import Entity, Kind, Tile
from cim.ports import Batch
from identity import code as universal
from tests.unit.cim.test_delivery import BOX, HERE, Office
from tests.unit.cim.test_matching_delivery import house

pytestmark = pytest.mark.anyio

HOUSE = universal.issue(universal.prefix("420111", "House"), 1)
SALT = b"0123456789abcdef"


async def opened(tmp_path, tokens):
    settings = load(data_dir=tmp_path)
    door = Door(settings)
    services = await door.open(lambda: open_services(settings, time.time))
    app = create_app(door, tokens)
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    return door, services, httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


@pytest.fixture
async def city(tmp_path):
    door, services, client = await opened(tmp_path, Tokens([]))
    async with client:
        yield client, services
    await door.close()


async def deliver(office, services, incoming):
    """Deliver as an import does, with the report of its matches kept."""
    made = await office.make(incoming)
    drawn = [i for i in incoming if i.own_shape]

    async def tiler(issued):
        blob = await services.blobs.put("|".join(issued[i.key] for i in drawn).encode())
        root = next(issued[i.key] for i in incoming if i.kind is Kind.BUILDING)
        return [Tile(root, made.document, blob, 1, 12, 1, BOX, HERE.transform())]

    async def teller(who, notes):
        return await told(services.stores, who, notes, [])

    await delivery.deliver(
        services.graph, services.codes, made, tiler, holder="test", wait_s=1, teller=teller
    )
    return made.document


async def code_of(client, guid):
    return (await client.get(f"/codes/{guid}")).json()["code"]


async def test_a_correction_moves_a_guid_to_its_old_code_and_back(city):
    client, services = city
    office = Office(services.graph)
    await deliver(office, services, house("a", ("w1", 0), ("door", 9)))
    old = await code_of(client, "a-door")
    model = await deliver(office, services, house("a", ("w1", 0), ("gate", 50)))
    wrong = await code_of(client, "a-gate")
    said = {"guid": "a-gate", "code": old, "why": "the old door, moved"}
    done = await client.post(f"/models/{model}/matches", json=said)
    assert (done.status_code, done.json()["before"], done.json()["after"]) == (200, wrong, old)
    assert await code_of(client, "a-gate") == old
    items = (await client.get(f"/objects/{old}/changes")).json()["items"]
    assert items[0]["cause"]["event"] == "rematch"
    assert (items[0]["change"], items[0]["cause"]["why"]) == ("restored", said["why"])
    undo = {"guid": "a-gate", "why": "it is new after all"}
    back = await client.post(f"/models/{model}/matches/undo", json=undo)
    assert back.json()["after"] == wrong == await code_of(client, "a-gate")
    again = await client.post(f"/models/{model}/matches/undo", json=undo)
    assert (again.status_code, again.json()["code"]) == (404, "rematch_none")
    rows = (await client.get("/audit")).json()["items"]
    assert [row["action"] for row in rows] == ["rematch", "rematch_undo"]


async def test_the_report_of_a_version_says_how_things_were_recognised(city):
    client, services = city
    office = Office(services.graph)
    first = await deliver(office, services, house("a", ("w1", 0), ("w2", 9)))
    none = (await client.get(f"/models/{first}/matches")).json()
    assert none == {"model": first, "version": 1, "report": None}
    model = await deliver(office, services, house("b", ("w1", 0), ("new", 50)))
    said = (await client.get(f"/models/{model}/matches")).json()
    assert said["version"] == 2
    assert {"b-w1"} < {row["key"] for row in said["report"]["matches"]}
    assert [row["key"] for row in said["report"]["unmatched_new"]] == ["b-new"]
    past = await client.get(f"/models/{model}/matches", params={"version": 1})
    assert past.json()["report"] is None
    assert (await client.get("/models/nobody/matches")).status_code == 404


async def test_a_thing_that_a_model_delivers_leaves_with_its_model_only(city):
    client, services = city
    model = await deliver(Office(services.graph), services, house("a", ("w1", 0)))
    code = await code_of(client, "a-w1")
    refused = await client.post(f"/objects/{code}/retire", json={"why": "torn down"})
    assert (refused.status_code, refused.json()["code"]) == (409, "registry_delivered")
    managed = await client.post(f"/objects/{model}/retire", json={"why": "torn down"})
    assert managed.json()["code"] == "registry_managed"


PLANNERS = [
    (f"/objects/{HOUSE}/retire", {}),
    (f"/objects/{HOUSE}/merge", {"into": HOUSE}),
    (f"/objects/{HOUSE}/split", {"into": [HOUSE]}),
    (f"/objects/{HOUSE}/lifecycle", {"lifecycle": "gone"}),
    (f"/objects/{HOUSE}/undo", {}),
    ("/models/1/matches", {"guid": "g"}),
    ("/models/1/matches/undo", {"guid": "g"}),
]


async def test_a_firm_reads_the_register_and_only_a_planner_changes_it(tmp_path):
    entries = [
        Entry(Caller(role.name, role), SALT, digest(role.name, SALT))
        for role in (Role.FIRM, Role.PLANNER)
    ]
    door, services, client = await opened(tmp_path, Tokens(entries))
    activation = await services.graph.activate("test", wait_s=1)
    await activation.write(Batch(entities=[Entity(HOUSE, Kind.HOUSE)]))
    await activation.commit({})
    async with client:
        firm, planner = ({"Authorization": f"Bearer {name}"} for name in ("FIRM", "PLANNER"))
        for path, said in PLANNERS:
            body = {"why": "because", **said}
            assert (await client.post(path, json=body, headers=firm)).status_code == 403, path
        assert (await client.get(f"/objects/{HOUSE}/changes", headers=firm)).status_code == 200
        path, said = PLANNERS[0]
        done = await client.post(path, json={"why": "because"}, headers=planner)
        assert (done.status_code, done.json()["who"]) == (200, "PLANNER")
    await door.close()


def test_the_command_line_resolves_every_line_of_a_file(tmp_path):
    asked = tmp_path / "codes.txt"
    asked.write_text(f'{HOUSE}\n\n"{HOUSE}"\n{{"q": "珞喻路"}}\n', encoding="utf-8")
    wanted = ["code", "--file", str(asked), "--data-dir", str(tmp_path / "data")]
    said = CliRunner().invoke(commands, wanted)
    rows = [json.loads(line) for line in said.stdout.splitlines()]
    assert [row["q"] for row in rows] == [HOUSE, HOUSE, "珞喻路"]
    assert {row["error"]["code"] for row in rows} == {"code_unknown"}
