"""Foreign codes over HTTP: linked, refused with their place, taken, unlinked, undone, audited."""

import time

import httpx
import pytest

from api.app import create_app
from api.bootstrap import open_services
from api.services import Door
from api.settings import load
from api.tokens import Tokens
from cim.model import Entity, Kind
from cim.ports import Batch
from identity import code as universal
from identity.ports import Alias

pytestmark = pytest.mark.anyio

HOUSES = [universal.issue(universal.prefix("420111", "House"), n) for n in range(1, 6)]
UNIT = "370105012002GB00001F00010751"
SCHEMES = {28: "bdcdy28", 26: "bdcdy26"}
BRIDGED = ("37010501200201000010017514", "37010501200201000010017519")
FIRM = "91110000600037341L"
PERMIT = "420106201903150119"
PERSON = "11010519491231002X"


@pytest.fixture
async def city(tmp_path):
    """A client of the application, and its services; five houses."""
    settings = load(data_dir=tmp_path)
    door = Door(settings)
    services = await door.open(lambda: open_services(settings, time.time))
    things = [Entity(code, Kind.HOUSE, f"house {n}") for n, code in enumerate(HOUSES)]
    activation = await services.graph.activate("test", wait_s=1)
    names = [Alias("tag", "", "T-1", HOUSES[0]), Alias("tag", "", "T-1", HOUSES[0])]
    await activation.write(Batch(entities=things, aliases=names[:1]))
    await activation.commit({"event": "test"})
    app = create_app(door, Tokens([]))
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client, services
    await door.close()


async def link(client, code, value, scheme="", **said):
    body = {"value": value, "scheme": scheme, "why": "register of real estate", **said}
    return await client.post(f"/objects/{code}/aliases", json=body)


async def unlink(client, code, value, scheme, **said):
    body = {"value": value, "scheme": scheme, "why": "a mistake", **said}
    return await client.post(f"/objects/{code}/aliases/remove", json=body)


async def aliases(client, code):
    told = (await client.get(f"/codes/{code}")).json()
    return [(row["scheme"], row["scope"], row["value"]) for row in told["aliases"]]


async def test_a_foreign_code_leads_to_the_thing_in_every_form_it_is_typed(city):
    client, _ = city
    told = (await link(client, HOUSES[0], f" {UNIT.lower()} ", source="land office")).json()
    assert (told["scheme"], told["value"], told["source"]) == ("bdcdy28", UNIT, "land office")
    for typed in (UNIT, UNIT.lower(), *BRIDGED, f"{UNIT[:12]} {UNIT[12:]}"):
        assert (await client.get(f"/codes/{typed}")).json()["code"] == HOUSES[0], typed
    again = await link(client, HOUSES[0], UNIT)
    assert (again.status_code, again.json()["code"]) == (409, "link_stands")


@pytest.mark.parametrize("first", [*BRIDGED, UNIT])
@pytest.mark.parametrize("second", [*BRIDGED, UNIT])
async def test_one_unit_under_any_of_its_names_is_one_thing_s_alone(city, first, second):
    client, _ = city
    assert (await link(client, HOUSES[0], first, SCHEMES[len(first)])).status_code == 200
    taken = await link(client, HOUSES[1], second, SCHEMES[len(second)])
    assert (taken.status_code, taken.json()["code"]) == (409, "link_taken")
    assert taken.json()["facts"]["found"] == HOUSES[0]
    assert (await client.get(f"/codes/{second}")).json()["code"] == HOUSES[0]


async def test_what_several_things_share_leads_to_all_of_them(city):
    client, _ = city
    for code in HOUSES[:2]:
        assert (await link(client, code, PERMIT, "permit18")).status_code == 200
    found = await client.get(f"/codes/{PERMIT}")
    assert found.status_code == 300
    assert {row["code"] for row in found.json()["items"]} == set(HOUSES[:2])
    assert (await unlink(client, HOUSES[0], PERMIT, "permit18")).status_code == 200
    assert (await client.get(f"/codes/{PERMIT}")).json()["code"] == HOUSES[1]


