"""Who may do what: one table of routes, default-deny, asked before a byte of the body is read.

request → peer and Host (loopback without tokens) → Origin of writes → rule of the table → role
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import HTTPConnection
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from api.addresses import address, is_loopback
from api.errors import language, problem
from api.settings import Settings
from api.tokens import Caller, Role, Tokens
from identity.errors import CityError, Denied, Invalid
from identity.schemes import mask

PUBLIC = None  # no token needed: the page itself, its documents, and signs of life

RULES: tuple[tuple[str, str, Role | None], ...] = (
    ("GET", "/", PUBLIC),
    ("GET", "/docs", PUBLIC),
    ("GET", "/openapi.json", PUBLIC),
    ("GET", "/healthz", PUBLIC),
    ("GET", "/readyz", PUBLIC),
    ("GET", "/assets/{name:path}", PUBLIC),
    ("GET", "/city", Role.READER),
    ("GET", "/city/ground.geojson", Role.READER),
    ("GET", "/codes", Role.READER),
    ("GET", "/codes/{any:path}", Role.READER),
    ("POST", "/codes/resolve", Role.READER),
    ("POST", "/codes/import", Role.FIRM),
    ("POST", "/codes/import/undo", Role.PLANNER),
    ("GET", "/objects", Role.READER),
    ("GET", "/objects/{code}", Role.READER),
    ("GET", "/objects/{code}/children", Role.READER),
    ("GET", "/objects/{code}/path", Role.READER),
    ("GET", "/objects/{code}/state", Role.READER),
    ("GET", "/objects/{code}/history", Role.READER),
    ("GET", "/history/series", Role.READER),
    ("GET", "/history/export", Role.READER),
    ("GET", "/objects/{code}/qr", Role.READER),
    ("GET", "/objects/{code}/changes", Role.READER),
    ("POST", "/objects/{code}/aliases", Role.FIRM),
    ("POST", "/objects/{code}/aliases/remove", Role.FIRM),
    ("POST", "/objects/{code}/retire", Role.PLANNER),
    ("POST", "/objects/{code}/merge", Role.PLANNER),
    ("POST", "/objects/{code}/split", Role.PLANNER),
    ("POST", "/objects/{code}/lifecycle", Role.PLANNER),
    ("POST", "/objects/{code}/undo", Role.PLANNER),
    ("POST", "/state/query", Role.READER),
    ("GET", "/stream", Role.READER),
    ("WS", "/stream", Role.READER),
    ("WS", "/mqtt", PUBLIC),  # its own users, or a service's token; see the route
    ("GET", "/grid/{cell}", Role.READER),
    ("POST", "/grid/cover", Role.READER),
    ("GET", "/tiles/tileset.json", Role.READER),
    ("GET", "/tiles/{name}.glb", Role.READER),
    ("GET", "/models", Role.READER),
    ("GET", "/models/{model}", Role.READER),
    ("GET", "/models/{model}/versions", Role.READER),
    ("GET", "/models/{model}/deliveries", Role.READER),
    ("GET", "/models/{model}/findings", Role.READER),
    ("GET", "/models/{model}/findings.bcf", Role.READER),
    ("GET", "/models/{model}/report", Role.READER),
    ("GET", "/models/{model}/matches", Role.READER),
    ("POST", "/models/{model}/matches", Role.PLANNER),
    ("POST", "/models/{model}/matches/undo", Role.PLANNER),
    ("GET", "/jobs", Role.READER),
    ("GET", "/jobs/{job}", Role.READER),
    ("GET", "/jobs/{job}/events", Role.READER),
    ("GET", "/jobs/{job}/refused", Role.READER),
    ("POST", "/jobs/{job}/cancel", Role.FIRM),
    ("POST", "/models", Role.FIRM),
    ("OPTIONS", "/uploads", Role.FIRM),
    ("POST", "/uploads", Role.FIRM),
    ("HEAD", "/uploads/{upload}", Role.FIRM),
    ("PATCH", "/uploads/{upload}", Role.FIRM),
    ("DELETE", "/uploads/{upload}", Role.FIRM),
    ("POST", "/models/{model}/placement", Role.FIRM),
    ("POST", "/models/{model}/withdraw", Role.FIRM),
    ("POST", "/models/{model}/accept", Role.FIRM),
    ("POST", "/models/{model}/reject", Role.FIRM),
    ("POST", "/observations", Role.SERVICE),
    ("GET", "/devices", Role.READER),
    ("POST", "/devices", Role.SERVICE),
    ("GET", "/devices/quarantine", Role.SERVICE),
    ("POST", "/devices/quarantine/adopt", Role.SERVICE),
    ("DELETE", "/devices/quarantine", Role.SERVICE),
    ("DELETE", "/devices", Role.SERVICE),
    ("POST", "/devices/undo", Role.SERVICE),
    ("POST", "/devices/confirm", Role.SERVICE),
    ("GET", "/devices/table", Role.READER),
    ("POST", "/devices/table", Role.SERVICE),
    ("GET", "/devices/mappings", Role.READER),
    ("PUT", "/devices/mappings", Role.PLANNER),
    ("DELETE", "/devices/mappings", Role.PLANNER),
    ("POST", "/devices/mappings/try", Role.SERVICE),
    ("GET", "/audit", Role.ADMIN),
)
"""(method, path, least role). A route that is not here is refused; a test holds both together."""

SAFE = frozenset({"GET", "HEAD"})
WS = "WS"  # what opens a WebSocket, in the table
PROTOCOL = "twin.v1"  # the subprotocol that a browser asks for, beside the one with its token
TOKEN_PROTOCOL = "twin.bearer."  # noqa: S105 - followed by the token
READING_POSTS = frozenset({"/state/query", "/codes/resolve", "/grid/cover"})

_COMPILED: dict[tuple[str, str], list[tuple[str, re.Pattern[str], Role | None]]] = {}
"""The rules in their order, by method and first part of the path: every request asks."""

for _method, _path, _role in RULES:
    _place = (_method, _path.split("/", 2)[1])
    _COMPILED.setdefault(_place, []).append((_path, compile_path(_path)[0], _role))

Record = Callable[[Caller | None, str, str, str, dict[str, Any]], Awaitable[None]]


class Gate:
    """The outermost application: lets a request in, or answers with a problem and an audit row."""

    def __init__(
        self, app: ASGIApp, *, settings: Settings, tokens: Tokens, record: Record | None = None
    ) -> None:
        self._app = app
        self._settings = settings
        self._tokens = tokens
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an allowed request on with ``state.caller`` set."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        try:
            caller, rule = await self._admit(request)
        except CityError as refused:
            await self._note(request, refused)
            lang = language(request.headers.get("accept-language", ""))
            await problem(refused, lang)(scope, receive, send)
            return
        scope.setdefault("state", {}).update(caller=caller, rule=rule)
        await self._app(scope, receive, send)

    async def _admit(self, request: HTTPConnection) -> tuple[Caller, str | None]:
        self._check_place(request)
        check_origin(request)
        rule = match(method_of(request), request.scope["path"])
        caller = await self._caller(request)
        if rule is None:
            return caller or Caller("anonymous", Role.READER), None
        path, least = rule
        if least is PUBLIC:
            return caller or Caller("anonymous", Role.READER), path
        if caller is None:
            raise Denied("token_missing", authenticated=False)
        if caller.role < least:
            raise Denied(
                "role_too_low",
                authenticated=True,
                role=caller.role.name.lower(),
                needed=least.name.lower(),
            )
        return caller, path

    def _check_place(self, request: HTTPConnection) -> None:
        """Without tokens only this machine may ask, under a name of this machine."""
        if len(self._tokens):
            return
        peer = request.client.host if request.client else ""
        if not is_loopback(peer):
            raise Denied("peer_not_loopback", authenticated=True, peer=peer)
        host = _host_name(request.headers.get("host", ""))
        if not (is_loopback(host) or host in self._settings.allowed_hosts):
            raise Denied("host_not_loopback", authenticated=True, host=host[:80])

    async def _caller(self, request: HTTPConnection) -> Caller | None:
        if not len(self._tokens):
            return Caller("loopback", Role.ADMIN)
        token = token_of(request)
        if token is None:
            return None
        found = self._tokens.seen(token) or await asyncio.to_thread(self._tokens.of, token)
        if found is None:
            raise Denied("token_unknown", authenticated=False)
        return found

    async def _note(self, request: HTTPConnection, refused: CityError) -> None:
        if self._record is not None:
            path = mask(request.scope["path"][:200])  # an identity number is never kept
            action = f"{method_of(request)} {path}"
            await self._record(None, action, path, refused.code, refused.facts)


def method_of(request: HTTPConnection) -> str:
    """Return the method as the table names it."""
    return WS if request.scope["type"] == "websocket" else str(request.scope["method"])


def token_of(request: HTTPConnection) -> str | None:
    """Return the bearer token sent ("": one in a form we do not know), None without any.

    A browser cannot send the header with a WebSocket: it may offer ``twin.bearer.<token>`` as a
    subprotocol beside ``twin.v1``. Never in the address, which is logged on its way.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if token:
        return token.strip() if scheme.lower() == "bearer" else ""
    offered = request.scope.get("subprotocols", ())
    return next(
        (name.removeprefix(TOKEN_PROTOCOL) for name in offered if name.startswith(TOKEN_PROTOCOL)),
        None,
    )


