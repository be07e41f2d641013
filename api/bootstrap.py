"""The only file that names adapters: the scheme of each URL chooses one.

``sqlite:///name`` lies in the data folder, ``sqlite:////absolute/path`` where it says.
"""

import asyncio
import importlib
import platform
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

import structlog

from api import tables
from api.addresses import shown, take_port
from api.settings import Settings
from cim import claims
from cim.ports import Blobs, Graph
from identity.errors import Invalid
from identity.ports import Codes
from sensors.intake import Intake
from sensors.journal import Bounds, Journal
from sensors.ports import Broker
from sensors.users import Users
from twin.city import City
from twin.events import Signal
from twin.ports import Audit, Jobs, States

if TYPE_CHECKING:
    from api.services import Services  # what it imports is not needed by a listener's processes
    from sensors.brokers.mqtt import PahoBroker
    from sensors.brokers.subscriber import Subscriber

_log = structlog.get_logger()

GRAPH_SCHEMES = ("sqlite", "memory", "neo4j", "neo4j+s", "bolt", "bolt+s")
STATE_SCHEMES = ("sqlite", "memory", "postgresql", "postgres")
Clock = Callable[[], float]


async def open_services(settings: Settings, clock: Clock, *, listener: str = "") -> "Services":
    """Open every store. ``listener``: also the journal of that name (a process that listens).

    Raises Unavailable when a store does not answer, Invalid as ``api.tables`` does; what was opened
    before it is closed again.
    """
    from api.services import Services

    await asyncio.to_thread(tables.put_in_force, settings)
    await asyncio.to_thread(_make_folders, settings.data_dir)
    await _sweep(settings, blobs := open_blobs(settings))
    signal = Signal()
    opened: list[Any] = []
    try:
        graph, codes = await _graph(settings, clock, opened)
        await tables.check_issued(settings, graph)
        states = await _states(settings, signal, opened)
        jobs, audit = await _jobs(settings, opened)
        journal = await open_journal(settings, listener) if listener else None
    except BaseException:
        for part in reversed(opened):
            await part.close()
        raise
    city = _city(settings, (graph, codes, states), clock, signal)
    intake = _intake(settings, city, (graph, codes, states), clock)
    return Services(
        settings, clock, graph, codes, blobs, states, jobs, audit, city, intake, signal, journal
    )


def _city(
    settings: Settings, stores: tuple[Graph, Codes, States], clock: Clock, signal: Signal
) -> City:
    return City(
        *stores,
        clock,
        signal=signal,
        future_s_max=settings.future_s_max,
        stream_buffer_max=settings.stream_buffer_max,
    )


def _intake(
    settings: Settings, city: City, stores: tuple[Graph, Codes, States], clock: Clock
) -> Intake:
    return Intake(*stores, clock, project=city.project_codes, future_s_max=settings.future_s_max)


def warm(settings: Settings) -> None:
    """Load the modules that a listener's process will need."""
    names = {
        "embedded": "sensors.brokers.embedded",
        "mqtt": "sensors.brokers.mqtt",
        "mqtts": "sensors.brokers.mqtt",
        "sqlite": "twin.stores.sqlite",
        "postgres": "twin.stores.postgres",
        "postgresql": "twin.stores.postgres",
    }
    state, graph = settings.state_url or "sqlite:", settings.graph_url or "sqlite:"
    wanted = [names.get(url.partition(":")[0]) for url in (settings.broker_url, state)]
    wanted.append("cim.stores.sqlite" if graph.startswith("sqlite") else "cim.stores.neo4j")
    for name in filter(None, wanted):
        with suppress(ModuleNotFoundError):  # an extra: said where it is opened
            importlib.import_module(name)


@asynccontextmanager
async def applying(
    settings: Settings, clock: Clock, signal: Signal
) -> AsyncIterator[tuple[City, Intake]]:
    """Open what a process that applies a journal needs, and close it again.

    Raises Unavailable when a store does not answer.
    """
    await asyncio.to_thread(tables.put_in_force, settings)
    opened: list[Any] = []
    try:
        graph, codes = await _graph(settings, clock, opened)
        states = await _states(settings, signal, opened)
        city = _city(settings, (graph, codes, states), clock, signal)
        yield city, _intake(settings, city, (graph, codes, states), clock)
    finally:
        for part in reversed(opened):
            await part.close()


