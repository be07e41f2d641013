"""Values of the city to parameters of Neo4j; the way back is ``cim.stores.rows``."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from cim.model import Entity, Relation, Tile, Verb
from cim.ports import Batch
from cim.stores import rows
from cim.stores.neo4j.places import spot
from cim.stores.rules import SCALARS, encode_properties
from cim.terms import entity_terms
from identity.ports import Alias

Row = list[Any]  # in the order that the statement in cim/cypher/writes.cypher says
STEM_CHARS = 200  # of a text that is indexed: Neo4j refuses index keys above 8 kB
_NO_BOX = (None, None, None, None)


def fact_row(e: Entity) -> Row:
    """Return the row of ``put_facts`` and of the statements of anchors, which take its first part.

    Lists: what a map's names cost on the way and at the server was a third of a write.
    """
    west, south, east, north = map(float, e.box) if e.box else _NO_BOX
    x, y = spot(e) or (None, None)
    return [
        e.code,
        e.kind.value,
        e.name,
        e.lifecycle.value,
        indexed_class(e.properties.get("ifc_class")),
        _double(e.lon),
        _double(e.lat),
        _double(e.height_m),
        e.grid2d,
        west,
        south,
        east,
        north,
        encode_properties(e.properties).decode(),
        " ".join([entity_terms(e), *property_terms(e)]),
        x,
        y,
    ]


def _double(value: float | None) -> float | None:
    """Return a whole number of degrees or metres as the double it is."""
    return None if value is None else float(value)


def indexed_class(value: Any) -> str | None:
    """Return an IFC class as it is indexed; what can't be one is compared by its term."""
    return value if isinstance(value, str) and 0 < len(value) <= STEM_CHARS else None


def property_terms(e: Entity) -> list[str]:
    """Return a term for each plain top-level property, to find equal values by full text."""
    return [
        property_term(name, value)
        for name, value in e.properties.items()
        if isinstance(value, SCALARS) and (name != "ifc_class" or indexed_class(value) is None)
    ]


def property_term(name: str, value: Any) -> str:
    """Return the term of ``name = value``: equal for 1 and 1.0, other for true; no word has "="."""
    if isinstance(value, float):
        value = None if not math.isfinite(value) else int(value) if value.is_integer() else value
    key = f"{name}\0{type(value).__name__}\0{value}"
    return "=" + hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def relation_rows(relations: Iterable[Relation]) -> dict[Verb, list[Row]]:
    """Return the rows of ``put_relations`` by verb; of several with one key the last."""
    last = {(r.verb, r.source, r.target): r for r in relations}
    found: dict[Verb, list[Row]] = {}
    for r in last.values():
        text = encode_properties(r.properties).decode()
        found.setdefault(r.verb, []).append([r.source, r.target, pair(r.source, r.target), text])
    return found


def pair(source: str, target: str) -> str:
    """Return what is indexed of a relation."""
    return f"{source} {target}"


def pairs_behind(source: str, target: str) -> tuple[str, str]:
    """Return the bounds (both outside) of the pairs of ``source`` whose target is behind."""
    return pair(source, target), source + chr(ord(" ") + 1)


def pairs_by_verb(keys: Iterable[tuple[str, str, str]]) -> dict[Verb, list[str]]:
    """Return the pairs of (verb, source, target) keys."""
    found: dict[Verb, list[str]] = {}
    for verb, source, target in keys:
        found.setdefault(rows.VERBS[verb], []).append(pair(source, target))
    return found


def alias_row(a: Alias) -> Row:
    """Return the row of ``put_aliases``."""
    said = [a.scheme, a.scope, a.value, a.code, a.source, float(a.confidence)]
    return [*said, stem(a.value), _place(a.scheme, a.scope)]


def stem(value: str) -> str:
    """Return what is indexed of an alias's value."""
    return value[:STEM_CHARS]


def _place(scheme: str, scope: str) -> str:
    return f"{scheme} {scope}"[:STEM_CHARS]


def alias_keys(keys: Iterable[Sequence[str]]) -> list[list[str]]:
    """Return (scheme, scope, value) keys with what is indexed of them."""
    return [[*key, stem(key[2]), _place(key[0], key[1])] for key in keys]


def tile_row(t: Tile) -> Row:
    """Return the row of ``put_tiles``."""
    return [t.root, t.document, rows.tile_entry(t)]


class Keys(msgspec.Struct, frozen=True):
    """The keys that a batch touches, each once; kept as JSON in ``:Change``."""

    entities: list[str]
    relations: list[tuple[str, str, str]]
    aliases: list[tuple[str, str, str]]
    tiles: list[tuple[str, str]]

    def encode(self) -> str:
        """Return the JSON of it."""
        return msgspec.json.encode(self).decode()


def decode_keys(text: str) -> Keys:
    """Return what ``Keys.encode`` wrote."""
    return msgspec.json.decode(text, type=Keys)


def keys_of(batch: Batch) -> Keys:
    """Return every key that ``batch`` puts or ends."""
    ended = [(verb.value, source, target) for verb, source, target in batch.end_relations]
    relations = ((r.verb.value, r.source, r.target) for r in batch.relations)
    aliases = ((a.scheme, a.scope, a.value) for a in batch.aliases)
    return Keys(
        list(dict.fromkeys([*batch.end_entities, *(e.code for e in batch.entities)])),
        list(dict.fromkeys([*ended, *relations])),
        list(dict.fromkeys([*batch.end_aliases, *aliases])),
        list(dict.fromkeys([*batch.end_tiles, *((t.root, t.document) for t in batch.tiles)])),
    )
