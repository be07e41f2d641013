"""Resumable uploads keep to tus 1.0, belong to who began them, and become the file of a model."""

import asyncio
import base64
import hashlib
import resource
import time

import httpx
import pytest

from api import resumable
from api.app import create_app
from api.appending import Checksum
from api.bootstrap import open_services
from api.keeping import sweep_uploads
from api.resumable import resumables
from api.routes import models
from api.services import Door
from api.settings import load
from api.tokens import Caller, Entry, Role, Tokens, digest
from bim.demo import district
from tests.parts.twin_process import until

pytestmark = pytest.mark.anyio

SALT = b"salt"
MEDIA = "application/offset+octet-stream"
MODEL = b"ISO-10303-21;" * 40
LENGTH = len(MODEL)
STALL_S = 60.0
LIMITS = {
    "upload_bytes_max": 10_000_000,
    "uploads_max": 4,
    "uploads_user_max": 3,
    "uploads_bytes_max": 25_000_000,
    "upload_expires_s": 1_000.0,
}


class Firm:
    """A client with a token, and the clock of the city that it talks to."""

    def __init__(self, client, services, clock):
        self.client, self.services, self.clock = client, services, clock

    async def ask(self, method, path, content=None, who="one", **headers):
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {who}", "Tus-Resumable": "1.0.0", **said}
        return await self.client.request(method, path, content=content, headers=sent)

    async def begin(self, length=LENGTH, name="塔楼.ifc", who="one"):
        metadata = "filename " + base64.b64encode(name.encode()).decode()
        asked = {"Upload_Length": str(length), "Upload_Metadata": metadata}
        return await self.ask("POST", "/uploads", who=who, **asked)

    async def begun(self, length=LENGTH, name="塔楼.ifc"):
        return (await self.begin(length, name)).headers["location"]

    async def append(self, path, offset, content, **more):
        asked = {"Upload_Offset": str(offset), "Content_Type": MEDIA, **more}
        return await self.ask("PATCH", path, content, **asked)

    async def offset(self, path):
        return int((await self.ask("HEAD", path)).headers["upload-offset"])

    async def hand(self, path, who="one", **more):
        body = {"upload": path.rpartition("/")[2], **more}
        sent = {"Authorization": f"Bearer {who}"}
        return await self.client.post("/models", json=body, headers=sent)

    def kept(self):
        folder = self.services.settings.data_dir
        return sorted(p.suffix for n in ("resumable", "uploads") for p in (folder / n).iterdir())


@pytest.fixture
async def firm(tmp_path, request):
    """A city and its firm; ``request.param``: seconds of silence that it bears."""
    callers = {"one": Role.FIRM, "two": Role.FIRM, "eye": Role.READER}
    tokens = Tokens([Entry(Caller(n, r), SALT, digest(n, SALT)) for n, r in callers.items()])
    limits = {**LIMITS, "upload_stall_s": getattr(request, "param", STALL_S)}
    settings = load(data_dir=tmp_path, graph_url="memory://", state_url="memory://", **limits)
    now = [time.time()]
    door = Door(settings, clock=lambda: now[0])
    services = await door.open(lambda: open_services(settings, door.clock))
    transport = httpx.ASGITransport(app=create_app(door, tokens), client=("10.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://city.example") as client:
        yield Firm(client, services, now)
    await door.close()


def of(answer):
    return answer.status_code, answer.json()["code"]


def checksum(content, algorithm="sha256"):
    digest = hashlib.new(algorithm, content).digest()
    return f"{algorithm} {base64.b64encode(digest).decode()}"


async def test_the_server_says_what_it_knows(firm):
    said = await firm.ask("OPTIONS", "/uploads", Tus_Resumable="")
    assert (said.status_code, said.headers["tus-resumable"]) == (204, "1.0.0")
    assert said.headers["tus-version"] == "1.0.0"
    assert said.headers["tus-extension"] == "creation,expiration,termination,checksum"
    assert said.headers["tus-max-size"] == str(LIMITS["upload_bytes_max"])
    assert said.headers["tus-checksum-algorithm"] == "sha256,sha1"


async def test_an_upload_goes_on_where_it_stands(firm):
    begun = await firm.begin()
    path = begun.headers["location"]
    assert (begun.status_code, begun.headers["upload-offset"]) == (201, "0")
    first = await firm.append(path, 0, MODEL[:100])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "100")
    asked = await firm.ask("HEAD", path)
    said = [asked.headers[n] for n in ("upload-offset", "upload-length", "cache-control")]
    assert ["100", str(len(MODEL)), "no-store"] == said
    assert asked.headers["upload-metadata"].startswith("filename ")
    assert "upload-expires" in asked.headers
    assert (await firm.append(path, 100, MODEL[100:])).headers["upload-offset"] == str(len(MODEL))