def open_blobs(settings: Settings) -> Blobs:
    """Return the store of blobs that the URL names."""
    from cim.stores.files import FileBlobs
    from cim.stores.memory_blobs import MemoryBlobs

    url = settings.blobs_url
    if not url:
        return FileBlobs(settings.data_dir / "blobs")
    scheme = _scheme("TWIN_BLOBS_URL", url, ("file", "memory"))
    return MemoryBlobs() if scheme == "memory" else FileBlobs(Path(unquote(urlsplit(url).path)))


async def _sweep(settings: Settings, blobs: Blobs) -> None:
    """Remove the passing files of processes that died; a living one's are left alone."""
    gone = await blobs.sweep()
    for name in ("work", "uploads"):
        gone += len(await asyncio.to_thread(claims.sweep, settings.data_dir / name))
    if gone:
        _log.info("leftovers_removed", count=gone)


def make_broker(
    settings: Settings, clock: Clock, *, listener: str, port: socket.socket | None
) -> Broker | None:
    """Return where messages come from, None for ``none://``; ``port``: of ``take_mqtt_port``.

    ``listener`` is part of the client id: two listeners on one host are two persistent sessions.
    """
    scheme = broker_scheme(settings)
    if scheme == "none":
        return None
    if scheme == "embedded":
        from sensors.brokers.embedded import Endpoint, Limits

        assert port is not None, "an endpoint has a port"
        limits = Limits(
            connections_max=settings.mqtt_connections_max,
            packet_bytes_max=settings.mqtt_packet_bytes_max,
            in_flight_max=settings.mqtt_in_flight_max,
            pending_bytes_max=settings.mqtt_pending_bytes_max,
            keep_alive_s_max=settings.mqtt_keep_alive_s_max,
        )
        users = mqtt_users(settings)
        return Endpoint(
            port,
            clock=clock,
            authenticate=users.access if users is not None else None,
            tls=mqtt_tls(settings),
            limits=limits,
        )
    made = _client(settings.broker_url)
    return made(settings.broker_url, client_id(listener), settings.topics, clock=clock)


def _client(url: str) -> "type[Subscriber | PahoBroker]":
    from sensors.brokers.broker_url import place

    if place(url).client == "paho":
        from sensors.brokers.mqtt import PahoBroker

        return PahoBroker
    from sensors.brokers.subscriber import Subscriber

    return Subscriber


def mqtt_users(settings: Settings) -> Users | None:
    """Return who may publish, None: everybody. Raises Invalid("mqtt_users_unreadable")."""
    return Users(settings.mqtt_users_file) if settings.mqtt_users_file else None


def mqtt_tls(settings: Settings) -> ssl.SSLContext | None:
    """Return what devices are greeted with, None without. Raises Invalid("mqtt_tls_unreadable")."""
    if settings.mqtt_tls_cert is None and settings.mqtt_tls_key is None:
        return None
    if settings.mqtt_tls_cert is None or settings.mqtt_tls_key is None:
        reason = "certificate and key belong together"
        raise Invalid("mqtt_tls_unreadable", path="", reason=reason)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.mqtt_tls_cert, settings.mqtt_tls_key)
    except (OSError, ssl.SSLError) as error:
        path = str(settings.mqtt_tls_cert)
        raise Invalid("mqtt_tls_unreadable", path=path, reason=str(error)) from error
    return context


def broker_scheme(settings: Settings) -> str:
    """Return which kind of broker is wanted. Raises Invalid("url_scheme_unknown")."""
    known = ("embedded", "mqtt", "mqtts", "none")
    return _scheme("TWIN_BROKER_URL", settings.broker_url, known)


def broker_address(settings: Settings) -> str:
    """Return host:port of a broker behind a URL. Raises Invalid("broker_url_invalid")."""
    from sensors.brokers.broker_url import place

    at = place(settings.broker_url)
    return shown(at.host, at.port)


def take_mqtt_port(settings: Settings, *, strict: bool) -> socket.socket | None:
    """Take the endpoint's port now, so that a taken one is said before the start.

    None: messages come from elsewhere. Raises Conflict("port_taken").
    """
    if broker_scheme(settings) != "embedded":
        return None
    return take_port(settings.mqtt_bind, strict=strict, taken="port_taken")


