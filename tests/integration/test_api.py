"""The whole way over HTTP: upload → job → objects, state and tiles, in one real server process."""

import html
import io
import json
import re
import zipfile

import httpx
import pytest

from api import running
from api.services import Door
from api.settings import load
from bim import bcf
from bim.demo import district
from tests.parts.ifc_text import HOUSE, WALL, ifc
from tests.parts.served import WAIT_S, ended, served

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def pump_station(tmp_path_factory):
    """The smallest model of the demo district."""
    model = next(m for m in district() if m.file_name == "nanhu-pump-station.ifc")
    path = tmp_path_factory.mktemp("models") / model.file_name
    model.write(path)
    return path


@pytest.fixture(scope="module")
async def city(tmp_path_factory, pump_station):
    """A server with everything in one process, and one model in it."""
    data_dir = tmp_path_factory.mktemp("city")
    settings = load(data_dir=data_dir, bind="127.0.0.1:0", mqtt_bind="127.0.0.1:0", job_poll_s=0.05)
    door = Door(settings)
    async with (
        served(door, running.Plan(worker=True, listener="test")),
        httpx.AsyncClient(base_url=door.url, timeout=WAIT_S) as client,
    ):
        said = (await upload(client, pump_station)).json()
        job = await ended(client, said["job"])
        assert job["state"] == "done", job["error"]
        yield client, door, job


async def upload(client, path, **fields):
    with path.open("rb") as file:
        return await client.post("/models", data=fields, files={"file": (path.name, file)})


async def a_space(client):
    return (await client.get("/objects", params={"kind": "Space", "limit": 1})).json()["items"][0]


async def test_the_job_says_what_was_added(city):
    _, _, job = city
    assert job["result"]["added"] == job["result"]["objects"] > 0
    assert (job["fraction"], job["eta_s"]) == (1.0, None)


async def test_the_same_bytes_again_are_the_same_job_and_version(city, pump_station):
    client, _, job = city
    again = await upload(client, pump_station)
    assert (again.status_code, again.json()["version"]) == (200, 1)
    assert (again.json()["job"], again.json()["model"]) == (job["id"], job["result"]["model"])


async def test_every_answer_names_its_generation(city):
    client, door, _ = city
    answer = await client.get("/objects", params={"kind": "Building"})
    head = await door.services.graph.head()
    assert answer.headers["x-twin-generation"] == str(head.generation)


async def test_a_code_and_its_ifc_guid_resolve_to_the_same_thing(city):
    client, _, job = city
    by_code = (await client.get(f"/codes/{job['result']['code']}")).json()
    guid = next(a["value"] for a in by_code["aliases"] if a["scheme"] == "ifc_guid")
    assert (await client.get(f"/codes/{guid}")).json() == by_code
    assert by_code["kind"] == "Building"
    assert by_code["position"]["provenance"] == "declared"


async def test_search_finds_chinese_names_with_their_parents(city):
    client, _, _ = city
    items = (await client.get("/codes", params={"q": "泵站"})).json()["items"]
    assert "南湖渠泵站" in {item["name"] for item in items}


async def test_pages_follow_each_other_without_gap_or_repeat(city):
    client, _, _ = city
    whole = (await client.get("/objects", params={"limit": 1000})).json()["items"]
    codes, following = [], ""
    while following is not None:
        params = {"limit": 7, "cursor": following}
        page = (await client.get("/objects", params=params)).json()
        codes += [item["code"] for item in page["items"]]
        following = page["next"]
    assert codes == [item["code"] for item in whole]


async def test_children_path_and_box_agree(city):
    client, _, job = city
    code = job["result"]["code"]
    storeys = (await client.get(f"/objects/{code}/children", params={"kind": "Storey"})).json()
    path = (await client.get(f"/objects/{storeys['items'][0]['code']}/path")).json()["items"]
    assert [item["code"] for item in path][-2:] == [code, storeys["items"][0]["code"]]
    west, south, east, north = (await client.get(f"/objects/{code}")).json()["bbox"]
    params = {"kind": "Building", "bbox": f"{west},{south},{east},{north}"}
    found = (await client.get("/objects", params=params)).json()["items"]
    assert [item["code"] for item in found] == [code]
    params["bbox"] = "0,0,1,1"
    assert (await client.get("/objects", params=params)).json()["items"] == []