async def test_what_the_protocol_refuses_changes_nothing(firm):
    path = await firm.begun()
    await firm.append(path, 0, MODEL[:100])
    rest = MODEL[100:]
    wrong = await firm.append(path, 100, rest, Tus_Resumable="0.2.2")
    assert (412, "upload_version") == of(wrong)
    assert ("1.0.0", "1.0.0") == (wrong.headers["tus-version"], wrong.headers["tus-resumable"])
    assert (415, "upload_media") == of(await firm.append(path, 100, rest, Content_Type="text/css"))
    assert (409, "upload_offset") == of(await firm.append(path, 99, rest))
    assert (400, "upload_header") == of(await firm.append(path, -1, rest))
    assert (413, "upload_beyond_length") == of(await firm.append(path, 100, rest + b"x"))
    odd = await firm.append(path, 100, rest, Upload_Checksum="md5 AAAA")
    assert (400, "upload_header") == of(odd)
    assert await firm.offset(path) == 100


async def test_a_body_of_unsaid_length_ends_at_the_declared_one(firm):
    path = await firm.begun(length=100)

    async def pieces():
        yield MODEL[:60]
        yield MODEL[60:120]

    assert (413, "upload_beyond_length") == of(await firm.append(path, 0, pieces()))
    assert await firm.offset(path) == 60


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
async def test_bytes_count_only_when_they_come_to_their_checksum(firm, algorithm):
    path = await firm.begun()
    said = checksum(MODEL, algorithm)
    broken = await firm.append(path, 0, MODEL[:-1] + b"?", Upload_Checksum=said)
    assert (460, "upload_checksum") == of(broken)
    assert await firm.offset(path) == 0
    assert (await firm.append(path, 0, MODEL, Upload_Checksum=said)).status_code == 204
    taken = await firm.hand(path)
    assert taken.json()["sha256"] == hashlib.sha256(MODEL).hexdigest()


async def test_of_two_that_append_at_once_one_is_refused(firm):
    path = await firm.begun()
    going, end = asyncio.Event(), asyncio.Event()

    async def slow():
        yield MODEL[:50]
        going.set()
        await end.wait()
        yield MODEL[50:]

    first = asyncio.create_task(firm.append(path, 0, slow()))
    await going.wait()
    assert (423, "upload_busy") == of(await firm.append(path, 0, MODEL))
    assert (423, "upload_busy") == of(await firm.ask("DELETE", path))
    assert (423, "upload_busy") == of(await firm.hand(path))
    end.set()
    assert (await first).headers["upload-offset"] == str(len(MODEL))


@pytest.mark.parametrize("firm", [0.2], indirect=True)
async def test_what_came_before_a_silence_is_kept(firm):
    path = await firm.begun()
    forever = asyncio.Event()

    async def silent():
        yield MODEL[:50]
        await forever.wait()

    assert (408, "upload_stalled") == of(await firm.append(path, 0, silent()))
    assert await firm.offset(path) == 50


async def test_an_upload_is_seen_only_by_who_began_it(firm):
    path = await firm.begun(length=0)
    for method, more in (("HEAD", {}), ("DELETE", {}), ("PATCH", {"Upload_Offset": "0"})):
        asked = {"Content_Type": MEDIA, **more}
        assert (await firm.ask(method, path, who="two", **asked)).status_code == 404
    assert (404, "upload_unknown") == of(await firm.hand(path, who="two"))
    assert (403, "role_too_low") == of(await firm.begin(who="eye"))
    assert (404, "upload_unknown") == of(await firm.append("/uploads/creation", 0, b"x"))


