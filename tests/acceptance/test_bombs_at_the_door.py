"""Bombs through the real door: the service answers all the while, and each upload is decided."""

import time

import pytest

from tests.parts.bombs import BOMBS
from tests.parts.twin_process import Twin

SHORT = ["boolean of itself", "knots 2,000,000,000 times"]
OTHERS = [name for name in BOMBS if name not in SHORT]
CHILD = {"TWIN_CHILD_MEMORY_MB": 2_048}  # what the machine may spare; the times are the defaults


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    running = Twin(tmp_path_factory.mktemp("bombs"), **CHILD).start()
    yield running
    assert (0, False) == (running.stop(), "Traceback" in running.printed())


def outcome(twin, name):
    """Upload a bomb; return how its job ended, with the codes of what was said, and seconds."""
    start = time.monotonic()
    answer = twin.upload(BOMBS[name], "bomb.ifc", project=name)
    assert 202 == answer.status, answer.body
    while (job := twin.get(f"/jobs/{answer.json['job']}"))["state"] not in {"done", "failed"}:
        assert 200 == twin.ask("GET", "/healthz").status
        time.sleep(0.05)
    seconds = time.monotonic() - start
    if job["state"] == "failed":
        return "refused", [job["error"]["code"]], seconds
    found = twin.get(f"/models/{job['result']['model']}/findings")["items"]
    return "imported", [row["code"] for row in found], seconds


@pytest.mark.timeout(600)
@pytest.mark.parametrize("names", [SHORT, pytest.param(OTHERS, marks=pytest.mark.long)])
def test_each_bomb_is_refused_or_imported_with_a_finding(twin, names):
    outcomes = {}
    for name in names:
        outcomes[name] = how, codes, seconds = outcome(twin, name)
        print(f"{name}: {how} {codes} {seconds:.1f} s")
    assert [] == [name for name, (_, codes, _) in outcomes.items() if not codes]
    unexpected = {"child_failed", "child_died", "internal"}
    assert [] == [name for name, (_, codes, _) in outcomes.items() if unexpected & set(codes)]