async def test_models_versions_and_findings_are_listed(city):
    client, _, job = city
    model = job["result"]["model"]
    listed = (await client.get("/models")).json()["items"]
    assert model in {item["id"] for item in listed}
    versions = (await client.get(f"/models/{model}/versions")).json()["items"]
    assert [item["version"] for item in versions] == [1]
    findings = (await client.get(f"/models/{model}/findings")).json()["items"]
    assert all(set(item["text"]) == {"zh", "en"} for item in findings)


async def test_tiles_are_named_by_content_and_the_tileset_by_generation(city):
    client, _, _ = city
    answer = await client.get("/tiles/tileset.json")
    etag = {"If-None-Match": answer.headers["etag"]}
    assert (await client.get("/tiles/tileset.json", headers=etag)).status_code == 304
    uri = json.dumps(answer.json()).partition('"uri": "')[2].partition('"')[0]
    whole = await client.get(f"/tiles/{uri}")
    assert (whole.content[:4], whole.headers["content-type"]) == (b"glTF", "model/gltf-binary")
    assert "immutable" in whole.headers["cache-control"]
    part = await client.get(f"/tiles/{uri}", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, whole.content[4:8])
    assert part.headers["content-range"] == f"bytes 4-7/{len(whole.content)}"


async def test_an_observation_is_state_history_and_a_row_of_the_query(city):
    client, _, _ = city
    code = (await a_space(client))["code"]
    item = {"code": code, "property": "humidity", "value": 55.5, "unit": "%"}
    told = (await client.post("/observations", json=[item, {"code": "nobody", "value": 1}])).json()
    assert (told["applied"], [r["index"] for r in told["rejected"]]) == (1, [1])
    state = (await client.get(f"/objects/{code}/state")).json()["properties"]["humidity"]
    assert (state["value"], state["quality"], state["source"]) == (55.5, "good", "loopback")
    params = {"property": "humidity"}
    items = (await client.get(f"/objects/{code}/history", params=params)).json()["items"]
    assert [sample["value"] for sample in items] == [55.5]
    rows = (await client.post("/state/query", json={"properties": ["humidity"]})).json()["items"]
    assert [(row["code"], row["value"]) for row in rows] == [(code, 55.5)]


async def test_the_stream_tells_a_change_and_resumes_behind_an_id(city):
    client, _, _ = city
    code = (await a_space(client))["code"]
    item = {"code": code, "property": "co2", "value": 700, "unit": "ppm"}
    params = {"codes": code, "properties": "co2"}
    async with client.stream("GET", "/stream", params=params) as stream:
        lines = stream.aiter_lines()
        start = [await anext(lines) for _ in range(2)][1].removeprefix("id: ")
        await client.post("/observations", json=[item])
        first = await next_state(lines)
    assert (first["code"], first["value"]) == (code, 700)
    headers = {"Last-Event-ID": start}
    async with client.stream("GET", "/stream", params=params, headers=headers) as stream:
        assert (await next_state(stream.aiter_lines()))["value"] == 700


async def next_state(lines):
    async for line in lines:
        if line.startswith("data: ") and '"property"' in line:
            return json.loads(line.removeprefix("data: "))
    raise AssertionError


async def test_a_device_is_bound_and_its_quarantined_messages_are_adopted(city):
    client, door, _ = city
    code = (await a_space(client))["code"]
    refused = {"sensor": "d-7", "property": "temperature", "value": 20, "unit": "Cel"}
    told = (await client.post("/observations", json=[refused])).json()
    assert told["rejected"][0]["code"] == "device_unknown"
    bound = {"device": "d-7", "code": code, "property": "temperature", "unit": "Cel"}
    answer = await client.post("/devices", json=bound)
    assert (answer.status_code, answer.json()["code"]) == (201, code)
    assert (await client.post("/observations", json=[refused])).json()["applied"] == 1
    listed = (await client.get("/devices", params={"code": code})).json()["items"]
    assert [row["device"] for row in listed] == ["d-7"]
    assert door.broker.connected


async def test_a_job_can_be_followed_to_its_end(city):
    client, _, job = city
    answer = await client.get(f"/jobs/{job['id']}/events")
    assert answer.text.startswith("event: done\n")


