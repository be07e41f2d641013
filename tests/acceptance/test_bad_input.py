"""Every bad input is a typed refusal in two languages, and leaves nothing behind."""

import io
import json
import random
import re
import signal
import socket
import subprocess
import time
import zipfile

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from identity import code as universal
from tests.parts.ifc_text import HOUSE, WALL, ifc
from tests.parts.ports import free_port
from tests.parts.twin_process import BOUNDARY, COMMAND, Twin, environment, until

pytestmark = pytest.mark.timeout(120)

UPLOAD_BYTES_MAX = 400_000
BODY_BYTES_MAX = 100_000
CHINESE = re.compile(r"[\u4e00-\u9fff]")
GOOD = ifc(*HOUSE)
TWICE = GOOD.replace(
    b"DATA;\n", b"DATA;\n#90=IFCWALL('0wALL00000000000000000',$,'W',$,$,#6,$,$,$);\n"
)


def packed(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def encrypted():
    """Return a zip whose entry says that it is encrypted (APPNOTE 4.4.4, bit 0)."""
    data = bytearray(packed(("a.ifc", GOOD)))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + flags] |= 1
    return bytes(data)


FILES = {
    "empty": ("a.ifc", b"", "ifc_empty"),
    "html": ("a.ifc", b"<!doctype html><html><body>404</body></html>", "ifc_not_ifc"),
    "random": ("a.ifc", random.Random(7).randbytes(5_000), "ifc_not_ifc"),
    "png": ("a.ifc", b"\x89PNG\r\n\x1a\n" + bytes(200), "ifc_not_ifc"),
    "truncated": ("a.ifc", GOOD[: len(GOOD) // 2], "ifc_truncated"),
    "ifc4x1": ("a.ifc", ifc(*HOUSE, schema="IFC4X1"), "ifc_schema"),
    "traversal": ("a.ifczip", packed(("../../etc/a.ifc", GOOD)), "zip_traversal"),
    "bomb": ("a.ifczip", packed(("a.ifc", GOOD + b" " * 3_000_000)), "zip_ratio"),
    "encrypted": ("a.ifczip", encrypted(), "zip_encrypted"),
    "oversize": ("a.ifc", GOOD + b" " * UPLOAD_BYTES_MAX, "upload_too_large"),
    "not a model's name": ("a.exe", GOOD, "upload_name"),
}
STATUS = {"zip_ratio": 413, "upload_too_large": 413}


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    settings = {"UPLOAD_BYTES_MAX": UPLOAD_BYTES_MAX, "BODY_BYTES_MAX": BODY_BYTES_MAX}
    named = {f"TWIN_{name}": value for name, value in settings.items()}
    running = Twin(tmp_path_factory.mktemp("bad"), TWIN_FUTURE_S_MAX=120, **named).start()
    yield running
    assert (0, False) == (running.stop(), "Traceback" in running.printed())


@pytest.fixture(scope="module")
def house(twin):
    """One building that was accepted: its code."""
    job = twin.ended(twin.upload(GOOD, "house.ifc").json["job"])
    assert job["state"] == "done", job
    return job["result"]["code"]


@pytest.fixture
def untouched(twin, house):
    """Whatever the test sends leaves no file, no object and no generation."""
    before = twin.kept()
    yield house
    assert before == twin.kept()


def is_told_in_both(problem_en, problem_zh):
    """Assert that message and hint are there in English and in Chinese, without a gap in them."""
    for name in ("title", "detail", "hint"):
        assert problem_en[name], problem_en
        assert CHINESE.search(problem_zh[name]), problem_zh
        assert "{" not in problem_en[name] + problem_zh[name].replace("{{", "")
    assert not CHINESE.search(problem_en["title"] + problem_en["hint"])


def refused(twin, method, path, body=None, **headers):
    """Return the English problem of a request that is refused, its text checked in both."""
    said = [
        twin.ask(method, path, body, Accept_Language=lang, **headers) for lang in ("en", "zh-CN")
    ]
    assert {"application/problem+json"} == {a.headers["Content-Type"] for a in said}
    english, chinese = (answer.json for answer in said)
    assert {answer.status for answer in said} == {english["status"]}
    is_told_in_both(english, chinese)
    return english


def publish(twin, topic, payload):
    """Publish with QoS 1 over MQTT; return when it is acknowledged."""
    client = Client(CallbackAPIVersion.VERSION2, "a-stranger")
    client.connect("127.0.0.1", twin.mqtt)
    client.loop_start()
    try:
        client.publish(topic, payload, qos=1).wait_for_publish(10)
    finally:
        client.disconnect()
        client.loop_stop()


def quarantined(twin, device):
    rows = twin.get("/devices/quarantine?limit=1000")["items"]
    return [row for row in rows if row["device"] == device]


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_is_no_model_is_refused_and_nothing_of_it_stays(twin, untouched, what):
    name, content, code = FILES[what]
    answer = twin.upload(content, name)
    if answer.status == 202:
        job = answer.json["job"]
        english, chinese = (twin.ended(job, Accept_Language=lang) for lang in ("en", "zh-CN"))
        assert ("failed", None) == (english["state"], english["result"])
        english, chinese = english["error"], chinese["error"]
        is_told_in_both(english, chinese)
    else:
        english = answer.json
        assert answer.status == english["status"]
    assert (STATUS.get(code, 422), code) == (english["status"], english["code"])
    assert english["detail"]
    assert english["hint"]


def test_equal_global_ids_are_imported_with_a_finding_that_names_them(twin, house):
    job = twin.ended(twin.upload(TWICE, "twice.ifc", project="Twice").json["job"])
    assert "done" == job["state"], job
    found = twin.get(f"/models/{job['result']['model']}/findings")["items"]
    (row,) = [row for row in found if row["code"] == "ifc_guid_repeated"]
    assert CHINESE.search(row["text"]["zh"])
    assert f"The GlobalId {WALL} is used again by #90" in row["text"]["en"]
    assert 0 == len(list((twin.data / "uploads").iterdir()))
    assert 0 == len(list((twin.data / "work").iterdir()))
    assert house != job["result"]["code"]


@pytest.mark.parametrize(
    ("placement", "code"),
    [
        ("not json", "placement_unreadable"),
        ("[1]", "placement_unreadable"),
        ('{"lon": 114.4}', "placement_invalid"),
        ('{"lon": 190, "lat": 30}', "placement_invalid"),
        ('{"lon": NaN, "lat": 30}', "placement_invalid"),
        ('{"lon": 114.4, "lat": 30, "colour": 1}', "placement_invalid"),
    ],
)
def test_a_placement_that_is_none_is_refused_before_anything_is_kept(
    twin, untouched, placement, code
):
    answer = twin.upload(GOOD, "other.ifc", project="Other", placement=placement)
    assert (422, code) == (answer.status, answer.json["code"])
    assert "{'" not in answer.json["detail"]


def test_a_broken_multipart_body_is_refused(twin, untouched):
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    start = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.ifc"\r\n\r\n'
    for body in (b"garbage", start.encode() + GOOD):
        told = refused(twin, "POST", "/models", body, Content_Type=kind)
        assert (422, "upload_incomplete") == (told["status"], told["code"])
    told = refused(twin, "POST", "/models", b"x", Content_Type="text/plain")
    assert "upload_not_multipart" == told["code"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"value": float("nan")}, "value_not_finite"),
        ({"value": [1]}, "value_type"),
        ({"value": 1, "unit": 7}, "unit_invalid"),
        ({"value": 1, "observed_at": "tomorrow"}, "time_unreadable"),
        ({"value": 1, "observed_at": "2026-11-22T08:00:00"}, "time_without_zone"),
        ({"value": 1, "observed_at": 4_000_000_000}, "time_in_future"),
        ({"value": 1, "quality": "splendid"}, "quality_unknown"),
        ({"value": 1, "property": ""}, "property_invalid"),
    ],
)
def test_a_reading_that_is_none_is_rejected_over_http_and_changes_nothing(
    twin, untouched, fields, code
):
    item = {"code": untouched, "property": "noise", **fields}
    english, chinese = (
        twin.ask("POST", "/observations", [item], Accept_Language=lang) for lang in ("en", "zh-CN")
    )
    (row,) = english.json["rejected"]
    assert (200, 0, code) == (english.status, english.json["applied"], row["code"])
    assert row["message"]
    assert CHINESE.search(chinese.json["rejected"][0]["message"])
    assert {} == twin.get(f"/objects/{untouched}/state")["properties"]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b'{"v": NaN}', "value_not_finite"),
        (b"not a number", "payload_unreadable"),
        (b'{"v": 1, "t": 4000000000}', "time_in_future"),
        (b'{"v": 1, "u": 7}', "payload_unreadable"),
        (b'{"v": 1, "t": "2026-11-22T08:00:00"}', "time_without_zone"),
    ],
)
def test_a_reading_that_is_none_is_quarantined_over_mqtt_with_its_reason(
    twin, untouched, payload, code
):
    publish(twin, f"city/wuhan/{untouched}/dust", payload)
    wanted = (code, payload.decode())  # rows of one reason and topic merge: the newest shows
    seen = lambda: {(r["reason"], r["payload"]): r for r in quarantined(twin, untouched)}  # noqa: E731
    row = until(lambda: seen().get(wanted), str(wanted), 10)
    assert row["count"] >= 1
    assert CHINESE.search(row["text"]["zh"] + row["hint"]["zh"])
    assert f"city/wuhan/{untouched}/dust" == row["topic"]
    assert "dust" not in twin.get(f"/objects/{untouched}/state")["properties"]


