"""One client of the stream: frames go out until it leaves, is too slow, or the server stops.

Nobody waits for a slow client: what waits for it is bounded (``twin.readers``), and one that takes
nothing for ``stream_stall_s`` is cut off. Server-sent events and WebSocket differ in the writing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, Protocol

import msgspec
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from api.access import PROTOCOL
from api.encoded import EXTENSION, text_frame
from api.errors import problem, status_of, wire
from api.services import Door
from api.sse import MEDIA_TYPE, STREAM_HEADERS, opening, sse
from identity.errors import CityError, Invalid, NotFound, TooLarge, Unavailable
from twin.frames import Frame

CLOSE_REASON_BYTES_MAX = 123  # RFC 6455 5.5
STALL_LOOKS = 8  # while nothing is on its way, in the time after which a client is cut off
STOPPING, REFUSED, NOT_EXPECTED, TOO_SLOW = 1012, 1008, 1003, 1013  # registered close codes

_log = structlog.get_logger()


class Frames(Protocol):
    """What a client is told: a ``twin.readers.Reader`` or a ``twin.replay.Player``."""

    ended: asyncio.Future[CityError]
    waiting_most: int

    async def next(self) -> list[Frame]:
        """Return the next frames; none: that was all."""
        ...


Opening = AbstractAsyncContextManager[Frames]


class EventStream(Response):
    """The answer of ``GET /stream``: frames as server-sent events."""

    media_type = MEDIA_TYPE

    def __init__(self, frames: Opening, at: Door, behind: str, lang: str) -> None:
        super().__init__(headers=STREAM_HEADERS)
        del self.headers["content-length"]
        self._frames = frames
        self._at = at
        self._behind = behind
        self._lang = lang

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client leaves or is cut off; the last event says why."""
        try:
            async with self._frames as reader:
                await self._follow(reader, receive, send)
        except CityError as refused:  # before the first byte: what was asked for is not there
            await problem(refused, self._lang)(scope, receive, send)

    async def _follow(self, reader: Frames, receive: Receive, send: Send) -> None:
        async def piece(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        async def left() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        with counted(self._at):
            await piece(opening(self._behind))
            why = await push(reader, self._at, left, lambda batch: piece(_events(batch)))
            async with farewell(self._at):
                if why is not None:
                    await piece(sse("cut", _told(why, self._lang)))
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def serve(websocket: WebSocket, frames: Opening, at: Door, behind: str, lang: str) -> None:
    """Follow over a WebSocket: one JSON frame a message; the close code and its text say why."""
    spoken = PROTOCOL if PROTOCOL in websocket.scope["subprotocols"] else None
    try:
        async with frames as reader:
            await websocket.accept(spoken)
            with counted(at):
                await _serve(websocket, reader, at, behind, lang)
    except CityError as refused:
        await websocket.send_denial_response(problem(refused, lang))
    except WebSocketDisconnect:
        return


async def _serve(websocket: WebSocket, reader: Frames, at: Door, behind: str, lang: str) -> None:
    encoded = EXTENSION in websocket.scope.get("extensions", {})

    async def all_of(batch: list[Frame]) -> None:
        if encoded:
            frames = b"".join([_frame(frame) for frame in batch])
            await websocket.send({"type": "websocket.send", "encoded": frames})
            return
        for frame in batch:
            await websocket.send_text(_text(frame).decode())

    async def left() -> CityError | None:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        return Invalid("stream_takes_no_messages")

    await all_of([Frame(behind, "alive", {})])
    why = await push(reader, at, left, all_of)
    async with farewell(at):
        if why is None:
            if WebSocketState.DISCONNECTED not in _states(websocket):
                await websocket.close()
            return
        await all_of([Frame("", "cut", _told(why, lang))])
        await websocket.close(_close_code(why), _reason(why))


def _states(websocket: WebSocket) -> tuple[WebSocketState, WebSocketState]:
    return websocket.client_state, websocket.application_state


async def push(
    reader: Frames,
    at: Door,
    left: Callable[[], Awaitable[CityError | None]],
    send: Callable[[list[Frame]], Awaitable[None]],
) -> CityError | None:
    """Send what is new until ``left`` returns; return why it was cut off, None when it was not."""
    sender = _Sender(reader, send)
    sending = asyncio.ensure_future(sender.run())
    stuck = asyncio.ensure_future(sender.stuck(at.settings.stream_stall_s))
    leaving = asyncio.ensure_future(left())
    stopping = asyncio.ensure_future(at.stopping.wait())
    tasks: tuple[asyncio.Future[Any], ...] = (sending, stuck, leaving, stopping)
    try:
        await asyncio.wait({*tasks, reader.ended}, return_when=asyncio.FIRST_COMPLETED)
        why = _why(reader, sending, stuck, leaving)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(why, TooLarge):
        _log.warning("stream_cut_off", code=why.code, waiting_most=reader.waiting_most)
    return why


def _why(
    reader: Frames,
    sending: asyncio.Future[None],
    stuck: asyncio.Future[CityError],
    leaving: asyncio.Future[CityError | None],
) -> CityError | None:
    if leaving.done():
        return leaving.result()
    if reader.ended.done():
        return reader.ended.result()
    if stuck.done():
        return stuck.result()
    if not sending.done():
        return Unavailable("stopping")
    error = sending.exception()
    return error if isinstance(error, CityError) else sending.result()


class _Sender:
    """Sends what a reader gives; a look at its clock is cheaper than a timer for each piece."""

    def __init__(self, reader: Frames, send: Callable[[list[Frame]], Awaitable[None]]) -> None:
        self._reader = reader
        self._send = send
        self._clock = asyncio.get_running_loop().time
        self._since: float | None = None  # when the piece on its way was begun

    async def run(self) -> None:
        """Send until there is no more."""
        while batch := await self._reader.next():
            self._since = self._clock()
            await self._send(batch)
            self._since = None

    async def stuck(self, stall_s: float) -> CityError:
        """Return the reason, once a piece has taken ``stall_s``."""
        while True:
            now = self._clock()
            left_s = stall_s / STALL_LOOKS if self._since is None else self._since + stall_s - now
            if left_s <= 0:
                return TooLarge("stream_stalled", rate=True, seconds=stall_s)
            await asyncio.sleep(left_s)


@asynccontextmanager
async def farewell(at: Door) -> AsyncIterator[None]:
    """Give the last words time: a stalled client may read again, or its connection breaks."""
    try:
        async with asyncio.timeout(2 * at.settings.stream_stall_s):
            yield
    except TimeoutError:
        _log.warning("stream_left_without_reason")


@contextmanager
def counted(at: Door) -> Iterator[None]:
    """Count an open stream."""
    at.streams += 1
    try:
        yield
    finally:
        at.streams -= 1


def check_room(at: Door) -> None:
    """Raise TooLarge("streams_limit") when as many streams are open as this process serves."""
    if at.streams >= at.settings.streams_max:
        raise TooLarge("streams_limit", rate=True, limit=at.settings.streams_max)


def _events(batch: list[Frame]) -> bytes:
    return b"".join([_event(frame) for frame in batch])


def _event(frame: Frame) -> bytes:
    held: bytes | None = frame.wire.get("sse")
    if held is None:
        held = frame.wire["sse"] = sse(frame.event, frame.data, frame.id)
    return held


def _text(frame: Frame) -> bytes:
    told = {"id": frame.id, "event": frame.event, "data": frame.data}
    return msgspec.json.encode(told, enc_hook=str)


def _frame(frame: Frame) -> bytes:
    held: bytes | None = frame.wire.get("websocket")
    if held is None:
        held = frame.wire["websocket"] = text_frame(_text(frame))
    return held


def _told(why: CityError, lang: str) -> dict[str, Any]:
    return wire(why.code, why.facts, lang, status_of(why))


def _reason(why: CityError) -> str:
    said = wire(why.code, why.facts, "en", status_of(why))["detail"]
    return f"{why.code}: {said}".encode()[:CLOSE_REASON_BYTES_MAX].decode("utf-8", "ignore")


def _close_code(why: CityError) -> int:
    if isinstance(why, TooLarge):
        return TOO_SLOW
    if isinstance(why, Invalid):
        return NOT_EXPECTED
    return REFUSED if isinstance(why, NotFound) else STOPPING