def client_id(listener: str) -> str:
    """Return the name of this host's ``listener`` at a broker: the same after a restart."""
    return f"twin-{platform.node() or 'host'}-{listener}"


async def _graph(settings: Settings, clock: Clock, opened: list[Any]) -> tuple[Graph, Codes]:
    url = settings.graph_url or "sqlite:///graph.db"
    scheme = _scheme("TWIN_GRAPH_URL", url, GRAPH_SCHEMES)
    store: Any
    if scheme == "memory":
        from cim.stores.memory import MemoryGraph

        store = MemoryGraph(clock, settings.lease_ttl_s)
    elif scheme == "sqlite":
        from cim.stores.sqlite import SqliteGraph

        path = _path(settings, url)
        store = await SqliteGraph.open(path, clock, lease_ttl_s=settings.lease_ttl_s)
    else:
        store = await _neo4j(settings, url, clock)
    opened.append(store)
    return cast("Graph", store), cast("Codes", store)


async def _neo4j(settings: Settings, url: str, clock: Clock) -> Any:
    """Open Neo4j; user and password come from their settings, or from the URL itself."""
    from cim.stores.neo4j import Neo4jGraph

    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = unquote(parts.username or settings.graph_user)
    password = unquote(parts.password or settings.graph_password)
    return await Neo4jGraph.open(
        f"{parts.scheme}://{host}", user, password, clock, lease_ttl_s=settings.lease_ttl_s
    )


async def _states(settings: Settings, signal: Signal, opened: list[Any]) -> States:
    url = settings.state_url or "sqlite:///state.db"
    scheme = _scheme("TWIN_STATE_URL", url, STATE_SCHEMES)
    kept: dict[str, Any] = {"bounds": settings.quarantine, "retention": settings.retention}
    store: Any
    if scheme == "memory":
        from twin.stores.memory import MemoryStates

        store = MemoryStates(signal=signal, **kept)
    elif scheme == "sqlite":
        from twin.stores.sqlite import SqliteStates

        store = await SqliteStates.open(_path(settings, url), signal=signal, **kept)
    else:
        store = await _postgres(url, signal, kept)
    opened.append(store)
    return cast("States", store)


async def _postgres(url: str, signal: Signal, kept: dict[str, Any]) -> Any:
    """Open PostgreSQL; its driver is an extra."""
    try:
        from twin.stores.postgres import PostgresStates
    except ModuleNotFoundError as missing:
        raise Invalid("extra_missing", extra="postgres", part=str(missing.name)) from missing
    return await PostgresStates.open(url, signal=signal, **kept)


async def _jobs(settings: Settings, opened: list[Any]) -> tuple[Jobs, Audit]:
    from twin.stores.jobs import SqliteJobs

    url = settings.jobs_url or "sqlite:///jobs.db"
    _scheme("TWIN_JOBS_URL", url, ("sqlite",))
    store = await SqliteJobs.open(_path(settings, url), attempts_max=settings.job_attempts_max)
    opened.append(store)
    return store, store


async def open_journal(settings: Settings, listener: str) -> Journal:
    """Open a listener's journal to write. Raises as ``Journal.open`` does."""
    bounds = Bounds(
        in_flight_bytes_max=2 * settings.mqtt_pending_bytes_max,
        backlog_messages_max=settings.journal_messages_max,
        backlog_bytes_max=settings.journal_bytes_max,
    )
    return await Journal.open(settings.data_dir / "journal", listener, bounds)


def _scheme(name: str, url: str, known: tuple[str, ...]) -> str:
    scheme = url.partition("://")[0] if "://" in url else ""
    if scheme not in known:
        raise Invalid("url_scheme_unknown", name=name, scheme=scheme, known=", ".join(known))
    return scheme


def _path(settings: Settings, url: str) -> Path:
    path = unquote(url.partition(":///")[2])
    if not path:
        raise Invalid("url_without_path", url=url)
    return settings.data_dir / path  # an absolute path replaces the folder


def _make_folders(data_dir: Path) -> None:
    for name in ("", "journal", "work", "uploads"):
        (data_dir / name).mkdir(parents=True, exist_ok=True)
