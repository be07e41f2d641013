"""WebSocket frames that are encoded once and sent to many."""

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

EXTENSION = "websocket.encoded"
"""In a scope's ``extensions``: ``websocket.send`` takes ``encoded``, whole frames, too."""

_FIN_TEXT = b"\x81"
_SHORT, _LENGTH_16, _LENGTH_64 = 125, 126, 127


def text_frame(text: bytes) -> bytes:
    """Return a text message as one frame of a server, which is not masked (RFC 6455 5.2)."""
    size = len(text)
    if size <= _SHORT:
        return _FIN_TEXT + bytes([size]) + text
    if size < 1 << 16:
        return _FIN_TEXT + bytes([_LENGTH_16]) + size.to_bytes(2) + text
    return _FIN_TEXT + bytes([_LENGTH_64]) + size.to_bytes(8) + text


class WebSockets(WebSocketsSansIOProtocol):
    """The server's WebSocket with EXTENSION; no extension of WebSocket itself may be in use."""

    async def run_asgi(self) -> None:
        """Say what ``send`` takes."""
        self.scope["extensions"][EXTENSION] = {}
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        """Send as the server does, ``encoded`` as it is."""
        encoded = message.get("encoded")
        if encoded is None:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.conn.state is not State.OPEN:
            raise ClientDisconnected
        self.transport.write(encoded)
