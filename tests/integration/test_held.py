"""TWIN_ACCEPT=hold over HTTP: what is held is nowhere in the city until a person accepts it."""

import io
import zipfile
from contextlib import asynccontextmanager

import httpx
import pytest

from api import running
from api.services import Door
from api.settings import load
from bim import child
from bim.demo import district
from tests.parts.served import WAIT_S, ended, served

pytestmark = pytest.mark.anyio

NAMED = {"project": "南湖", "document": "泵站"}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A model in which two walls have one GUID, which is a finding."""
    model = next(m for m in district() if m.file_name == "nanhu-pump-station.ifc")
    path = tmp_path_factory.mktemp("models") / model.file_name
    model.write(path)
    lines = path.read_bytes().split(b"\n")
    walls = [number for number, line in enumerate(lines) if b"=IFCWALL(" in line]
    guid = lines[walls[0]].split(b"'")[1]
    lines[walls[1]] = lines[walls[1]].replace(lines[walls[1]].split(b"'")[1], guid)
    return b"\n".join(lines)


@pytest.fixture(scope="module")
def second(first):
    return first + b"\n"


@asynccontextmanager
async def city(data_dir, accept="hold"):
    settings = load(
        data_dir=data_dir,
        bind="127.0.0.1:0",
        broker_url="none://",
        job_poll_s=0.05,
        accept=accept,
    )
    door = Door(settings)
    async with (
        served(door, running.Plan(worker=True)),
        httpx.AsyncClient(base_url=door.url, timeout=WAIT_S) as client,
    ):
        yield client


async def upload(client, data, **fields):
    answer = await client.post(
        "/models", data=NAMED | fields, files={"file": ("泵站.ifc", io.BytesIO(data))}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()


async def held(client, data):
    """Upload and wait until it is held; return the upload's answer."""
    said = await upload(client, data)
    job = await ended(client, said["job"])
    assert (job["state"], job["result"]["held"]) == ("done", "waiting"), job["error"]
    return said


async def accepted(client, model, **params):
    said = (await client.post(f"/models/{model}/accept", params=params)).json()
    job = await ended(client, said["job"])
    assert job["state"] == "done", job["error"]
    return job["result"]


async def listed(client, path):
    return (await client.get(path, params={"limit": 1000})).json()["items"]


def blobs(data_dir):
    return {path.name for path in (data_dir / "blobs").rglob("*") if path.is_file()}


async def test_what_is_held_is_nowhere_in_the_city(tmp_path, first):
    async with city(tmp_path) as client:
        said = await held(client, first)
        tiles = (await client.get("/tiles/tileset.json")).json()
        assert (await listed(client, "/objects"), await listed(client, "/models")) == ([], [])
        assert tiles["root"].get("children", []) == []
        for code in (said["model"], said["project"], "1F6umJ5H50aeL3A1As_wTm"):
            assert (await client.get(f"/codes/{code}")).status_code == 404
        assert (await client.get("/objects")).headers["x-twin-generation"] == "0"


async def test_a_person_sees_what_is_held_with_its_findings(tmp_path, first):
    async with city(tmp_path) as client:
        said = await held(client, first)
        path = f"/models/{said['model']}"
        model = (await client.get(path)).json()
        job = (await client.get(f"/jobs/{said['job']}")).json()
        found = (await client.get(f"{path}/findings", params={"held": True})).json()["items"]
        page = await client.get(f"{path}/report", params={"held": True})
        bcf = await client.get(f"{path}/findings.bcf", params={"held": True})
        assert (model["version"], model["lifecycle"]) == (None, "planned")
        assert (model["held"]["sha256"], model["held"]["filename"]) == (said["sha256"], "泵站.ifc")
        assert model["held"]["objects"] == job["result"]["objects"] > 0
        assert len(found) == model["held"]["findings"] == job["result"]["findings"] > 0
        assert {"package", "shown"}.isdisjoint(job["result"])
        assert found[0]["text"]["zh"] in page.text or found[0]["text"]["en"] in page.text
        topics = [n for n in zipfile.ZipFile(io.BytesIO(bcf.content)).namelist() if "markup" in n]
        assert len(topics) == len(found)
        assert (await client.get(f"{path}/findings")).status_code == 404


