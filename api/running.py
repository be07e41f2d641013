"""One process of the product: what runs beside the HTTP server, how it starts and how it ends.

sockets taken → HTTP answers (503 until the stores do) → stores open → worker, listener, extras
SIGINT or SIGTERM → streams end → extras, listener, worker are cancelled → stores close
"""

import asyncio
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import structlog
import uvicorn

from api import bootstrap, garbage, logs, tokens
from api.access import check_bind
from api.addresses import address, is_loopback, take_port
from api.app import create_app
from api.encoded import WebSockets
from api.keeping import keep_history, sweep_uploads
from api.listening import ListenerProcesses
from api.resumable import resumables
from api.services import Door, Services
from api.settings import Settings
from api.worker import Worker
from identity.errors import CityError, Conflict, Unavailable
from sensors.ports import Broker, Listening

GRACE_S = 3  # what is still answered after a signal
UNSENT_BYTES_MAX = 256 * 1024  # of one connection, in the kernel
UNREAD_BYTES_MAX = 2 << 20  # the same of what comes in; the kernel takes it twice
LAST_WORD_S = 0.1  # between the signal and the end of connections
READ_BOUND = Path("/proc/sys/net/core/rmem_max")  # what Linux lets a program ask for
WS_MESSAGE_BYTES_MAX = 64 * 1024  # from a client; none is expected

Extra = Callable[[Door], Awaitable[None]]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process does: ``listener`` names its journal ("": none); ``extras`` run beside.

    A listener without anything else leaves the stores to its own two processes.
    """

    http: bool = True
    worker: bool = False
    listener: str = ""
    strict_port: bool = False
    strict_mqtt_port: bool = False
    demo: bool = False
    extras: Sequence[Extra] = ()

    @property
    def needs_stores(self) -> bool:
        """Whether this process itself works with the stores."""
        return self.http or self.worker


def run(settings: Settings, plan: Plan) -> None:
    """Run until a signal comes. Raises CityError where the start is refused."""
    logs.configure()
    asyncio.run(serve(settings, plan))


async def serve(settings: Settings, plan: Plan, door: Door | None = None) -> None:
    """Serve in the running loop; ends after SIGINT, SIGTERM, or a part that broke."""
    known = tokens.read(settings.tokens_file)
    check_bind(settings, known)
    at = door or Door(settings)
    at.demo = plan.demo
    taken = _take_http(settings, plan)
    try:
        _take_broker(at, plan)
    except BaseException:
        if taken is not None:
            taken.close()
        raise
    beside = Beside(at, plan)
    if taken is None:
        await _until_signal(at, beside)
    else:
        host, port = taken.getsockname()[:2]
        at.url = f"{'https' if settings.tls else 'http'}://{_shown(host)}:{port}"
        server = _Server(_config(settings, create_app(at, known, beside.lifespan)), at)
        beside.on_broken = at.stop = server.stop
        await server.serve(sockets=[taken])
    if beside.broken is not None:
        raise beside.broken


class Beside:
    """Everything that runs beside the HTTP server, as one task; ``broken`` is why it ended."""

    def __init__(self, door: Door, plan: Plan) -> None:
        self.broken: BaseException | None = None
        self.on_broken: Callable[[], None] = lambda: None
        self._door = door
        self._plan = plan

    @asynccontextmanager
    async def lifespan(self, _door: Door) -> AsyncIterator[None]:
        """Run the parts while the application lives; then close the stores."""
        task = asyncio.create_task(self._guarded(), name="beside")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._door.close()

    async def _guarded(self) -> None:
        try:
            await self._run()
        except Exception as error:  # noqa: BLE001 -- handed to whoever started us
            self.broken = _first(error)
            self.on_broken()

    async def _run(self) -> None:
        door, plan = self._door, self._plan
        async with asyncio.TaskGroup() as tasks:
            if isinstance(door.broker, ListenerProcesses):
                tasks.create_task(door.broker.run(), name="listening")
            if plan.needs_stores or door.settings.one_process:
                await self._open(tasks)
            for extra in plan.extras:
                tasks.create_task(_awaited(extra, door), name="extra")

    async def _open(self, tasks: asyncio.TaskGroup) -> None:
        door, broker = self._door, self._door.broker
        alone = door.settings.one_process and broker is not None
        listener = self._plan.listener if alone else ""
        opening = partial(bootstrap.open_services, door.settings, door.clock, listener=listener)
        services = await door.open(opening)
        _log.info("stores_opened", data_dir=str(door.settings.data_dir))
        garbage.settle()
        if self._plan.worker:
            tasks.create_task(Worker(services).run(), name="worker")
            keeping = keep_history(services, door.settings.history_keep_s)
            tasks.create_task(keeping, name="keep-history")
        if self._plan.http:
            sweeping = sweep_uploads(resumables(services), door.clock)
            tasks.create_task(sweeping, name="sweep-uploads")
        if isinstance(broker, ListenerProcesses):
            broker.on_changed = services.signal.notify
        elif broker is not None and services.journal is not None:
            receiving = services.intake.run(cast("Broker", broker), services.journal)
            tasks.create_task(receiving, name="intake")
        if broker is not None:
            door.checks.append(partial(_check_broker, broker))


async def _awaited(extra: Extra, door: Door) -> None:
    await extra(door)


async def _check_broker(broker: Listening, _services: Services) -> None:
    if isinstance(broker, ListenerProcesses):
        broker.check()
    elif not broker.connected:
        raise Unavailable("broker_not_connected", address=broker.address)


def _take_http(settings: Settings, plan: Plan) -> socket.socket | None:
    if not plan.http:
        return None
    port = take_port(settings.bind, strict=plan.strict_port, taken="http_port_taken")
    bound_sending(port, settings.stream_stall_s)
    bound_receiving(port)
    return port


def _take_broker(door: Door, plan: Plan) -> None:
    """Take the port of the endpoint, or read the broker's URL: what is wrong is said at once."""
    settings = door.settings
    if not plan.listener or bootstrap.broker_scheme(settings) == "none":
        return
    if bootstrap.broker_scheme(settings) == "embedded":
        _refuse_open_endpoint(settings)
    port = bootstrap.take_mqtt_port(settings, strict=plan.strict_mqtt_port)
    if settings.one_process:
        door.broker = bootstrap.make_broker(settings, door.clock, listener=plan.listener, port=port)
    else:
        address = "" if port else bootstrap.broker_address(settings)
        door.broker = ListenerProcesses(settings, plan.listener, port, address)