def test_how_far_ahead_a_clock_may_be_is_a_setting(twin, house):
    now = time.time()
    item = {"code": house, "property": "humidity", "value": 50}
    ahead = [item | {"observed_at": now + 60}, item | {"observed_at": now + 200}]
    told = twin.ask("POST", "/observations", ahead).json
    assert (1, ["time_in_future"]) == (told["applied"], [r["code"] for r in told["rejected"]])
    assert 120 == told["rejected"][0]["facts"]["limit_s"]


def test_an_unknown_device_over_mqtt_is_kept_with_its_reason_and_adopted_once_bound(twin, house):
    publish(twin, "city/wuhan/new-device/temperature", b'{"v": 21.5, "u": "Cel"}')
    (row,) = until(lambda: quarantined(twin, "new-device"), "the quarantine", 10)
    assert ("device_unknown", 1) == (row["reason"], row["count"])
    wanted = {"device": "new-device", "code": house, "property": "temperature", "unit": "Cel"}
    bound = twin.ask("POST", "/devices", wanted)
    assert (201, 1) == (bound.status, bound.json["adopted"])
    assert 21.5 == twin.get(f"/objects/{house}/state")["properties"]["temperature"]["value"]
    assert [] == quarantined(twin, "new-device")


def test_an_unknown_device_or_code_over_http_is_rejected_in_words(twin, untouched):
    items = [
        {"sensor": "nobody", "property": "p", "value": 1},
        {"code": "420111990101999999995", "property": "p", "value": 1},
        {"property": "p", "value": 1},
        7,
    ]
    answer = twin.ask("POST", "/observations", items)
    codes = [row["code"] for row in answer.json["rejected"]]
    assert ["device_unknown", "target_unknown", *["reading_incomplete"] * 2] == codes
    assert (200, [0, 1, 2, 3]) == (answer.status, [r["index"] for r in answer.json["rejected"]])


