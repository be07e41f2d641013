"""One running demo for all acceptance tests: started as a newcomer starts it, on free ports."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parts.ports import free_port

READY_S = 240.0
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
CHROMIUM_OPTIONS = [
    "--headless=new", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--disable-background-networking", "--no-first-run",
    "--disable-component-update", "--disable-sync", "--disable-quic",
]  # fmt: skip


@dataclass(frozen=True)
class Demo:
    """A running ``twin demo``: where it answers and what it printed."""

    url: str
    mqtt: str
    log: Path

    def printed(self) -> str:
        return self.log.read_text("utf-8")

    def lines(self, start: str) -> list[str]:
        return [line for line in self.printed().splitlines() if line.startswith(start)]

    def codes(self) -> list[tuple[str, str]]:
        """Return (code, name) of the three codes it names."""
        found = re.findall(r"^ {2}(\d{21}\S*) {2}(.+)$", self.printed(), re.MULTILINE)
        return [(code, name.strip()) for code, name in found]


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    http, mqtt = free_port(), free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("TWIN_")}
    env |= {
        "TWIN_BIND": f"127.0.0.1:{http}",
        "TWIN_MQTT_BIND": f"127.0.0.1:{mqtt}",
        "TWIN_DATA_DIR": str(folder),
        "COLUMNS": "400",
    }
    log = folder / "log.txt"
    twin = Path(sys.executable).with_name("twin")
    with log.open("wb") as out:
        process = subprocess.Popen([str(twin), "demo"], env=env, stdout=out, stderr=out)
    made = Demo(f"http://127.0.0.1:{http}", f"127.0.0.1:{mqtt}", log)
    try:
        _wait_until_ready(made, process)
        yield made
    finally:
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert (0, "") == (code, "\n".join(made.lines("Traceback")))


@pytest.fixture
def page(demo):
    """A page of a real Chromium; an error on it or a foreign request fails the test."""
    with browsing(demo.url) as made:
        yield made


@contextmanager
def browsing(url):
    """Open a page that may ask only ``url``, and must not fail."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: the browser leg needs Debian's chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        made = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        complaints: list[str] = []
        made.on("pageerror", lambda error: complaints.append(str(error)))
        made.on("request", lambda r: complaints.append(r.url) if foreign(r.url, url) else None)
        yield made
        browser.close()
        assert [] == complaints


def foreign(asked: str, url: str) -> bool:
    return not asked.startswith((url, "blob:", "data:"))


def _wait_until_ready(demo: Demo, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{demo.url}/readyz", timeout=2) as answer:
                if answer.status == 200 and demo.lines("twin publish"):
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"the demo did not get ready:\n{demo.printed()[-3000:]}")
