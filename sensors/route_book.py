"""The routes of messages as people wrote them down, read again now and then.

Every process that decodes holds one; a change made elsewhere is seen within ROUTES_S.
"""

from collections.abc import Callable
from typing import Any

import structlog

from identity.errors import CityError
from sensors.routes import KIND, Routes, route_of
from twin.rules import Rules

ROUTES_S = 1.0  # how old the routes may be

_log = structlog.get_logger()


class RouteBook:
    """The routes of now. ``clock``: Unix seconds."""

    def __init__(self, rules: Rules, clock: Callable[[], float]) -> None:
        self._rules = rules
        self._clock = clock
        self._read_at: float | None = None
        self._written: dict[str, Any] = {}
        self._routes = Routes()

    async def current(self) -> Routes:
        """Return the routes, at most ROUTES_S old."""
        now = self._clock()
        if self._read_at is None or not 0 <= now - self._read_at < ROUTES_S:
            written = dict(await self._rules.rules(KIND))
            if written != self._written:
                self._written, self._routes = written, Routes(_usable(written))
            self._read_at = now
        return self._routes

    def forget(self) -> None:
        """Read again at the next call: this process itself changed them."""
        self._read_at = None


def _usable(written: dict[str, Any]) -> dict[str, Any]:
    """Leave out what this version does not understand; messages go to quarantine then."""
    usable = {}
    for filter_, mapping in written.items():
        try:
            route_of(filter_, mapping)
        except CityError as error:
            _log.error("mapping_left_out", filter=filter_, code=error.code, **error.facts)
        else:
            usable[filter_] = mapping
    return usable