def _refuse_open_endpoint(settings: Settings) -> None:
    """Refuse to serve other machines without devices' passwords and TLS."""
    users, tls = bootstrap.mqtt_users(settings), bootstrap.mqtt_tls(settings)
    host, _ = address(settings.mqtt_bind)
    if not is_loopback(host) and not (users and tls):
        raise Conflict("mqtt_bind_open", bind=settings.mqtt_bind)


def bound_sending(listening: socket.socket, stall_s: float) -> None:
    """Bound what the kernel keeps for a client that takes nothing, and for how long.

    Connections inherit it. Without it a stalled client holds megabytes, and is never let go: it
    goes on answering probes. Twice ``stall_s``: one that wakes up late still reads why it was cut
    off. On Linux; elsewhere the limits of the stream itself remain.
    """
    if sys.platform == "linux":
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(2_000 * stall_s))


def bound_receiving(listening: socket.socket) -> None:
    """Bound what the kernel takes of a client before we read it: a kill costs an upload that much.

    Connections inherit it. Where a program may not ask for so much, the system's own bound stays
    (6 MB as Linux comes): the little it would give instead makes distant clients slow.
    """
    if READ_BOUND.is_file() and int(READ_BOUND.read_text()) >= UNREAD_BYTES_MAX:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD_BYTES_MAX)


async def _until_signal(door: Door, beside: Beside) -> None:
    with _signals(door.stopping.set):
        beside.on_broken = door.stopping.set
        async with beside.lifespan(door):
            await door.stopping.wait()


class _Server(uvicorn.Server):
    """Stops on our own signals: streams end first, and no KeyboardInterrupt is thrown after."""

    def __init__(self, config: uvicorn.Config, door: Door) -> None:
        super().__init__(config)
        self._door = door

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM while serving."""
        with _signals(self.stop):
            yield

    def stop(self) -> None:
        """End the streams and then the server."""
        self._door.stopping.set()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what is open, after streams had their turn to say that they end."""
        await asyncio.sleep(LAST_WORD_S)
        await super().shutdown(sockets)


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _config(settings: Settings, app: object) -> uvicorn.Config:
    tls = {}
    if settings.tls:
        tls = {"ssl_certfile": str(settings.tls_cert), "ssl_keyfile": str(settings.tls_key)}
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # an ASGI application
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
        proxy_headers=settings.behind_proxy,
        server_header=False,
        ws=WebSockets,
        ws_max_size=WS_MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,  # frames are short and encoded once; a window is not
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
        **tls,  # type: ignore[arg-type]  # file names
    )


def _first(error: BaseException) -> BaseException:
    """Return the refusal inside an exception group, for people."""
    while isinstance(error, BaseExceptionGroup):
        error = next((e for e in error.exceptions if isinstance(e, CityError)), error.exceptions[0])
    return error


def _shown(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
