"""A real PostgreSQL for the tests: a throw-away cluster in a folder of its own, a free port.

PostgreSQL refuses to run as root: there it runs as the user ``postgres``, who owns the folder.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.parts.ports import free_port

VERSION_MIN = 14
START_S = 60.0
HOST = "127.0.0.1"
FAST = ("fsync=off", "full_page_writes=off")  # a test kills our processes, never the machine

OTHERS_OUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Missing(Exception):
    """A part this machine lacks; its text is the reason for the skip."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a started server answers."""

    port: int
    password: str
    home: Path
    process: "subprocess.Popen[bytes]"

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://postgres:{self.password}@{HOST}:{self.port}/{database}"

    def create(self) -> str:
        """Make an empty database and return its URL."""
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)

    def empty(self, url: str) -> None:
        """Leave a database of ``create`` as it was made: a third of the time of making one.

        Whoever is still connected is thrown out; what a test set for the database goes, too.
        """
        name = url.rpartition("/")[2]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(OTHERS_OUT)
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            connection.execute(f'ALTER DATABASE "{name}" RESET ALL'.encode())

    def drop(self, url: str) -> None:
        """Remove a database that ``create`` made."""
        name = url.rpartition("/")[2]
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())

    def kill(self) -> None:
        """Kill it at once and remove its folder."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGQUIT)  # ends the processes that belong to it
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def start(*options: str, durable: bool = False) -> Server:
    """Start a server and wait until it answers. Raises Missing.

    ``durable``: it waits for its disk as a real one does (benches); ``options``: name=value.
    """
    folder = _programs()
    home = Path(tempfile.mkdtemp(prefix="wanwu-postgres-"))
    owner = _owner(home)
    password = secrets.token_hex(12)
    secret = home / "password"
    secret.write_text(password, encoding="utf-8")
    secret.chmod(0o644)
    _initialise(folder, home, secret, owner)
    port = free_port()
    given = [f"port={port}", f"listen_addresses={HOST}", f"unix_socket_directories={home}"]
    given += [*options, *(() if durable else FAST)]
    command = [str(folder / "postgres"), "-D", str(home / "data")]
    command += [part for option in given for part in ("-c", option)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, cwd=home, **owner
        )
    server = Server(port, password, home, process)
    _wait(server)
    return server


def _initialise(folder: Path, home: Path, secret: Path, owner: dict[str, Any]) -> None:
    command = [str(folder / "initdb"), "-D", str(home / "data"), "-U", "postgres", "-N"]
    command += ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={secret}"]
    subprocess.run(command, check=True, capture_output=True, cwd=home, **owner)
    secret.unlink()


def _programs() -> Path:
    """Return the folder of initdb and postgres. Raises Missing."""
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: p.parent.name)
    here = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    for folder in [*here, *reversed(known)]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    message = f"PostgreSQL (initdb, postgres; {VERSION_MIN} or newer) is not on this machine"
    raise Missing(message)


def _owner(home: Path) -> dict[str, Any]:
    """Give the folder to the user who will run the server; {} where that is us."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        message = "root cannot run PostgreSQL, and there is no user postgres"
        raise Missing(message) from None
    os.chown(home, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _wait(server: Server) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.process.poll() is None:
        with suppress(psycopg.OperationalError), psycopg.connect(server.url("postgres")):
            return
        time.sleep(0.1)
    tail = (server.home / "log").read_text("utf-8", errors="replace")[-2000:]
    server.kill()
    message = f"PostgreSQL did not start: {tail}"
    raise RuntimeError(message)
