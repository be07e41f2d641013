"""A real ``twin up`` process for tests: started, killed, asked; and what lies in its folder."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.parts.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "api.cli"]
WAIT_S = 60.0
BOUNDARY = "wanwu-boundary"


def environment(**settings):
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TWIN_")}
    said = {name: str(value) for name, value in settings.items()}
    return {**kept, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **said}


def until(asked, what, limit_s=WAIT_S):
    """Return the first true answer of ``asked``."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if answer := asked():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"waited {limit_s} s for {what}")


def multipart(content, filename="a.ifc", **fields):
    """Return the body of an upload."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"'
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    return b"".join([*parts, head.encode(), b"\r\n\r\n", content, end])


class Answer:
    """Status, headers and JSON of an answer."""

    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Twin:
    """``twin up`` on a folder and ports of its own; the same again after a kill."""

    answer_s = 30  # how long an answer may take
    command = "up"

    def __init__(self, folder, **settings):
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.log = self.folder / "log.txt"
        self.http, self.mqtt = free_port(), free_port()
        self.settings = {
            "TWIN_BIND": f"127.0.0.1:{self.http}",
            "TWIN_MQTT_BIND": f"127.0.0.1:{self.mqtt}",
            "TWIN_DATA_DIR": self.data,
            "TWIN_JOB_POLL_S": 0.05,
            **settings,
        }
        self.process = None

    def start(self, *, ready=True):
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, self.command], env=environment(**self.settings), stdout=log, stderr=log
            )
        path = "/readyz" if ready else "/healthz"
        until(lambda: self._answers(path), f"{path}: {self.printed()[-2000:]}")
        return self

    def stop(self, number=signal.SIGTERM):
        """End it; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def ask(self, method, path, body=None, **headers):
        """Return the Answer; header names are written with underscores."""
        place = urlsplit(f"//127.0.0.1:{self.http}").netloc
        link = http.client.HTTPConnection(place, timeout=self.answer_s)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if not isinstance(body, bytes | None):
            body, sent = json.dumps(body).encode(), {"Content-Type": "application/json", **sent}
        try:
            link.request(method, path, body, sent)
            return Answer(link.getresponse())
        finally:
            link.close()

    def get(self, path):
        return self.ask("GET", path).json

    def upload(self, content, filename="a.ifc", **fields):
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        body = multipart(content, filename, **fields)
        return self.ask("POST", "/models", body, Content_Type=kind)

    def ended(self, job, **headers):
        """Return the job once it has ended."""
        until(lambda: self.get(f"/jobs/{job}")["state"] in {"done", "failed"}, job)
        return self.ask("GET", f"/jobs/{job}", **headers).json

    def decided(self, content, filename, **fields):
        """Upload; return (how it ended, codes of what was said, seconds), asking for health."""
        start = time.monotonic()
        answer = self.upload(content, filename, **fields)
        if answer.status != 202:
            return f"refused with {answer.status}", [answer.json["code"]], time.monotonic() - start
        while (job := self.get(f"/jobs/{answer.json['job']}"))["state"] not in {"done", "failed"}:
            assert 200 == self.ask("GET", "/healthz").status
            time.sleep(0.05)
        seconds = time.monotonic() - start
        if job["state"] == "failed":
            return "refused", [job["error"]["code"]], seconds
        found = self.get(f"/models/{job['result']['model']}/findings")["items"]
        return "imported", [row["code"] for row in found], seconds

    def listens(self):
        """Return whether its endpoint takes devices."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.mqtt)) == 0

    def printed(self):
        return self.log.read_text("utf-8", "replace")

    def kept(self):
        """Return everything an input may leave: passing files, blobs, objects, generation."""
        files = sorted(
            str(path.relative_to(self.data))
            for name in ("uploads", "work", "blobs")
            for path in (self.data / name).rglob("*")
            if path.is_file()
        )
        objects = self.ask("GET", "/objects?limit=1000")
        return files, objects.json["items"], objects.headers["X-Twin-Generation"]

    def _answers(self, path):
        assert self.process.poll() is None, self.printed()[-3000:]
        try:
            return self.ask("GET", path).status == 200
        except OSError:
            return False
