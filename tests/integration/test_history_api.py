"""History over HTTP: buckets that declare themselves, and files that grow while they are sent."""

import csv
import io
import time

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api.app import create_app
from api.bootstrap import open_services
from api.services import Door
from api.settings import load
from api.tokens import Tokens
from twin.ports import Commit, Projection
from twin.reading import Quality, Reading
from twin.stores import limits

pytestmark = pytest.mark.anyio

SPAN = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-20T01:00:00Z"}
START = 1_795_132_800.0
ROWS = [("a", 1.5, 0), ("a", True, 600), ("a", None, 1_200), ("a", "开", 1_800), ("b", 9, 60)]


@pytest.fixture
async def client(tmp_path):
    settings = load(data_dir=tmp_path, graph_url="memory://")
    door = Door(settings)
    services = await door.open(lambda: open_services(settings, time.time))
    readings = [
        Reading(code, "p", value, START + at, START + at + 1, "s", "Cel", Quality.GOOD, at)
        for code, value, at in ROWS
    ]
    await services.states.commit(Commit(readings, {"a": Projection("Space", region="420111")}))
    app = create_app(door, Tokens([]))
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
        yield opened
    await door.close()


async def test_buckets_say_what_they_are_and_which_are_empty(client):
    asked = {**SPAN, "code": "a", "every": 900, "fill": "previous", "gap": 900}
    told = (await client.get("/history/series", params=asked)).json()

    (row,) = told.pop("items")
    assert told == {
        "every_s": 900,
        "agg": "mean",
        "fill": "previous",
        "gap_s": 900,
        "by": "thing",
        "next": None,
    }
    assert [bucket[1:] for bucket in row["buckets"]] == [
        *([1.25, 2, 0, ""], [1.25, 0, 1, "previous"], [None, 0, 1, ""], [None, 0, 0, ""])
    ]
    assert (row["buckets"][0][0], row["units"]) == ("2026-11-20T00:00:00.000Z", ["Cel"])


async def exported(client, form, **more):
    answer = await client.get("/history/export", params={**SPAN, "format": form, **more})
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_an_export_is_the_same_as_csv_arrow_and_parquet(client):
    table = list(csv.DictReader(io.StringIO((await exported(client, "csv")).decode())))
    arrow = pa.ipc.open_stream(await exported(client, "arrow")).read_all()
    parquet = pq.read_table(io.BytesIO(await exported(client, "parquet")))

    wanted = [("a", "1.5", ""), ("a", "1.0", ""), ("a", "", ""), ("a", "", "开"), ("b", "9.0", "")]
    assert [(r["code"], r["value"], r["text"]) for r in table] == wanted
    assert arrow.equals(parquet)
    assert arrow["value"].to_pylist() == [1.5, 1.0, None, None, 9.0]
    assert arrow["observed_at"].to_pylist()[1].timestamp() == START + 600
    assert [r["n"] for r in table] == [str(n) for n in arrow["n"].to_pylist()]


async def test_an_export_is_chosen_by_place(client):
    found = (await exported(client, "csv", region="420111")).decode()

    assert len(found.splitlines()) == 5
    assert (await exported(client, "csv", kind="Pump")).decode().count("\n") == 1


@pytest.mark.parametrize(
    ("path", "more", "code"),
    [
        ("/history/series", {"every": 1e-320}, "buckets_width_invalid"),
        ("/history/series", {"every": 1e-300, "gap": 1e300}, "buckets_width_invalid"),
        ("/history/export", {"format": "xls"}, "export_format_unknown"),
        ("/history/series", {"every": 60, "agg": "median"}, "buckets_word_unknown"),
        ("/history/export", {"to": "2020-01-01T00:00:00Z"}, "span_invalid"),
    ],
)
async def test_what_cannot_be_answered_is_refused_by_name(client, path, more, code):
    answer = await client.get(path, params={**SPAN, **more})

    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_an_export_of_too_much_is_refused_before_it_begins(client, monkeypatch):
    monkeypatch.setattr(limits, "SERIES_MAX", 1)
    answer = await client.get("/history/export", params=SPAN)

    assert (answer.status_code, answer.json()["code"]) == (413, "lookup_limit")
