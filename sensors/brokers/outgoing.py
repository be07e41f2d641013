"""Events on their way to one subscriber: what it asked for, what waits, what is unacknowledged."""

from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, NamedTuple

from sensors.brokers import mqtt_write as write
from sensors.brokers.mqtt_packets import Publish
from sensors.users import covers

WAITING_MAX = 1_000  # events that wait for one subscriber; one more and it is let go
FILTERS_MAX = 100  # of one subscriber
TOPICS_KNOWN = 10_000  # topics whose QoS is remembered
PACKET_IDS = 65_535


class Event(NamedTuple):
    """A message of ours."""

    topic: str
    payload: bytes


class Outgoing:
    """One subscriber. ``send`` writes to its connection; MQTT 5 terms come from its CONNECT."""

    def __init__(self, send: Callable[[bytes], None], level: int, terms: Mapping[str, Any]) -> None:
        self.filters: dict[str, int] = {}
        self.choked = False
        self._send = send
        self._level = level
        self._in_flight_max = min(terms.get("receive_maximum", WAITING_MAX), WAITING_MAX)
        self._packet_bytes_max = terms.get("packet_bytes_max")
        self._in_flight: set[bytes] = set()
        self._waiting: deque[tuple[Event, int]] = deque()
        self._ids = count()
        self._known: dict[str, int | None] = {}

    def subscribe(self, wanted: str, qos: int) -> int:
        """Take a filter; return the QoS granted, at most 1."""
        self._known.clear()
        self.filters[wanted] = min(qos, 1)
        return self.filters[wanted]

    def unsubscribe(self, wanted: str) -> bool:
        """Forget a filter; whether there was one."""
        self._known.clear()
        return self.filters.pop(wanted, None) is not None

    def offer(self, event: Event) -> bool:
        """Send or keep an event that was asked for; False: too many wait already."""
        qos = self._qos(event.topic)
        if qos is None:
            return True
        if self._waiting or not self._has_room(qos):
            self._waiting.append((event, qos))
            return len(self._waiting) <= WAITING_MAX
        self._put(event, qos)
        return True

    def acknowledged(self, packet_id: bytes) -> bool:
        """Take an acknowledgement; False: nobody waits for it."""
        if packet_id not in self._in_flight:
            return False
        self._in_flight.remove(packet_id)
        self.go_on()
        return True

    def go_on(self) -> None:
        """Send what waits while there is room."""
        while self._waiting and self._has_room(self._waiting[0][1]):
            self._put(*self._waiting.popleft())

    def _has_room(self, qos: int) -> bool:
        return not self.choked and (not qos or len(self._in_flight) < self._in_flight_max)

    def _qos(self, topic: str) -> int | None:
        if topic not in self._known:
            if len(self._known) >= TOPICS_KNOWN:
                self._known.clear()
            granted = [qos for wanted, qos in self.filters.items() if covers(wanted, topic)]
            self._known[topic] = max(granted, default=None)
        return self._known[topic]

    def _put(self, event: Event, qos: int) -> None:
        packet_id = self._next_id() if qos else b""
        packet = write.publish(Publish(event.topic, event.payload, packet_id), self._level)
        if self._packet_bytes_max is not None and len(packet) > self._packet_bytes_max:
            return  # it is as if the client had taken it [5:3.1.2-25]
        if qos:
            self._in_flight.add(packet_id)
        self._send(packet)

    def _next_id(self) -> bytes:
        while True:
            packet_id = (next(self._ids) % PACKET_IDS + 1).to_bytes(2)
            if packet_id not in self._in_flight:
                return packet_id
