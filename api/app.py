"""The HTTP application: gate → headers → shortcuts → routes; every error is a problem document."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors
from api.access import Gate
from api.routes import (
    city,
    codes,
    deliveries,
    device_table,
    devices,
    grid,
    held,
    history,
    jobs,
    links,
    mappings,
    matches,
    models,
    mqtt,
    objects,
    operators,
    registry,
    reports,
    resolve,
    site,
    state,
    stream,
    tiles,
    uploads,
)
from api.services import Door
from api.shortcut import Endpoint, Shortcut
from api.tokens import Caller, Tokens
from identity.errors import CityError
from twin.ports import AuditRow

Lifespan = Callable[[Door], AbstractAsyncContextManager[None]]

ROUTERS: tuple[APIRouter, ...] = (
    site.router,
    city.router,
    codes.router,
    resolve.router,
    objects.router,
    registry.router,
    links.router,
    state.router,
    history.router,
    stream.router,
    models.router,
    deliveries.router,
    held.router,
    uploads.router,
    reports.router,
    matches.router,
    jobs.router,
    devices.router,
    mqtt.router,
    device_table.router,
    mappings.router,
    tiles.router,
    grid.router,
    operators.router,
)

COUNTED_THERE = (
    "/models",
    "/codes/import",
    "/devices/table",
    "/uploads/{upload}",
)  # bodies that are counted on their way to disk

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
        "connect-src 'self' data: blob:; frame-ancestors 'self'; object-src 'none'"
    ),
}

_SECURITY = [(name.lower().encode(), value.encode()) for name, value in SECURITY.items()]

SHORTCUTS: dict[str, Endpoint] = {"/codes/{any:path}": codes.resolve}

_log = structlog.get_logger()


def create_app(
    door: Door,
    tokens: Tokens,
    lifespan: Lifespan | None = None,
    shortcuts: Mapping[str, Endpoint] = SHORTCUTS,
) -> FastAPI:
    """Return the application over ``door``; ``lifespan`` opens and closes what runs beside it."""

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        if lifespan is None:
            yield
            return
        async with lifespan(door):
            yield

    app = FastAPI(
        title="Wanwu Twin 万物孪生",
        version="0.1.0",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=living,
        redirect_slashes=False,
    )
    app.state.door = door
    for router in ROUTERS:
        app.include_router(router)
    errors.install(app)
    app.add_middleware(BodyLimit, limit=door.settings.body_bytes_max, but=COUNTED_THERE)
    app.add_middleware(Shortcut, door=door, endpoints=shortcuts)
    app.add_middleware(Headers)
    app.add_middleware(Gate, settings=door.settings, tokens=tokens, record=_recorder(door))
    return app


class Headers:
    """Puts the generation that a request was read at, and the security headers, on its answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; complete the answer's head."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                said = {name for name, _ in headers}
                headers += [row for row in _SECURITY if row[0] not in said]
                headers += _read_at(scope.get("state", {}))
            await send(message)

        await self._app(scope, receive, completed)


def _read_at(state: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the headers that say which generations were read, and for which moment."""
    then = state.get("then")
    if state.get("generation") is not None:
        read = then["generations"] if then else [state["generation"]]
        yield b"x-twin-generation", ", ".join(map(str, read)).encode()
    for name, key in ((b"x-twin-as-of", "as_of"), (b"x-twin-known-at", "known_at")):
        if then and then[key]:
            yield name, then[key].encode()


class BodyLimit:
    """Counts request bodies; ``but`` are paths whose bodies are counted on their way to disk."""

    def __init__(self, app: ASGIApp, *, limit: int, but: tuple[str, ...]) -> None:
        self._app = app
        self._limit = limit
        self._but = but

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; a body beyond the limit is refused where it is read (413)."""
        rule = scope.get("state", {}).get("rule")  # the path's template, from the gate
        if scope["type"] != "http" or scope["path"] in self._but or rule in self._but:
            await self._app(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)


def _recorder(door: Door) -> Any:
    async def record(
        who: Caller | None, action: str, target: str, outcome: str, facts: dict[str, Any]
    ) -> None:
        """Append a row for a refused access; a store that is down is said in the log."""
        name, role = (who.name, who.role.name.lower()) if who else ("unknown", "none")
        row = AuditRow(door.clock(), name, role, action, target, outcome, facts)
        try:
            await door.services.audit.record(row)
        except CityError as error:
            _log.warning("refusal_not_recorded", action=action, outcome=outcome, code=error.code)

    return record
