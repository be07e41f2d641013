"""One device's connection to the intake endpoint: greet, take in, hold back, let go."""

import asyncio
from typing import Any, cast

import structlog

from identity.errors import CityError
from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers import mqtt_write as write
from sensors.brokers.gate import Gate, Taken, Welcome
from sensors.brokers.mqtt_read import Reader
from sensors.brokers.outgoing import FILTERS_MAX, Event, Outgoing
from sensors.ports import Message
from sensors.users import EVERYTHING, Access, is_filter

KEEP_ALIVE_FACTOR = 1.5  # [MQTT-3.1.2-24]
CHOKED_S = 60.0  # a device that takes no answers for so long is let go
FAREWELL_S = 5.0  # what is written to a device that is let go is thrown away after this
TOPICS_ALLOWED = 1_000  # topics that are known to be allowed, so that rules are asked once each

_log = structlog.get_logger()


class Connection(asyncio.Protocol):
    """Reads packets; nothing that arrives here may raise into the event loop."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._loop = asyncio.get_running_loop()
        self._reader = Reader(gate.packet_bytes_max)
        self._transport: asyncio.Transport | None = None
        self._greeted: mqtt.Connect | None = None
        self._will: mqtt.Will | None = None
        self._access: Access | None = None
        self._allowed: set[str] = set()
        self._outgoing: Outgoing | None = None
        self._keep_alive_s = 0
        self._in_flight = 0
        self._unacknowledged = 0  # of QoS 1
        self._choked_at: float | None = None  # loop time since which it takes nothing
        self._closed = False
        self._farewell_end: asyncio.TimerHandle | None = None
        self.held = False
        self._heard_at = self._loop.time()
        self.client = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; CONNECT has to come within the gate's time."""
        self._transport = cast(
            "asyncio.Transport", transport
        )  # other loops have classes of their own
        if not self._gate.join(self):
            self.close("too_many_connections", mqtt.BUSY)

    def data_received(self, data: bytes) -> None:
        """Take in what came; anything that can't be understood ends the connection."""
        if self._closed:
            return  # TLS hands out what it had already
        if self._greeted:
            self._heard_at = self._loop.time()
        taken = Taken(len(data), self._gate.now())
        try:
            self._read(data, taken)
        except CityError as error:
            code = int(error.facts.get("mqtt_reason", mqtt.UNSPECIFIED))
            self.close(str(error.facts.get("reason", error.code)), code)
        except Exception as error:  # noqa: BLE001 - one device's bytes may not hurt the others
            self.close(f"{type(error).__name__}: {error}", mqtt.UNSPECIFIED)
        if taken.messages or taken.packet_ids:
            self._in_flight += len(taken.messages)
            self._unacknowledged += len(taken.packet_ids)
            self._gate.take(self, taken)
            self.steer()
            self._check_receive_maximum()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Count out; without a farewell the will is published.

        Our sessions end with their connection, so a will's delay ends then too [5:3.1.3.2.2].
        """
        self._transport = None
        if self._farewell_end is not None:
            self._farewell_end.cancel()
        will = self._will and Message(
            self._will.topic, self._will.payload, self._gate.now(), self.client
        )
        self._gate.leave(self, will or None)

    def pause_writing(self) -> None:
        """Hold back a device that does not read its acknowledgements, and its events."""
        self._choked_at = self._loop.time()
        if self._outgoing is not None:
            self._outgoing.choked = True
        self.steer()

    def resume_writing(self) -> None:
        """Let it go on."""
        self._choked_at = None
        if self._outgoing is not None:
            self._outgoing.choked = False
            self._outgoing.go_on()
        self.steer()

    def acknowledge(self, taken: Taken) -> None:
        """Answer what is durable now."""
        self._in_flight -= len(taken.messages)
        self._unacknowledged -= len(taken.packet_ids)
        self._write(taken.answers())
        self.steer()

    @property
    def subscribes(self) -> bool:
        """Whether it wants events."""
        return self._outgoing is not None and bool(self._outgoing.filters)

    def offer(self, event: Event) -> None:
        """Send an event if it was asked for; a subscriber that takes too few is let go."""
        if self._outgoing is not None and not self._outgoing.offer(event):
            self.close("too slow for its events", mqtt.QUOTA_EXCEEDED)

    def steer(self) -> None:
        """Read on, or hold back while too much of this device waits."""
        if self._transport is None or self._transport.is_closing():
            return
        choked = self._choked_at is not None
        hold = choked or self._gate.full or self._in_flight >= self._gate.in_flight_max
        if hold and not self.held:
            self._transport.pause_reading()
        elif self.held and not hold:
            self._heard_at = self._loop.time()
            self._transport.resume_reading()
        self.held = hold

    def close(self, reason: str, code: int = mqtt.SUCCESS) -> None:
        """End the connection at once; messages taken stay taken. ``code``: what 5.0 is told."""
        self._closed = True
        self._outgoing = None  # one that reads nothing is here until FAREWELL_S: no more for it
        if self._transport is not None and not self._transport.is_closing():
            _log.info("device_disconnected", client=self.client, reason=reason)
            if code and self._greeted and self._greeted.level == mqtt.LEVEL_5:
                self._write(write.disconnect(code))
            self._transport.close()
            self._farewell_end = self._loop.call_later(FAREWELL_S, self._transport.abort)

    def is_overdue(self, now_s: float) -> bool:
        """Whether CONNECT, a sign of life, or its reading is missing for too long (loop time)."""
        if self._choked_at is not None:
            return now_s - self._choked_at > CHOKED_S
        if self.held:
            return False
        silent_s = now_s - self._heard_at
        if self._greeted is None:
            return silent_s > self._gate.connect_s_max
        return 0 < self._keep_alive_s * KEEP_ALIVE_FACTOR < silent_s

    def _read(self, data: bytes, taken: Taken) -> None:
        if not self._greeted:
            self._reader.expect_connect(data)
        for packet in self._reader.feed(data):
            if self._greeted and type(packet) is mqtt.Publish:
                self._take(packet, taken)
            else:
                self._handle(packet)
            if self._closed:
                return

    def _take(self, packet: mqtt.Publish, taken: Taken) -> None:
        if packet.retain and self._reader.level == mqtt.LEVEL_5:
            self.close("retained", mqtt.NO_RETAIN)  # [5:3.2.2-14]
            return
        if self._access is not None and not self._may_publish(self._access, packet, taken):
            return
        message = Message(packet.topic, packet.payload, taken.received_at, self.client)
        taken.messages.append(message)
        if packet.packet_id:
            taken.packet_ids.append(packet.packet_id)

    def _may_publish(self, access: Access, packet: mqtt.Publish, taken: Taken) -> bool:
        """Whether a rule allows the topic. 3.1.1 has no other refusal than to close [3.3.5-2]."""
        topic = packet.topic
        if topic in self._allowed:
            return True
        if access.may_publish(topic):
            if len(self._allowed) < TOPICS_ALLOWED:
                self._allowed.add(topic)
            return True
        _log.warning("topic_refused", client=self.client, topic=topic)
        if packet.packet_id and self._reader.level == mqtt.LEVEL_5:
            taken.packet_ids.append(packet.packet_id)
            taken.refused.append(packet.packet_id)
        else:
            self.close("a topic that is not its own", mqtt.NOT_AUTHORIZED)
        return False

    def _check_receive_maximum(self) -> None:
        """End a 5.0 client that was told how many may wait [5:3.3.4-7]; 3.1.1 is only held back."""
        beyond = self._unacknowledged > self._gate.in_flight_max
        if beyond and self._reader.level == mqtt.LEVEL_5:
            self.close("receive maximum exceeded", mqtt.RECEIVE_MAXIMUM_EXCEEDED)

    def _handle(self, packet: mqtt.Packet) -> None:
        if isinstance(packet, mqtt.Connect) and not self._greeted:
            self._connect(packet)
        elif not self._greeted or isinstance(packet, mqtt.Connect):
            self.close("CONNECT must come first, and once", mqtt.PROTOCOL_ERROR)
        else:
            self._answer(packet)

    def _connect(self, wanted: mqtt.Connect) -> None:
        if wanted.level not in {mqtt.LEVEL_311, mqtt.LEVEL_5}:
            self._write(write.bad_version(wanted.level))
            self.close("another version of MQTT")
            return
        self.client = wanted.client
        welcome = self._gate.greet(self, wanted)
        answer = write.connack(welcome.reason, wanted.level, welcome.said)
        if welcome.reason != mqtt.SUCCESS:
            self._write(answer)
            self.close(f"CONNECT refused with {welcome.reason:#x}")
        elif len(answer) > wanted.properties.get("packet_bytes_max", len(answer)):
            self.close("CONNACK is larger than the client takes")  # [5:3.1.2-24]
        else:
            self._write(answer)
            self._welcome(wanted, welcome)

    def _welcome(self, wanted: mqtt.Connect, welcome: Welcome) -> None:
        self.client = welcome.said.get("assigned_client", wanted.client)
        self._greeted, self._will, self._access = wanted, wanted.will, welcome.access
        self._keep_alive_s = welcome.said.get("server_keep_alive_s", wanted.keep_alive_s)
        self._heard_at = self._loop.time()

    def _answer(self, packet: Any) -> None:
        level = self._reader.level
        match packet:
            case mqtt.Ping():
                self._write(write.PING_RESPONSE)
            case mqtt.Subscribe():
                answers = [self._subscribe(packet, *wanted) for wanted in packet.filters]
                self._write(write.suback(packet.packet_id, answers, level))
                self._gate.subscribed(self)
            case mqtt.Unsubscribe():
                answers = [self._unsubscribe(wanted) for wanted in packet.filters]
                self._write(write.unsuback(packet.packet_id, answers, level))
                self._gate.subscribed(self)
            case mqtt.Acknowledged() if self._outgoing and self._outgoing.acknowledged(
                packet.packet_id
            ):
                pass
            case mqtt.Disconnect():
                self._farewell(packet)
            case _:
                self.close("an acknowledgement nobody waits for", mqtt.PROTOCOL_ERROR)

    def _subscribe(self, packet: mqtt.Subscribe, wanted: str, qos: int) -> int:
        """Return the QoS granted, or why there is no such subscription here."""
        if "subscription_identifier" in packet.properties:
            return mqtt.NO_IDENTIFIERS
        if wanted.startswith("$share/"):
            return mqtt.NO_SHARED
        if not is_filter(wanted):
            return mqtt.BAD_FILTER
        access = self._access or EVERYTHING
        if not access.may_subscribe(wanted):
            return mqtt.NOT_AUTHORIZED
        if self._outgoing is None:
            assert self._greeted is not None
            self._outgoing = Outgoing(self._write, self._reader.level, self._greeted.properties)
        if len(self._outgoing.filters) >= FILTERS_MAX and wanted not in self._outgoing.filters:
            return mqtt.QUOTA_EXCEEDED
        return self._outgoing.subscribe(wanted, qos)

    def _unsubscribe(self, wanted: str) -> int:
        known = self._outgoing is not None and self._outgoing.unsubscribe(wanted)
        return mqtt.SUCCESS if known else mqtt.NO_SUBSCRIPTION

    def _farewell(self, packet: mqtt.Disconnect) -> None:
        assert self._greeted is not None
        kept = packet.properties.get("session_expiry_s", 0)
        if kept and not self._greeted.properties.get("session_expiry_s", 0):
            self.close("a session that begins at its end", mqtt.PROTOCOL_ERROR)  # [5:3.14.2.2.2]
            return
        if packet.reason == mqtt.SUCCESS:
            self._will = None
        self.close("farewell")

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
