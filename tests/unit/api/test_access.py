"""The gate: default-deny, loopback only without tokens, no writes from foreign pages."""

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from api.access import RULES, Gate, check_bind, match
from api.app import create_app
from api.services import Door
from api.settings import load
from api.tokens import Caller, Entry, Role, Tokens, digest, line, read, role_of
from identity.errors import Invalid

pytestmark = pytest.mark.anyio


def tokens_of(**roles: Role) -> Tokens:
    salt = b"0123456789abcdef"
    return Tokens(
        [Entry(Caller(name, role), salt, digest(name, salt)) for name, role in roles.items()]
    )


class Noted:
    """What the gate put into the audit trail."""

    def __init__(self):
        self.rows = []

    async def __call__(self, *row):
        self.rows.append(row)


async def inner(scope, receive, send):
    name = scope["state"]["caller"].name
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": name.encode()})


async def ask(gate, method, path, peer="127.0.0.1", host="127.0.0.1:8000", **headers):
    transport = httpx.ASGITransport(app=gate, client=(peer, 1234))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, path, headers=sent)


def gate(tokens=None, noted=None):
    return Gate(inner, settings=load(), tokens=tokens or Tokens([]), record=noted)


def test_every_route_of_the_application_is_in_the_table(tmp_path):
    app = create_app(Door(load(data_dir=tmp_path)), Tokens([]))
    table = {(method, path) for method, path, _ in RULES}
    known = [
        (r.path, getattr(r, "methods", None) or ["WS"]) for r in iter_route_contexts(app.routes)
    ]
    routes = {(method, path) for path, methods in known for method in methods}
    assert routes - table == set()
    assert table - routes == set()


def test_a_route_that_is_not_in_the_table_has_no_rule():
    assert match("GET", "/secret") is None
    assert match("DELETE", "/models") is None


def test_a_template_does_not_hide_a_longer_path():
    assert match("GET", "/objects/1/state") == ("/objects/{code}/state", Role.READER)
    assert match("GET", "/codes/a/b") == ("/codes/{any:path}", Role.READER)


async def test_without_tokens_this_machine_is_admin():
    answer = await ask(gate(), "GET", "/audit")
    assert (answer.status_code, answer.text) == (200, "loopback")


@pytest.mark.parametrize("peer", ["10.0.0.9", "192.168.1.5"])
async def test_without_tokens_another_machine_is_refused(peer):
    answer = await ask(gate(), "GET", "/city", peer=peer)
    assert (answer.status_code, answer.json()["code"]) == (403, "peer_not_loopback")


async def test_a_rebound_name_is_refused():
    answer = await ask(gate(), "GET", "/city", host="evil.example")
    assert (answer.status_code, answer.json()["code"]) == (403, "host_not_loopback")


async def test_a_foreign_page_may_not_write():
    answer = await ask(gate(), "POST", "/observations", origin="http://evil.example")
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_foreign")


async def test_the_own_page_may_write():
    answer = await ask(gate(), "POST", "/observations", origin="http://127.0.0.1:8000")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        (Role.READER, "GET", "/city", 200),
        (Role.READER, "POST", "/observations", 403),
        (Role.SERVICE, "POST", "/observations", 200),
        (Role.SERVICE, "POST", "/models", 403),
        (Role.FIRM, "POST", "/models", 200),
        (Role.PLANNER, "GET", "/audit", 403),
        (Role.ADMIN, "GET", "/audit", 200),
    ],
)
async def test_a_role_may_what_the_table_says(role, method, path, status):
    tokens = tokens_of(someone=role)
    answer = await ask(gate(tokens), method, path, authorization="Bearer someone")
    assert answer.status_code == status


async def test_a_token_is_asked_for_and_the_refusal_is_recorded():
    noted = Noted()
    answer = await ask(gate(tokens_of(a=Role.ADMIN), noted), "GET", "/city")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert [row[3] for row in noted.rows] == ["token_missing"]


async def test_a_wrong_token_is_refused():
    answer = await ask(gate(tokens_of(a=Role.ADMIN)), "GET", "/city", authorization="Bearer b")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_unknown")


async def test_with_tokens_the_page_itself_is_public():
    assert (await ask(gate(tokens_of(a=Role.ADMIN)), "GET", "/")).status_code == 200


async def test_a_refusal_speaks_chinese_to_who_prefers_it():
    answer = await ask(gate(), "GET", "/city", host="evil.example", accept_language="zh-CN,en;q=.5")
    assert "主机名" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "bind_without_tokens"),
        ({"tokens": True}, "bind_without_tls"),
        ({"tokens": True, "behind_proxy": True}, None),
    ],
)
def test_an_open_bind_needs_tokens_and_tls(given, code):
    tokens = tokens_of(a=Role.ADMIN) if given.pop("tokens", False) else Tokens([])
    settings = load(bind="0.0.0.0:8000", **given)
    if code is None:
        check_bind(settings, tokens)
        return
    with pytest.raises(Invalid) as refused:
        check_bind(settings, tokens)
    assert refused.value.code == code


def test_a_token_file_keeps_hashes_and_finds_the_caller(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(line("规划局", Role.PLANNER, "secret-token", b"salt") + "\n", encoding="utf-8")
    assert "secret-token" not in path.read_text(encoding="utf-8")
    assert read(path).of("secret-token") == Caller("规划局", Role.PLANNER)
    assert read(path).of("other") is None


async def test_a_token_seen_before_is_known_without_the_slow_hash(monkeypatch):
    known = tokens_of(reader=Role.READER)
    assert known.seen("reader") is None
    assert known.of("reader") == Caller("reader", Role.READER)
    assert known.of("nobody") is None
    monkeypatch.setattr("api.tokens.digest", None)
    assert known.seen("reader") == Caller("reader", Role.READER)
    assert (known.seen("nobody"), known.seen("x" * 10_000)) == (None, None)
    answer = await ask(gate(known), "GET", "/city", authorization="Bearer reader")
    assert (answer.status_code, answer.text) == (200, "reader")


@pytest.mark.parametrize("path", ["/audit%3Fx", "/audit%23x"])
async def test_the_rule_is_that_of_the_path_the_router_sees(path):
    """An encoded ? or # is part of the path: it must not borrow the rule of what stands before."""
    seen = []

    async def told(scope, receive, send):
        seen.append(scope["state"]["rule"])
        await inner(scope, receive, send)

    await ask(Gate(told, settings=load(), tokens=Tokens([])), "GET", path)
    assert seen == [None]


def test_a_broken_token_file_is_refused_with_its_line(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("{}\n", encoding="utf-8")
    with pytest.raises(Invalid) as refused:
        read(path)
    assert (refused.value.code, refused.value.facts["line"]) == ("tokens_unreadable", 1)


def test_an_unknown_role_is_refused():
    with pytest.raises(Invalid) as refused:
        role_of("king")
    assert refused.value.code == "role_unknown"