async def test_a_model_is_placed_and_withdrawn_and_its_tiles_go(city, tmp_path, pump_station):
    client, _, _ = city
    copy = tmp_path / "second.ifc"
    copy.write_bytes(pump_station.read_bytes())
    said = (await upload(client, copy, project="另一工程")).json()
    model = (await ended(client, said["job"]))["result"]["model"]
    where = {"lon": 114.41, "lat": 30.51, "height_m": 30.0, "rotation_deg": 15.0}
    assert (await client.post(f"/models/{model}/placement", json=where)).status_code == 200
    placed = (await client.get(f"/models/{model}")).json()["placement"]
    assert (placed["lon"], placed["provenance"]) == (114.41, "confirmed")
    before = len((await client.get("/tiles/tileset.json")).content)
    assert (await client.post(f"/models/{model}/withdraw")).status_code == 200
    assert len((await client.get("/tiles/tileset.json")).content) < before


@pytest.fixture(scope="module")
async def faulty(city, pump_station, tmp_path_factory):
    """A model in which two walls have one GUID, and what was found in it."""
    client, _, _ = city
    text = pump_station.read_text("utf-8")
    first, second, *_ = re.findall(r"=IFCWALL\('([^']{22})'", text)
    copy = tmp_path_factory.mktemp("faulty") / "faulty.ifc"
    copy.write_text(text.replace(second, first), "utf-8")
    said = (await upload(client, copy, project="复核工程")).json()
    model = (await ended(client, said["job"]))["result"]["model"]
    return model, first, (await client.get(f"/models/{model}/findings")).json()["items"]


@pytest.mark.parametrize("version", ["3.0", "2.1"])
async def test_findings_are_told_as_bcf_with_a_view_of_the_element(city, faulty, version):
    client, _, _ = city
    model, guid, found = faulty
    answer = await client.get(f"/models/{model}/findings.bcf", params={"bcf": version})
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        told = {name: file.read(name) for name in file.namelist()}
    assert "<Name>复核工程</Name>" in told["project.bcfp"].decode()
    topics = [text.decode() for name, text in told.items() if name.endswith("markup.bcf")]
    assert sorted(re.findall(r"<Title>(.*?)</Title>", text)[0] for text in topics) == sorted(
        html.escape(row["text"]["en"], quote=False)[:120] for row in found
    )
    views = [text.decode() for name, text in told.items() if name.endswith(".bcfv")]
    assert any(f'IfcGuid="{guid}"' in text for text in views)
    refused = await client.get(f"/models/{model}/findings.bcf", params={"bcf": "9"})
    assert (refused.status_code, refused.json()["code"]) == (422, "bcf_version_unknown")


async def test_a_bcf_file_that_is_full_says_how_many_findings_are_left_out(
    city, faulty, monkeypatch
):
    client, _, _ = city
    model, _, found = faulty
    monkeypatch.setattr(bcf, "TOPICS_MAX", 2)
    answer = await client.get(f"/models/{model}/findings.bcf")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        topics = [file.read(name).decode() for name in file.namelist() if "markup" in name]
    titles = [re.findall(r"<Title>(.*?)</Title>", text)[0] for text in topics]
    assert len(titles) == 2
    assert titles[1].startswith(f"{len(found) - 1} more findings")


async def test_findings_are_a_page_to_print_in_both_languages(city, faulty):
    client, _, _ = city
    model, guid, found = faulty
    assert any(row["guid"] == guid for row in found)
    for language in ("zh", "en"):
        headers = {"Accept-Language": language}
        page = await client.get(f"/models/{model}/report", headers=headers)
        assert page.headers["content-type"].startswith("text/html")
        assert all(html.escape(row["text"][language]) in page.text for row in found)


async def test_findings_of_the_next_version_are_new_still_there_or_fixed(
    city, faulty, pump_station, tmp_path
):
    client, _, _ = city
    model, guid, found = faulty
    whole = tmp_path / "faulty.ifc"
    whole.write_bytes(pump_station.read_bytes())
    said = (await upload(client, whole, project="复核工程", document="faulty")).json()
    assert (await ended(client, said["job"]))["result"]["model"] == model
    url = f"/models/{model}/findings"
    told = (await client.get(url, params={"against": 1})).json()["items"]
    assert {row["id"] for row in found} <= {row["id"] for row in told}
    assert [row["change"] for row in told if row["guid"] == guid] == ["fixed"]
    some = (await client.get(url, params={"against": 1, "severity": "error"})).json()["items"]
    assert all(row["severity"] == "error" for row in some)
    first = (await client.get(url, params={"version": 1, "code": found[0]["code"]})).json()["items"]
    assert {row["code"] for row in first} == {found[0]["code"]}


