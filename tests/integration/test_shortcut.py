"""The short way answers as the long one through the framework does: every byte and header."""

from urllib.parse import quote

import httpx
import pytest

from api.app import SHORTCUTS, create_app
from api.bootstrap import open_services
from api.services import Door
from api.settings import load
from api.tokens import Caller, Entry, Role, Tokens, digest
from cim.ports import Batch
from identity.ports import Alias
from tests.parts.small_cities import CODES, generations

pytestmark = pytest.mark.anyio

SALT = b"salt"
ODD = [
    "",
    " ",
    "unknown",
    "x" * 600,
    "110105194912310" + "02X",
    "a b",
    "a/b/c",
    "光谷",
    "%",
    "v?#",
]
GUID = "2O2Fr$t4X7Zf8NOew3FLOH"


async def fill(services):
    for seed in (3, 4):
        for batch in generations(seed):
            activation = await services.graph.activate("test", wait_s=1)
            await activation.write(batch)
            await activation.commit({})
    activation = await services.graph.activate("test", wait_s=1)
    names = [Alias("ifc_guid", "p", GUID, CODES[0]), Alias("tag", "", "a/b/c", CODES[1])]
    await activation.write(Batch(aliases=names))
    await activation.commit({})


@pytest.fixture(params=["memory", "sqlite"])
async def ways(request, tmp_path):
    """Two clients of one city: past the framework, and through it."""
    known = Tokens([Entry(Caller("eye", Role.READER), SALT, digest("eye", SALT))])
    urls = {"memory": "memory://", "sqlite": "sqlite:///graph.db"}
    settings = load(data_dir=tmp_path, graph_url=urls[request.param], state_url="memory://")
    door = Door(settings, clock=lambda: 1_795_000_000.0)
    services = await door.open(lambda: open_services(settings, door.clock))
    await fill(services)
    clients = [
        httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(door, known, shortcuts=shortcuts)),
            base_url="http://city.example",
            headers={"Authorization": "Bearer eye"},
        )
        for shortcuts in (SHORTCUTS, {})
    ]
    yield clients, door
    for client in clients:
        await client.aclose()
    await door.close()


async def both(clients, method, path, **headers):
    """Return what both say, which must be the same."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    short, long = [await client.request(method, path, headers=sent) for client in clients]
    assert short.status_code == long.status_code
    assert sorted(short.headers.items()) == sorted(long.headers.items())
    assert short.content == long.content
    return short


async def test_every_text_is_answered_with_the_same_bytes(ways):
    clients, _ = ways
    statuses = set()
    for text in [*CODES, *(f"v{n}" for n in range(25)), GUID, *ODD]:
        path = "/codes/" + quote(text)
        for language in ("en", "zh-CN,zh;q=0.9"):
            answer = await both(clients, "GET", path, Accept_Language=language)
            statuses.add(answer.status_code)
    assert statuses == {200, 300, 404, 422}


async def test_the_head_names_the_generation_and_what_a_page_may_do(ways):
    clients, door = ways
    answer = await both(clients, "GET", f"/codes/{CODES[0]}")
    head = (await door.services.graph.head()).generation
    assert answer.headers["X-Twin-Generation"] == str(head)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused_alike(ways, method):
    clients, _ = ways
    assert (await both(clients, method, f"/codes/{CODES[0]}")).status_code in {403, 405}


async def test_who_may_not_read_gets_nothing_on_either_way(ways):
    clients, _ = ways
    for token in ("", "Bearer nobody", "Basic eye"):
        answer = await both(clients, "GET", f"/codes/{CODES[0]}", Authorization=token)
        assert answer.status_code == 401


async def test_a_closed_door_says_so_on_either_way(ways):
    clients, door = ways
    await door.close()
    answer = await both(clients, "GET", f"/codes/{CODES[0]}", Accept_Language="zh")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json()["title"] == "暂不可用"


async def test_a_question_about_the_past_is_answered_on_either_way(ways):
    clients, _ = ways
    told = await both(clients, "GET", f"/codes/{CODES[0]}?knownAt=2100-01-01T00:00:00Z")
    assert (told.status_code, told.json()["code"]) == (422, "moment_in_future")
    told = await both(clients, "GET", f"/codes/{CODES[0]}?asOf=2026-11-18T00:00:00Z")
    assert "X-Twin-As-Of" in told.headers


async def test_what_is_no_refusal_is_an_internal_error_on_either_way(ways, monkeypatch):
    clients, door = ways

    async def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(door.services.graph, "dossiers", broken)
    for client in clients:
        client._transport.raise_app_exceptions = False
    answer = await both(clients, "GET", f"/codes/{CODES[0]}")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
