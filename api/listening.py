"""A listener as two child processes, seen from the process that starts them and keeps them alive.

Endpoint with journal, and applier: neither waits for the other's interpreter, and whichever dies is
started again. The port and the link between the two are held here, so that they outlive both:
devices that connect meanwhile wait in the port's backlog.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

import identity.errors
from api.addresses import BACKLOG, shown
from api.listener import EXIT_REFUSED, Order
from api.settings import Settings
from identity.errors import CityError, Unavailable
from sensors.link import pair

RESTART_S_FIRST, RESTART_S_MAX = 0.02, 5.0
END_S = 5.0  # from SIGTERM to SIGKILL
LINE_SHOWN = 200  # bytes of a line that is not ours
ENDPOINT, APPLIER = "endpoint", "applier"

_log = structlog.get_logger()


Process = asyncio.subprocess.Process


class Spare:
    """Processes with all modules loaded: one waits to take the place of whichever dies.

    Loading takes a second of processor time, and much longer on a machine that is busy.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._waiting: Process | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def take(self, role: str) -> Process:
        """Return a process that begins with its role now."""
        process, self._waiting = self._waiting, None
        if process is None or process.returncode is not None:
            process = await self._start()
        assert process.stdin is not None
        process.stdin.write(role.encode() + b"\n")
        return process

    def renew(self) -> None:
        """Start the next one, where none is waiting."""
        if self._waiting is None and (self._renewing is None or self._renewing.done()):
            self._renewing = asyncio.create_task(self._renew(), name="spare")

    async def close(self) -> None:
        """End the one that waits."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        if self._waiting is not None:
            await _end(self._waiting)

    async def _renew(self) -> None:
        self._waiting = await self._start()

    async def _start(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "api.listener"),
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=self._order.descriptors,
        )
        assert process.stdin is not None
        process.stdin.write(self._order.line())
        return process


class Part:
    """One child process; ``on_said`` hears its lines, and {} when it ended."""

    def __init__(self, role: str, spare: Spare, on_said: Callable[[dict[str, Any]], None]) -> None:
        self.role = role
        self._spare = spare
        self._on_said = on_said
        self._refused: CityError | None = None
        self._worked = False

    async def run(self) -> None:
        """Keep it alive until cancelled. Raises the CityError of a start that was refused.

        What had begun its work is started again at once, else the pauses grow.
        """
        wait_s = RESTART_S_FIRST
        while True:
            code = await self._live()
            if code == EXIT_REFUSED and self._refused is not None:
                raise self._refused
            wait_s = RESTART_S_FIRST if self._worked else wait_s
            _log.warning("listener_part_ended", part=self.role, code=code, again_s=wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RESTART_S_MAX)

    async def _live(self) -> int:
        """Start it, hear it, return how it ended."""
        process = await self._spare.take(self.role)
        self._worked = False
        _log.info("listener_part_started", part=self.role, pid=process.pid)
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                self._hear(line)
            return await process.wait()
        finally:
            self._on_said({})
            await _end(process)

    def _hear(self, line: bytes) -> None:
        try:
            said = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.MsgspecError:  # a library's own words: nothing that is told to us
            _log.warning(
                "listener_part_printed",
                part=self.role,
                line=line[:LINE_SHOWN].decode("utf-8", "replace"),
            )
            return
        if not self._worked and (said.get("connected") or said.get("applying")):
            self._worked = True
            _log.info("listener_part_ready", part=self.role)
            self._spare.renew()
        if "refused" in said:
            kind = getattr(identity.errors, said["kind"])
            self._refused = kind(said["refused"], **said["facts"])
        self._on_said(said)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let it finish, then make it."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class ListenerProcesses:
    """Both processes of one listener. ``port``: a bound socket for the embedded endpoint.

    ``on_changed`` is called when the applier has committed something.
    """

    def __init__(
        self, settings: Settings, listener: str, port: socket.socket | None, address: str = ""
    ) -> None:
        self.address = shown(*port.getsockname()[:2]) if port is not None else address
        self.connected = False
        self.applying = False
        self.on_changed: Callable[[], None] = lambda: None
        self._port = port
        self._ends, self._doors = pair(), pair()
        if port is not None:
            port.listen(BACKLOG)
        fd = port.fileno() if port is not None else -1
        near, far = (end.fileno() for end in self._ends)
        self._doors[0].setblocking(False)
        order = Order(settings, listener, (near, far), fd, self._doors[1].fileno())
        self._spare = Spare(order)
        self.endpoint = Part(ENDPOINT, self._spare, self._hear_endpoint)
        self.applier = Part(APPLIER, self._spare, self._hear_applier)

    async def run(self) -> None:
        """Keep both alive until cancelled. Raises the CityError of a start that was refused."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.endpoint.run(), name=ENDPOINT)
                tasks.create_task(self.applier.run(), name=APPLIER)
        finally:
            await self._spare.close()
            self.close()

    def close(self) -> None:
        """Give port and link back."""
        for held in (self._port, *self._ends, *self._doors):
            if held is not None:
                held.close()

    def connect(self) -> socket.socket:
        """Return a connection to the endpoint that needs no port: MQTT over WebSocket.

        Raises Unavailable("mqtt_not_here") where messages come from a broker elsewhere.
        """
        if self._port is None:
            raise Unavailable("mqtt_not_here")
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with far:
            try:
                socket.send_fds(self._doors[0], [b"c"], [far.fileno()])
            except OSError as error:
                near.close()
                raise Unavailable("broker_not_connected", address=self.address) from error
        return near

    def check(self) -> None:
        """Raise Unavailable while a part is away."""
        if not self.connected:
            raise Unavailable("broker_not_connected", address=self.address)
        if not self.applying:
            raise Unavailable("applier_away")

    def _hear_endpoint(self, said: dict[str, Any]) -> None:
        self.connected = bool(said.get("connected", False))

    def _hear_applier(self, said: dict[str, Any]) -> None:
        if "changed" in said:
            self.on_changed()
        else:
            self.applying = bool(said.get("applying", False))
