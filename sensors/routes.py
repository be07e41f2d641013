"""Which codec reads the messages of a topic: a table (routes.json), and the mappings of people.

The city's own form is first and cannot be taken; then mappings, the exactest filter first; then the
other forms. Pure.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from identity.errors import Invalid
from sensors.codecs import chirpstack, senml, sensorthings
from sensors.codecs import json as own
from sensors.codecs.mapping import Mapping as Written
from sensors.codecs.said import Said
from sensors.ports import Message
from sensors.topics import TOPICS_CACHED, is_filter, matches

KIND = "mapping"  # of the rules that hold mappings, by topic filter (twin/rules.py)

OWN_LEVELS = 4  # city/{tenant}/{device}/{property}

Read = Callable[[Message], list[Said]]

CODECS: Mapping[str, Read] = {
    "json": own.read,
    "senml": senml.read,
    "sensorthings": sensorthings.read,
    "chirpstack": chirpstack.read,
}
ASSIGNABLE = ("senml", "sensorthings", "chirpstack")  # to topics of other names


@dataclass(frozen=True, slots=True)
class Route:
    """Messages of topics that match ``filter`` are read by ``read``; ``codec`` is its name."""

    filter: str
    codec: str
    read: Read


class Routes:
    """The table in the order it is tried."""

    def __init__(self, mappings: Mapping[str, Any] | None = None) -> None:
        """Put ``mappings`` (by topic filter, as written) in; an invalid one is refused."""
        first, *others = default_routes()
        written = [route_of(filter_, body) for filter_, body in (mappings or {}).items()]
        self.table: Sequence[Route] = [first, *sorted(written, key=_exactness), *others]
        self._of = lru_cache(TOPICS_CACHED)(self._find)

    def read(self, message: Message) -> list[Said]:
        """Return what the message says; Invalid("topic_unknown") where no route takes the topic."""
        return self.of(message.topic).read(message)

    def of(self, topic: str) -> Route:
        """Return the route that takes the topic; Invalid("topic_unknown")."""
        found = self._of(topic)
        if found is None:
            raise Invalid("topic_unknown", topic=topic)
        return found

    def _find(self, topic: str) -> Route | None:
        return next((route for route in self.table if matches(route.filter, topic)), None)


def route_of(filter_: str, mapping: Any) -> Route:
    """Return the route of a written mapping, or of ``{"codec": "senml"}`` and the like.

    Raises Invalid: topic_filter_invalid, topic_filter_own, mapping_invalid, mapping_path.
    """
    if not is_filter(filter_):
        raise Invalid("topic_filter_invalid", filter=filter_[:200])
    levels = filter_.split("/")
    if levels[0] == "city" and len(levels) == OWN_LEVELS and levels[-1] != "#":
        raise Invalid("topic_filter_own", filter=filter_)
    if isinstance(mapping, Mapping) and "codec" in mapping:
        return _assigned(filter_, mapping)
    return Route(filter_, KIND, Written.of(mapping).read)


def _assigned(filter_: str, said: Mapping[str, Any]) -> Route:
    codec = said["codec"]
    if codec not in ASSIGNABLE or len(said) > 1:
        raise Invalid("mapping_invalid", reason=f"codec: {', '.join(ASSIGNABLE)} are possible")
    return Route(filter_, codec, CODECS[codec])


@cache
def default_routes() -> Sequence[Route]:
    """Return the routes that come with the product."""
    text = files("sensors").joinpath("routes.json").read_text(encoding="utf-8")
    return [Route(row["filter"], row["codec"], CODECS[row["codec"]]) for row in json.loads(text)]


def _exactness(route: Route) -> tuple[bool, int, str]:
    return "#" in route.filter, route.filter.count("+"), route.filter