def test_a_code_with_a_wrong_check_digit_says_which_and_what_it_should_be(twin, untouched):
    wrong = untouched[:-1] + str((int(untouched[-1]) + 1) % 10)
    told = refused(twin, "GET", f"/codes/{wrong}")
    assert untouched[-1] == str(told["facts"]["expected"])
    assert 21 == told["facts"]["position"]
    assert untouched == universal.parse(untouched).text


@pytest.mark.parametrize("path", ["/objects", "/models", "/codes?q=House", "/devices"])
@pytest.mark.parametrize("cursor", ["garbage", "WzEsMl0", "WzBd", "W251bGwsIiJd", "%00"])
def test_a_cursor_of_nobodys_is_refused(twin, untouched, path, cursor):
    told = refused(twin, "GET", f"{path}{'&' if '?' in path else '?'}cursor={cursor}")
    assert (422, "cursor_unreadable") == (told["status"], told["code"])


def test_a_method_that_is_not_offered_says_so(twin, untouched):
    told = refused(twin, "DELETE", f"/objects/{untouched}")
    assert (405, "method_not_allowed") == (told["status"], told["code"])
    assert "route_unknown" == refused(twin, "GET", "/nothing/here")["code"]


def test_a_json_body_beyond_the_limit_or_of_another_shape_is_refused(twin, untouched):
    huge = json.dumps([{"code": "x" * BODY_BYTES_MAX}]).encode()
    kind = {"Content_Type": "application/json"}
    told = refused(twin, "POST", "/observations", huge, **kind)
    assert (413, "body_too_large") == (told["status"], told["code"])
    for body in (b"{", b"\xff\xfe", b"7"):
        assert "request_invalid" == refused(twin, "POST", "/observations", body, **kind)["code"]
    deep = b"[" * 40_000 + b"]" * 40_000
    assert 400 == refused(twin, "POST", "/observations", deep, **kind)["status"]


