"""A person corrects which code a thing of a document has, and takes that back.

The thing, everything joined to it, its aliases and its place in the tiles move from the code it
had to the right one, in one generation; the outbox keeps who did it and why. The code it had is
gone and redirects (``REPLACES``) when a known code took its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cim import batches, redirects
from cim.delivery_before import known, lease
from cim.delivery_rows import holding_codes
from cim.merge import Holding
from cim.model import Entity, Kind, Lifecycle, Relation, Tile, Verb
from cim.ports import Activation, Blobs, Graph
from identity import code as uic
from identity.errors import Conflict, Invalid, NotFound
from identity.ports import Codes

KINDS = {Kind.ELEMENT, Kind.SPACE}  # a storey's or building's code is a part of others' facts
WAS = "was"  # in the holding: the code that a correction took from the thing
REASON_CHARS_MAX = 1_000


class Stores(Protocol):
    """The three stores a correction touches; whoever imports has them together."""

    @property
    def graph(self) -> Graph:
        """The city graph."""
        ...

    @property
    def codes(self) -> Codes:
        """Codes and identifiers, of the same store."""
        ...

    @property
    def blobs(self) -> Blobs:
        """The tiles' bytes."""
        ...


async def rematch(
    stores: Stores,
    document: str,
    key: str,
    code: str | None,
    *,
    who: str,
    why: str,
    holder: str,
    wait_s: float,
) -> dict[str, Any]:
    """Give the element or space with GUID ``key`` the code ``code``; None: a new code of its own.

    ``code`` is of the same document and kind and stands for nothing now. Returns {"model", "key",
    "before", "after", "generation"}. Raises NotFound("model_unknown", "rematch_key_unknown",
    "rematch_code_unknown"), Invalid("rematch_kind", "rematch_reason"), Conflict("rematch_taken",
    "registry_redirected").
    """
    _check_reason(who, why)
    async with lease(stores.graph, holder, wait_s) as activation:
        change = await _begin(stores, activation, document, key)
        after = code or await _fresh(stores, activation.base, change)
        if code is not None:
            await _check_free(stores.graph, activation.base, change, code)
        await _rename(stores, activation, change, after, redirect=code is not None)
        return await _commit(activation, change, after, who=who, why=why, undo=False)


async def undo_rematch(
    stores: Stores, document: str, key: str, *, who: str, why: str, holder: str, wait_s: float
) -> dict[str, Any]:
    """Take the last correction of ``key`` in the document's current version back.

    Raises as ``rematch`` does, and NotFound("rematch_none") when there is no correction.
    """
    _check_reason(who, why)
    async with lease(stores.graph, holder, wait_s) as activation:
        change = await _begin(stores, activation, document, key)
        former = change.said.get(WAS)
        if former is None:
            raise NotFound("rematch_none", model=document, key=key)
        await _check_free(stores.graph, activation.base, change, former)
        await _rename(stores, activation, change, former, redirect=False, undo=True)
        return await _commit(activation, change, former, who=who, why=why, undo=True)


@dataclass(frozen=True, slots=True)
class _Change:
    """The thing to correct: its entity, its holding, and what the holding says."""

    document: str
    holding: Holding
    entity: Entity
    joins: Sequence[Relation]
    said: Mapping[str, Any]


async def _begin(stores: Stores, activation: Activation, document: str, key: str) -> _Change:
    before = await known(stores.graph, activation, document)
    holding = before.held.get(key)
    if holding is None:
        raise NotFound("rematch_key_unknown", model=document, key=key)
    (entity,) = await stores.graph.entities(activation.base, [holding.code])
    if entity.kind not in KINDS:
        raise Invalid("rematch_kind", wanted=entity.code, kind=entity.kind.value)
    verbs = list(Verb)
    joins = [
        *await stores.graph.relations(activation.base, [holding.code], verbs),
        *await stores.graph.relations(activation.base, [holding.code], verbs, incoming=True),
    ]
    mine = (r for r in joins if r.verb is Verb.DELIVERED_IN and r.target == document)
    return _Change(document, holding, entity, joins, next(mine).properties)


async def _fresh(stores: Stores, g: int, change: _Change) -> str:
    """Issue a code under the same root; the same correction retried on ``g`` gets the same."""
    letter = uic.PART_LETTERS[change.entity.kind]
    root = uic.root_of(change.holding.code)
    ends = (await redirects.survivors(stores.graph, g, [root])).get(root, [root])
    prefix = uic.part_prefix(ends[0] if len(ends) == 1 else root, letter)
    owner = f"rematch:{change.document}:{change.holding.key}@{g}"
    return uic.issue(prefix, (await stores.codes.reserve(prefix, 1, owner))[0])


