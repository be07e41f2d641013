"""The two processes of a listener: ``python -m api.listener``.

endpoint: broker → journal → acknowledge        applier: journal → decode → commit

``api.listening`` starts them and lets a third, which has all modules loaded already, take the place
of whichever dies. The first line of stdin is the order (JSON), the second the role; the end of
stdin is our end, for whoever started us is gone. stdout has a JSON line for each thing to be told:
``{"connected": true}``, ``{"applying": true}``, ``{"changed": true}``, and before exit code 2
``{"refused": code, "kind": …, "facts": …}``.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import msgspec
import structlog

from api import bootstrap, garbage, logs
from api.settings import Settings
from identity.errors import CityError, Conflict, Unavailable
from sensors import events
from sensors.intake import receive
from sensors.journal_tail import JournalTail, answer
from sensors.link import Link
from sensors.ports import Broker
from twin.events import Signal

EXIT_FAILED, EXIT_REFUSED = 1, 2
GRACE_S = 3.0  # from the end of stdin to the end of the process
OWNED_S = 5.0  # how long a part that our former self still holds is asked for again
ASK_S = 0.05

T = TypeVar("T")

_log = structlog.get_logger()


class Order(NamedTuple):
    """What a process is to do; the numbers are inherited descriptors (port -1: none).

    ``ends``: of the link, the endpoint's and the applier's. ``doors``: where connections come from
    that were accepted elsewhere (MQTT over WebSocket).
    """

    settings: Settings
    listener: str
    ends: tuple[int, int]
    port: int
    doors: int

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All that are inherited."""
        return tuple(fd for fd in (*self.ends, self.port, self.doors) if fd >= 0)

    @classmethod
    def read(cls, line: bytes) -> "Order":
        """Return the order in a line."""
        said: Mapping[str, Any] = msgspec.json.decode(line)
        return cls(**{**said, "settings": Settings(**said["settings"])})

    def line(self) -> bytes:
        """Return the order as a line."""
        settings = self.settings.model_dump(mode="json")
        return msgspec.json.encode({**self._asdict(), "settings": settings}) + b"\n"


def main() -> int:
    """Do what stdin orders until it ends; the exit code."""
    logs.configure()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for whoever started us, who ends us
    order = Order.read(sys.stdin.buffer.readline())
    bootstrap.warm(order.settings)
    garbage.settle()
    role = sys.stdin.buffer.readline().strip()  # nothing follows it
    if not role:
        return 0
    try:
        asyncio.run(_until_end({b"endpoint": endpoint, b"applier": applier}[role](order)))
    except CityError as refused:
        kind = type(refused).__name__
        tell(refused=refused.code, kind=kind, facts=refused.facts)
        return EXIT_FAILED if isinstance(refused, Unavailable) else EXIT_REFUSED
    return 0


async def endpoint(order: Order) -> None:
    """Journal what comes and acknowledge it."""
    settings = order.settings
    os.close(order.ends[1])
    port = socket.socket(fileno=order.port) if order.port >= 0 else None
    link = Link(socket.socket(fileno=order.ends[0]))
    broker = bootstrap.make_broker(settings, time.time, listener=order.listener, port=port)
    assert broker is not None, "a listener has a broker"
    journal = await _patiently(lambda: bootstrap.open_journal(settings, order.listener))
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(link.run())
            tasks.create_task(answer(journal, link))
            tasks.create_task(receive(broker, journal, committed=settings.ack_committed))
            tasks.create_task(_tell_connected(broker))
            if isinstance(broker, Host):
                tasks.create_task(events.deliver(broker, link))
                adopt_all(broker, socket.socket(fileno=order.doors), tasks)
    finally:
        await journal.close()


async def applier(order: Order) -> None:
    """Apply what is in the journal, and follow the city for subscribers."""
    settings, link = order.settings, Link(socket.socket(fileno=order.ends[1]))
    for descriptor in order.descriptors:
        if descriptor != order.ends[1]:
            os.close(descriptor)
    directory = settings.data_dir / "journal"
    tail = await _patiently(lambda: JournalTail.open(directory, order.listener, link))
    changed = Signal()
    try:
        async with bootstrap.applying(settings, time.time, changed) as (city, intake):
            feed = events.Feed(city.follow, link, settings.tenant)
            tell(applying=True)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(link.run())
                tasks.create_task(intake.apply(tail))
                tasks.create_task(_tell_changed(changed))
            feed.close()
    finally:
        await tail.close()


@runtime_checkable
class Host(events.Subscribers, Protocol):
    """A broker that serves devices itself: the endpoint."""

    async def adopt(self, accepted: socket.socket) -> None:
        """Serve a device that was accepted elsewhere."""
        ...


def adopt_all(host: Host, doors: socket.socket, tasks: asyncio.TaskGroup) -> None:
    """Serve every connection that comes through ``doors``."""
    doors.setblocking(False)

    def come() -> None:
        with suppress(BlockingIOError):
            _, descriptors, _, _ = socket.recv_fds(doors, 1, 1)
            for descriptor in descriptors:
                tasks.create_task(_adopt(host, socket.socket(fileno=descriptor)))

    asyncio.get_running_loop().add_reader(doors, come)


async def _adopt(host: Host, accepted: socket.socket) -> None:
    try:
        await host.adopt(accepted)
    except OSError as error:  # it is gone already: no reason to end with it
        _log.info("device_gone", reason=str(error))
        accepted.close()


def tell(**said: Any) -> None:
    """Write one line to whoever started us."""
    with suppress(BrokenPipeError):
        sys.stdout.buffer.write(msgspec.json.encode(said, enc_hook=str) + b"\n")
        sys.stdout.buffer.flush()


async def _tell_connected(broker: Broker) -> None:
    before = False
    while True:
        if broker.connected != before:
            before = broker.connected
            tell(connected=before)
        await asyncio.sleep(ASK_S)


async def _tell_changed(changed: Signal) -> None:
    while True:
        await changed.armed().wait()
        tell(changed=True)


async def _patiently(opening: Callable[[], Awaitable[T]]) -> T:
    """Open what our former self may still hold for a moment."""
    end = time.monotonic() + OWNED_S
    while True:
        try:
            return await opening()
        except Conflict:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(ASK_S)


async def _until_end(work: Awaitable[None]) -> None:
    """Work until stdin ends or SIGTERM comes."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    threading.Thread(target=_watch_stdin, args=(loop, task), daemon=True).start()
    try:
        await task
    except asyncio.CancelledError:
        return
    except BaseExceptionGroup as group:
        raise _refusal(group) from group


def _watch_stdin(loop: asyncio.AbstractEventLoop, task: "asyncio.Future[None]") -> None:
    while os.read(sys.stdin.fileno(), 1_024):  # not its buffer, whose lock would outlive us
        pass
    with suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(task.cancel)
    time.sleep(GRACE_S)
    os._exit(EXIT_FAILED)


def _refusal(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the refusal inside an exception group, else the group."""
    refused = group.subgroup(CityError)
    while isinstance(refused, BaseExceptionGroup):
        refused = refused.exceptions[0]  # type: ignore[assignment]
    return refused or group


if __name__ == "__main__":
    sys.exit(main())
