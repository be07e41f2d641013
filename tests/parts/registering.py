"""Processes that register things, each its own list; they may be killed and started again.

``python -m tests.parts.registering URL FILE COUNT PORTION [planted]`` registers the list of that
file's name and appends each portion's codes to FILE, fsynced, once they are visible; it goes on
where FILE ends. ``planted``: serials are handed out without a transaction, for the control.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from cim.model import Kind
from cim.registration import Registration, Thing
from cim.stores import rules
from cim.stores.sqlite_sql import SQL
from tests.parts.graphs import open_graph

REGION = "420111"
LEASE_WAIT_S = 60.0  # what TWIN_LEASE_WAIT_S is by default: nobody shall wait longer
CODE_BYTES = 21


class Fleet:
    """The processes of one store; ``folder`` gets what each acknowledged."""

    def __init__(self, url: str, folder: Path, count: int, portion: int, *planted: str) -> None:
        self.url, self.folder, self.portion, self.planted = url, folder, portion, planted
        self.count = count
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", "tests.parts.registering", self.url, str(self.file(name))]
        rest = [str(self.count), str(self.portion), *self.planted]
        self.processes[name] = subprocess.Popen([*command, *rest])

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.codes"

    def running(self) -> list[str]:
        return [name for name, process in self.processes.items() if process.poll() is None]

    def done(self, name: str) -> int:
        """Return how many codes a process has acknowledged."""
        file = self.file(name)
        return file.stat().st_size // (CODE_BYTES + 1) if file.exists() else 0

    def acknowledged(self) -> int:
        return sum(map(self.done, self.processes))

    def check(self) -> None:
        """Raise when a process ended otherwise than well."""
        ended = {name: process.poll() for name, process in self.processes.items()}
        assert {} == {name: code for name, code in ended.items() if code not in {None, 0}}

    def kill_one(self, chance: random.Random) -> str:
        """SIGKILL one that is at work, and return its name."""
        while True:
            name = chance.choice(self.running())
            process = self.processes[name]
            process.kill()
            if process.wait() == -signal.SIGKILL:
                return name

    def stop(self) -> None:
        for name in self.running():
            self.processes[name].kill()
            self.processes[name].wait()


def lines(file: Path) -> list[bytes]:
    """Return the whole lines, a portion each; what a killed process left half written is cut."""
    if not file.exists():
        return []
    text = file.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        os.truncate(file, len(whole))
    return whole.splitlines()


async def run(url: str, file: Path, count: int, portion: int) -> None:
    graph = await open_graph(url)
    done = len(lines(file))
    registration = Registration(graph, graph, REGION, LEASE_WAIT_S, portion)
    numbers = range(done * portion, count)
    things = (Thing(Kind.FACILITY, f"路灯 {n}") for n in numbers)
    with file.open("ab") as kept:
        async for codes in registration.register(things, file.stem, first=done):
            kept.write(" ".join(codes).encode() + b"\n")
            kept.flush()
            os.fsync(kept.fileno())
    await graph.close()


async def reserve_in_two_steps(graph, prefix: str, count: int, owner: str) -> range:
    """The planted fault: read in one transaction, write in the next."""
    sql, key = SQL["last_serial"], {"prefix": prefix}
    last = await graph._db.write(lambda c: c.execute(sql, key).fetchone())
    serials, _ = rules.next_serials(prefix, (), last[0] if last else 0, count)
    await asyncio.sleep(0.02)
    row = key | {"owner": owner, "first": serials.start, "count": count}
    insert = SQL["put_serials"].replace("INSERT", "INSERT OR IGNORE")
    await graph._db.write(lambda c: c.execute(insert, row))
    return serials


if __name__ == "__main__":
    place, own, size, cut = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    if sys.argv[5:] == ["planted"]:
        from cim.stores.sqlite import SqliteGraph

        SqliteGraph.reserve = reserve_in_two_steps
    asyncio.run(run(place, own, size, cut))
