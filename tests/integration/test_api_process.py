"""The command ``twin`` as a process: the demo's printed lines work, and it ends cleanly."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.parts.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
TWIN = [sys.executable, "-m", "api.cli"]
START_S_MAX = 100.0


def environment():
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TWIN_")}
    return {**kept, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


def start(log, *words):
    return subprocess.Popen(
        [*TWIN, *words], stdout=log, stderr=subprocess.STDOUT, env=environment(), cwd=log_dir(log)
    )


def log_dir(log):
    return Path(log.name).parent


def run(*words, cwd, **more):
    return subprocess.run(
        [*TWIN, *words],
        capture_output=True,
        text=True,
        env={**environment(), **more},
        cwd=cwd,
        timeout=180,
        check=False,
    )


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)
    except urllib.error.URLError:
        return 0, {}


def wait_for(condition, process):
    stop = time.monotonic() + START_S_MAX
    while time.monotonic() < stop:
        assert process.poll() is None, "the process ended"
        if condition():
            return
        time.sleep(0.2)
    raise AssertionError("it took too long")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    port, mqtt_port = free_port(), free_port()
    words = ("demo", "--port", str(port), "--mqtt-port", str(mqtt_port))
    with (folder / "log").open("w+b") as log:
        process = start(log, *words, "--data-dir", str(folder / "data"))
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: get(f"{url}/healthz")[0] == 200, process)
        early = get(f"{url}/readyz")
        wait_for(lambda: b"bind a device" in (folder / "log").read_bytes(), process)
        yield url, early, (folder / "log").read_text(encoding="utf-8"), process
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_the_demo_is_ready_only_when_it_answers(demo):
    url, early, _, _ = demo
    assert (early[0], early[1]["code"]) in {(503, "demo_not_ready"), (503, "starting")}
    assert get(f"{url}/readyz")[1]["ready"] is True


def test_the_demo_has_buildings_and_two_hundred_sensors_with_state(demo):
    url, _, _, _ = demo
    assert len(get(f"{url}/objects?kind=Building")[1]["items"]) >= 3
    sensors = get(f"{url}/objects?kind=Sensor&limit=1000")[1]["items"]
    assert len(sensors) >= 200
    assert get(f"{url}/city")[1]["demo"] is True
    assert get(f"{url}/city/ground.geojson")[1]["type"] == "FeatureCollection"


def test_the_printed_lines_work(demo):
    _, _, log, _ = demo
    lines = re.findall(r"^(?:curl -s |twin publish).*$", log, flags=re.MULTILINE)
    assert len(lines) == 5
    for text in lines:
        words = shlex.split(text)
        if words[0] == "twin":
            words = [*TWIN, *words[1:]]
        done = subprocess.run(
            words, capture_output=True, text=True, env=environment(), timeout=60, check=True
        )
        assert done.stdout
        assert '"urn:wanwu-twin:error' not in done.stdout


def test_the_printed_stream_line_tells_changes(demo):
    _, _, log, _ = demo
    line = re.search(r"^curl -sN '([^']*/stream)[^']*'", log, flags=re.MULTILINE)
    with urllib.request.urlopen(line.group(1), timeout=30) as stream:
        seen = ""
        while "event: state" not in seen:
            seen += stream.readline().decode()


def test_the_command_line_asks_a_running_server(demo, tmp_path):
    url, _, log, _ = demo
    code = re.search(r"^  (\d{21})  ", log, flags=re.MULTILINE).group(1)
    assert json.loads(run("code", code, "--url", url, cwd=tmp_path).stdout)["code"] == code
    unknown = run("code", "nothing-like-it", "--url", url, cwd=tmp_path)
    assert (unknown.returncode, "code_unknown" in unknown.stderr) == (2, True)
    broken = tmp_path / "broken.ifc"
    broken.write_text("this is no model", encoding="utf-8")
    done = run("ingest", str(broken), "--url", url, cwd=tmp_path)
    assert (done.returncode, "ifc_not_ifc" in done.stdout) == (0, True)


def test_a_signal_ends_everything_without_a_trace(demo):
    url, _, _, process = demo
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert get(f"{url}/healthz")[0] == 0
    log = Path(f"/proc/{process.pid}")
    assert not log.exists()


def test_a_given_port_that_is_taken_is_refused_in_words(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("up", "--port", port, "--data-dir", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "http_port_taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_graph_server_that_is_down_is_said_and_waited_for(tmp_path):
    if not hasattr(pytest.importorskip("cim.stores.neo4j"), "Neo4jGraph"):
        pytest.skip("the Neo4j adapter is not there")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    more = {"TWIN_GRAPH_URL": "neo4j://127.0.0.1:1", "TWIN_GRAPH_PASSWORD": "x"}
    with (tmp_path / "log").open("w+b") as log:
        words = [*TWIN, "serve", "--port", str(port), "--data-dir", str(tmp_path / "data")]
        process = subprocess.Popen(
            words, stdout=log, stderr=subprocess.STDOUT, env={**environment(), **more}
        )
        try:
            wait_for(lambda: get(f"{url}/readyz")[1].get("code") == "graph_unavailable", process)
            assert get(f"{url}/healthz")[0] == 200
            assert get(f"{url}/city")[0] == 503
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    assert "store_unavailable" in (tmp_path / "log").read_text(encoding="utf-8")


def test_an_open_bind_without_tokens_is_refused(tmp_path):
    done = run("serve", "--host", "0.0.0.0", "--data-dir", str(tmp_path), cwd=tmp_path)
    assert (done.returncode, "bind_without_tokens" in done.stderr) == (2, True)


def test_an_unknown_setting_is_refused_in_chinese(tmp_path):
    done = run("up", cwd=tmp_path, TWIN_GRAPH_URI="x", LANG="zh_CN.UTF-8")
    assert done.returncode == 2
    assert "TWIN_GRAPH_URL" in done.stderr
    assert "没有名为" in done.stderr


def test_a_token_is_printed_once_and_kept_as_a_hash(tmp_path):
    file = tmp_path / "tokens"
    done = run("token", "desk", "--role", "planner", "--file", str(file), cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.strip() not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0