async def test_what_was_given_up_is_gone(firm):
    path = await firm.begun()
    assert (await firm.ask("DELETE", path)).status_code == 204
    assert (await firm.ask("HEAD", path)).status_code == 404
    assert (404, "upload_unknown") == of(await firm.append(path, 0, MODEL))
    assert [".lock"] == firm.kept()


@pytest.mark.parametrize(
    ("length", "name", "refused"),
    [
        (10_000_001, "a.ifc", (413, "upload_too_large")),
        (10, "a.exe", (422, "upload_name")),
        ("many", "a.ifc", (400, "upload_header")),
    ],
)
async def test_what_cannot_become_a_model_is_refused_at_once(firm, length, name, refused):
    assert refused == of(await firm.begin(length, name))


async def test_open_uploads_are_counted_by_user_in_all_and_in_bytes(firm):
    for _ in range(3):
        await firm.begun(length=1)
    assert (429, "uploads_open") == of(await firm.begin(1))
    assert (await firm.begin(1, who="two")).status_code == 201
    assert (429, "uploads_open") == of(await firm.begin(1, who="two"))


async def test_the_bytes_that_open_uploads_declare_are_bounded(firm):
    path = await firm.begun(length=9_000_000)
    await firm.begun(length=9_000_000)
    assert (429, "uploads_total") == of(await firm.begin(9_000_000, who="two"))
    await firm.ask("DELETE", path)
    assert (await firm.begin(9_000_000, who="two")).status_code == 201


async def test_an_expired_upload_is_gone_and_swept(firm):
    path = await firm.begun()
    firm.clock[0] += LIMITS["upload_expires_s"]
    assert (410, "upload_expired") == of(await firm.append(path, 0, MODEL))
    assert resumables(firm.services).sweep(firm.clock[0]) == 1
    assert (404, "upload_unknown") == of(await firm.append(path, 0, MODEL))
    assert [".lock"] == firm.kept()


async def test_a_process_that_serves_sweeps_by_itself(firm):
    await firm.begun()
    firm.clock[0] += LIMITS["upload_expires_s"]
    kept = resumables(firm.services)
    sweeping = asyncio.create_task(sweep_uploads(kept, lambda: firm.clock[0]))
    await asyncio.to_thread(until, lambda: firm.kept() == [".lock"], "the sweep")
    sweeping.cancel()


async def test_an_upload_that_is_being_written_is_swept_the_next_time(firm):
    path = await firm.begun()
    kept = resumables(firm.services)
    writing = kept.open(kept.find(path.rpartition("/")[2], "one", firm.clock[0]))
    firm.clock[0] += LIMITS["upload_expires_s"]
    assert kept.sweep(firm.clock[0]) == 0
    writing.close()
    assert kept.sweep(firm.clock[0]) == 1


async def test_of_too_many_answers_the_first_to_expire_are_forgotten(firm, monkeypatch):
    monkeypatch.setattr(resumable, "TOLD_MAX", 1)
    uploads = []
    for number in range(2):
        firm.clock[0] += number
        uploads.append(await firm.begun())
        await firm.append(uploads[-1], 0, MODEL)
        await firm.hand(uploads[-1], document=f"D{number}")
    resumables(firm.services).sweep(firm.clock[0])
    assert [404, 202] == [(await firm.hand(path)).status_code for path in uploads]


async def test_parts_that_a_kill_left_without_an_upload_are_swept(firm):
    path = await firm.begun()
    folder = firm.services.settings.data_dir / "resumable"
    for name in ("0" * 32 + ".part", "0" * 32 + ".offset", "1.json.ab.new"):
        (folder / name).write_bytes(b"x")
    resumables(firm.services).sweep(firm.clock[0])
    assert [".json", ".lock", ".offset", ".part"] == firm.kept()
    assert await firm.offset(path) == 0


