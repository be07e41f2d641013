"""What a connection and its endpoint say to each other."""

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sensors.brokers import mqtt_packets as mqtt
from sensors.brokers import mqtt_write as write
from sensors.ports import Message
from sensors.users import Access

if TYPE_CHECKING:
    from sensors.brokers.connection import Connection


class Gate(Protocol):
    """What a connection needs of its endpoint."""

    in_flight_max: int
    packet_bytes_max: int
    connect_s_max: float

    @property
    def full(self) -> bool:
        """Whether too many bytes of all connections wait."""
        ...

    def now(self) -> float:
        """Return the time of receipt in Unix seconds."""
        ...

    def join(self, connection: "Connection") -> bool:
        """Count a connection in; False: there are too many."""
        ...

    def greet(self, connection: "Connection", wanted: mqtt.Connect) -> "Welcome":
        """Return what to answer; a client id in use moves to this connection."""
        ...

    def subscribed(self, connection: "Connection") -> None:
        """Take note that its subscriptions changed."""
        ...

    def take(self, connection: "Connection", taken: "Taken") -> None:
        """Take messages over; ``connection.acknowledge`` follows when they are durable."""
        ...

    def leave(self, connection: "Connection", will: Message | None) -> None:
        """Count a connection out; ``will`` is published."""
        ...


class Welcome(NamedTuple):
    """Reason and properties of a CONNACK, and what the device may do (None: everything)."""

    reason: int
    said: Mapping[str, Any] = mqtt.NONE
    access: Access | None = None


class Taken:
    """What one piece of a stream brought: messages, packet ids to acknowledge, size and time.

    ``refused``: those of the ids whose message was not taken (5.0 only), in their order.
    """

    __slots__ = ("bytes", "messages", "packet_ids", "received_at", "refused")

    def __init__(self, size: int, received_at: float) -> None:
        self.bytes = size
        self.received_at = received_at
        self.messages: list[Message] = []
        self.packet_ids: list[bytes] = []
        self.refused: list[bytes] = []

    def answers(self) -> bytes:
        """Return the acknowledgements, in the order of the messages [5:4.6.0-2]."""
        if not self.refused:
            return write.pubacks(self.packet_ids)
        left = deque(self.refused)
        parts = []
        for packet_id in self.packet_ids:
            if left and left[0] is packet_id:
                parts.append(write.puback_refused(left.popleft(), mqtt.NOT_AUTHORIZED))
            else:
                parts.append(write.pubacks([packet_id]))
        return b"".join(parts)