@pytest.mark.parametrize(
    ("value", "scheme", "wanted"),
    [
        ("91110000600037341M", "uscc", ("scheme_check", 18, "L")),
        ("37010501200201000010017511", "bdcdy26", ("scheme_check", 26, "4 / 9")),
        ("37010501200XGB00001F00010751", "bdcdy28", ("scheme_character", 12, "0-9")),
        ("420106201913150119", "permit18", ("scheme_date", 11, "01-12")),
        ("3705012002GB00001F00010751", "bdcdy28", ("scheme_length", 27, "28")),
        ("12", "no_such", ("scheme_unknown", None, None)),
        ("hello world", "", ("scheme_none", None, "")),
        (BRIDGED[0], "", ("link_scheme_open", None, "bdcdy26 jgj246")),
        ("N50H0513548370", "beidou", ("link_computed", None, "")),
        (HOUSES[1], "uic", ("link_own_code", None, "")),
    ],
)
async def test_a_wrong_code_is_refused_with_its_place_and_what_belongs_there(
    city, value, scheme, wanted
):
    code, position, expected = wanted
    client, services = city
    head = await services.graph.head()
    refused = await link(client, HOUSES[0], value, scheme)
    told = refused.json()
    assert (refused.status_code, told["code"]) == (422, code)
    assert told["facts"]["position"] == position
    if expected is not None:
        assert told["facts"]["expected"] == expected
    assert told["facts"]["problems"][0]["zh"] != told["facts"]["problems"][0]["en"]
    assert await services.graph.head() == head


@pytest.mark.parametrize("field", ["value", "scope", "source", "why"])
async def test_an_identity_number_is_refused_and_kept_nowhere(city, tmp_path, field):
    client, services = city
    said = {"value": UNIT, field: f"no {PERSON}" if field != "value" else PERSON}
    refused = await link(client, HOUSES[0], said.pop("value"), **said)
    assert (refused.status_code, refused.json()["code"]) == (422, "identity_number_refused")
    assert PERSON not in refused.text
    assert await aliases(client, HOUSES[0]) == [("tag", "", "T-1")]
    await services.graph.head()
    held = [p for p in tmp_path.rglob("*") if p.is_file() and PERSON.encode() in p.read_bytes()]
    assert held == []


async def test_an_unlinked_code_leads_no_more_and_may_go_to_another_thing(city):
    client, _ = city
    await link(client, HOUSES[0], UNIT)
    assert (await unlink(client, HOUSES[0], UNIT.lower(), "bdcdy28")).status_code == 200
    assert await aliases(client, HOUSES[0]) == [("tag", "", "T-1")]
    for typed in (UNIT, *BRIDGED):
        assert (await client.get(f"/codes/{typed}")).json()["code"] == "code_unknown"
    assert (await link(client, HOUSES[1], UNIT)).status_code == 200
    assert (await client.get(f"/codes/{UNIT}")).json()["code"] == HOUSES[1]
    gone = await unlink(client, HOUSES[0], UNIT, "bdcdy28")
    assert (gone.status_code, gone.json()["code"]) == (404, "link_unknown")
    kept = await unlink(client, HOUSES[0], "T-1", "tag")
    assert (kept.status_code, kept.json()["code"]) == (422, "link_managed")


async def test_a_thing_that_is_unknown_or_gone_gets_no_code(city):
    client, _ = city
    unknown = await link(client, "nobody", UNIT)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "link_thing_unknown")
    await client.post(f"/objects/{HOUSES[0]}/merge", json={"into": HOUSES[1], "why": "twice"})
    gone = await link(client, HOUSES[0], UNIT)
    assert (gone.status_code, gone.json()["code"]) == (409, "link_thing_gone")
    assert gone.json()["facts"]["expected"] == HOUSES[1]


async def history(client, code, **params):
    page = (await client.get(f"/objects/{code}/changes", params=params)).json()
    return page["items"], page["next"]


