"""A large upload arrives whole, however often its connection is cut and its server is killed."""

import hashlib
import random
import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.parts.tus_client import TusClient, close, reset
from tests.parts.twin_process import Twin

MEGABYTE = 1 << 20
SENT_AGAIN_MAX = 8 * MEGABYTE
GROWTH_MAX = 64 * MEGABYTE
ANSWER_S = 600  # the digest of 2 GB on a machine that does other things, too
SEED = 20261126


@dataclass(frozen=True)
class Case:
    """How large the file is, and how often what is done to it (``kills`` are among the cuts)."""

    size: int
    cuts: int
    kills: int


CASES = [
    pytest.param(Case(24 * MEGABYTE, cuts=10, kills=3), id="small"),
    pytest.param(
        Case(2 << 30, cuts=200, kills=20),
        id="2-GB",
        marks=[pytest.mark.long, pytest.mark.timeout(3_000)],
    ),
]


@dataclass
class Seen:
    """What each cut cost, and what each server grew by over idle, in bytes."""

    again: list[int] = field(default_factory=list)
    grown: list[int] = field(default_factory=list)


class Server:
    """A Twin whose memory is looked at: when it is idle, and at the most."""

    def __init__(self, folder, seen, **settings):
        self.twin, self.seen = Twin(folder, **settings), seen
        self.start()

    def start(self):
        self.twin.start()
        self.idle = self.memory("VmRSS")
        Path(f"/proc/{self.twin.process.pid}/clear_refs").write_text("5")  # the peak begins anew

    def memory(self, name):
        said = Path(f"/proc/{self.twin.process.pid}/status").read_text()
        return 1024 * int(said.partition(f"{name}:")[2].split()[0])

    def grown(self):
        return self.memory("VmHWM") - self.idle

    def note(self):
        self.seen.grown.append(self.grown())

    def kill(self):
        self.note()
        self.twin.stop(signal.SIGKILL)

    def killed(self, link):
        self.kill()
        link.close()


@pytest.fixture
def seen():
    return Seen()


@pytest.fixture
def server(tmp_path, seen):
    made = Server(tmp_path / "twin", seen)
    yield made
    made.twin.stop()
    assert "Traceback" not in made.twin.printed()


def write(path, size):
    """Write bytes that differ everywhere; return their SHA-256."""
    chance, digest = random.Random(SEED), hashlib.sha256()
    block = chance.randbytes(MEGABYTE)
    with path.open("wb") as file:
        for number in range(size // MEGABYTE):
            piece = number.to_bytes(8) + block[8:]
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


@pytest.mark.parametrize("case", CASES)
def test_cuts_and_kills_cost_little_and_lose_nothing(tmp_path, server, seen, case):
    path = tmp_path / "big.ifc"
    expected = write(path, case.size)
    client = TusClient(server.twin, path)
    send_in_pieces(server, client, case)
    server.twin.answer_s = ANSWER_S
    taken = server.twin.ask("POST", "/models", {"upload": client.id})
    server.note()
    print(  # what the verification page tells
        f"seed {SEED}: {case}; sent again at most {max(seen.again)} bytes at a cut, "
        f"{sum(seen.again)} in all; a server grew by at most {max(seen.grown)} bytes"
    )
    assert (202, expected) == (taken.status, taken.json["sha256"])
    assert case.cuts == len(seen.again)
    assert [] == [size for size in seen.again if size > SENT_AGAIN_MAX]
    assert [] == [size for size in seen.grown if size > GROWTH_MAX]
    assert [] == list((server.twin.data / "resumable").glob("*.part"))


def send_in_pieces(server, client, case):
    """Send the file; its cuts lie anywhere, and the kills are any of them."""
    chance = random.Random(SEED)
    cuts = sorted(chance.sample(range(1, case.size), case.cuts))
    kills = set(chance.sample(cuts, case.kills))
    offset = 0
    for cut in cuts:
        end = server.killed if cut in kills else chance.choice([close, reset])
        sent = client.send(offset, cut, at_end=end)
        if cut in kills:
            server.start()
        offset = client.stands()
        server.seen.again.append(sent - offset)
    client.send(offset, case.size, at_end=close)
    print(f"the last server grew by {server.grown()} bytes until the upload was whole")