async def test_a_finished_upload_becomes_a_job_once(firm, tmp_path):
    path = tmp_path / "pump.ifc"
    next(m for m in district() if m.file_name == "nanhu-pump-station.ifc").write(path)
    content = path.read_bytes()
    upload = await firm.begun(len(content), "pump.ifc")
    await firm.append(upload, 0, content[:1_000])
    assert (409, "upload_unfinished") == of(await firm.hand(upload))
    await firm.append(upload, 1_000, content[1_000:])
    names = {"project": "tower", "document": "pumps", "placement": {"lon": 114.4, "lat": 30.5}}
    first = await firm.hand(upload, **names, delivered_at="2026-01-01T00:00:00Z")
    assert (202, "pumps") == (first.status_code, first.json()["document_name"])
    assert first.json()["sha256"] == hashlib.sha256(content).hexdigest()
    assert (410, "upload_handed") == of(await firm.append(upload, len(content), b""))
    again = await firm.hand(upload, **names)
    assert (202, first.json()) == (again.status_code, again.json())
    (job,) = await firm.services.jobs.recent(limit=10)
    assert (job.id, job.payload["placement"]["lon"]) == (first.json()["job"], 114.4)
    assert [".lock", ".told"] == firm.kept()
    firm.clock[0] += LIMITS["upload_expires_s"]
    resumables(firm.services).sweep(firm.clock[0])
    assert [".lock"] == firm.kept()


async def test_a_kill_before_the_answer_was_kept_loses_nothing(firm, monkeypatch):
    """What a kill would leave there: the job is queued, the upload not let go."""
    upload = await firm.begun()
    await firm.append(upload, 0, MODEL)
    with monkeypatch.context() as killed:
        killed.setattr(models, "hand_on", dies)
        with pytest.raises(ConnectionAbortedError):
            await firm.hand(upload, document="D")
    (job,) = await firm.services.jobs.recent(limit=10)
    again = await firm.hand(upload, document="D")
    assert (202, job.id) == (again.status_code, again.json()["job"])
    assert [".lock", ".told"] == firm.kept()


async def dies(*_):
    raise ConnectionAbortedError


async def test_bytes_that_were_not_checked_before_a_kill_do_not_count(firm):
    path = await firm.begun()
    kept = resumables(firm.services)
    found = kept.find(path.rpartition("/")[2], "one", firm.clock[0])
    writing = kept.open(found, Checksum("sha256", bytes(32)))
    writing.write(MODEL)
    writing.close()
    assert await firm.offset(path) == 0
    assert (await firm.append(path, 0, b"")).status_code == 204
    (part,) = (firm.services.settings.data_dir / "resumable").glob("*.part")
    assert part.stat().st_size == 0


async def test_a_disk_that_takes_no_more_keeps_what_it_took(firm):
    path = await firm.begun(length=8 << 20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5 << 20, hard))
    try:
        refused = await firm.append(path, 0, megabytes(8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (503, "upload_not_appended") == of(refused)
    assert await firm.offset(path) == 5 << 20
    assert (await firm.append(path, 5 << 20, megabytes(3))).status_code == 204


async def megabytes(count):
    for _ in range(count):
        yield bytes(1 << 20)


async def test_both_ways_of_uploading_take_the_same_fields(firm):
    upload = await firm.begun()
    await firm.append(upload, 0, MODEL)
    fields = {"project": "P", "document": "D", "delivered_at": "2026-01-01T00:00:00Z"}
    sent = {"Authorization": "Bearer one"}
    files = {"file": ("塔楼.ifc", MODEL)}
    whole = await firm.client.post("/models", data=fields, files=files, headers=sent)
    resumed = await firm.hand(upload, **fields)
    assert (202, whole.json()) == (whole.status_code, resumed.json())


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"upload": 1}', b'{"upload": "a", "x": 1}'])
async def test_an_order_that_cannot_be_read_is_refused(firm, body):
    sent = {"Authorization": "Bearer one", "Content-Type": "application/json"}
    answer = await firm.client.post("/models", content=body, headers=sent)
    assert (422, "request_invalid") == of(answer)
