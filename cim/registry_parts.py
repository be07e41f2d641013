"""What follows when a delivered thing goes from one code to another: everything that names it.

Its parts' holdings name it as parent or storey, their facts as storey, its documents' tiles as
root and inside their bytes, its documents as what they are about. Only what the documents that
change over say is rewritten; what others say of the other code stays.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cim import batches, query
from cim.delivery_rows import holding_codes
from cim.model import Entity, Relation, Tile, Verb
from cim.ports import Blobs, Graph
from cim.registry_picture import Patch
from identity.errors import TooLarge

PARTS_MAX = 100_000  # below one thing; a document holds no more


@dataclass(frozen=True, slots=True)
class Handover:
    """The documents that deliver ``new`` where they delivered ``old``."""

    old: str
    new: str
    documents: frozenset[str]


def handovers(patch: Patch) -> list[Handover]:
    """Return what a patch hands over: a merge one thing, its undo the same thing back."""
    ended = {t: s for verb, s, t in patch.end_relations if verb is Verb.DELIVERED_IN}
    found: dict[tuple[str, str], set[str]] = {}
    for row in patch.relations:
        if row.verb is Verb.DELIVERED_IN and row.target in ended:
            found.setdefault((ended[row.target], row.source), set()).add(row.target)
    return [Handover(old, new, frozenset(held)) for (old, new), held in sorted(found.items())]


async def following(graph: Graph, blobs: Blobs, g: int, handover: Handover) -> dict[str, list[Any]]:
    """Return the rows to write, by the fields of ``cim.ports.Batch``; read at ``g``."""
    parts, whole = await query.below(graph, g, handover.old, limit=PARTS_MAX)
    if not whole:
        raise TooLarge("registry_parts_limit", wanted=handover.old, limit=PARTS_MAX)
    held = await batches.relations(graph, g, parts, Verb.DELIVERED_IN)
    facts = await batches.entities(graph, g, [*parts, *sorted(handover.documents)])
    tiles = await _tiles(graph, blobs, g, handover)
    return {
        "relations": _holdings(held, handover),
        "entities": [new for old in facts.values() if (new := _facts(old, handover)) != old],
        "tiles": [new for _, new in tiles],
        "end_tiles": [(old.root, old.document) for old, new in tiles if old.root != new.root],
    }


async def newcomers(
    graph: Graph, g: int, children: Iterable[str], documents: Collection[str]
) -> list[str]:
    """Return which of the children the documents deliver: they came under the survivor."""
    held = await batches.relations(graph, g, sorted(children), Verb.DELIVERED_IN)
    return sorted({row.source for row in held if row.target in documents})


def coded(data: bytes, old: str, new: str) -> bytes:
    """Return a tile's bytes with one code for another of its length; part codes keep their root.

    Texts stand one behind the other there, so a root's code is one only where no "-" follows.
    """
    pattern = re.compile(re.escape(old.encode()) + (rb"" if "-" in old else rb"(?!-)"))
    return pattern.sub(new.encode(), data) if len(old) == len(new) else data


def _holdings(held: Sequence[Relation], handover: Handover) -> list[Relation]:
    names = {handover.old: handover.new}
    made = []
    for row in held:
        said = holding_codes(row.properties, names)
        if row.target in handover.documents and said != row.properties:
            made.append(replace(row, properties=said))
    return made


def _facts(entity: Entity, handover: Handover) -> Entity:
    """Return a part's facts with its storey renamed, a document's with what it is about."""
    said: Mapping[str, Any] = entity.properties
    mine = entity.code in handover.documents
    name = "code" if mine else "storey"
    if said.get(name) != handover.old:
        return entity
    if not mine and said.get("document") not in handover.documents:
        return entity
    return replace(entity, properties={**said, name: handover.new})


async def _tiles(graph: Graph, blobs: Blobs, g: int, handover: Handover) -> list[tuple[Tile, Tile]]:
    made = []
    for tile in await graph.tiles(g):
        if tile.document not in handover.documents:
            continue
        data = await blobs.get(tile.blob)
        renamed = coded(data, handover.old, handover.new)
        blob = tile.blob if renamed == data else await blobs.put(renamed)
        root = handover.new if tile.root == handover.old else tile.root
        if (root, blob) != (tile.root, tile.blob):
            made.append((tile, replace(tile, root=root, blob=blob)))
    return made
