"""What a device shall observe, however a person says it: code, IFC GUID, address, or a place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, exp, hypot, radians
from typing import Any

from cim.model import Box, Entity, Kind, Verb
from cim.ports import Filter, Graph
from identity import code as universal
from identity.errors import Conflict, Invalid, NotFound
from identity.ports import Codes
from sensors.lookup import batches

ADDRESSES_SEARCHED_MAX = 200  # texts of one call that no Address bears, each a search of its own
RADII_M = (30.0, 150.0, 600.0)  # around a place, until something stands there
NEAR_MAX = 200  # things looked at around one place
CANDIDATES_MAX = 5
NEAR_M = 10.0  # a thing this far away is about a third as likely as one that holds the place
FLOOR = 10.0  # a metre through a floor counts as so many more: a device is seldom seen through one
STOREY_M = 4.0  # height that a room takes up where its model does not say
DOUBT = 0.25  # what always remains, as if another thing half-way stood there too
METRES_PER_DEGREE = 111_320.0
LOOKED_AT = (Kind.SPACE, Kind.BUILDING, Kind.FACILITY)
_LIKELY = {Kind.SPACE: 1.0, Kind.FACILITY: 0.8, Kind.BUILDING: 0.6}
_LIKELY_FLAT = {Kind.SPACE: 0.3, Kind.FACILITY: 0.8, Kind.BUILDING: 0.6}
"""How likely a thing of the kind is watched; without a height the rooms of all floors are alike."""


@dataclass(frozen=True, slots=True)
class Target:
    """One of: ``code`` · ``ifc_guid`` (of ``project``: its code or name) · ``address`` · ``place``.

    ``place``: lon, lat in degrees, height_m or None.
    """

    code: str = ""
    ifc_guid: str = ""
    project: str = ""
    address: str = ""
    place: tuple[float, float, float | None] | None = None

    def said(self) -> str:
        """Return what was said, for people."""
        return self.code or self.ifc_guid or self.address


async def resolve(
    graph: Graph, codes: Codes, g: int, wanted: Sequence[Target]
) -> list[str | NotFound | Conflict]:
    """Return the code of each target, or why it has none; "" for a place and for nothing said.

    Errors: NotFound("target_unknown"), Conflict("target_ambiguous") with the codes.
    """
    own = {t.code: _own(t.code) for t in wanted if t.code}
    known = await _known(graph, g, {code for code in own.values() if code})
    guids = await _guids(codes, g, wanted)
    addresses = await _addresses(graph, codes, g, {t.address for t in wanted if t.address})
    found: list[str | NotFound | Conflict] = []
    for target in wanted:
        if target.code:
            meant = [own[target.code]] if own[target.code] in known else []
        elif target.ifc_guid:
            meant = guids.get((target.ifc_guid, target.project), [])
        else:
            meant = addresses.get(target.address, [])
        found.append(_only(target, meant))
    return found


async def candidates(
    graph: Graph, g: int, place: tuple[float, float, float | None]
) -> tuple[Mapping[str, Any], ...]:
    """Return what a device at a place may observe, the likeliest first, with ``confidence``.

    Rooms, facilities and buildings within the smallest of RADII_M that holds any.
    """
    for radius_m in RADII_M:
        near = await graph.find(
            g, Filter(kinds=LOOKED_AT, box=_around(place, radius_m)), limit=NEAR_MAX
        )
        if near.items:
            return ranked(near.items, place)
    return ()


def ranked(
    things: Sequence[Entity], place: tuple[float, float, float | None]
) -> tuple[Mapping[str, Any], ...]:
    """Return the candidates among ``things``. Pure.

    A kind's share is how likely it is watched; its things divide it by e^(−distance ÷ NEAR_M), a
    metre through a floor counting for more, so that thirty rooms above each other do not outweigh
    their building. ``confidence`` is the share of everything and DOUBT. ``distance_m`` is that to
    its box, 0 inside; height counts where both have one.
    """
    likely = _LIKELY_FLAT if place[2] is None else _LIKELY
    near = [(thing, _distance_m(thing, place)) for thing in things]
    weights = {
        thing.code: exp(-(away_m + FLOOR * _apart_m(thing, place)) / NEAR_M)
        for thing, away_m in near
    }
    of_kind: dict[Kind, list[float]] = {}
    for thing, _ in near:
        of_kind.setdefault(thing.kind, []).append(weights[thing.code])
    total = DOUBT + sum(likely.get(kind, 0.0) * max(ws) for kind, ws in of_kind.items())
    told = [
        {
            "code": thing.code,
            "kind": thing.kind.value,
            "name": thing.name,
            "distance_m": round(distance_m, 2),
            "confidence": round(_share(thing, weights, of_kind, likely) / total, 3),
        }
        for thing, distance_m in near
    ]
    told.sort(key=lambda row: (-float(row["confidence"]), float(row["distance_m"]), row["code"]))
    return tuple(told[:CANDIDATES_MAX])


def _share(
    thing: Entity,
    weights: Mapping[str, float],
    of_kind: Mapping[Kind, Sequence[float]],
    likely: Mapping[Kind, float],
) -> float:
    """Return a thing's part of what its kind weighs; the nearest of a kind weighs its closeness."""
    held = of_kind[thing.kind]
    return likely.get(thing.kind, 0.0) * max(held) * weights[thing.code] / sum(held)


