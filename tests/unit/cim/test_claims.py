"""Claims: what a living process works on stays, what a dead one left goes."""

import os
import signal
import subprocess
import sys

from cim import claims

HOLDER = """
import sys, time
from pathlib import Path
from cim import claims
place = Path(sys.argv[1])
with claims.folder(place / "work") as folder, claims.create(place / "part") as file:
    (folder / "mesh").write_text("half")
    print("holding", flush=True)
    time.sleep(60)
"""


def names(place):
    return sorted(entry.name for entry in place.iterdir())


def test_a_living_processes_files_stay_and_a_killed_ones_go(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout.readline() == b"holding\n"
        assert claims.sweep(tmp_path) == []
        assert names(tmp_path) == ["part", "work"]
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert [entry.name for entry in claims.sweep(tmp_path)] == ["part", "work"]
    assert names(tmp_path) == []


def test_a_folder_is_removed_with_what_is_in_it_and_a_file_is_free_once_closed(tmp_path):
    with claims.folder(tmp_path / "deep" / "work") as folder:
        (folder / "rows").write_text("x")
        assert claims.sweep(tmp_path / "deep") == []
    assert names(tmp_path / "deep") == []
    with claims.create(tmp_path / "part") as file:
        file.write(b"x")
    assert claims.sweep(tmp_path) == [tmp_path / "deep", tmp_path / "part"]


def test_a_claim_is_refused_when_the_file_was_taken_away(tmp_path):
    path = tmp_path / "part"
    path.write_bytes(b"")
    descriptor = os.open(path, os.O_RDONLY)
    path.unlink()
    assert claims.claim(descriptor, path) is False
    path.write_bytes(b"")
    assert claims.claim(descriptor, path) is False
    os.close(descriptor)


def test_a_claim_moves_with_its_file(tmp_path):
    with claims.create(tmp_path / "part"):
        (tmp_path / "in").mkdir()
        (tmp_path / "part").rename(tmp_path / "in" / "part")
        assert claims.sweep(tmp_path / "in") == []


def test_links_and_missing_folders_are_left_alone(tmp_path):
    (tmp_path / "kept").write_text("x")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "kept")
    assert claims.sweep(tmp_path / "in") == []
    assert claims.sweep(tmp_path / "nothing") == []
    assert (tmp_path / "kept").read_text() == "x"
