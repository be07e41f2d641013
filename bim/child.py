"""Untrusted bytes are read in child processes with limits; this file is both sides of the border.

parent: ``call`` → start ``python -m bim.child`` → send the request → read lines → result or error
child:  ``main`` → ``_confine`` → import ``bim.<module>:<function>`` → run it → one last line

Limits: memory, processor, wall clock, file size, descriptors; own session; no environment, no
descriptors, no network (where the kernel gives unprivileged network namespaces).

Lines are JSON on a pipe of their own (libraries print on stdout): ``{"progress": [stage, fraction,
counts]}``, then ``{"result": …}`` or ``{"error": …}``. Only functions of this package are called;
arguments and results are JSON values, bulk data travels through files.
"""

import asyncio
import ctypes
import errno
import importlib
import inspect
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import identity.errors
from cim.progress import Progress, silent
from identity.errors import CityError, Invalid, TooLarge

LINE_BYTES_MAX = 64 * 1024 * 1024  # one line of the pipe; bulk data belongs into files
TAIL_BYTES = 4_096  # what is kept of the child's stdout and stderr, for the error's facts
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # <linux/sched.h>


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use.

    ``silence_s``: the longest time between two progress lines, counted from the first one
    (opening a file of a gigabyte is silent for minutes); None: only ``wall_s`` counts.
    """

    memory_mb: int = 8_192
    cpu_s: int = 1_800
    wall_s: float = 1_800.0
    file_mb: int = 8_192
    open_files: int = 256
    silence_s: float | None = None


async def call(
    function: str, *args: Any, limits: Limits | None = None, progress: Progress | None = None
) -> Any:
    """Run ``"bim.module:function"`` with JSON ``args`` in a child and return its JSON result.

    A function with a parameter ``progress`` gets one; what it reports arrives at ``progress`` here.
    A CityError of the child is raised here with code and facts. Cancelling kills the child.

    Raises Invalid("child_died"; signal or exit, and the tail of its output),
    Invalid("child_timeout"), Invalid("child_failed"; an exception that is no refusal),
    TooLarge("child_memory" or "child_file").
    """
    limits = limits or Limits()
    request = {"function": function, "args": args, "limits": asdict(limits), "parent": os.getpid()}
    child = await _start()
    try:
        async with asyncio.timeout(limits.wall_s):
            return await _converse(child, request, progress or silent, limits.silence_s)
    except TimeoutError:
        raise Invalid("child_timeout", function=function, seconds=limits.wall_s) from None
    finally:
        await child.end()


@dataclass(slots=True)
class _Child:
    """A running child: its process, the pipe it answers on, and what it prints (bounded)."""

    process: asyncio.subprocess.Process
    lines: asyncio.StreamReader
    transport: asyncio.BaseTransport
    printed: asyncio.Task[bytes]

    async def end(self) -> None:
        """Kill the whole process group and release the pipes; harmless when it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.transport.close()
        await self.process.wait()
        await self.printed


async def _start() -> _Child:
    ours, theirs = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *_command(),
            str(theirs),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
            pass_fds=(theirs,),
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    printed = asyncio.create_task(_tail(process))
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb")
    )
    return _Child(process, reader, transport, printed)


def _command() -> list[str]:
    return [sys.executable, "-P", "-m", "bim.child"]