async def test_a_wall_says_what_it_is_made_of_and_how_it_is_classified(city, tmp_path):
    client, *_ = city
    path = tmp_path / "wall.ifc"
    path.write_bytes(
        ifc(
            *HOUSE,
            "#200=IFCMATERIALLAYERSET((#201),'外墙',$);",
            "#201=IFCMATERIALLAYER(#202,240.,$,$,$,$,$);",
            "#202=IFCMATERIAL('砖',$,$);",
            "#203=IFCRELASSOCIATESMATERIAL('0rAM000000000000000001',$,$,$,(#13),#200);",
            "#210=IFCCLASSIFICATIONREFERENCE($,'14-10','墙',#211,$,$);",
            "#211=IFCCLASSIFICATION($,'2017',$,'GB/T 51269',$,$,$);",
            "#212=IFCRELASSOCIATESCLASSIFICATION('0rAC000000000000000001',$,$,$,(#13),#210);",
        )
    )
    job = await ended(client, (await upload(client, path, project="walls")).json()["job"])
    assert job["state"] == "done", job["error"]
    code = (await client.get(f"/codes/{WALL}")).json()["code"]
    said = (await client.get(f"/objects/{code}")).json()["properties"]
    part = {"material": "砖", "thickness_m": 0.24}
    assert said["materials"] == [{"kind": "layers", "name": "外墙", "parts": [part]}]
    system = {"system": "GB/T 51269", "edition": "2017"}
    assert said["classifications"] == [{**system, "code": "14-10", "name": "墙"}]


async def test_a_refused_file_fails_its_job_with_a_reason_in_words(city, tmp_path):
    client, _, _ = city
    broken = tmp_path / "broken.ifc"
    broken.write_text("this is no model", encoding="utf-8")
    said = (await upload(client, broken)).json()
    if "job" in said:
        said = (await ended(client, said["job"]))["error"]
    assert said["status"] == 422
    assert said["detail"]
    assert said["hint"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nowhere", 404, "route_unknown"),
        ("/codes/does-not-exist", 404, "code_unknown"),
        ("/objects/1", 404, "code_unknown"),
        ("/objects?limit=0", 422, "request_invalid"),
        ("/objects?kind=Castle", 422, "kind_unknown"),
        ("/objects?bbox=1", 422, "bbox_invalid"),
        ("/objects?cursor=abc", 422, "cursor_unreadable"),
        ("/jobs/nothing", 404, "job_unknown"),
        ("/models/nothing", 404, "model_unknown"),
        ("/stream?last_event_id=x", 422, "event_id_invalid"),
        ("/tiles/abc.glb", 404, "blob_unknown"),
        ("/city/ground.geojson", 404, "ground_unknown"),
    ],
)
async def test_every_refusal_is_a_problem_document(city, path, status, code):
    client, _, _ = city
    answer = await client.get(path)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "code", "detail", "hint", "facts"} <= set(body)


async def test_the_documents_ask_nobody_else(city):
    client, _, _ = city
    page = (await client.get("/docs")).text
    assert "/objects/{code}/state" in page
    assert "http://" not in page
    assert "https://" not in page
    assert (await client.get("/openapi.json")).json()["openapi"].startswith("3.")


async def test_changes_and_refusals_are_in_the_audit_trail(city):
    client, _, _ = city
    await client.post("/observations", json=[], headers={"Origin": "http://evil.example"})
    rows = (await client.get("/audit", params={"limit": 1000})).json()["items"]
    outcomes = {(row["action"], row["outcome"]) for row in rows}
    assert ("upload", "done") in outcomes
    assert ("POST /observations", "origin_foreign") in outcomes


async def test_health_and_readiness_answer(city):
    client, _, _ = city
    assert (await client.get("/healthz")).json() == {"alive": True}
    assert (await client.get("/readyz")).json()["ready"] is True
