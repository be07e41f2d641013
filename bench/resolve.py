"""``python -m bench resolve``: GET /codes/{any} beside a bare Starlette route with the same bytes.

The product's own process over a city of 1 M entities and 5 M aliases, one client on one kept
connection, random texts of four classes, alternating rounds with the peer; then the median by size
of the city. No answer is cached. ``ours`` of the last line: requests/s of codes and aliases that
are known, on SQLite, at the median: what else the machine does stalls single requests of either.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import msgspec

from bench import report, resolve_store
from bench.resolve_city import Texts, houses
from bench.resolve_client import HOST, Answer, Client
from tests.parts.ports import free_port

SEED = 20261125
WAIT_S = 60.0
CLASSES = {"code": 200, "alias": 200, "ambiguous": 300, "unknown": 404}
"""Class of texts, and the status that each is answered with."""


@dataclass(slots=True)
class Measured:
    """Microseconds of each request of one class, ours and the peer's."""

    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)

    def ratio(self) -> float:
        """Return our rate by the peer's."""
        return rate(self.ours) / rate(self.peer)


City = dict[str, Measured]


def main(argv: list[str]) -> int:
    """Measure the sizes of each store and print the line."""
    asked = _parser().parse_args(argv)
    sqlite = {n: measured(resolve_store.in_sqlite(n), n, asked) for n in sorted(asked.sqlite)}
    neo4j = _in_neo4j(asked)
    for store, cities in (("sqlite", sqlite), ("neo4j", neo4j)):
        told(store, cities)
    largest = sqlite[max(sqlite)]
    known = Measured(
        largest["code"].ours + largest["alias"].ours, largest["code"].peer + largest["alias"].peer
    )
    notes = f"known on SQLite; p50 growth {growth(sqlite)}, Neo4j {growth(neo4j)}"
    peer = "bare Starlette route, same bytes"
    count = max(sqlite)
    ours, theirs = (1e6 / median(times) for times in (known.ours, known.peer))
    report.line("resolve", ours, "requests/s", theirs, peer, count, notes)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench resolve")
    sizes = [10_000, 100_000, 1_000_000]
    parser.add_argument("--sqlite", type=int, nargs="*", default=[*sizes, 10_000_000])
    parser.add_argument("--neo4j", type=int, nargs="*", default=sizes)
    parser.add_argument("--texts", type=int, default=1_000, help="of each class")
    parser.add_argument("--rounds", type=int, default=5)
    return parser


def _in_neo4j(asked: argparse.Namespace) -> dict[int, City]:
    found = {}
    for entities in sorted(asked.neo4j):
        with resolve_store.in_neo4j(entities) as urls:
            found[entities] = measured(urls, entities, asked)
    return found


def measured(urls: dict[str, str], entities: int, asked: argparse.Namespace) -> City:
    """Run the product over a city, and the peer with its bytes; alternate."""
    made = Texts(houses(entities), SEED)
    texts = {name: [getattr(made, name)() for _ in range(asked.texts)] for name in CLASSES}
    with tempfile.TemporaryDirectory() as folder, product(Path(folder), urls) as ours:
        said = answers(ours, texts)
        bodies = Path(folder) / "bodies"
        rows = {text: (a.status, a.media_type, a.body) for text, a in said.items()}
        bodies.write_bytes(msgspec.msgpack.encode(rows))
        with bare(bodies) as peer:
            check(peer, said)
            return {
                name: alternated(ours, peer, rows, asked.rounds) for name, rows in texts.items()
            }


def answers(port: int, texts: dict[str, list[str]]) -> dict[str, Answer]:
    """Ask every text once: what the peer shall return. Each class has the status it must have."""
    said = {}
    for name, status in CLASSES.items():
        client = Client(port)
        for text in texts[name]:
            said[text] = client.answer(text)
            if said[text].status != status:
                message = f"{text} of {name} is answered with {said[text].status}"
                raise RuntimeError(message)
        client.close()
    return said


def check(port: int, said: dict[str, Answer]) -> None:
    """Raise unless the peer returns the same bytes."""
    client = Client(port)
    different = [text for text, answer in said.items() if client.answer(text) != answer]
    client.close()
    if different:
        message = f"the peer answers {different[0]} otherwise"
        raise RuntimeError(message)


def alternated(ours: int, peer: int, texts: Sequence[str], rounds: int) -> Measured:
    """Return the times of both over alternating rounds."""
    found = Measured()
    for _ in range(rounds):
        found.ours += timed(ours, texts)
        found.peer += timed(peer, texts)
    return found


def timed(port: int, texts: Sequence[str]) -> list[float]:
    """Ask every text on a connection of its own; return the microseconds of each."""
    client = Client(port)
    times = client.times_us(texts)
    client.close()
    return times


@contextmanager
def product(folder: Path, urls: dict[str, str]) -> Iterator[int]:
    """Run ``twin serve`` as a user does; gives its port once it is ready."""
    port = free_port()
    data = str(folder / "data")
    said = {"TWIN_DATA_DIR": data, "TWIN_BIND": f"{HOST}:{port}", "TWIN_BROKER_URL": "none://"}
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TWIN_")}
    command = [sys.executable, "-m", "api.cli", "serve"]
    with _process(command, {**kept, **said, **urls}, lambda: _is_ready(port)):
        yield port


@contextmanager
def bare(bodies: Path) -> Iterator[int]:
    """Run the peer; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "bench.resolve_peer", str(bodies), str(port)]
    with _process(command, dict(os.environ), lambda: _is_open(port)):
        yield port


@contextmanager
def _process(
    command: list[str], env: dict[str, str], is_ready: Callable[[], bool]
) -> Iterator[None]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=env, **quiet)  # type: ignore[call-overload]
    try:
        end = time.monotonic() + WAIT_S
        while not is_ready():
            if process.poll() is not None or time.monotonic() > end:
                message = f"{command[2]} did not start"
                raise RuntimeError(message)
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT_S)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _is_ready(port: int) -> bool:
    """Whether the stores are open: until then the answer is 503."""
    unavailable = 503
    if not _is_open(port):
        return False
    client = Client(port)
    status = client.answer("ready").status
    client.close()
    return status != unavailable


def told(store: str, cities: dict[int, City]) -> None:
    """Print p50, p99 and rates of each size and class."""
    for entities, classes in cities.items():
        for name, found in classes.items():
            print(
                f"{store:7} {entities:>10} {name:10} p50 {median(found.ours):7.0f} us  "
                f"p99 {late(found.ours):7.0f} us  {rate(found.ours):6.0f}/s  "
                f"peer p50 {median(found.peer):5.0f} us  {rate(found.peer):6.0f}/s  "
                f"ratio {found.ratio():.3f} (p50 {median(found.peer) / median(found.ours):.3f})"
            )


def growth(cities: dict[int, City]) -> str:
    """Return how p50 of known codes grows from the smallest city to the largest."""
    if not cities:
        return "not measured"
    small, large = min(cities), max(cities)
    before, after = (median(cities[n]["code"].ours) for n in (small, large))
    return f"{after / before - 1:+.0%} from {small} to {large} entities"


def rate(times_us: Sequence[float]) -> float:
    """Return requests/s."""
    return 1e6 * len(times_us) / sum(times_us)


def late(times_us: Sequence[float]) -> float:
    """Return p99."""
    return sorted(times_us)[int(len(times_us) * 0.99)]
