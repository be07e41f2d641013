"""The link between a listener's two processes: endpoint with journal, and applier.

A pair of sockets that keeps the borders of messages and outlives either process (their parent
holds both ends). Nothing in it is needed for correctness: offsets are durable in journal and store,
both sides say theirs again every REPEAT_S, so a message that finds no room may be dropped.
"""

import asyncio
import socket
from collections.abc import Callable

REPEAT_S = 0.5
MESSAGE_BYTES_MAX = 256 * 1024

DURABLE = b"d"  # endpoint → applier: the offset behind the newest durable message
APPLIED = b"a"  # applier → endpoint: everything before this offset is committed
WANTED = b"w"  # endpoint → applier: whether events are wanted, and behind which position
EVENTS = b"e"  # applier → endpoint: events for subscribers


def pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends; a message is whole or not there."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Link:
    """One end, in the event loop of its process; ``on`` says what each kind of message does."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._on: dict[bytes, Callable[[bytes], None]] = {}

    def on(self, kind: bytes, hear: Callable[[bytes], None]) -> None:
        """Let ``hear`` have the content of each message of a kind."""
        self._on[kind] = hear

    def tell(self, kind: bytes, content: bytes) -> bool:
        """Send a message if there is room; whether there was."""
        try:
            self._end.send(kind + content)
        except (BlockingIOError, ConnectionError):
            return False
        return True

    async def send(self, kind: bytes, content: bytes) -> None:
        """Send a message, waiting for room."""
        await asyncio.get_running_loop().sock_sendall(self._end, kind + content)

    async def run(self) -> None:
        """Hear until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            message = await loop.sock_recv(self._end, MESSAGE_BYTES_MAX)
            hear = self._on.get(message[:1])
            if hear is not None:
                hear(message[1:])
            elif not message:
                # Nobody holds the other end: our parent is gone, and we are about to be.
                await asyncio.sleep(REPEAT_S)


def offset_of(content: bytes) -> int:
    """Return the offset in DURABLE and APPLIED."""
    return int.from_bytes(content)


def said(offset: int) -> bytes:
    """Return the content of DURABLE and APPLIED."""
    return offset.to_bytes(8)
