"""With tokens: a firm uploads and changes its own models, not those of another firm."""

import asyncio
import re
import time

import httpx
import pytest

from api.app import create_app
from api.bootstrap import open_services
from api.services import Door
from api.settings import load
from api.tokens import Caller, Entry, Role, Tokens, digest
from api.worker import Worker
from bim.demo import district

pytestmark = pytest.mark.anyio

SALT = b"salt"


@pytest.fixture
async def city(tmp_path):
    callers = {"one": Role.FIRM, "two": Role.FIRM, "desk": Role.PLANNER, "eye": Role.READER}
    tokens = Tokens([Entry(Caller(n, r), SALT, digest(n, SALT)) for n, r in callers.items()])
    settings = load(data_dir=tmp_path, graph_url="memory://", state_url="memory://")
    door = Door(settings)
    services = await door.open(lambda: open_services(settings, time.time))
    transport = httpx.ASGITransport(app=create_app(door, tokens), client=("10.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://city.example") as client:
        yield client, services
    await door.close()


def bearer(name):
    return {"Authorization": f"Bearer {name}"}


async def test_a_firm_changes_only_what_it_uploaded(city, tmp_path):
    client, services = city
    path = tmp_path / "pump.ifc"
    next(m for m in district() if m.file_name == "nanhu-pump-station.ifc").write(path)
    data = await asyncio.to_thread(path.read_bytes)

    async def send(name, body):
        files = {"file": ("pump.ifc", body)}
        return await client.post("/models", files=files, headers=bearer(name))

    said = (await send("one", data)).json()
    job = await services.jobs.claim("test", now=time.time(), stale_s=60)
    assert (await Worker(services).run_one(job)).state == "done"
    where = {"lon": 114.4, "lat": 30.5}
    place = f"/models/{said['model']}/placement"
    for name, status in (("eye", 403), ("two", 403), ("one", 200), ("desk", 200)):
        answer = await client.post(place, json=where, headers=bearer(name))
        assert (name, answer.status_code) == (name, status)
    changed = data.replace(b"FILE_NAME('", b"FILE_NAME('x", 1)
    refused = await send("two", changed)
    assert (refused.status_code, refused.json()["code"]) == (403, "model_of_another")
    assert (await send("one", changed)).status_code == 202


async def test_a_body_beyond_the_limit_is_refused(city):
    client, services = city
    body = b"[" + b" " * services.settings.body_bytes_max + b"]"
    answer = await client.post("/observations", content=body, headers=bearer("desk"))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_closed_doors_say_so(tmp_path):
    app = create_app(Door(load(data_dir=tmp_path)), Tokens([]))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get("/healthz")).status_code == 200
        for path in ("/readyz", "/city", "/objects"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "starting")
            assert answer.headers["retry-after"]


async def test_a_finding_names_its_element_by_code(city, tmp_path):
    client, services = city
    path = tmp_path / "pump.ifc"
    next(m for m in district() if m.file_name == "nanhu-pump-station.ifc").write(path)
    text = await asyncio.to_thread(path.read_text, encoding="utf-8")
    guids = re.findall(r"=IFCWALL\('([^']{22})'", text)
    repeated = text.replace(guids[1], guids[0], 1)
    answer = await client.post(
        "/models", files={"file": ("pump.ifc", repeated.encode())}, headers=bearer("one")
    )
    job = await services.jobs.claim("test", now=time.time(), stale_s=60)
    ended = await Worker(services).run_one(job)
    assert (ended.state, ended.error) == ("done", None)
    model = answer.json()["model"]
    told = await client.get(f"/models/{model}/findings", headers=bearer("eye"))
    rows = [row for row in told.json()["items"] if row["guid"] == guids[0]]
    assert rows
    resolved = await client.get(f"/codes/{guids[0]}", headers=bearer("eye"))
    assert rows[0]["element"] == resolved.json()["code"]
    for name, status in (("eye", 403), ("two", 403), ("one", 202), ("desk", 202)):
        answer = await client.post(f"/jobs/{job.id}/cancel", headers=bearer(name))
        assert (name, answer.status_code) == (name, status)
    assert (await services.jobs.get(job.id)).state == "done"