async def test_links_and_their_ends_are_in_the_history_with_who_and_why(city):
    client, _ = city
    await link(client, HOUSES[0], UNIT)
    await link(client, HOUSES[0], FIRM, "uscc", why="who owns it")
    await unlink(client, HOUSES[0], UNIT, "bdcdy28")
    items, _ = await history(client, HOUSES[0])
    assert [row["change"] for row in items] == ["unlinked", "linked", "linked", "created"]
    assert [row["cause"].get("action") for row in items] == ["unlink", "link", "link", None]
    assert [row["cause"].get("why") for row in items[:2]] == ["a mistake", "who owns it"]
    assert items[0]["fields"] == {"aliases": {"before": [f"bdcdy28:{UNIT}"], "after": []}}
    assert items[1]["fields"] == {"aliases": {"before": [], "after": [f"uscc:{FIRM}"]}}
    assert {row["cause"].get("who") for row in items[:3]} == {"loopback"}


async def test_the_history_of_many_links_comes_page_by_page(city):
    client, _ = city
    for turn in range(4):
        await link(client, HOUSES[0], UNIT, why=f"turn {turn}")
        await unlink(client, HOUSES[0], UNIT, "bdcdy28", why=f"turn {turn}")
        await client.post(f"/objects/{HOUSES[0]}/lifecycle", json=_life(turn))
    every, following = await history(client, HOUSES[0])
    assert (len(every), following) == (13, None)
    paged, following = [], ""
    while following is not None:
        items, following = await history(client, HOUSES[0], limit=2, cursor=following)
        assert len(items) <= 2
        paged += items
    assert paged == every


def _life(turn):
    return {"lifecycle": ["under_construction", "in_use"][turn % 2], "why": f"life {turn}"}


async def test_a_link_and_its_end_are_undone_as_any_change_of_the_register(city):
    client, _ = city
    linked = (await link(client, HOUSES[0], UNIT)).json()
    undone = await client.post(f"/objects/{HOUSES[0]}/undo", json={"why": "wrong house"})
    assert undone.json()["undoes"] == linked["generation"]
    assert await aliases(client, HOUSES[0]) == [("tag", "", "T-1")]
    await link(client, HOUSES[0], UNIT)
    ended = (await unlink(client, HOUSES[0], UNIT, "bdcdy28")).json()
    undone = await client.post(f"/objects/{HOUSES[0]}/undo", json={"why": "right after all"})
    assert undone.json()["undoes"] == ended["generation"]
    assert ("bdcdy28", "", UNIT) in await aliases(client, HOUSES[0])


async def test_an_undo_stops_where_the_code_went_to_another_thing_since(city):
    client, _ = city
    await link(client, HOUSES[0], UNIT)
    ended = (await unlink(client, HOUSES[0], UNIT, "bdcdy28")).json()
    await link(client, HOUSES[1], UNIT)
    blocked = await client.post(
        f"/objects/{HOUSES[0]}/undo", json={"why": "back", "generation": ended["generation"]}
    )
    assert (blocked.status_code, blocked.json()["code"]) == (409, "undo_blocked")
    assert (await client.get(f"/codes/{UNIT}")).json()["code"] == HOUSES[1]


async def test_every_link_is_in_the_audit_trail(city):
    client, _ = city
    await link(client, HOUSES[0], UNIT)
    await unlink(client, HOUSES[0], UNIT, "bdcdy28")
    rows = (await client.get("/audit")).json()["items"]
    assert {(row["action"], row["target"]) for row in rows} == {
        ("register_link", HOUSES[0]),
        ("register_unlink", HOUSES[0]),
    }
    assert {row["facts"]["value"] for row in rows} == {UNIT}


async def test_what_a_thing_that_is_gone_was_called_still_leads_to_it(city):
    client, _ = city
    await link(client, HOUSES[2], UNIT)
    await client.post(f"/objects/{HOUSES[2]}/retire", json={"why": "torn down"})
    for typed in (UNIT, BRIDGED[0]):
        found = (await client.get(f"/codes/{typed}")).json()
        assert (found["code"], found["lifecycle"]) == (HOUSES[2], "gone")
