"""The short way of the requests that are asked most: past the framework, to the same endpoint.

gate → headers → shortcut → endpoint; everything else goes on to body limit, router, dependencies

The endpoint stands in the router as any other, documented and complete. Here it is called with what
its dependencies would give it, without solving for them.
Only for endpoints of (the end of the path, the moment) that read no body, and only for what is now:
a request with a query goes on.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import language, problem
from api.moments import Then, at_head
from api.services import Door
from identity.errors import CityError

Endpoint = Callable[[str, Then], Awaitable[Response]]


class Shortcut:
    """Answers GET of the rules in ``endpoints`` ({path template: endpoint}), passes on the rest."""

    def __init__(self, app: ASGIApp, *, door: Door, endpoints: Mapping[str, Endpoint]) -> None:
        self._app = app
        self._door = door
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the rule that the gate found, or pass on."""
        rule = str(scope["state"]["rule"]) if scope["type"] == "http" else ""
        endpoint = self._endpoints.get(rule)
        if endpoint is None or scope["method"] != "GET" or scope["query_string"]:
            await self._app(scope, receive, send)
            return
        try:
            response = await self._answer(endpoint, scope, len(rule.partition("{")[0]))
        except CityError as refused:
            response = problem(refused, _language(scope))
        await response(scope, receive, send)

    async def _answer(self, endpoint: Endpoint, scope: Scope, start: int) -> Response:
        services = self._door.services
        generation = (await services.graph.head()).generation
        scope["state"]["generation"] = generation
        return await endpoint(scope["path"][start:], at_head(services, generation))


def _language(scope: Scope) -> str:
    said = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    return language(said.decode("latin-1"))
