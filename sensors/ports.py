"""The port of message brokers: what arrives is journalled first, acknowledged then."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec


class Message(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One published message as it came: nothing decoded. ``received_at`` in Unix seconds.

    ``array_like``: the journal keeps it encoded, without names; a new field goes to the end.
    """

    topic: str
    payload: bytes
    received_at: float
    client: str = ""
    retained: bool = False


Sink = Callable[[Sequence[Message]], Awaitable[None]]
"""Takes messages and returns when they are durable; only then may the broker acknowledge them."""


class Listening(Protocol):
    """What others may know of where messages come from, in whichever process it is."""

    @property
    def address(self) -> str:
        """host:port that devices publish to, for people."""
        ...

    @property
    def connected(self) -> bool:
        """Whether messages can arrive now (readiness)."""
        ...


class Broker(Listening, Protocol):
    """Where messages come from (embedded endpoint, or any MQTT broker by URL)."""

    async def run(self, sink: Sink) -> None:
        """Receive until cancelled; each message is acknowledged after ``sink`` returned."""
        ...


class Log(Protocol):
    """Durable messages in order, as whoever applies them sees the journal."""

    listener: str

    async def read(self, from_offset: int, limit: int) -> list[tuple[int, Message]]:
        """Return at most ``limit`` (offset, message) from ``from_offset`` on, in order."""
        ...

    async def grown(self, offset: int) -> None:
        """Wait for a message at ``offset`` or behind it; may return early."""
        ...

    def applied(self, offset: int) -> None:
        """Say that everything before ``offset`` is committed."""
        ...