async def test_accepting_gives_what_an_import_without_holding_gives(tmp_path, first, monkeypatch):
    async with city(tmp_path / "auto", accept="auto") as client:
        said = await upload(client, first)
        expected = (await ended(client, said["job"]))["result"]
        things = await listed(client, "/objects")

    async with city(tmp_path / "hold") as client:
        said = await held(client, first)
        monkeypatch.setattr(child, "call", None)  # nothing is read, checked or meshed again
        result = await accepted(client, said["model"], sha256=said["sha256"])
        model = (await client.get(f"/models/{said['model']}")).json()
        assert result == expected
        assert await listed(client, "/objects") == things
        assert (model["version"], model["held"]) == (1, None)
        again = await client.post(f"/models/{said['model']}/accept")
        assert (again.status_code, again.json()["code"]) == (404, "held_nothing")
        first_job = (await client.get(f"/jobs/{said['job']}")).json()
        assert first_job["result"]["held"] == "accepted"


async def test_what_is_held_outlives_the_server(tmp_path, first):
    async with city(tmp_path) as client:
        said = await held(client, first)
    async with city(tmp_path) as client:
        assert (await accepted(client, said["model"]))["version"] == 1


@pytest.mark.parametrize("verb", ["reject", "withdraw"])
async def test_what_is_rejected_leaves_nothing_and_may_come_again(tmp_path, first, verb):
    async with city(tmp_path) as client:
        said = await held(client, first)
        answer = await client.post(f"/models/{said['model']}/{verb}")
        assert (answer.status_code, answer.json()["held"]) == (200, "rejected")
        assert blobs(tmp_path) == set()
        assert (await client.get(f"/models/{said['model']}")).status_code == 404

        again = await held(client, first)
        assert (again["model"], again["job"]) == (said["model"], f"{said['job']}-2")
        assert (await accepted(client, said["model"]))["version"] == 1


async def test_a_newer_upload_takes_the_place_of_what_is_held(tmp_path, first, second):
    async with city(tmp_path) as client:
        older = await held(client, first)
        newer = await held(client, second)
        job = (await client.get(f"/jobs/{older['job']}")).json()
        model = (await client.get(f"/models/{older['model']}")).json()
        assert (newer["model"], job["result"]["held"]) == (older["model"], "replaced")
        assert (model["held"]["sha256"], model["held"]["job"]) == (newer["sha256"], newer["job"])
        assert older["sha256"] not in blobs(tmp_path)

        path = f"/models/{older['model']}/accept"
        unseen = await client.post(path, params={"sha256": older["sha256"]})
        assert (unseen.status_code, unseen.json()["code"]) == (409, "held_changed")
        await accepted(client, older["model"], sha256=newer["sha256"])
        versions = await listed(client, f"/models/{older['model']}/versions")
        assert [version["sha256"] for version in versions] == [newer["sha256"]]


async def test_a_second_version_is_held_beside_the_one_in_the_city(tmp_path, first, second):
    async with city(tmp_path) as client:
        said = await held(client, first)
        await accepted(client, said["model"])
        newer = await held(client, second)
        model = (await client.get(f"/models/{said['model']}")).json()
        assert (model["version"], model["sha256"]) == (1, said["sha256"])
        assert model["held"]["sha256"] == newer["sha256"]

        withdrawn = (await client.post(f"/models/{said['model']}/withdraw")).json()
        model = (await client.get(f"/models/{said['model']}")).json()
        assert (withdrawn["held"], withdrawn["withdrawn"]) == ("rejected", False)
        assert (model["version"], model["withdrawn"], model["held"]) == (1, False, None)


async def test_uploads_of_one_document_become_versions_as_they_came(tmp_path, first):
    async with city(tmp_path, accept="auto") as client:
        said = [await upload(client, first + b"\n" * n) for n in range(3)]
        jobs = [await ended(client, each["job"]) for each in said]
        versions = await listed(client, f"/models/{said[0]['model']}/versions")
        assert [job["result"]["version"] for job in jobs] == [1, 2, 3]
        assert [v["sha256"] for v in versions] == [each["sha256"] for each in said]
        ends = [job["finished_at"] for job in jobs]
        assert all(job["started_at"] >= end for job, end in zip(jobs[1:], ends, strict=False))


async def test_an_import_under_auto_replaces_what_was_held_before(tmp_path, first, second):
    async with city(tmp_path) as client:
        said = await held(client, first)
    async with city(tmp_path, accept="auto") as client:
        newer = await upload(client, second)
        assert (await ended(client, newer["job"]))["result"]["version"] == 1
        assert (await client.get(f"/models/{said['model']}")).json()["held"] is None
