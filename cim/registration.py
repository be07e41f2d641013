"""Register things from a list: each gets a code, an anchor in the graph and its aliases.

A list is cut into portions. A portion is one block of serials a kind and one generation: it is
registered whole or not at all. Its serials belong to an owner made of the list's name and the
portion's content, so a process that dies and repeats its list gets the same codes, finds what is
done, and does the rest. Any number of processes register at the same time, each its own list.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Any

import msgspec

from cim import batches, heights
from cim.delivery_before import lease
from cim.heights import CityHeights
from cim.model import Entity, Kind, Lifecycle
from cim.ports import LOOKUP_LIMIT, Activation, Batch, Graph
from identity import code as uic
from identity import grid
from identity.errors import Conflict, Invalid, TooLarge
from identity.ports import OWN_CODE, Alias, Codes
from identity.schemes import refuse

EVENT = "registered"
HOLDER = "registration"
PORTION_THINGS = 10_000  # of one generation: the lease is held for about a second

AliasKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing without a code yet, and what others call it: (scheme, scope, value) each.

    Its place is a point in degrees (CGCS2000, both or neither) and a height in metres.
    """

    kind: Kind
    name: str = ""
    lifecycle: Lifecycle = Lifecycle.IN_USE
    lon: float | None = None
    lat: float | None = None
    height_m: float | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    known_as: tuple[AliasKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Registration:
    """Where things are registered: both stores are of the same graph; ``region`` is six digits.

    ``heights``: what a height is where its thing's properties don't say it.
    """

    graph: Graph
    codes: Codes
    region: str
    wait_s: float
    portion: int = PORTION_THINGS
    heights: CityHeights = field(default_factory=CityHeights)

    async def register(
        self, things: Iterable[Thing], owner: str, *, first: int = 0
    ) -> AsyncIterator[list[str]]:
        """Register any number of things; yield the codes of each portion once it is visible.

        The same things in the same portions under the same ``owner`` get the same codes again.
        ``first`` is the number of the first portion, where the ones before need no repetition.
        Raises Conflict("identifier_taken", "lease_busy", "serials_exhausted"),
        Invalid("class_unknown") for kinds that are parts, Invalid("identity_number_refused",
        "position_invalid", "position_range"). What was yielded before stays registered.
        """
        left, number = iter(things), first
        while portion := list(islice(left, self.portion)):
            yield await self.register_portion(portion, f"{owner}/{number}")
            number += 1

    async def register_portion(self, things: Sequence[Thing], owner: str) -> list[str]:
        """Register at most PORTION_THINGS in one generation, else TooLarge("portion_limit")."""
        if len(things) > PORTION_THINGS:
            raise TooLarge("portion_limit", count=len(things), limit=PORTION_THINGS)
        _check(things)
        issued = await self._issue(things, f"{HOLDER}:{owner}:{_digest(things)}")
        if await self._is_done((await self.graph.head()).generation, issued):
            return issued
        rows = list(
            _batches(things, issued, self.heights)
        )  # made before the lease, while others write
        async with lease(self.graph, HOLDER, self.wait_s) as activation:
            if await self._is_done(activation.base, issued):
                await activation.abort()
                return issued
            await self._check_free(activation.base, things)
            await _write(activation, rows, issued, owner)
        return issued

    async def _issue(self, things: Sequence[Thing], owner: str) -> list[str]:
        """Return the codes of the things: of each kind a block, in the order of the list."""
        counts: dict[Kind, int] = {}
        for thing in things:
            counts[thing.kind] = counts.get(thing.kind, 0) + 1
        issued: dict[Kind, Iterator[str]] = {}
        for kind, count in sorted(counts.items()):
            prefix = uic.prefix(self.region, kind)
            serials = await self.codes.reserve(prefix, count, owner)
            issued[kind] = iter([uic.issue(prefix, serial) for serial in serials])
        return [next(issued[thing.kind]) for thing in things]

    async def _is_done(self, g: int, issued: Sequence[str]) -> bool:
        """Whether the portion was registered by ``g``: all of it was, in one generation."""
        return not issued or bool(await self.graph.entities(g, issued[:1], ended=True))

    async def _check_free(self, g: int, things: Sequence[Thing]) -> None:
        """Raise when somebody else bears an identifier: a list never moves an alias."""
        wanted = {key for thing in things for key in thing.known_as}
        values = list({value for _, _, value in wanted})
        for piece in batches.pieces(values, LOOKUP_LIMIT):
            found = await self.codes.resolve(g, piece)
            for row in (row for rows in found.values() for row in rows):
                if (row.scheme, row.scope, row.value) in wanted:
                    raise _taken((row.scheme, row.scope, row.value), row.code)


def _check(things: Sequence[Thing]) -> None:
    """Raise for half a position, a citizen's number, and an identifier that two things bear."""
    seen: set[AliasKey] = set()
    for thing in things:
        if (thing.lon is None) != (thing.lat is None):
            raise Invalid("position_invalid", entity=thing.name)
        for said in (thing.name, *(value for _, _, value in thing.known_as)):
            refuse(said)
        for key in thing.known_as:
            if key in seen:
                raise _taken(key, thing.name)
            seen.add(key)


def _taken(key: AliasKey, bearer: str) -> Conflict:
    scheme, scope, value = key
    return Conflict("identifier_taken", scheme=scheme, scope=scope, value=value, bearer=bearer)


def _digest(things: Sequence[Thing]) -> str:
    return sha256(msgspec.json.encode(things)).hexdigest()


def _batches(things: Sequence[Thing], issued: Sequence[str], city: CityHeights) -> Iterator[Batch]:
    pairs = list(zip(things, issued, strict=True))
    own = [Alias(OWN_CODE, "", code, code, source=HOLDER) for code in issued]
    foreign = [
        Alias(*key, code=code, source=HOLDER) for thing, code in pairs for key in thing.known_as
    ]
    return batches.batches(entities=_anchors(pairs, city), aliases=[*own, *foreign])


def _anchors(pairs: Sequence[tuple[Thing, str]], city: CityHeights) -> list[Entity]:
    cells = _cells([thing for thing, _ in pairs])
    made = [
        Entity(
            code,
            thing.kind,
            thing.name,
            thing.lifecycle,
            thing.lon,
            thing.lat,
            thing.height_m,
            grid2d=cells.get(number),
            properties=thing.properties,
        )
        for number, (thing, code) in enumerate(pairs)
    ]
    return [heights.kept(entity, city) for entity in made]


def _cells(things: Sequence[Thing]) -> dict[int, str]:
    """Return the grid code of each thing with a place, by its number in the list."""
    points = {
        number: (thing.lon, thing.lat)
        for number, thing in enumerate(things)
        if thing.lon is not None and thing.lat is not None
    }
    lons, lats = [lon for lon, _ in points.values()], [lat for _, lat in points.values()]
    return dict(zip(points, grid.finest_many(lons, lats), strict=True))


async def _write(
    activation: Activation, rows: Sequence[Batch], issued: Sequence[str], owner: str
) -> None:
    for batch in rows:
        await activation.write(batch)
    told = {"count": len(issued), "first": issued[0], "last": issued[-1], "owner": owner}
    await activation.commit({"event": EVENT, **told})
