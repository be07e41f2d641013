"""A real Neo4j for the tests: jars from Maven Central, a throw-away home, a process of its own.

The server is GPL-3.0: it is started by its own command line and never bundled or imported.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from tests.parts.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "neo4j"
POM = Path(__file__).with_name("neo4j-pom.xml")
START_S = 120.0
OPENS = ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch")
CONF = """\
server.bolt.listen_address=127.0.0.1:{bolt}
server.bolt.advertised_address=127.0.0.1:{bolt}
server.http.enabled=false
server.https.enabled=false
server.memory.pagecache.size={pages}
db.tx_log.preallocate=false
dbms.usage_report.enabled=false
dbms.cypher.min_replan_interval=1h
"""


Fill = Callable[[Path, Path, dict[str, str]], None]
"""Gets a server's home, the folder of the jars and the environment of the server's tools."""


class Missing(Exception):
    """A part this machine lacks; its text is the reason for the skip."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a started server answers."""

    url: str
    user: str
    password: str
    home: Path
    process: "subprocess.Popen[bytes]"

    def kill(self) -> None:
        """Kill it at once (a graceful stop takes ten seconds) and remove its home."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def jars() -> Path:
    """Return the folder of the server's jars, fetched once. Raises Missing."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None and not (tool == "mvn" and _complete()):
            raise Missing(f"{tool} is not on this machine: the Neo4j leg needs Java 17 and Maven")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        flock(lock, LOCK_EX)  # several workers may want them at once
        if not _complete():
            _fetch()
    return CACHE / "lib"


def _fetch() -> None:
    shutil.copy(POM, CACHE / "pom.xml")
    goal = "dependency:copy-dependencies"
    options = ["-DincludeScope=runtime", f"-DoutputDirectory={CACHE / 'lib'}"]
    command = ["mvn", "-q", "-B", "-f", str(CACHE / "pom.xml"), goal, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"Maven could not fetch Neo4j: {done.stdout[-500:]}")
    (CACHE / "complete").write_text(POM.read_text("utf-8"), encoding="utf-8")


def start(*, quick: bool = True, fill: Fill | None = None) -> Server:
    """Start a server on a free port and wait until Bolt answers. Raises Missing.

    ``fill`` may put a database into its home before it starts.

    ``quick``: compile quickly instead of well, and take little memory. Most of a short test's time
    was the second compiler's; a bench wants it, and a graph of millions in memory.
    """
    lib = jars()
    home = Path(tempfile.mkdtemp(prefix="wanwu-neo4j-"))
    port = free_port()
    (home / "conf").mkdir()
    settings = CONF.format(bolt=port, pages="128m" if quick else "1g")
    (home / "conf" / "neo4j.conf").write_text(settings, encoding="utf-8")
    password = secrets.token_hex(12)
    env = {**os.environ, "NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")}
    admin = ["java", "-cp", f"{lib}/*", "org.neo4j.cli.AdminTool", "dbms"]
    command = [*admin, "set-initial-password", password]
    subprocess.run(command, env=env, check=True, capture_output=True)
    if fill is not None:
        _filled(fill, home, lib, env)
    process = _server(lib, home, env, quick=quick)
    server = Server(f"bolt://127.0.0.1:{port}", "neo4j", password, home, process)
    _wait(server, port)
    return server


def _filled(fill: Fill, home: Path, lib: Path, env: dict[str, str]) -> None:
    try:
        fill(home, lib, env)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise


def _server(
    lib: Path, home: Path, env: dict[str, str], *, quick: bool = True
) -> "subprocess.Popen[bytes]":
    opens = [
        f"--add-opens={name}=ALL-UNNAMED" for name in (*OPENS, "java.base/java.util.concurrent")
    ]
    machine = ["-XX:TieredStopAtLevel=1", "-Xmx1g"] if quick else ["-Xmx2g"]
    command = ["java", *machine, "-Xms512m", *opens, "-cp", f"{lib}/*"]
    entry = ["org.neo4j.server.CommunityEntryPoint", f"--home-dir={home}"]
    with (home / "console.log").open("wb") as log:
        return subprocess.Popen(
            [*command, *entry, f"--config-dir={home / 'conf'}"],
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait(server: Server, port: int) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if server.process.poll() is not None:
            break
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    tail = (server.home / "console.log").read_text("utf-8", errors="replace")[-2000:]
    server.kill()
    message = f"Neo4j did not start: {tail}"
    raise RuntimeError(message)


def _complete() -> bool:
    mark = CACHE / "complete"
    return mark.exists() and mark.read_text("utf-8") == POM.read_text("utf-8")