def match(method: str, path: str) -> tuple[str, Role | None] | None:
    """Return (path template, least role) of the rule that a request falls under, or None."""
    place = path[1:].partition("/")[0]
    rules = _COMPILED.get((method, place), [])
    if method == "HEAD":
        rules = rules + _COMPILED.get(("GET", place), [])
    for template, pattern, role in rules:
        if pattern.match(path):
            return template, role
    return None


def check_origin(request: HTTPConnection) -> None:
    """Refuse what another site's page does in somebody's browser: a write, or a WebSocket.

    A page may read a WebSocket of any origin, so that one is refused although it changes nothing.
    """
    if method_of(request) in SAFE or request.scope["path"] in READING_POSTS:
        return
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    if origin is None and site in {None, "none", "same-origin"}:
        return
    host = request.headers.get("host", "")
    if origin is None or origin.partition("://")[2] != host:
        said = (origin or site or "")[:80]
        raise Denied("origin_foreign", authenticated=True, origin=said, host=host[:80])


def check_bind(settings: Settings, tokens: Tokens) -> None:
    """Refuse to listen beyond loopback without tokens, or without TLS here or in a proxy.

    Raises Invalid("bind_without_tokens"), Invalid("bind_without_tls").
    """
    host, _ = address(settings.bind)
    if is_loopback(host):
        return
    if not len(tokens):
        raise Invalid("bind_without_tokens", bind=settings.bind)
    if not (settings.tls or settings.behind_proxy):
        raise Invalid("bind_without_tls", bind=settings.bind)


def _host_name(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()
