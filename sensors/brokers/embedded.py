"""The intake endpoint: our own listener for devices that publish, MQTT 3.1.1 and 5.0.

Not a broker: nothing is retained, no session is kept. Its one promise: a PUBACK leaves only after
the sink returned, which is after the journal's fsync.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from identity.errors import CityError
from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers.connection import Connection
from sensors.brokers.gate import Taken, Welcome
from sensors.brokers.outgoing import Event
from sensors.ports import Message, Sink
from sensors.users import EVERYTHING, Access

SWEEP_S = 1.0  # how often silent connections are looked for
BACKLOG = 1_024  # connections that wait to be accepted

Authenticate = Callable[[str, str | None, bytes | None], Access | None]
"""(client id, user, password) -> what this device may do, None: it is not let in."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """What devices may ask of us."""

    connections_max: int = 10_000
    connect_s_max: float = 10.0  # from the TCP connection to CONNECT
    packet_bytes_max: int = mqtt.PACKET_BYTES_MAX
    in_flight_max: int = 5_000  # messages of one connection that wait for their fsync
    pending_bytes_max: int = 32 * 1024 * 1024  # of all connections
    keep_alive_s_max: int = 600  # of MQTT 5 clients, which can be told; 3.1.1 clients cannot


class Endpoint:
    """Listens on a bound socket (a Broker); see ``run``.

    ``authenticate`` None: everybody may do everything. ``clock``: Unix seconds.
    """

    def __init__(
        self,
        port: socket.socket,
        *,
        clock: Callable[[], float],
        authenticate: Authenticate | None = None,
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        self.in_flight_max = limits.in_flight_max
        self.packet_bytes_max = limits.packet_bytes_max
        self.connect_s_max = limits.connect_s_max
        self.now = clock
        self._limits = limits
        self._port = port
        self._address = port.getsockname()
        self._authenticate = authenticate
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._clients: dict[str, Connection] = {}
        self._pending: list[tuple[Connection | None, Taken]] = []
        self._pending_bytes = 0
        self._assigned = 0
        self._subscribers: set[Connection] = set()
        self.on_wanted: Callable[[], None] = lambda: None
        self._arrived = asyncio.Event()

    @property
    def address(self) -> str:
        """host:port as bound."""
        host, port = self._address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def connected(self) -> bool:
        """Whether devices can connect now."""
        return self._server is not None and self._server.is_serving()

    @property
    def full(self) -> bool:
        """Whether too many bytes wait; devices are held back then."""
        return self._pending_bytes >= self._limits.pending_bytes_max

    async def run(self, sink: Sink) -> None:
        """Accept devices and acknowledge after ``sink``, until cancelled."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self), sock=self._port, ssl=self._tls, backlog=BACKLOG
        )
        try:
            _log.info("endpoint_opened", address=self.address)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._sweep(), name="sweep")
                tasks.create_task(self._pump(sink), name="pump")
        finally:
            self.close()

    def close(self) -> None:
        """Give the port back and let all devices go; ``run`` does so when it ends."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.close("endpoint closed", mqtt.SHUTTING_DOWN)

    def join(self, connection: Connection) -> bool:
        """Count a connection in."""
        self._connections.add(connection)
        return len(self._connections) <= self._limits.connections_max

    def greet(self, connection: Connection, wanted: mqtt.Connect) -> Welcome:
        """Return what to answer to a device's CONNECT."""
        access = EVERYTHING
        if self._authenticate is not None:
            found = self._authenticate(wanted.client, wanted.user, wanted.password)
            if found is None:
                return Welcome(mqtt.NOT_AUTHORIZED if wanted.user is None else mqtt.BAD_LOGIN)
            access = found
        reason = _refusal(wanted, access)
        if reason != mqtt.SUCCESS:
            return Welcome(reason)
        said = self._terms(wanted) if wanted.level == mqtt.LEVEL_5 else mqtt.NONE
        client = said.get("assigned_client", wanted.client)
        if client:
            former = self._clients.get(client)
            if former is not None:
                former.close("client id taken over", mqtt.TAKEN_OVER)  # [MQTT-3.1.4-2]
            self._clients[client] = connection
        return Welcome(mqtt.SUCCESS, said, None if access is EVERYTHING else access)

    def subscribed(self, connection: Connection) -> None:
        """Keep who wants events; ``on_wanted`` is told when the first comes and the last goes."""
        before = bool(self._subscribers)
        if connection.subscribes:
            self._subscribers.add(connection)
        else:
            self._subscribers.discard(connection)
        if before != bool(self._subscribers):
            self.on_wanted()

    @property
    def wanted(self) -> bool:
        """Whether anybody wants events."""
        return bool(self._subscribers)

    def deliver(self, events: Sequence[tuple[str, bytes]]) -> None:
        """Send events (topic, payload) to those who asked for them."""
        for connection in list(self._subscribers):
            for topic, payload in events:
                connection.offer(Event(topic, payload))

    async def adopt(self, accepted: socket.socket) -> None:
        """Serve a device that was accepted elsewhere (MQTT over WebSocket)."""
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: Connection(self), accepted)

    def _terms(self, wanted: mqtt.Connect) -> dict[str, Any]:
        """Return what an MQTT 5 client has to know of us."""
        said: dict[str, Any] = {
            "session_expiry_s": 0,
            "receive_maximum": self.in_flight_max,
            "qos_maximum": 1,
            "retain_available": 0,
            "packet_bytes_max": self.packet_bytes_max,
            "topic_alias_maximum": 0,
            "identifiers_available": 0,
            "shared_available": 0,
        }
        if not wanted.client:
            said["assigned_client"] = self._free_name()
        longest_s = self._limits.keep_alive_s_max
        if not 0 < wanted.keep_alive_s <= longest_s:
            said["server_keep_alive_s"] = longest_s
        return said

    def _free_name(self) -> str:
        """Return a client id for a device that has none [5:3.1.3-6]."""
        while True:
            self._assigned += 1
            name = f"assigned-{self._assigned}"
            if name not in self._clients:
                return name

    def take(self, connection: Connection | None, taken: Taken) -> None:
        """Queue messages for the next batch."""
        self._pending.append((connection, taken))
        self._pending_bytes += taken.bytes
        self._arrived.set()

    def leave(self, connection: Connection, will: Message | None) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        if connection in self._subscribers:
            self._subscribers.discard(connection)
            if not self._subscribers:
                self.on_wanted()
        if self._clients.get(connection.client) is connection:
            del self._clients[connection.client]
        if will is not None and self.connected:
            taken = Taken(len(will.payload), will.received_at)
            taken.messages.append(will)
            self.take(None, taken)

    async def _pump(self, sink: Sink) -> None:
        """One batch at a time: what arrives meanwhile is the next one, so order is kept."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            batch, self._pending = self._pending, []
            await self._deliver(batch, sink)
            self._pending_bytes -= sum(taken.bytes for _, taken in batch)
            for connection in [c for c in self._connections if c.held]:
                connection.steer()

    async def _deliver(self, batch: list[tuple[Connection | None, Taken]], sink: Sink) -> None:
        messages = [message for _, taken in batch for message in taken.messages]
        try:
            if messages:
                await sink(messages)
        except CityError as error:
            # Not durable: without an acknowledgement the devices will send it again.
            _log.error("batch_refused", code=error.code, connections=len(batch), **error.facts)
            for connection, _ in batch:
                if connection is not None:
                    connection.close(error.code, mqtt.UNAVAILABLE)
            return
        for connection, taken in batch:
            if connection is not None:
                connection.acknowledge(taken)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now_s = loop.time()
            for connection in [c for c in self._connections if c.is_overdue(now_s)]:
                connection.close("silent for too long", mqtt.KEEP_ALIVE_TIMEOUT)


def _refusal(wanted: mqtt.Connect, access: Access) -> int:
    """Return why a device is not let in, SUCCESS when it is."""
    if wanted.level == mqtt.LEVEL_311 and not (wanted.client or wanted.clean):
        return mqtt.BAD_CLIENT  # [MQTT-3.1.3-8]
    if "authentication_method" in wanted.properties:
        return mqtt.BAD_METHOD  # [5:4.12.0-1]
    if wanted.will is not None and not access.may_publish(wanted.will.topic):
        return mqtt.NOT_AUTHORIZED
    if wanted.level == mqtt.LEVEL_5 and wanted.will is not None:
        if wanted.will.retain:
            return mqtt.NO_RETAIN  # [5:3.2.2-13]
        if wanted.will.qos > 1:
            return mqtt.NO_QOS  # [5:3.2.2-12]
    return mqtt.SUCCESS
