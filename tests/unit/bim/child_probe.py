"""What test_child starts in place of ``python -m bim.child``: the same main, and misbehaviour."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import bim.child
from identity.errors import NotFound

sys.modules["bim.probe"] = sys.modules["__main__"]


def echo(*values):
    return list(values)


def chatty(times, progress):
    sys.stdout.write("libraries print what they like")
    for number in range(times):
        progress("meshing", number / times, {"done": number})
    return times


def surroundings():
    return {
        "environment": sorted(os.environ),
        "descriptors": sorted(int(entry.name) for entry in Path("/proc/self/fd").iterdir()),
        "session": os.getsid(0) == os.getpid(),
    }


def refuse():
    raise NotFound("code_unknown", value="x", count=3)


def stumble():
    return {}["missing"]


def crash():
    sys.stderr.write("last words")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGSEGV)


def pause(progress):
    progress("meshing", 0.0)
    time.sleep(60)


def hang(path=None):
    grandchild = subprocess.Popen(["/bin/sleep", "60"])
    if path:
        Path(path).write_text(f"{os.getpid()} {grandchild.pid}")
    time.sleep(60)


def reach(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port))


def burn():
    while True:
        pass


def hoard():
    return len(bytearray(4 * 1024**3))


def flood(path):
    Path(path).write_bytes(bytes(3 * 1024**2))


def hoard_files():
    return len([Path("/dev/null").open() for _ in range(1_000)])


if __name__ == "__main__":
    bim.child.main()
