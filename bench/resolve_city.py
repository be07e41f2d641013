"""The city that ``bench resolve`` asks: as large as wanted, each row told by its number alone.

A house is 200 things as an import leaves them: project, document, site, address, building, six
storeys, thirty rooms, their elements and four sensors, each with five aliases. One tag in twenty is
shared by three neighbouring houses: such a text has three meanings.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from cim.model import Entity, Kind, Relation, Verb
from identity import code as universal
from identity import grid, ifcguid
from identity.ports import Alias
from twin.reading import Reading

HOUSE = 200  # things of one house
ALIASES = 5  # of each thing
SHARED = 20  # one tag in so many is shared
SHARERS = 3  # houses that share a tag
AT_S = 1_795_000_000.0
WEST, SOUTH = 114.0, 30.2

PROJECT, DOCUMENT, SITE, ADDRESS, BUILDING = range(5)
SENSORS, STOREYS, ROOMS, ELEMENTS = range(5, 9), range(9, 15), range(15, 45), range(45, HOUSE)
ROOTS = (Kind.PROJECT, Kind.DOCUMENT, Kind.SITE, Kind.ADDRESS, Kind.BUILDING)
PREFIXES = {kind: universal.prefix(universal.REGION, kind) for kind in (*ROOTS, Kind.SENSOR)}
CLASSES = ("IfcWall", "IfcDoor", "IfcWindow", "IfcSlab", "IfcColumn")
PARTS = (
    (STOREYS, Kind.STOREY, "S", "IfcBuildingStorey"),
    (ROOMS, Kind.SPACE, "R", "IfcSpace"),
    (ELEMENTS, Kind.ELEMENT, "E", ""),
)


@dataclass(frozen=True, slots=True)
class House:
    """The rows of one house."""

    entities: list[Entity]
    relations: list[Relation]
    aliases: list[Alias]
    readings: list[Reading]


def houses(entities: int) -> int:
    """Return how many houses a city of about so many entities has."""
    return max(SHARERS, entities // HOUSE)


def house(n: int) -> House:
    """Return the rows of house ``n`` (from 0)."""
    codes = [code(n, thing) for thing in range(HOUSE)]
    entities = [_entity(n, thing, codes) for thing in range(HOUSE)]
    readings = [
        Reading(codes[ROOMS[i]], "temperature", 18 + n % 90 / 10, AT_S + i, AT_S, codes[s], "Cel")
        for i, s in enumerate(SENSORS)
    ]
    named = [alias for thing in range(HOUSE) for alias in aliases(n, thing)]
    return House(entities, list(_relations(n, codes)), named, readings)


@lru_cache(maxsize=1_000)
def code(n: int, thing: int) -> str:
    """Return the code of a thing of house ``n``."""
    if thing < len(ROOTS):
        return universal.format_code(PREFIXES[ROOTS[thing]], n + 1)
    if thing in SENSORS:
        return universal.format_code(
            PREFIXES[Kind.SENSOR], n * len(SENSORS) + thing - SENSORS[0] + 1
        )
    part, _, letter, _ = _part(thing)
    return universal.format_part(f"{code(n, BUILDING)}-{letter}", thing - part[0] + 1)


def aliases(n: int, thing: int) -> Iterator[Alias]:
    """Yield the five aliases of a thing."""
    own, source = code(n, thing), code(n, DOCUMENT)
    scheme, scope, value = _named(n, thing)
    yield Alias(scheme, scope, value, own, source)
    yield Alias("tag", code(n, PROJECT), tag(n, thing), own, source)
    yield Alias("asset", "", f"WH-{n:06d}-{thing:03d}", own, source)
    yield Alias("oid", "", f"1.2.156.10197.{n}.{thing}", own, source)
    yield Alias("handle", "", f"20.500.12345/wh.{n}.{thing}", own, source)


def tag(n: int, thing: int) -> str:
    """Return the tag of a thing; every SHARED-th one is that of three neighbouring houses."""
    if thing % SHARED == 0:
        return f"{n // SHARERS}-T{thing:03d}"
    return f"{n}.{100_000 + thing}"


@lru_cache(maxsize=1_000)
def guid(n: int, thing: int) -> str:
    """Return the IFC GlobalId of a thing."""
    return ifcguid.from_uuid(UUID(bytes=hashlib.blake2b(b"%d/%d" % (n, thing)).digest()[:16]))


class Texts:
    """Seeded texts of each class that a client asks, over a city of ``count`` houses."""

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._random = random.Random(seed)  # noqa: S311 - a sample, no secret

    def code(self) -> str:
        """Return a code of the city."""
        return code(*self._one())

    def alias(self) -> str:
        """Return an alias that leads to one thing."""
        n, thing = self._one()
        named = [a.value for a in aliases(n, thing) if a.value != tag(n, thing)]
        plain = [] if thing % SHARED == 0 else [tag(n, thing)]
        return self._random.choice(named + plain)

    def ambiguous(self) -> str:
        """Return a tag that three things have."""
        n = self._random.randrange(self._count // SHARERS * SHARERS)
        return tag(n, self._random.randrange(0, HOUSE, SHARED))

    def unknown(self) -> str:
        """Return what nothing has: a code never issued, a mistyped one, a GUID, an asset number."""
        n, thing = self._one()
        own = code(n, thing)
        return self._random.choice(
            (
                universal.format_code(PREFIXES[Kind.BUILDING], 90_000_000 + n),
                own[:-1] + ("1" if own[-1] != "1" else "2"),
                guid(n, HOUSE + thing),
                f"WH-{n:06d}-{HOUSE + thing:03d}",
            )
        )

    def _one(self) -> tuple[int, int]:
        return self._random.randrange(self._count), self._random.randrange(HOUSE)


def _part(thing: int) -> tuple[range, Kind, str, str]:
    return next(part for part in PARTS if thing in part[0])


def _named(n: int, thing: int) -> tuple[str, str, str]:
    if thing == ADDRESS:
        return "address", "", _address(n)
    if thing == DOCUMENT:
        return "document", code(n, PROJECT), f"建筑-{n}"
    if thing in SENSORS:
        return "device", "wuhan", f"dev-{n}-{thing}"
    return "ifc_guid", code(n, PROJECT), guid(n, thing)


def _address(n: int) -> str:
    return f"武汉市洪山区珞喻路{n + 1}号"


def _parent(thing: int) -> int | None:
    """Return what contains a thing: elements stand in rooms and on storeys in turn."""
    if thing in ELEMENTS:
        at = thing - ELEMENTS[0]
        return ROOMS[at % len(ROOMS)] if at % 2 else STOREYS[at % len(STOREYS)]
    if thing in ROOMS:
        return STOREYS[(thing - ROOMS[0]) % len(STOREYS)]
    if thing in STOREYS:
        return BUILDING
    return {SITE: PROJECT, BUILDING: SITE}.get(thing)


def _entity(n: int, thing: int, codes: list[str]) -> Entity:
    own = codes[thing]
    if thing == ADDRESS:
        text = _address(n)
        return Entity(own, Kind.ADDRESS, text, properties={"text": text, "matched": False})
    if thing == DOCUMENT:
        facts: dict[str, Any] = {"version": 1 + n % 9, "project": codes[PROJECT]}
        facts["placement"] = {"provenance": "declared", "lon": WEST, "lat": SOUTH}
        return Entity(own, Kind.DOCUMENT, f"建筑-{n}", properties=facts)
    if thing in SENSORS:
        channels = {"temperature": {"unit": "Cel", "interval_s": 60}}
        facts = {"property": "temperature", "unit": "Cel", "channels": channels}
        return Entity(own, Kind.SENSOR, f"温度计 {n}-{thing}", properties=facts)
    return _built(n, thing, codes)


def _built(n: int, thing: int, codes: list[str]) -> Entity:
    """Return what came with the model: its place, and what the model says of it."""
    facts: dict[str, Any] = {"ifc_guid": guid(n, thing), "document": codes[DOCUMENT]}
    if thing in (PROJECT, SITE, BUILDING):
        kind, sort = ROOTS[thing], ("IfcProject", "", "IfcSite", "", "IfcBuilding")[thing]
        name = f"{n}号楼"
    else:
        _, kind, _, sort = _part(thing)
        sort = sort or CLASSES[thing % len(CLASSES)]
        name = f"{sort[3:]}:{thing % 9}:{n * HOUSE + thing}"
        facts |= {"tag": tag(n, thing), "type": f"外墙-{thing % 9}"}
        facts["psets"] = {"Pset_Common": {"IsExternal": thing % 2 == 0, "FireRating": "2h"}}
    if kind is Kind.ELEMENT:
        facts["storey"] = codes[STOREYS[(thing - ELEMENTS[0]) % len(STOREYS)]]
    facts["ifc_class"] = sort
    if thing == PROJECT:
        return Entity(own := codes[thing], kind, f"项目-{n}", properties=facts | {"code": own})
    west, south = WEST + n % 1_000 / 1e3, SOUTH + n // 1_000 / 1e3
    lon, lat = west + thing % 20 / 1e5, south + thing // 20 / 1e5
    box = (lon, lat, lon + 1e-5, lat + 1e-5)
    height_m = 20.0 + 3 * (thing % 6)
    cell = grid.encode(lon, lat)
    return Entity(codes[thing], kind, name, lon=lon, lat=lat, height_m=height_m, box=box,
                  grid2d=cell, properties=facts)  # fmt: skip


def _relations(n: int, codes: list[str]) -> Iterator[Relation]:
    for thing in range(HOUSE):
        parent = _parent(thing)
        if parent is not None:
            yield Relation(Verb.CONTAINS, codes[parent], codes[thing])
        if thing not in (DOCUMENT, ADDRESS, *SENSORS):
            said: dict[str, Any] = {"key": guid(n, thing), "digest": f"{n:08x}{thing:08x}" * 2}
            said |= {"box_m": [0.0, 0.0, 0.0, 4.2, 0.2, 3.0], "own_shape": True}
            yield Relation(Verb.DELIVERED_IN, codes[thing], codes[DOCUMENT], said)
    yield Relation(Verb.LOCATED_AT, codes[BUILDING], codes[ADDRESS])
    for i, sensor in enumerate(SENSORS):
        yield Relation(Verb.OBSERVES, codes[sensor], codes[ROOMS[i]])
