"""Publishing the demo's devices over real MQTT 3.1.1: CONNECT, PUBLISH with QoS 1, PUBACK.

A client of our own, as small as the job: one connection, messages kept until acknowledged and sent
again (DUP) after a reconnection, at most ``IN_FLIGHT_MAX`` unacknowledged.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from sensors.simulate import TENANT, Device, messages

IN_FLIGHT_MAX = 100
ANSWER_S_MAX = 10.0  # CONNACK and PUBACK come within it, else the connection counts as dead
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # the last one again and again
TICK_S = 0.1

_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _DISCONNECT = 0x10, 0x20, 0x32, 0x40, 0xE0
_DUP = 0x08
_CLEAN_SESSION = 0x02
_IDS = 65_535

_log = structlog.get_logger()

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


async def publish(
    host: str,
    port: int,
    devices: Sequence[Device],
    clock: Clock,
    rate: float,
    *,
    tenant: str = TENANT,
    client: str = "wanwu-demo",
    limit: int | None = None,
    sleep: Sleep = asyncio.sleep,
) -> int:
    """Publish the devices in turn, ``rate`` messages a second, until cancelled.

    The first round goes out at once, so that every device has a value. ``limit`` ends it after so
    many acknowledged messages, whose number is returned. A lost connection is taken up again;
    nothing sent is forgotten before it is acknowledged.
    """
    link = Link(host, port, client)
    sent, started = 0, clock()
    try:
        while limit is None or sent < limit:
            due = len(devices) + int((clock() - started) * rate)
            due = due if limit is None else min(due, limit)
            for number in range(sent, due):
                await link.send(*messages(devices[number % len(devices)], clock(), tenant))
            sent = max(sent, due)
            await sleep(TICK_S)
        await link.settle()
    finally:
        await link.close()
    return link.acknowledged


class Link:
    """One connection to a broker that comes back by itself."""

    def __init__(self, host: str, port: int, client: str) -> None:
        self.acknowledged = 0
        self._target = (host, port)
        self._client = client
        self._waiting: dict[int, bytes] = {}
        self._next_id = 0
        self._room = asyncio.Condition()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def send(self, topic: str, payload: bytes) -> None:
        """Send one message; waits while too many are unacknowledged, reconnects where needed."""
        while self._writer is None or not await self._answered(self._has_room):
            await self._reconnect()
        self._next_id = self._next_id % _IDS + 1
        packet = _publish(topic, payload, self._next_id)
        self._waiting[self._next_id] = packet
        await self._write(packet)

    async def settle(self) -> None:
        """Wait until everything sent is acknowledged."""
        while self._waiting:
            if self._writer is None or not await self._answered(lambda: not self._waiting):
                await self._reconnect()

    async def close(self) -> None:
        """Say good-bye and close."""
        if self._writer is not None:
            self._writer.write(bytes([_DISCONNECT, 0]))
        await self._drop()

    def _has_room(self) -> bool:
        return len(self._waiting) < IN_FLIGHT_MAX

    async def _answered(self, enough: Callable[[], bool]) -> bool:
        """Wait until ``enough`` is acknowledged; False: the link was lost or gave no answer."""
        async with self._room:
            try:
                async with asyncio.timeout(ANSWER_S_MAX):
                    await self._room.wait_for(lambda: enough() or self._writer is None)
            except TimeoutError:
                return False
        return self._writer is not None

    async def _write(self, packet: bytes) -> None:
        if self._writer is None:
            return  # it is in _waiting and goes out with the reconnection
        try:
            self._writer.write(packet)
            await self._writer.drain()
        except OSError:
            await self._reconnect()

    async def _reconnect(self) -> None:
        """Connect, trying until it succeeds, and send again what waits for its answer."""
        attempt = 0
        while True:
            await self._drop()
            try:
                await self._connect()
            except (OSError, EOFError, TimeoutError) as error:
                pause_s = RETRY_S[min(attempt, len(RETRY_S) - 1)]
                _log.warning("demo_publisher_retried", reason=str(error), pause_s=pause_s)
                attempt += 1
                await asyncio.sleep(pause_s)
                continue
            return

    async def _connect(self) -> None:
        async with asyncio.timeout(ANSWER_S_MAX):
            reader, writer = await asyncio.open_connection(*self._target)
        self._writer = writer
        writer.write(_connect(self._client))
        async with asyncio.timeout(ANSWER_S_MAX):
            kind, body = await _packet(reader)
        if kind != _CONNACK or body[1:2] != b"\0":
            message = f"the broker answered {kind:#x} {body.hex()} to CONNECT"
            raise ConnectionRefusedError(message)
        for packet in list(self._waiting.values()):
            writer.write(bytes([packet[0] | _DUP]) + packet[1:])
        await writer.drain()
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Take acknowledgements until the connection ends; then the next send reconnects."""
        with suppress(OSError, EOFError):
            while True:
                kind, body = await _packet(reader)
                if kind & 0xF0 == _PUBACK and self._waiting.pop(int.from_bytes(body[:2]), b""):
                    self.acknowledged += 1
                    async with self._room:
                        self._room.notify_all()
        _log.warning("demo_publisher_disconnected", waiting=len(self._waiting))
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        async with self._room:
            self._room.notify_all()

    async def _drop(self) -> None:
        # Everything is closed before the first await: who is cancelled gets no second one.
        writer, self._writer = self._writer, None
        reading, self._reading = self._reading, None
        if writer is not None:
            writer.close()
        if reading is not None:
            reading.cancel()
            await asyncio.wait([reading])  # not awaited itself: our own end passes through
        if writer is not None:
            with suppress(OSError):
                await writer.wait_closed()


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return first byte and body of the next packet [MQTT 3.1.1, 2.2]."""
    kind = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit [2.2.3]
            return kind, await reader.readexactly(length)


def _connect(client: str) -> bytes:
    flags = struct.pack(">BBH", 4, _CLEAN_SESSION, 0)  # level 4, no keep-alive
    return _framed(_CONNECT, _text("MQTT") + flags + _text(client))


def _publish(topic: str, payload: bytes, packet_id: int) -> bytes:
    return _framed(_PUBLISH, _text(topic) + packet_id.to_bytes(2) + payload)


def _framed(kind: int, body: bytes) -> bytes:
    length, head = len(body), bytearray([kind])
    while True:
        length, low = divmod(length, 128)
        head.append(low | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2) + raw
