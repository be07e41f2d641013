"""Stop a process so that it is stopped, not only asked to."""

import os
import signal
from pathlib import Path

from tests.parts.twin_process import until


def stop(pid):
    """Send SIGSTOP and return when every thread has stopped.

    The signal is taken when a thread next leaves the kernel; until then a busy machine still
    answers what was asked after ``kill`` has returned.
    """
    os.kill(pid, signal.SIGSTOP)
    until(lambda: _states(pid) == {"T"}, f"process {pid} to stop")


def _states(pid):
    """Return the states of a process's threads; none while a thread ends under the reading."""
    try:
        stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return set()
    return {stat.rpartition(")")[2].split()[0] for stat in stats}
