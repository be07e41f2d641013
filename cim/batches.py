"""Reading and writing in pieces that the ports allow."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from cim.model import Entity, Relation, Verb
from cim.ports import BATCH_ROWS, LOOKUP_LIMIT, Batch, Graph
from identity.ports import Codes

T = TypeVar("T")
RELATION_CODES = 2_000  # codes a relations call, so that a piece stays under NEIGHBOUR_LIMIT


def pieces(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into runs of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def batches(**lists: Sequence[Any]) -> Iterator[Batch]:
    """Cut any amount of rows (by Batch field) into batches of at most BATCH_ROWS."""
    flat = [(name, item) for name, items in lists.items() for item in items]
    for piece in pieces(flat, BATCH_ROWS):
        grouped: dict[str, list[Any]] = {}
        for name, item in piece:
            grouped.setdefault(name, []).append(item)
        yield Batch(**grouped)


async def entities(graph: Graph, g: int, codes: Sequence[str]) -> dict[str, Entity]:
    """Return the entities visible at ``g`` by code, any number of codes."""
    found: dict[str, Entity] = {}
    for piece in pieces(codes, LOOKUP_LIMIT):
        found |= {e.code: e for e in await graph.entities(g, piece)}
    return found


async def relations(
    graph: Graph, g: int, codes: Sequence[str], verb: Verb, *, incoming: bool = False
) -> list[Relation]:
    """Return the relations of any number of codes."""
    found: list[Relation] = []
    for piece in pieces(codes, RELATION_CODES):
        found += await graph.relations(g, piece, [verb], incoming=incoming)
    return found


async def codes_of(
    codes: Codes, g: int, keys: Sequence[str], scheme: str, scope: str
) -> Mapping[str, str]:
    """Return key -> code for the keys that ever had one (ended aliases too, the newest wins)."""
    found: dict[str, str] = {}
    for piece in pieces(keys, LOOKUP_LIMIT):
        aliases = await codes.resolve(g, piece, scheme=scheme, scope=scope, retired=True)
        for key, rows in aliases.items():
            found[key] = min(rows, key=lambda alias: alias.retired).code
    return found
