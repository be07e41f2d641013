"""The port of message brokers: what arrives is journalled first, acknowledged then."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One published message as it came: nothing decoded. ``received_at`` in Unix seconds."""

    topic: str
    payload: bytes
    received_at: float
    client: str = ""
    retained: bool = False


Sink = Callable[[Sequence[Message]], Awaitable[None]]
"""Takes messages and returns when they are durable; only then may the broker acknowledge them."""


class Broker(Protocol):
    """Where messages come from (embedded endpoint, or any MQTT broker by URL)."""

    async def run(self, sink: Sink) -> None:
        """Receive until cancelled; each message is acknowledged after ``sink`` returned."""
        ...

    @property
    def address(self) -> str:
        """host:port that devices publish to, for people."""
        ...

    @property
    def connected(self) -> bool:
        """Whether messages can arrive now (readiness)."""
        ...
