"""MQTT over WebSocket (3.1.1, section 6): the bytes go to the endpoint, which knows its users."""

import asyncio
from contextlib import suppress

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from api.errors import language, problem
from api.listening import ListenerProcesses
from api.services import Door
from api.tokens import Role
from identity.errors import CityError, Denied, Invalid, Unavailable

router = APIRouter(tags=["devices"])

SUBPROTOCOL = "mqtt"  # [MQTT-6.0.0-3]
PIECE_BYTES = 64 * 1024
NOT_BINARY = 1003  # [MQTT-6.0.0-1]


@router.websocket("/mqtt")
async def mqtt(websocket: WebSocket) -> None:
    """Carry MQTT for devices behind firewalls and for pages; subprotocol `mqtt`."""
    at = websocket.app.state.door
    assert isinstance(at, Door)
    try:
        reader, writer = await _opened(websocket, at)
    except CityError as refused:
        lang = language(websocket.headers.get("accept-language", ""))
        await websocket.send_denial_response(problem(refused, lang))
        return
    try:
        await websocket.accept(SUBPROTOCOL)
        await _carry(websocket, reader, writer)
    finally:
        writer.close()


async def _opened(
    websocket: WebSocket, at: Door
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if SUBPROTOCOL not in websocket.scope["subprotocols"]:
        raise Invalid("mqtt_subprotocol_missing")
    # Without users of its own the endpoint takes everybody: then a token has to say who it is.
    if at.settings.mqtt_users_file is None and websocket.state.caller.role < Role.SERVICE:
        raise Denied("token_missing", authenticated=False)
    if not isinstance(at.broker, ListenerProcesses):
        raise Unavailable("mqtt_not_here")
    return await asyncio.open_unix_connection(sock=at.broker.connect())


async def _carry(
    websocket: WebSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carry bytes both ways until one side ends."""
    both = {
        asyncio.ensure_future(_up(websocket, writer)),
        asyncio.ensure_future(_down(websocket, reader)),
    }
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _up(websocket: WebSocket, writer: asyncio.StreamWriter) -> None:
    with suppress(WebSocketDisconnect, ConnectionError):
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is None:
                await websocket.close(NOT_BINARY)
                return
            writer.write(message["bytes"])
            await writer.drain()


async def _down(websocket: WebSocket, reader: asyncio.StreamReader) -> None:
    with suppress(WebSocketDisconnect, ConnectionError):
        while data := await reader.read(PIECE_BYTES):
            await websocket.send_bytes(data)
        await websocket.close()
