"""Fixtures for all tests: real files where they are, a scrubbed environment, loopback only."""

import os
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.parts import neo4j_server, neo4j_wipe, postgres_server, workers

ROOT = Path(__file__).resolve().parents[1]

# Hundreds of processes are started: where the machine forbids it, each compiled everything anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Tests assert behaviour, never time: a busy machine is slow to draw examples, and to run one.
settings.register_profile(
    "untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with real files; tests that need it carry the marker ``corpus``."""
    path = Path(os.environ.get("WANWU_SHARED", ROOT.parent / "shared"))
    if not (path / "ifc").is_dir():
        pytest.skip(f"the corpus folder {path} is not here: only the project itself was cloned")
    return path


@pytest.fixture(scope="session")
def neo4j():
    """A real Neo4j server (url, user, password), started once; mark its tests ``neo4j``."""
    try:
        server = neo4j_server.start()
    except neo4j_server.Missing as missing:
        pytest.skip(str(missing))
    yield server
    server.kill()


@pytest.fixture
async def empty_neo4j(neo4j):
    """The real Neo4j server without a node: a city there begins at generation 0."""
    await neo4j_wipe.wipe(neo4j.url, neo4j.user, neo4j.password)
    return neo4j


@pytest.fixture(scope="session")
def postgres():
    """A real PostgreSQL server, started once; mark its tests ``postgres``."""
    try:
        server = postgres_server.start()
    except postgres_server.Missing as missing:
        pytest.skip(str(missing))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def _one_database(postgres) -> str:
    return postgres.create()


@pytest.fixture
def database(postgres, _one_database) -> str:
    """The URL of an empty database of the real PostgreSQL; every test finds it as it was made."""
    postgres.empty(_one_database)
    return _one_database


@pytest.fixture(autouse=True)
def _scrubbed_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("TWIN_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch):
    """A test that reaches for the network fails; loopback is allowed."""
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            message = f"a test reached for the network: {address}"
            raise AssertionError(message)
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def pytest_xdist_make_scheduler(config, log):
    return workers.ByServer(config, log)


LEGS = {"adapter", "neo4j", "mosquitto", "browser", "corpus", "postgres"}
"""Marks of what a newcomer may lack and CI may not."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Under CI a skipped leg is a failure: a check that did not run is not counted as passed."""
    report = yield
    legs = LEGS & {mark.name for mark in item.iter_markers()}
    if report.skipped and legs and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"CI must not skip {sorted(legs)}: {report.longrepr}"
    return report
