"""City questions over the Graph port: the way up, addresses, sensors, what lies below.

Every question takes the generation ``g`` that the request read once, works in batches and is
bounded. A path is a list of entities from the nearest container outwards.
"""

from collections.abc import Iterable, Mapping, Sequence

from cim.model import Entity, Kind, Relation, Verb
from cim.ports import LOOKUP_LIMIT, Address, Graph

PATH_DEPTH_MAX = 32  # containers above a thing; more is cut (a cycle cannot be longer than this)
BELOW_CODES_MAX = 20_000  # things looked at below one thing

# Where a thing has several containers (a room and a storey), the nearest kind is the way up.
_NEAREST = (
    Kind.ELEMENT,
    Kind.SPACE,
    Kind.STOREY,
    Kind.BUILDING,
    Kind.FACILITY,
    Kind.SITE,
    Kind.PROJECT,
    Kind.COMMUNITY,
    Kind.STREET,
    Kind.REGION,
)
_RANK = {kind: rank for rank, kind in enumerate(_NEAREST)}


async def paths(graph: Graph, g: int, codes: Sequence[str]) -> dict[str, list[Entity]]:
    """Return what contains each code, nearest first, without the code itself."""
    above = await _above(graph, g, codes)
    known = await entities(graph, g, {parent for parents in above.values() for parent in parents})
    return {code: chain(code, above, known) for code in codes}


async def containers(graph: Graph, g: int, code: str) -> set[str]:
    """Return everything that contains a code, directly or through others, by any way."""
    return set(await _above(graph, g, [code])) - {code}


async def entities(graph: Graph, g: int, codes: Iterable[str]) -> dict[str, Entity]:
    """Return the visible entities by code, however many are asked."""
    found: dict[str, Entity] = {}
    for piece in _pieces(sorted(set(codes))):
        found.update((entity.code, entity) for entity in await graph.entities(g, piece))
    return found


async def addresses(
    graph: Graph, g: int, ways: Mapping[str, Sequence[Entity]]
) -> dict[str, Address]:
    """Return the address of each code: its nearest LOCATED_AT upwards, else ``address`` property.

    ``ways``: for each code the entity itself and its path, nearest first. A code without any
    address is absent.
    """
    everything = {entity.code for way in ways.values() for entity in way}
    located = await relations(graph, g, everything, (Verb.LOCATED_AT,))
    at = {relation.source: relation.target for relation in reversed(located)}
    places = await entities(graph, g, at.values())
    found = {code: nearest_address(way, at, places) for code, way in ways.items()}
    return {code: address for code, address in found.items() if address is not None}


async def relations(
    graph: Graph, g: int, codes: Iterable[str], verbs: Sequence[Verb], *, incoming: bool = False
) -> list[Relation]:
    """Return relations of any number of codes, by (verb, source, target) within a piece."""
    found: list[Relation] = []
    for piece in _pieces(sorted(set(codes))):
        found += await graph.relations(g, piece, verbs, incoming=incoming)
    return found


def nearest(way: Sequence[Entity], *kinds: Kind) -> Entity | None:
    """Return the first entity of one of the kinds: the building or storey of a thing."""
    return next((entity for entity in way if entity.kind in kinds), None)


async def observers(graph: Graph, g: int, codes: Sequence[str]) -> dict[str, list[str]]:
    """Return the codes of the sensors that observe each code directly (absent: none)."""
    found: dict[str, list[str]] = {}
    for relation in await relations(graph, g, codes, (Verb.OBSERVES,), incoming=True):
        found.setdefault(relation.target, []).append(relation.source)
    return found


async def below(
    graph: Graph, g: int, code: str, *, limit: int = BELOW_CODES_MAX
) -> tuple[list[str], bool]:
    """Return the codes contained in ``code``, level by level, and whether these are all.

    At most ``limit`` codes are returned; cycles end where they close.
    """
    seen, level = {code: None}, [code]
    while level and len(seen) - 1 <= limit:
        held = await relations(graph, g, level, (Verb.CONTAINS,))
        level = [c for c in dict.fromkeys(r.target for r in held) if c not in seen]
        seen.update(dict.fromkeys(level))
    found = list(seen)[1:]
    return found[:limit], len(found) <= limit


async def observers_below(graph: Graph, g: int, code: str) -> dict[str, list[str]]:
    """Return {part: sensors} of what ``code`` contains, within BELOW_CODES_MAX parts."""
    parts, _ = await below(graph, g, code)
    return await observers(graph, g, parts)


async def _above(graph: Graph, g: int, codes: Sequence[str]) -> dict[str, list[str]]:
    """Return the containers of the codes and of their containers, one batched call a level."""
    above: dict[str, list[str]] = {}
    level = list(dict.fromkeys(codes))
    for _ in range(PATH_DEPTH_MAX):
        held = await relations(graph, g, level, (Verb.CONTAINS,), incoming=True)
        above.update((code, []) for code in level)
        for relation in held:
            above[relation.target].append(relation.source)
        level = [c for c in dict.fromkeys(r.source for r in held) if c not in above]
        if not level:
            break
    return above


def chain(
    code: str, above: Mapping[str, Sequence[str]], known: Mapping[str, Entity]
) -> list[Entity]:
    """Return the way up from ``code``: of several containers the nearest kind. Pure."""
    way: list[Entity] = []
    seen = {code}
    while True:
        parents = [known[c] for c in above.get(code, ()) if c in known and c not in seen]
        if not parents or len(way) >= PATH_DEPTH_MAX:
            return way
        way.append(min(parents, key=_closeness) if len(parents) > 1 else parents[0])
        code = way[-1].code
        seen.add(code)


def _closeness(entity: Entity) -> tuple[int, str]:
    return _RANK.get(entity.kind, len(_RANK)), entity.code


def nearest_address(
    way: Sequence[Entity], at: Mapping[str, str], places: Mapping[str, Entity]
) -> Address | None:
    """Return the address of ``way[0]``. ``at``: code -> LOCATED_AT, ``places`` what is there. Pure.

    ``way``: the thing and what contains it, nearest first.
    """
    for entity in way:
        place = places.get(at.get(entity.code, ""))
        if place is not None:
            return Address(place.name, place.code)
    for entity in way:
        text = entity.properties.get("address")
        if isinstance(text, str) and text:
            return Address(text)
    return None


def _pieces(codes: Sequence[str]) -> list[Sequence[str]]:
    return [codes[at : at + LOOKUP_LIMIT] for at in range(0, len(codes), LOOKUP_LIMIT)]