def start_refused(tmp_path, *words, lang="C.UTF-8", **settings):
    """Run ``twin up``, which is refused; return what it says."""
    said = {"TWIN_DATA_DIR": tmp_path / "data", **settings}
    done = subprocess.run(
        [*COMMAND, "up", *words],
        env=environment(**said, LC_ALL=lang),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 2 == done.returncode, done
    assert "Traceback" not in done.stderr
    assert lang.startswith("zh") == bool(CHINESE.search(done.stderr))
    return done.stderr


def test_a_setting_nobody_knows_is_refused_with_its_near_miss(tmp_path):
    said = start_refused(tmp_path, TWIN_GRAPH_URI="sqlite:///x.db")
    assert "setting_unknown" in said
    assert "TWIN_GRAPH_URL" in said
    assert not (tmp_path / "data").exists()


def test_a_given_port_that_is_taken_is_refused_and_nothing_is_begun(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        free = str(free_port())
        bound = {"TWIN_BIND": f"127.0.0.1:{port}", "lang": "zh_CN.UTF-8"}
        http = start_refused(tmp_path, "--mqtt-port", free, **bound)
        mqtt = start_refused(tmp_path, "--port", free, "--mqtt-port", port)
    assert ("http_port_taken", "port_taken") == (http.split()[0], mqtt.split()[0])
    assert port in http
    assert port in mqtt
    assert not (tmp_path / "data").exists()


def test_while_neo4j_is_down_it_says_so_tries_again_and_stops_cleanly(tmp_path):
    url = f"neo4j://neo4j:geheimnis@127.0.0.1:{free_port()}"
    down = Twin(tmp_path, TWIN_GRAPH_URL=url, TWIN_RETRY_S_FIRST=0.1).start(ready=False)
    until(lambda: down.printed().count("store_unavailable") > 1, "a second try", 30)
    told = refused(down, "GET", "/readyz")
    assert (503, "graph_unavailable") == (told["status"], told["code"])
    assert down.ask("GET", "/objects").headers["Retry-After"]
    assert 200 == down.ask("GET", "/healthz").status
    assert 0 == down.stop(signal.SIGINT)
    assert "geheimnis" not in down.printed() + json.dumps(told)
    assert "Traceback" not in down.printed()
