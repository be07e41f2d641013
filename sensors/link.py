"""The link between a listener's two processes: endpoint with journal, and applier.

A pair of sockets that keeps the borders of messages and outlives either process (their parent
holds both ends). Nothing in it is needed for correctness: offsets are durable in journal and store,
both sides say theirs again every REPEAT_S, so a message that finds no room may be dropped.
"""

import asyncio
import socket
from typing import NamedTuple

import structlog

REPEAT_S = 0.5
MESSAGE_BYTES_MAX = 256 * 1024

DURABLE = b"d"  # endpoint → applier: the offset behind the newest durable message
APPLIED = b"a"  # applier → endpoint: everything before this offset is committed

_log = structlog.get_logger()


class Heard(NamedTuple):
    """One message: its kind, and its content."""

    kind: bytes
    content: bytes

    @property
    def offset(self) -> int:
        """The content of DURABLE and APPLIED."""
        return int.from_bytes(self.content)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends; a message is whole or not there."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Link:
    """One end, in the event loop of its process."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end

    def tell(self, kind: bytes, offset: int) -> bool:
        """Send an offset if there is room; whether there was."""
        try:
            self._end.send(kind + offset.to_bytes(8))
        except (BlockingIOError, ConnectionError):
            return False
        return True

    async def hear(self) -> Heard:
        """Wait for the next message."""
        while True:
            message = await asyncio.get_running_loop().sock_recv(self._end, MESSAGE_BYTES_MAX)
            if message:
                return Heard(message[:1], message[1:])
            # Nobody holds the other end: our parent is gone, and we are about to be.
            await asyncio.sleep(REPEAT_S)

    def close(self) -> None:
        """Give this end back."""
        self._end.close()