async def _check_free(graph: Graph, g: int, change: _Change, code: str) -> None:
    """Raise unless ``code`` is of this document and kind, and stands for nothing now."""
    found = await graph.entities(g, [code], ended=True)
    if not found or found[0].properties.get("document") != change.document:
        raise NotFound("rematch_code_unknown", wanted=code, model=change.document)
    if found[0].lifecycle is not Lifecycle.GONE:
        raise Conflict("rematch_taken", wanted=code, name=found[0].name)
    if found[0].kind is not change.entity.kind:
        raise Invalid("rematch_kind", wanted=code, kind=found[0].kind.value)
    heirs = (await redirects.heirs(graph, g, [code])).get(code, [])
    others = [heir for heir in heirs if heir != change.entity.code]
    if others:  # a code that redirects never lives again; an earlier correction's own is unsaid
        raise Conflict("registry_redirected", wanted=code, replaced_by=others)


async def _rename(
    stores: Stores,
    activation: Activation,
    change: _Change,
    after: str,
    *,
    redirect: bool,
    undo: bool = False,
) -> None:
    """Move the entity and everything joined to it to the code ``after``."""
    g, before = activation.base, change.entity.code
    relations = [_joined(r, before, after) for r in change.joins if r.verb is not Verb.REPLACES]
    relations += await _parts(stores.graph, g, change, after)
    relations = [_marked(r, change, None if undo else before) for r in relations]
    ends: list[tuple[Verb, str, str]] = [
        (r.verb, r.source, r.target) for r in change.joins if r.verb is not Verb.REPLACES
    ]
    ends.append((Verb.REPLACES, before, after))  # what a correction said, its undo unsays
    if redirect:
        relations.append(Relation(Verb.REPLACES, after, before))
    aliases = (await stores.codes.aliases(g, [before]))[before]
    rows: dict[str, Sequence[Any]] = {
        "end_entities": [before],
        "end_relations": ends,
        "entities": [replace(change.entity, code=after)],
        "relations": relations,
        "aliases": [replace(alias, code=after) for alias in aliases],
        "tiles": await _tiles(stores, g, change, after),
    }
    for batch in batches.batches(**rows):
        await activation.write(batch)


def _joined(relation: Relation, before: str, after: str) -> Relation:
    return replace(
        relation,
        source=after if relation.source == before else relation.source,
        target=after if relation.target == before else relation.target,
    )


def _marked(relation: Relation, change: _Change, was: str | None) -> Relation:
    """Note in the thing's holding what a correction took from it."""
    mine = relation.verb is Verb.DELIVERED_IN and relation.target == change.document
    if not mine or relation.properties["key"] != change.holding.key:
        return relation
    said = {name: value for name, value in relation.properties.items() if name != WAS}
    return replace(relation, properties=said | ({WAS: was} if was else {}))


async def _parts(graph: Graph, g: int, change: _Change, after: str) -> list[Relation]:
    """Return the holdings of its parts, which name it as their parent."""
    before = change.entity.code
    parts = [r.target for r in change.joins if r.verb is Verb.CONTAINS and r.source == before]
    held = await batches.relations(graph, g, parts, Verb.DELIVERED_IN)
    return [replace(r, properties=holding_codes(r.properties, {before: after})) for r in held]


async def _tiles(stores: Stores, g: int, change: _Change, after: str) -> list[Tile]:
    """Rewrite the code in the tiles that draw the thing: codes of parts are equally long."""
    said, says = change.entity.code.encode(), after.encode()
    holders = {r.target for r in change.joins if r.verb is Verb.DELIVERED_IN}
    made = []
    for tile in await stores.graph.tiles(g):
        if tile.document not in holders:
            continue
        data = await stores.blobs.get(tile.blob)
        if said in data:
            blob = await stores.blobs.put(data.replace(said, says))
            made.append(replace(tile, blob=blob))
    return made


async def _commit(
    activation: Activation, change: _Change, after: str, *, who: str, why: str, undo: bool
) -> dict[str, Any]:
    key, before = change.holding.key, change.entity.code
    result = {"model": change.document, "key": key, "before": before, "after": after}
    event = {"event": "rematch", **result, "who": who, "why": why, "undo": undo}
    head = await activation.commit(event)
    return {**result, "generation": head.generation}


def _check_reason(who: str, why: str) -> None:
    for name, text in (("who", who), ("why", why)):
        if not text.strip() or len(text) > REASON_CHARS_MAX:
            raise Invalid("rematch_reason", field=name, length_max=REASON_CHARS_MAX)


__all__ = ["Stores", "rematch", "undo_rematch"]
