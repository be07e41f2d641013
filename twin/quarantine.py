"""What could not be applied: kept with its reason, bounded, and given back when it can be.

A row stands for all messages of one (reason, device, topic): a sample, a count, and behind it the
newest whole messages (``Kept``), a ring for each device of each tenant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

QUARANTINE_KEPT = 10_000  # rows kept; older ones are dropped and counted
QUARANTINE_DEVICE_MESSAGES = 1_000  # whole messages kept of one device; the newest stay
QUARANTINE_BYTES = 64 * 1024 * 1024  # of all whole messages; the oldest go first
QUARANTINE_MESSAGE_BYTES = 256 * 1024  # a longer message is kept as a sample only
MESSAGE_OVERHEAD_BYTES = 64  # counted for each message beside its payload


@dataclass(frozen=True, slots=True)
class Kept:
    """One whole message behind a quarantine row; its topic is the row's. ``id``: in the store."""

    payload: bytes
    received_at: float
    client: str = ""
    retained: bool = False
    id: int = 0

    @property
    def bytes(self) -> int:
        """What it counts towards QUARANTINE_BYTES."""
        return len(self.payload) + MESSAGE_OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Messages that could not be applied, with the reason and a sample of the newest one's bytes.

    ``messages``: in a commit, the whole messages to keep, oldest first; not read back with the
    row. ``kept``: how many whole messages the store has behind the row.
    """

    reason: str  # a stable error code: device_unknown, payload_unreadable …
    device: str
    topic: str
    payload: bytes
    received_at: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0
    count: int = 1
    tenant: str = ""
    messages: Sequence[Kept] = ()
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a store keeps; see the constants above."""

    rows: int = QUARANTINE_KEPT
    device_messages: int = QUARANTINE_DEVICE_MESSAGES
    bytes: int = QUARANTINE_BYTES
    message_bytes: int = QUARANTINE_MESSAGE_BYTES


class Quarantine(Protocol):
    """The part of a States store that keeps what could not be applied."""

    async def quarantined(
        self, *, limit: int, after: int = 0, device: str | None = None
    ) -> list[Quarantined]:
        """Return quarantine rows by id, of one device's name or of all."""
        ...

    async def kept(self, row: int, *, limit: int, after: int = 0) -> list[Kept]:
        """Return the whole messages behind a row, oldest first, behind message id ``after``."""
        ...

    async def quarantine_dropped(self) -> int:
        """Return how many messages were dropped because the quarantine was full."""
        ...

    async def release(self, ids: Sequence[int]) -> None:
        """Remove quarantine rows and what is kept behind them (discarded by a person).

        Single messages that could be applied are released by ``Commit.released``.
        """
        ...
