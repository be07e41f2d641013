"""What a message would become if it came now: for people who write mappings. Nothing is kept."""

from collections.abc import Mapping
from typing import Any

from cim.ports import Graph
from identity.errors import CityError
from identity.ports import Codes
from sensors.decode import is_named, reading_of
from sensors.lookup import Bindings
from sensors.ports import Message
from sensors.routes import Routes, route_of
from sensors.topics import Device
from twin.reading_checks import FUTURE_S_MAX


def routes_for(written: Mapping[str, Any], topic: str, mapping: Mapping[str, Any] | None) -> Routes:
    """Return the routes of now, with ``mapping`` for this topic in front where one is given.

    Raises what ``route_of`` says of the mapping.
    """
    if mapping is None:
        return Routes({name: body for name, body in written.items() if _is_route(name, body)})
    return Routes({topic: mapping})


async def attempt(
    graph: Graph, codes: Codes, routes: Routes, message: Message
) -> list[dict[str, Any]]:
    """Return each reading as said and as it would be kept, or ``refused`` with the error.

    Raises what the codec says of the message.
    """
    several = routes.read(message)
    devices = {Device(*said[:2]) for said in several if is_named(*said[:2])}
    known = await Bindings(graph, codes).lookup(devices)
    rows = []
    for said in several:
        row: dict[str, Any] = {**said._asdict(), "reading": None, "refused": None}
        try:
            kept = reading_of(message, said, known, FUTURE_S_MAX)
        except CityError as refused:
            row["refused"] = refused
        else:
            row["reading"] = {
                "code": kept.code,
                "source": kept.source,
                "value": kept.value,
                "unit": kept.unit,
                "quality": kept.quality.value,
            }
        rows.append(row)
    return rows


def _is_route(filter_: str, mapping: Any) -> bool:
    try:
        route_of(filter_, mapping)
    except CityError:
        return False
    return True
