"""What is read from Neo4j at a generation."""

from collections.abc import Sequence
from typing import Any

from cim.model import Entity, Kind, Relation, Tile, Verb
from cim.ports import NEIGHBOUR_LIMIT, Filter, Move, Page
from cim.stores import rows, rules
from cim.stores.neo4j import parameters, places
from cim.stores.neo4j.connections import Connections
from cim.stores.neo4j.statements import of_verbs
from cim.terms import query_terms
from identity.errors import TooLarge
from identity.ports import Alias

BOX_ROWS = 20_000  # a box or cell with more is walked in the order of codes: sorting costs more


async def entities(db: Connections, g: int, codes: Sequence[str], *, ended: bool) -> list[Entity]:
    """Return the entities of ``codes`` in order; see ``cim.ports.Graph.entities``."""
    asked = list(dict.fromkeys(codes))
    if not asked:
        return []
    read = map(rows.entity, await db.read("entities", g=g, codes=asked))
    found = {entity.code: entity for entity in read}
    missing = [code for code in asked if code not in found] if ended else []
    if missing:
        last = map(rows.entity, await db.read("entities_ended", g=g, codes=missing))
        found |= {entity.code: rules.gone(entity) for entity in last}
    return [found[code] for code in codes if code in found]


async def find(db: Connections, g: int, where: Filter, limit: int, after: str) -> Page:
    """Return a page of the entities that match (see ``cim.ports.Filter``)."""
    if where.q is not None and not query_terms(where.q):
        return Page([], None)
    parameters = conditions(where)
    by = await _driver(db, parameters)
    if by == "by_codes":
        parameters["among"] = []  # asked once: a list is looked through for each row
    found = await db.read(by, g=g, after=after, limit=limit + 1, **parameters)
    return _page(found, limit)


def conditions(where: Filter) -> dict[str, Any]:
    """Return the parameters of a filter; what is not asked is empty."""
    west, south, east, north = map(float, where.box or (0, 0, 0, 0))
    ifc_class = parameters.indexed_class(where.properties.get("ifc_class"))
    return {
        "words": _words(where, ifc_class),
        "places": places.candidates(where.box) if where.box is not None else [],
        "kinds": [kind.value for kind in dict.fromkeys(where.kinds)],
        "codes": sorted(where.codes),
        "among": sorted(where.codes),
        "grid": where.grid or "",
        "ifc_class": ifc_class or "",
        "boxed": where.box is not None,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
    }


async def _driver(db: Connections, parameters: dict[str, Any]) -> str:
    """Return the statement that goes through the narrowest index of what is asked."""
    if parameters["words"]:
        return "by_words"
    if parameters["codes"]:
        return "by_codes"
    if parameters["places"]:
        counted = await db.read("count_box", places=parameters["places"], limit=BOX_ROWS)
        if counted[0][0] < BOX_ROWS:
            return "by_box"
    if parameters["grid"]:
        counted = await db.read("count_grid", grid=parameters["grid"], limit=BOX_ROWS)
        if counted[0][0] < BOX_ROWS:
            return "by_grid"
    for asked, by in (("ifc_class", "by_class"), ("kinds", "by_kind")):
        if parameters[asked]:
            return by
    return "by_code"


def _words(where: Filter, ifc_class: str | None) -> str:
    """Return the Lucene query: all terms of q and of the properties, quoted.

    A text property that is searched has its terms in the index too, but its own term is rarer.
    """
    words = query_terms(where.q or "")
    for name, value in where.properties.items():
        if name != "ifc_class" or ifc_class is None:
            words.append(parameters.property_term(name, value))
    quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in dict.fromkeys(words))
    return " AND ".join(f'"{word}"' for word in quoted)


def _page(found: list[list[Any]], limit: int) -> Page:
    items = [rows.entity(row) for row in found[:limit]]
    return Page(items, items[-1].code if len(found) > limit else None)


async def relations(
    db: Connections, g: int, codes: Sequence[str], verbs: Sequence[Verb], *, incoming: bool
) -> list[Relation]:
    """Return relations by (verb, source, target); more than NEIGHBOUR_LIMIT is TooLarge."""
    asked = list(dict.fromkeys(codes))
    if not asked:
        return []
    statement = of_verbs("incoming" if incoming else "outgoing", verbs)
    found = await db.read_text(statement, g=g, codes=asked, limit=NEIGHBOUR_LIMIT + 1)
    if len(found) > NEIGHBOUR_LIMIT:
        raise TooLarge("neighbour_limit", limit=NEIGHBOUR_LIMIT)
    return [rows.relation(row) for row in sorted(found, key=lambda row: row[:3])]


async def children(
    db: Connections, g: int, code: str, *, kinds: Sequence[Kind], limit: int, after: str
) -> Page:
    """Return a page of what ``code`` CONTAINS directly."""
    first, last = parameters.pairs_behind(code, after)
    wanted = [kind.value for kind in kinds]
    found = await db.read("children", g=g, first=first, last=last, kinds=wanted, limit=limit + 1)
    return _page(found, limit)


async def counts(db: Connections, g: int, code: str) -> dict[Kind, int]:
    """Return how many of each kind ``code`` CONTAINS, directly or through others."""
    return {Kind(kind): count for kind, count in await db.read("counts", g=g, code=code)}


async def resolve(
    db: Connections,
    g: int,
    values: Sequence[str],
    scheme: str | None,
    scope: str | None,
    *,
    retired: bool,
) -> dict[str, list[Alias]]:
    """Return the aliases by value; see ``identity.ports.Codes.resolve``."""
    asked = list(dict.fromkeys(values))
    if not asked:
        return {}
    keys = [[value, parameters.stem(value)] for value in asked]
    facts: dict[str, list[tuple[int, int, Alias]]] = {}
    for row in await db.read("aliases_of_values", g=g, keys=keys, scheme=scheme, scope=scope):
        fact = rows.alias_fact(row)
        facts.setdefault(fact[2].value, []).append(fact)
    answers = ((v, rules.resolved(facts.get(v, ()), g, retired=retired)) for v in asked)
    return {value: found for value, found in answers if found}


async def aliases(db: Connections, g: int, codes: Sequence[str]) -> dict[str, list[Alias]]:
    """Return the visible aliases of each code, in order."""
    answer: dict[str, list[Alias]] = {code: [] for code in codes}
    if answer:
        for row in await db.read("aliases_of_codes", g=g, codes=list(answer)):
            alias = rows.alias_fact(row)[2]
            answer[alias.code].append(alias)
    return {code: sorted(found, key=rules.alias_order) for code, found in answer.items()}


async def tiles(db: Connections, g: int) -> list[Tile]:
    """Return all tile entries by (root, document)."""
    return [rows.tile(row) for row in await db.read("tiles", g=g)]


async def moves(db: Connections, after: int, limit: int) -> list[Move]:
    """Return the moves of head behind ``after``."""
    found = await db.read("moves", after=after, limit=limit)
    return [Move(g, at, rules.decode_properties(event)) for g, at, event in found]


async def dated(
    db: Connections, after: int, upto: int, valid_until: float, limit: int
) -> list[Move]:
    """Return the moves with a valid_from of their own."""
    asked = {"after": after, "upto": upto, "valid_until": float(valid_until), "limit": limit}
    found = await db.read("dated", **asked)
    return [Move(g, at, rules.decode_properties(event)) for g, at, event in found]
