"""A warm server that forks the intake's children, in place of a cold start for each of them.

start → ``python -m tests.parts.warm_children`` imports what children run, once
child → ``bim.child._start`` is replaced: the same request, limits and pipes, in a fork

A fork has no network of its own and shares its server's memory; everything else is the product's.
"""

import array
import asyncio
import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from bim import child

ROOT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1


class Warm:
    """The server as its client sees it; ``peak_kb``: the largest child that has ended."""

    def __init__(self):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.peak_kb = 0
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.parts.warm_children", str(theirs.fileno())],
                env={**child._environment(), "PYTHONPATH": str(ROOT)},
                pass_fds=[theirs.fileno()],
            )
        assert b"ready" == self.socket.recv(16)

    def close(self):
        self.socket.close()
        self.process.wait(10)

    async def start(self):
        """Do what ``bim.child._start`` does: return a child that waits for its request."""
        ours, answers = os.pipe()
        heard, prints = os.pipe()
        ended, ends = os.pipe()
        forked = Forked(self, [answers, prints, ends], await _reader(ended))
        forked.stdout = (await _reader(heard))[0]
        printed = asyncio.create_task(child._tail(forked))
        lines, transport = await _reader(ours)
        return child._Child(forked, lines, transport, printed)


class Forked:
    """A child of the server; it is forked when its request is whole. ``pid`` 0: not yet."""

    def __init__(self, warm, descriptors, ended):
        self._warm, self._descriptors, self._ended = warm, descriptors, ended
        self._request = os.memfd_create("request")
        self._status = None
        self.stdout = None
        self.pid = 0
        self.stdin = self

    def write(self, data):
        os.write(self._request, data)

    def close(self):
        os.lseek(self._request, 0, os.SEEK_SET)
        sent = [self._request, *self._descriptors]
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", sent))]
        self._warm.socket.sendmsg([str(os.getpid()).encode()], rights)
        self.pid = int(self._warm.socket.recv(16))
        for descriptor in sent:
            os.close(descriptor)

    async def wait(self):
        if self._status is None and self.pid:
            said = json.loads(await self._ended[0].readline())
            self._status = said["status"]
            self._warm.peak_kb = max(self._warm.peak_kb, said["peak_kb"])
        self._ended[1].close()
        return self._status


async def _reader(descriptor):
    reader = asyncio.StreamReader(limit=child.LINE_BYTES_MAX)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    return reader, transport


def serve(connection):
    """Fork a child for each message until the client is gone, and say how each child ended."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    running = {}
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        connection.send(b"ready")
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                os.read(woken, 1024)
                _reap(running)
            if connection in ready:
                message, rights, _, _ = connection.recvmsg(16, socket.CMSG_SPACE(16))
                if not message:
                    return
                descriptors = array.array("i", rights[0][2]).tolist()
                pid = os.fork()
                if not pid:
                    _become(descriptors, int(message))
                with suppress(OSError):  # the child was first
                    os.setpgid(pid, pid)
                running[pid] = descriptors.pop()
                for descriptor in descriptors:
                    os.close(descriptor)
                connection.send(str(pid).encode())


def _reap(running):
    while running:
        pid, status, used = os.wait4(-1, os.WNOHANG)
        if not pid:
            return
        said = {"status": os.waitstatus_to_exitcode(status), "peak_kb": used.ru_maxrss}
        ends = running.pop(pid)
        with suppress(BrokenPipeError):
            os.write(ends, json.dumps(said).encode() + b"\n")
        os.close(ends)


def _become(descriptors, client):
    """Be the child: what ``python -m bim.child`` finds, and then its ``main``."""
    request, answers, prints, _ends = descriptors
    with suppress(OSError):
        os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for descriptor, number in ((request, 0), (prints, 1), (prints, 2)):
        os.dup2(descriptor, number)
    os.getppid = lambda: client  # it dies with the server, and the server with the client
    sys.argv = ["bim.child", str(answers)]
    sys.stdin = os.fdopen(0, "r", closefd=False)
    child.main()


if __name__ == "__main__":
    import bim.extract
    import bim.mesh_child
    import bim.steps  # noqa: F401 - what the children run

    serve(socket.socket(fileno=int(sys.argv[1])))