def _distance_m(thing: Entity, place: tuple[float, float, float | None]) -> float:
    lon, lat, _ = place
    west, south, east, north = _box(thing)
    across = max(west - lon, lon - east, 0.0) * METRES_PER_DEGREE * cos(radians(lat))
    along = max(south - lat, lat - north, 0.0) * METRES_PER_DEGREE
    return hypot(across, along, _apart_m(thing, place))


def _apart_m(thing: Entity, place: tuple[float, float, float | None]) -> float:
    """Return how far above or below a room a place lies, 0 where heights are not known."""
    height_m = place[2]
    if height_m is None or thing.height_m is None or thing.kind is not Kind.SPACE:
        return 0.0
    return max(thing.height_m - height_m, height_m - thing.height_m - STOREY_M, 0.0)


def _box(thing: Entity) -> Box:
    """Return the box of a thing that was found by its place, else its point."""
    assert thing.box or (thing.lon is not None and thing.lat is not None)
    if thing.box is not None:
        return thing.box
    return thing.lon or 0.0, thing.lat or 0.0, thing.lon or 0.0, thing.lat or 0.0


def _around(
    place: tuple[float, float, float | None], radius_m: float
) -> tuple[float, float, float, float]:
    lon, lat, _ = place
    along = radius_m / METRES_PER_DEGREE
    across = along / max(cos(radians(lat)), 0.01)
    return (
        max(lon - across, -180.0),
        max(lat - along, -90.0),
        min(lon + across, 180.0),
        min(lat + along, 90.0),
    )


def _own(text: str) -> str:
    try:
        return universal.parse(text).text
    except Invalid:
        return text


def _only(target: Target, meant: Sequence[str]) -> str | NotFound | Conflict:
    if not target.said():
        return ""
    if not meant:
        return NotFound("target_unknown", target=target.said())
    if len(meant) > 1:
        return Conflict("target_ambiguous", target=target.said(), codes=list(meant))
    return meant[0]


async def _known(graph: Graph, g: int, wanted: set[str]) -> set[str]:
    found: set[str] = set()
    for piece in batches(sorted(wanted), 1_000):
        found |= {entity.code for entity in await graph.entities(g, piece)}
    return found


async def _guids(
    codes: Codes, g: int, wanted: Sequence[Target]
) -> dict[tuple[str, str], list[str]]:
    """Return the codes of each (GUID, project); without a project those of every project."""
    guids = sorted({t.ifc_guid for t in wanted if t.ifc_guid})
    projects = sorted({t.project for t in wanted if t.project})
    named = await codes.resolve(g, projects, scheme="project") if projects else {}
    scopes = {p: {p, *(alias.code for alias in named.get(p, ()))} for p in projects}
    held = await codes.resolve(g, guids, scheme="ifc_guid") if guids else {}
    return {
        (t.ifc_guid, t.project): sorted(
            {
                a.code
                for a in held.get(t.ifc_guid, ())
                if not t.project or a.scope in scopes[t.project]
            }
        )
        for t in wanted
        if t.ifc_guid
    }


async def _addresses(graph: Graph, codes: Codes, g: int, texts: set[str]) -> dict[str, list[str]]:
    """Return what stands at each address: by its Address, else by the text on the thing itself."""
    if not texts:
        return {}
    named = await codes.resolve(g, sorted(texts), scheme="address")
    places = {alias.code for aliases in named.values() for alias in aliases}
    at: dict[str, list[str]] = {}
    located = (
        await graph.relations(g, sorted(places), [Verb.LOCATED_AT], incoming=True) if places else []
    )
    for relation in located:
        at.setdefault(relation.target, []).append(relation.source)
    found = {
        text: sorted({thing for a in aliases for thing in at.get(a.code, ())})
        for text, aliases in named.items()
    }
    left = sorted(text for text in texts if not found.get(text))
    for text in left[:ADDRESSES_SEARCHED_MAX]:
        same = await graph.find(g, Filter(q=text, properties={"address": text}), limit=10)
        found[text] = [entity.code for entity in same.items]
    return found
