"""One process of the product: what runs beside the HTTP server, how it starts and how it ends.

sockets taken → HTTP answers (503 until the stores do) → stores open → worker, listener, extras
SIGINT or SIGTERM → streams end → extras, listener, worker are cancelled → stores close
"""

import asyncio
import logging
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import structlog
import uvicorn

from api import bootstrap, tokens
from api.access import address, check_bind, is_loopback
from api.app import create_app
from api.services import Door, Services
from api.settings import Settings
from api.work import Worker
from identity.errors import CityError, Conflict, Unavailable

GRACE_S = 3  # what is still answered after a signal
PORT_TRIES = 100
UNSENT_BYTES_MAX = 256 * 1024  # of one connection, in the kernel
WS_MESSAGE_BYTES_MAX = 64 * 1024  # from a client; none is expected

Extra = Callable[[Door], Awaitable[None]]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process does: ``listener`` names its journal ("": none); ``extras`` run beside."""

    http: bool = True
    worker: bool = False
    listener: str = ""
    strict_port: bool = False
    strict_mqtt_port: bool = False
    demo: bool = False
    extras: Sequence[Extra] = ()


def run(settings: Settings, plan: Plan) -> None:
    """Run until a signal comes. Raises CityError where the start is refused."""
    configure_log()
    asyncio.run(serve(settings, plan))


async def serve(settings: Settings, plan: Plan, door: Door | None = None) -> None:
    """Serve in the running loop; ends after SIGINT, SIGTERM, or a part that broke."""
    known = tokens.read(settings.tokens_file)
    check_bind(settings, known)
    at = door or Door(settings)
    at.demo = plan.demo
    taken = take_port(settings.bind, strict=plan.strict_port) if plan.http else None
    if taken is not None:
        bound_sending(taken, settings.stream_stall_s)
    try:
        await _open_broker(at, plan)
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
        listener = plan.listener if door.broker is not None else ""
        opening = partial(bootstrap.open_services, door.settings, door.clock, listener=listener)
        services = await door.open(opening)
        _log.info("stores_opened", data_dir=str(door.settings.data_dir))
        async with asyncio.TaskGroup() as tasks:
            if plan.worker:
                tasks.create_task(Worker(services).run(), name="worker")
            if services.journal is not None and door.broker is not None:
                door.checks.append(partial(_check_broker, door))
                receiving = services.intake.run(door.broker, services.journal)
                tasks.create_task(receiving, name="intake")
            for extra in plan.extras:
                tasks.create_task(_awaited(extra, door), name="extra")


async def _awaited(extra: Extra, door: Door) -> None:
    await extra(door)


async def _check_broker(door: Door, _services: Services) -> None:
    if door.broker is not None and not door.broker.connected:
        raise Unavailable("broker_not_connected", address=door.broker.address)


async def _open_broker(door: Door, plan: Plan) -> None:
    if not plan.listener:
        return
    if door.settings.broker_url.startswith("embedded:"):
        _refuse_open_endpoint(door.settings)
    door.broker = bootstrap.make_broker(
        door.settings, door.clock, strict_port=plan.strict_mqtt_port, listener=plan.listener
    )
    if door.broker is not None:
        await bootstrap.open_broker(door.broker)


def _refuse_open_endpoint(settings: Settings) -> None:
    """Refuse other machines: the endpoint knows no devices' passwords yet."""
    host, _ = address(settings.mqtt_bind)
    if not is_loopback(host):
        raise Conflict("mqtt_bind_open", bind=settings.mqtt_bind)


def take_port(bind: str, *, strict: bool) -> socket.socket:
    """Return a listening socket; a taken port is refused (strict) or the next free one is used.

    IPPROTO_TCP is said, not left out: asyncio sets TCP_NODELAY only on sockets that say it, and
    without that each answer on a kept connection waits 40 ms for the client's acknowledgement.
    """
    host, port = address(bind)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, port + (1 if strict or port == 0 else PORT_TRIES)):
        taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((host, candidate))
        except OSError:
            taken.close()
            continue
        return taken
    raise Conflict("http_port_taken", host=host, port=port)


def bound_sending(listening: socket.socket, stall_s: float) -> None:
    """Bound what the kernel keeps for a client that takes nothing, and for how long.

    Connections inherit it. Without it a stalled client holds megabytes, and is never let go: it
    goes on answering probes. Twice ``stall_s``: one that wakes up late still reads why it was cut
    off. On Linux; elsewhere the limits of the stream itself remain.
    """
    if sys.platform == "linux":
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(2_000 * stall_s))


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
        ws="websockets-sansio",
        ws_max_size=WS_MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,  # frames are short; a window per client is not
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
        **tls,  # type: ignore[arg-type]  # file names
    )


def configure_log() -> None:
    """Log events to stderr, one line each."""
    logging.getLogger("uvicorn.error").addFilter(_is_no_refusal)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _is_no_refusal(record: logging.LogRecord) -> bool:
    """Leave out what the server says of each WebSocket we refused: it is in the audit trail."""
    return record.msg != "ASGI callable returned without completing handshake."


def _first(error: BaseException) -> BaseException:
    """Return the refusal inside an exception group, for people."""
    while isinstance(error, BaseExceptionGroup):
        error = next((e for e in error.exceptions if isinstance(e, CityError)), error.exceptions[0])
    return error


def _shown(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
