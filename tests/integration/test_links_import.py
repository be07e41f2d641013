"""Lists of foreign codes, 10,000 with 500 planted errors: over HTTP, by a job, by a command."""

import json
import time

import httpx
import pytest

from api.app import create_app
from api.tokens import Tokens
from api.worker import Worker
from tests.parts.listed_codes import COUNT, HOUSES, KINDS, PER_KIND, furnished, listed
from tests.parts.planted_codes import planted

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

PERSON = "11010519491231002X"


@pytest.fixture
async def city(tmp_path):
    door, services = await furnished(tmp_path / "city")
    transport = httpx.ASGITransport(create_app(door, Tokens([])), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client, services
    await door.close()


async def send(client, body, media="text/csv", **params):
    params = {"why": "the register of 2026", **params}
    return await client.post(
        "/codes/import", content=body, params=params, headers={"Content-Type": media}
    )


def named(refused):
    """{row of the list (without the heading): (column, code, position)} of a report."""
    found = {}
    for row in refused:
        found.setdefault(row["row"] - 1, []).append((row["column"], row["code"], row["position"]))
    return found


def expected(wrong):
    return {number: [("value", *place)] for number, place in wrong.items()}


async def led(client, rows, wrong):
    """{row number: the codes its value leads to} of all right rows, in one call."""
    right = [(n, value) for n, (_, value) in enumerate(rows, start=1) if n not in wrong]
    body = "\n".join(json.dumps(value) for _, value in right)
    lines = (await client.post("/codes/resolve", content=body)).text.splitlines()
    said = (json.loads(line).get("answers", []) for line in lines)
    return {n: {m["code"] for m in means} for (n, _), means in zip(right, said, strict=True)}


async def test_of_10_000_codes_500_errors_are_named_and_9_500_lead_to_their_things(city):
    client, services = city
    rows, wrong = planted(COUNT, per_kind=PER_KIND, makers=KINDS)
    body = listed(rows)
    tried = (await send(client, body, dry_run=True)).json()
    counts = {"rows": COUNT, "right": 9_500, "already": 0, "refused": 500, "linked": 0}
    assert (tried["counts"], tried["generation"]) == (counts, None)
    head = (await services.graph.head()).generation
    told = (await send(client, body)).json()
    assert told["counts"] == {**counts, "linked": 9_500}
    assert told["generation"] == head + 1
    assert len(wrong) == 500
    assert named(told["refused"]) == named(tried["refused"]) == expected(wrong)
    found = await led(client, rows, wrong)
    lost = {n for n, codes in found.items() if HOUSES[n % len(HOUSES)] not in codes}
    assert (len(found), lost) == (9_500, set())
    again = (await send(client, body)).json()
    assert again["counts"] == {**counts, "right": 0, "already": 9_500}
    assert (await services.graph.head()).generation == head + 1


async def test_a_strict_list_with_one_error_links_nothing_and_without_it_everything(city):
    client, services = city
    rows, wrong = planted(200, per_kind=1, makers=KINDS)
    head = (await services.graph.head()).generation
    told = (await send(client, listed(rows), strict=True)).json()
    assert (told["counts"]["linked"], told["generation"]) == (0, None)
    assert named(told["refused"]) == expected(wrong)
    assert (await services.graph.head()).generation == head
    right = [row for n, row in enumerate(rows, start=1) if n not in wrong]
    assert (await send(client, listed(right), strict=True)).json()["counts"]["linked"] == 190


async def test_a_longer_list_becomes_a_job_with_the_same_report(city):
    client, services = city
    rows, wrong = planted(COUNT + 1, per_kind=PER_KIND, makers=KINDS)
    taken = await send(client, listed(rows))
    assert taken.status_code == 202
    job = taken.json()["job"]
    assert (await client.get(f"/jobs/{job}/refused")).status_code == 404
    (queued,) = await services.jobs.recent(limit=1)
    claimed = await services.jobs.claim("test", now=time.time(), stale_s=1)
    await Worker(services).run_one(claimed)
    told = (await client.get(f"/jobs/{job}")).json()
    assert (told["state"], told["fraction"]) == ("done", 1.0)
    assert told["result"]["counts"]["linked"] == COUNT + 1 - 500
    lines = (await client.get(f"/jobs/{job}/refused")).text.splitlines()
    assert named(map(json.loads, lines)) == expected(wrong)
    assert await services.blobs.size(queued.payload["sha256"]) is None


async def test_a_whole_list_is_taken_back_unless_a_later_change_stands_in_the_way(city):
    client, _ = city
    rows, _ = planted(50, per_kind=0, makers=KINDS)
    told = (await send(client, listed(rows))).json()
    undo = {"generation": told["generation"], "why": "the wrong file"}
    undone = await client.post("/codes/import/undo", json=undo)
    assert (undone.status_code, undone.json()["count"]) == (200, 50)
    assert not any((await led(client, rows, {})).values())
    again = await client.post("/codes/import/undo", json=undo)
    assert (again.status_code, again.json()["code"]) == (409, "undo_blocked")
    unknown = await client.post("/codes/import/undo", json={**undo, "generation": 1})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "import_unknown")
    items = (await client.get(f"/objects/{HOUSES[1]}/changes")).json()["items"]
    assert [row["change"] for row in items] == ["unlinked", "linked", "created"]
    assert [row["cause"].get("why") for row in items] == [
        *("the wrong file", "the register of 2026"),
        None,
    ]


async def test_rows_that_are_right_but_cannot_be_linked_are_told_each_in_its_row(city, tmp_path):
    client, services = city
    unit, other = "370105012002GB00001F00010751", "370105012002GB00001F00010752"
    bridged = "37010501200201000010017519"
    lines = [
        {"code": HOUSES[0], "value": unit},
        {"code": HOUSES[0], "value": unit.lower(), "scheme": "BDCDY28"},
        {"code": HOUSES[1], "value": bridged, "scheme": "bdcdy26"},
        {"code": "nobody", "value": other},
        {"code": HOUSES[2], "value": PERSON, "source": "desk"},
        {"code": PERSON, "value": other},
        {"code": HOUSES[2], "value": other, "confidence": 2},
        {"code": HOUSES[2]},
        {"code": HOUSES[2], "value": other, "colour": "red"},
        ["no object"],
        {"code": unit, "value": other},
    ]
    body = "\n".join([*map(json.dumps, lines), "{", ""])
    told = (await send(client, body.encode(), "application/x-ndjson")).json()
    found = [(row["row"], row["column"], row["code"]) for row in told["refused"]]
    assert found == [
        (3, "value", "link_repeated"),
        (4, "code", "link_thing_unknown"),
        (5, "value", "identity_number_row"),
        (6, "code", "identity_number_row"),
        (7, "confidence", "link_confidence"),
        (8, "", "import_row_keys"),
        (9, "", "import_row_keys"),
        (10, "", "import_row_unreadable"),
        (11, "code", "link_thing_unknown"),
        (12, "", "import_row_unreadable"),
    ]
    assert told["counts"]["linked"] == 1
    assert (told["counts"]["already"], told["counts"]["rows"]) == (1, 12)
    assert PERSON not in json.dumps(told)
    second = (await send(client, f"code,value\n{unit},{other}\n{HOUSES[3]},{unit}\n")).json()
    assert second["counts"]["linked"] == 1
    assert [(row["row"], row["code"], row["found"]) for row in second["refused"]] == [
        (3, "link_taken", HOUSES[0])
    ]
    await services.graph.head()
    held = [p for p in tmp_path.rglob("*") if p.is_file() and PERSON.encode() in p.read_bytes()]
    assert held == []
