"""A cancelled import ends within a moment, in whatever process it runs, and leaves nothing."""

from pathlib import Path

import pytest

from bim.demo import district
from tests.parts.twin_process import Twin, until

JSON = "application/json"


class Served(Twin):
    """``twin serve``: page, API and a worker; several may run on one folder."""

    command = "serve"


@pytest.fixture(scope="module")
def tower(tmp_path_factory):
    """The largest model of the demo: seconds of work."""
    folder = tmp_path_factory.mktemp("models")
    for model in district():
        model.write(folder / model.file_name)
    return max(folder.iterdir(), key=lambda path: path.stat().st_size).read_bytes()


@pytest.fixture
def twins(tmp_path):
    """Two servers of one city."""
    made = [Served(tmp_path, TWIN_BROKER_URL="none://") for _ in range(2)]
    for twin in made:
        twin.start()
    yield made
    for twin in made:
        twin.stop()


def children(twin):
    """Return the processes that a server has started and that still run."""
    found = Path(f"/proc/{twin.process.pid}/task").glob("*/children")
    return [child for path in found for child in path.read_text().split()]


def cancel(twin, job):
    return twin.ask("POST", f"/jobs/{job}/cancel", b"", Content_Type=JSON)


def test_a_running_import_is_cancelled_from_another_process(twins, tower):
    said = twins[0].upload(tower).json
    until(lambda: any(map(children, twins)), "a child")
    asked, runs = sorted(twins, key=lambda twin: len(children(twin)))
    answer = cancel(asked, said["job"])
    assert (answer.status, answer.json["state"], answer.json["cancelled"]) == (202, "running", True)

    job = asked.ended(said["job"])
    assert (job["state"], job["error"]["code"]) == ("failed", "job_cancelled")
    assert children(runs) == []
    assert asked.kept() == ([], [], "0")

    again = asked.upload(tower).json
    assert (again["model"], again["job"]) == (said["model"], f"{said['job']}-2")
    assert asked.ended(again["job"])["result"]["version"] == 1
    late = cancel(asked, again["job"])
    assert (late.status, late.json["state"], late.json["cancelled"]) == (202, "done", False)


def test_a_queued_import_is_cancelled_at_once(twins, tower):
    twin = twins[0]
    first = twin.upload(tower, document="tower", project="tower").json
    until(lambda: any(map(children, twins)), "a child")
    second = twin.upload(tower + b"\n", document="tower", project="tower").json
    answer = cancel(twin, second["job"])
    assert (answer.status, answer.json["state"]) == (202, "failed")
    assert answer.json["error"]["code"] == "job_cancelled"

    cancel(twin, first["job"])
    assert twin.ended(first["job"])["error"]["code"] == "job_cancelled"
    assert twin.kept() == ([], [], "0")


def test_an_unknown_job_is_not_cancelled(twins):
    answer = cancel(twins[0], "nobody")
    assert (answer.status, answer.json["code"]) == (404, "job_unknown")
