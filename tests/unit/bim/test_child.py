"""The border to untrusted bytes: limits bite, nothing is inherited, nothing survives."""

import asyncio
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bim import child
from bim.child import Limits, call
from identity.errors import Invalid, NotFound, TooLarge

pytestmark = pytest.mark.anyio
PROBE = Path(__file__).with_name("child_probe.py")


@pytest.fixture(autouse=True)
def _probe(monkeypatch):
    monkeypatch.setattr(child, "_command", lambda: [sys.executable, str(PROBE)])


async def test_arguments_and_results_cross_as_json_values():
    assert await call("bim.probe:echo", 1, "墙", None, [2.5]) == [1, "墙", None, [2.5]]


async def test_progress_arrives_in_order_whatever_is_printed():
    seen = []
    result = await call("bim.probe:chatty", 3, progress=lambda *line: seen.append(line))
    assert result == 3
    assert seen == [("meshing", n / 3, {"done": n}) for n in range(3)]


async def test_a_child_inherits_no_environment_no_descriptors_and_no_session(monkeypatch):
    monkeypatch.setenv("TWIN_SECRET", "x")
    inherited = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    found = await call("bim.probe:surroundings")
    os.close(inherited)
    assert set(found["environment"]) <= set(child._environment()) | {"LC_CTYPE"}
    assert len(found["descriptors"]) == 5  # three standard ones, the pipe, the listing itself
    assert found["session"]


@pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run(["unshare", "-rn", "true"], check=False).returncode != 0,
    reason="this kernel gives no network namespaces to such processes",
)
async def test_a_child_reaches_no_network_not_even_ours():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert await call("bim.probe:reach", server.getsockname()[1]) == errno.ENETUNREACH


async def test_a_refusal_keeps_its_class_code_and_facts():
    with pytest.raises(NotFound) as caught:
        await call("bim.probe:refuse")
    assert (caught.value.code, caught.value.facts) == ("code_unknown", {"value": "x", "count": 3})


@pytest.mark.parametrize("function", ["os:getcwd", "bim.probe", "bim.probe:__class__.x", "bimx:a"])
async def test_only_functions_of_this_package_are_called(function):
    with pytest.raises(Invalid) as caught:
        await call(function)
    assert caught.value.code == "child_function"


async def test_an_exception_that_is_no_refusal_names_itself():
    with pytest.raises(Invalid) as caught:
        await call("bim.probe:stumble")
    assert caught.value.code == "child_failed"
    assert caught.value.facts["error"] == "KeyError: 'missing'"


async def test_a_death_names_its_signal_and_the_last_words():
    with pytest.raises(Invalid) as caught:
        await call("bim.probe:crash")
    assert (caught.value.code, caught.value.facts["reason"]) == ("child_died", "SIGSEGV")
    assert "last words" in caught.value.facts["output"]


@pytest.mark.parametrize(
    ("function", "limits", "seconds"),
    [
        ("hang", Limits(wall_s=0.7), 0.7),
        ("pause", Limits(silence_s=0.3), 0.3),
        ("burn", Limits(cpu_s=1), "cpu"),
    ],
)
async def test_time_limits_end_a_child(function, limits, seconds):
    with pytest.raises(Invalid) as caught:
        await call(f"bim.probe:{function}", limits=limits)
    assert (caught.value.code, caught.value.facts["seconds"]) == ("child_timeout", seconds)


async def test_memory_files_and_descriptors_are_limited(tmp_path):
    with pytest.raises(TooLarge) as caught:
        await call("bim.probe:hoard", limits=Limits(memory_mb=1_024))
    assert caught.value.code == "child_memory"
    with pytest.raises(TooLarge) as caught:
        await call("bim.probe:flood", str(tmp_path / "big"), limits=Limits(file_mb=1))
    assert caught.value.code == "child_file"
    with pytest.raises(Invalid, match="Too many open files"):
        await call("bim.probe:hoard_files", limits=Limits(open_files=64))


def _pids(path):
    while not (path.exists() and len(path.read_text().split()) == 2):
        time.sleep(0.02)
    return [int(pid) for pid in path.read_text().split()]


def _gone(pid):
    """A zombie is gone too: who adopted it has not looked yet."""
    for _ in range(200):
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:
            return True
        if status.rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


async def test_cancelling_kills_the_child_and_what_it_started(tmp_path):
    waiting = asyncio.create_task(call("bim.probe:hang", str(tmp_path / "pids")))
    pids = await asyncio.to_thread(_pids, tmp_path / "pids")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert [_gone(pid) for pid in pids] == [True, True]


def test_a_killed_parent_leaves_no_child(tmp_path):
    script = (
        "import asyncio, sys; from bim import child;"
        f"child._command = lambda: [sys.executable, {str(PROBE)!r}];"
        f"asyncio.run(child.call('bim.probe:hang', {str(tmp_path / 'pids')!r}))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    pid, grandchild = _pids(tmp_path / "pids")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _gone(pid)
    os.kill(grandchild, signal.SIGKILL)  # only real children of ours start none
