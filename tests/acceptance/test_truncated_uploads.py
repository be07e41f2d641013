"""Files that stop early, through the real door: each is refused, and nothing of it stays."""

import random

import pytest

from tests.parts.ifc_text import named
from tests.parts.twin_process import Twin

SEED = 2026_11_26
SHARED = ["pcert-building-architecture.ifc", "xbim_geographic-referencing-gk.ifc"]
END = b"END-ISO-10303-21;"


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    running = Twin(tmp_path_factory.mktemp("cut")).start()
    yield running
    assert (0, False) == (running.stop(), "Traceback" in running.printed())


def cuts(files, count):
    """Return ``count`` different beginnings of the files, each without its end mark."""
    chance = random.Random(SEED)
    chosen = set()
    while len(chosen) < count:
        data = chance.choice(files)
        chosen.add(data[: chance.randrange(data.index(b";") + 1, data.rindex(END))])
    return sorted(chosen)


def refusals(twin, files):
    """Upload each; return how each job ended."""
    ends = []
    for at, data in enumerate(files):
        answer = twin.upload(data, f"cut-{at}.ifc", project="Cut")
        assert 202 == answer.status, answer.body
        job = twin.ended(answer.json["job"])
        ends.append((job["state"], job["error"]["code"]))
    return ends


def left(twin):
    """Return what the refused files left: working folders and models."""
    folders = [*(twin.data / "uploads").iterdir(), *(twin.data / "work").iterdir()]
    return folders, twin.get("/models")["items"]


def test_a_truncated_upload_is_refused(twin):
    ends = refusals(twin, cuts([named("外墙")], 8))
    assert [("failed", "ifc_truncated")] * 8 == ends
    assert ([], []) == left(twin)


@pytest.mark.corpus
@pytest.mark.long
@pytest.mark.timeout(1200)
def test_two_hundred_truncated_uploads_are_refused(twin, shared_dir):
    real = [(shared_dir / "ifc" / name).read_bytes() for name in SHARED]
    ends = refusals(twin, cuts([named("外墙"), *real], 200))
    print(f"seed {SEED}: {len(ends)} uploads")
    assert [("failed", "ifc_truncated")] * 200 == ends
    assert ([], []) == left(twin)
