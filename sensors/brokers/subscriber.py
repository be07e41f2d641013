"""Any MQTT 3.1.1 or 5.0 broker by URL, with the codec of our own endpoint.

A persistent session keeps what is published while we are away. Everything happens in the event
loop: what is read waits for the sink, and is acknowledged when the sink returned, in the connection
that it came by (packet ids belong to one: after a new one the broker sends those again).
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast

import structlog

from identity.errors import Invalid
from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers import mqtt_write as write
from sensors.brokers.broker_url import place
from sensors.brokers.delivering import patiently
from sensors.brokers.mqtt_answers import REFUSED, Alive, Answers, Ended, Granted, Welcomed
from sensors.ports import Message, Sink
from sensors.topics import SUBSCRIPTION

KEEP_ALIVE_S = 30
CONNECT_S_MAX = 10.0  # from the first packet to the subscription that was granted
RECONNECT_S_FIRST, RECONNECT_S_MAX = 1.0, 30.0
PENDING_BYTES_MAX = 32 * 1024 * 1024  # received, not yet durable; beyond it we stop reading
QOS = 1
SUBSCRIBED = b"\0\1"  # the only packet id of ours

_log = structlog.get_logger()


class _Received(NamedTuple):
    message: Message
    link: "_Link"
    packet_id: bytes


class Subscriber:
    """A Broker behind a URL. ``client_id`` names the persistent session: one listener, one name.

    ``clock``: Unix seconds. See ``broker_url`` for what a URL may say.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        topics: Sequence[str] = (SUBSCRIPTION,),
        *,
        clock: Callable[[], float],
    ) -> None:
        self.place = place(url)
        self.clock = clock
        self.topics = [self.place.topic(topic) for topic in topics]
        self._client_id = client_id
        self._context = self.place.context()
        self._link: _Link | None = None
        self._arrived = asyncio.Event()
        self._received: list[_Received] = []
        self._pending_bytes = 0

    @property
    def address(self) -> str:
        """host:port of the broker."""
        return f"{self.place.host}:{self.place.port}"

    @property
    def connected(self) -> bool:
        """Whether the broker accepted us and our subscription."""
        return self._link is not None and self._link.subscribed

    @property
    def full(self) -> bool:
        """Whether too many bytes wait for the sink."""
        return self._pending_bytes >= PENDING_BYTES_MAX

    async def run(self, sink: Sink) -> None:
        """Receive until cancelled; comes back by itself when the broker was away."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected(), name="broker")
            tasks.create_task(self._pump(sink), name="broker-pump")

    def take(self, received: list[_Received]) -> None:
        """Let messages wait for the sink."""
        self._pending_bytes += sum(len(one.message.payload) for one in received)
        self._received += received
        self._arrived.set()

    def greeting(self) -> bytes:
        """Return our CONNECT: a session that stays, and what 5.0 can say of it."""
        at, said = self.place, {}
        if at.level == mqtt.LEVEL_5:
            said = {"session_expiry_s": at.expiry_s, "receive_maximum": at.receive_maximum}
        password = None if at.password is None else at.password.encode()
        return write.connect(
            mqtt.Connect(
                *(at.level, self._client_id, False, KEEP_ALIVE_S, at.user, password),
                properties=said,
            )
        )

    async def _stay_connected(self) -> None:
        wait_s = RECONNECT_S_FIRST
        while True:
            if await self._live():
                wait_s = RECONNECT_S_FIRST
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RECONNECT_S_MAX)

    async def _live(self) -> bool:
        """Connect and stay until the connection ends; whether it had worked."""
        loop, at = asyncio.get_running_loop(), self.place
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                _, link = await loop.create_connection(
                    lambda: _Link(self), at.host, at.port, ssl=self._context
                )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            _log.warning("broker_unreachable", address=self.address, reason=str(error))
            return False
        self._link = link
        try:
            await link.live()
        finally:
            self._link = None
            link.end()
        _log.info("broker_disconnected", address=self.address, reason=link.why)
        return link.worked

    async def _pump(self, sink: Sink) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            batch, self._received = self._received, []
            await patiently(sink, [one.message for one in batch])
            self._pending_bytes -= sum(len(one.message.payload) for one in batch)
            for link in dict.fromkeys(one.link for one in batch):
                link.acknowledge([one.packet_id for one in batch if one.link is link])
            if self._link is not None:
                self._link.steer()


class _Link(asyncio.Protocol):
    """One connection to the broker."""

    def __init__(self, to: Subscriber) -> None:
        self.worked = self.subscribed = False
        self.why = "closed by the broker"
        self._to = to
        self._reader = Answers(to.place.level)
        self._keep_alive_s: float = KEEP_ALIVE_S
        self._clock = asyncio.get_running_loop().time
        self._heard_at = self._clock()
        self._closed = asyncio.Event()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask to be let in."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._to.greeting())

    def connection_lost(self, exc: Exception | None) -> None:
        """Let ``live`` end."""
        self.why = str(exc) if exc else self.why
        self._closed.set()

    def data_received(self, data: bytes) -> None:
        """Take what the broker says; what is none ends the connection."""
        self._heard_at = self._clock()
        received: list[_Received] = []
        try:
            now = self._to.clock()
            for packet in self._reader.feed(data):
                if isinstance(packet, mqtt.Publish):
                    message = Message(packet.topic, packet.payload, now, "", packet.retain)
                    received.append(_Received(message, self, packet.packet_id))
                else:
                    self._hear(packet)
        except Invalid as wrong:
            self._fail(f"malformed: {wrong.facts.get('reason', wrong.code)}")
        if received:
            self._to.take(received)
            self.steer()

    async def live(self) -> None:
        """Ask for signs of life until the connection is closed."""
        begun, asked_at = self._clock(), 0.0
        while not self._closed.is_set():
            now = self._clock()
            if not self.subscribed and now - begun > CONNECT_S_MAX:
                self._fail("no answer")
            elif now - self._heard_at > 1.5 * self._keep_alive_s and not self._to.full:
                self._fail("silent")
            elif self.subscribed and now - asked_at >= self._keep_alive_s / 2:
                asked_at = now
                self._transport.write(write.PING_REQUEST)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(1.0, self._keep_alive_s / 4)):
                    await self._closed.wait()

    def acknowledge(self, packet_ids: Sequence[bytes]) -> None:
        """Acknowledge what is durable; messages of QoS 0 have no id."""
        if not self._transport.is_closing():
            self._transport.write(write.pubacks([one for one in packet_ids if one]))

    def steer(self) -> None:
        """Read while there is room."""
        if self._to.full:
            self._transport.pause_reading()
        elif not self._transport.is_reading():
            self._heard_at = self._clock()
            self._transport.resume_reading()

    def end(self) -> None:
        """Say goodbye; the session stays."""
        if not self._transport.is_closing():
            self._transport.write(write.GOODBYE)
            self._transport.close()

    def _hear(self, packet: Any) -> None:
        match packet:
            case Welcomed():
                self._enter(packet)
            case Granted():
                self._granted(packet)
            case Ended():
                self._fail(f"reason {packet.reason:#04x}")
            case Alive():
                pass

    def _enter(self, welcome: Welcomed) -> None:
        if welcome.reason:
            address, reason = self._to.address, f"{welcome.reason:#04x}"
            _log.error("broker_refused", address=address, reason=reason)
            self._fail("refused")
            return
        self._keep_alive_s = welcome.properties.get("server_keep_alive_s") or KEEP_ALIVE_S
        filters = [(topic, QOS) for topic in self._to.topics]
        self._transport.write(write.subscribe(SUBSCRIBED, filters, self._to.place.level))
        _log.info("broker_connected", address=self._to.address, session_kept=welcome.kept)

    def _granted(self, granted: Granted) -> None:
        if any(answer >= REFUSED for answer in granted.answers):
            address, topics = self._to.address, self._to.topics
            _log.error("subscription_refused", address=address, topics=topics)
            self._fail("subscription refused")
            return
        self.worked = self.subscribed = True

    def _fail(self, why: str) -> None:
        self.why, self.subscribed = why, False
        self._transport.abort()