def _environment() -> dict[str, str]:
    """No secret and no proxy is inherited; one thread a library (RLIMIT_AS counts their stacks)."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


async def _tail(process: asyncio.subprocess.Process) -> bytes:
    kept = b""
    assert process.stdout is not None
    while chunk := await process.stdout.read(TAIL_BYTES):
        kept = (kept + chunk)[-TAIL_BYTES:]
    return kept


async def _converse(
    child: _Child, request: dict[str, Any], progress: Progress, silence_s: float | None
) -> Any:
    assert child.process.stdin is not None
    child.process.stdin.write(json.dumps(request).encode())
    child.process.stdin.close()
    line = await child.lines.readline()
    while line:
        message = json.loads(line)
        if "progress" in message:
            progress(*message["progress"])
        elif "error" in message:
            raise _error(request["function"], message["error"])
        else:
            return message["result"]
        line = await _line(child.lines, request["function"], silence_s)
    raise await _death(child, request["function"])


async def _line(lines: asyncio.StreamReader, function: str, silence_s: float | None) -> bytes:
    try:
        async with asyncio.timeout(silence_s):
            return await lines.readline()
    except TimeoutError:
        raise Invalid("child_timeout", function=function, seconds=silence_s) from None


def _error(function: str, error: dict[str, Any]) -> CityError:
    """Rebuild the child's refusal; what is no refusal becomes child_failed or child_memory."""
    kind = getattr(identity.errors, error["kind"], None)
    if isinstance(kind, type) and issubclass(kind, CityError):
        return kind(error["code"], **error["facts"])
    if error["kind"] == "MemoryError" or "bad_alloc" in error["text"]:
        return TooLarge("child_memory", function=function)
    if error["errno"] == errno.EFBIG:
        return TooLarge("child_file", function=function)
    return Invalid("child_failed", function=function, error=error["text"], trace=error["trace"])


async def _death(child: _Child, function: str) -> CityError:
    status = await child.process.wait()
    if status in {-signal.SIGXCPU, -signal.SIGPROF}:
        return Invalid("child_timeout", function=function, seconds="cpu")
    tail = (await child.printed).decode(errors="replace")
    if "std::bad_alloc" in tail:
        return TooLarge("child_memory", function=function)
    reason = signal.Signals(-status).name if status < 0 else f"exit {status}"
    return Invalid("child_died", function=function, reason=reason, output=tail)


def main() -> None:
    """Be the child: confine, run the one function of the request, answer, and leave at once."""
    number = int(sys.argv[-1])
    os.closerange(3, number)  # not every event loop closes what it opened (uvloop does not)
    os.closerange(number + 1, os.sysconf("SC_OPEN_MAX"))
    pipe = os.fdopen(number, "w", encoding="utf-8")
    request = json.loads(sys.stdin.buffer.read())
    _confine(Limits(**request["limits"]), request["parent"])

    def send(message: dict[str, Any]) -> None:
        pipe.write(json.dumps(message, default=str) + "\n")
        pipe.flush()

    try:
        send({"result": _run(request, send)})
    except Exception as error:  # noqa: BLE001 -- everything crosses the border as a line
        send({"error": _describe(error)})
    pipe.close()
    os._exit(0)  # tearing a large parsed file down takes seconds and is nobody's gain


def _confine(limits: Limits, parent: int) -> None:
    """Set the limits, cut the network, and die with the parent even when that is SIGKILLed."""
    libc = ctypes.CDLL(None, use_errno=True)
    # A network namespace of its own has no way out; kernels that forbid it leave us the rest.
    # Before prctl: new credentials would clear the signal.
    if libc.unshare(CLONE_NEWNET):
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before prctl
        os._exit(1)
    megabyte = 1024 * 1024
    for what, soft, hard in (
        (resource.RLIMIT_AS, limits.memory_mb * megabyte, limits.memory_mb * megabyte),
        (resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 5),
        (resource.RLIMIT_FSIZE, limits.file_mb * megabyte, limits.file_mb * megabyte),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(what, (soft, hard))


def _run(request: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> Any:
    module, _, name = str(request["function"]).partition(":")
    if not module.startswith("bim.") or not name.isidentifier():
        raise Invalid("child_function", function=request["function"])
    function = getattr(importlib.import_module(module), name)

    def report(stage: str, fraction: float, counts: dict[str, int] | None = None) -> None:
        send({"progress": [stage, fraction, counts]})

    if "progress" in inspect.signature(function).parameters:
        return function(*request["args"], progress=report)
    return function(*request["args"])


def _describe(error: Exception) -> dict[str, Any]:
    if isinstance(error, CityError):
        return {"kind": type(error).__name__, "code": error.code, "facts": error.facts}
    trace = "".join(traceback.format_exception(error))[-TAIL_BYTES:]
    return {
        "kind": type(error).__name__,
        "text": f"{type(error).__name__}: {error}",
        "errno": getattr(error, "errno", None),
        "trace": trace,
    }


if __name__ == "__main__":
    main()
