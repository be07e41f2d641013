"""Name a process so that another one on the same host can tell whether it is gone.

A lease carries this name beside its time: a writer that was killed is replaced at once, and only
one on another host (or in another container) is waited for until its lease runs out.
"""

import os
import platform
from pathlib import Path

_START = 19  # starttime, counted from the state: field 22 of /proc/PID/stat (proc(5))


def process_name() -> str:
    """Return ``host:pid:start`` of this process; ``host`` includes the PID namespace."""
    return f"{_host()}:{os.getpid()}:{_stat(os.getpid())[1]}"


def is_gone(name: str) -> bool:
    """Return whether the process of that name has provably ended; False when it cannot be known."""
    host, _, rest = name.partition(":")
    pid, _, start = rest.partition(":")
    if not start or host != _host() or not pid.isdecimal():
        return False
    state, now = _stat(int(pid))
    return state in "ZX" or now != start


def _host() -> str:
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # not Linux: nothing can be proved, so names get no start and never match
        return platform.node().replace(":", "_")
    return f"{platform.node()}/{boot}/{namespace}".replace(":", "_")


def _stat(pid: int) -> tuple[str, str]:
    """Return (state, start time in ticks since boot); ("X", "") when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "X", ""
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[_START]
