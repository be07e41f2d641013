"""The graph (and, by name, the blobs) in memory: a product part, held to the same contract.

Property values are copied through JSON at the door, so a caller's later change of a dict changes
nothing here and every adapter answers with the same types. One process, one event loop.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import anyio

from cim.dossiers import compose
from cim.model import Entity, Kind, Relation, Tile, Verb
from cim.ports import NEIGHBOUR_LIMIT, Batch, Dossier, Fact, Filter, Head, Move, Page
from cim.stores import rules
from cim.stores.memory_activation import MemoryActivation
from cim.stores.memory_blobs import MemoryBlobs
from cim.stores.versions import Versions
from identity.errors import Conflict, TooLarge
from identity.ports import Alias, AliasFact

__all__ = ["MemoryActivation", "MemoryBlobs", "MemoryGraph"]

Clock = Callable[[], float]


class MemoryGraph:
    """Implements ``cim.ports.Graph`` and ``identity.ports.Codes``."""

    def __init__(self, clock: Clock, lease_ttl_s: float = rules.LEASE_TTL_S) -> None:
        self._clock = clock
        self._lease_ttl_s = lease_ttl_s
        self._head = Head(0, 0.0)
        self._moves: list[Move] = []
        self._fence = 0
        self._lease: tuple[str, float] | None = None  # holder, expires at
        self._tickets = 0
        self._queue: list[tuple[int, str]] = []  # who asks for the lease, in order
        self._blocks: dict[str, list[tuple[str, range]]] = defaultdict(list)
        self._entities: Versions[str, Entity] = Versions()
        self._relations: Versions[tuple[Verb, str, str], Relation] = Versions()
        self._aliases: Versions[tuple[str, str, str], Alias] = Versions()
        self._tiles: Versions[tuple[str, str], Tile] = Versions()
        self._sorted_codes: list[str] = []
        self._from: dict[str, set[tuple[Verb, str, str]]] = defaultdict(set)
        self._to: dict[str, set[tuple[Verb, str, str]]] = defaultdict(set)
        self._by_value: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
        self._by_code: dict[str, set[tuple[str, str, str]]] = defaultdict(set)

    # --- Graph: reading -------------------------------------------------------------------------

    async def head(self) -> Head:
        """Return what is visible now."""
        return self._head

    async def entities(self, g: int, codes: Sequence[str], *, ended: bool = False) -> list[Entity]:
        """Return the entities of ``codes`` at ``g``; see ``cim.ports.Graph``."""
        rules.check_lookup(codes)
        answers = (self._entity(g, code, ended=ended) for code in codes)
        return [entity for entity in answers if entity is not None]

    async def find(self, g: int, where: Filter, *, limit: int, after: str = "") -> Page:
        """Return a page of entities that match, ordered by code."""
        rules.check_page(limit)
        rules.check_filter(where)
        start = bisect_right(self._sorted_codes, after)
        found = (self._entities.at(code, g) for code in self._sorted_codes[start:])
        return _page((e for e in found if e is not None and rules.matches(e, where)), limit)

    async def relations(
        self, g: int, codes: Sequence[str], verbs: Sequence[Verb], *, incoming: bool = False
    ) -> list[Relation]:
        """Return the relations of ``codes`` by (verb, source, target); no verbs: all of them."""
        rules.check_lookup(codes)
        index = self._to if incoming else self._from
        keys = {
            key for code in codes for key in index.get(code, ()) if not verbs or key[0] in verbs
        }
        found = [relation for key in sorted(keys) if (relation := self._relations.at(key, g))]
        if len(found) > NEIGHBOUR_LIMIT:
            raise TooLarge("neighbour_limit", limit=NEIGHBOUR_LIMIT)
        return found

    async def children(
        self, g: int, code: str, *, kinds: Sequence[Kind] = (), limit: int, after: str = ""
    ) -> Page:
        """Return a page of the entities that ``code`` CONTAINS directly, ordered by code."""
        rules.check_page(limit)
        codes = sorted(c for c in self._contained(g, code) if c > after)
        found = (self._entities.at(c, g) for c in codes)
        return _page((e for e in found if e is not None and (not kinds or e.kind in kinds)), limit)

    async def counts(self, g: int, code: str) -> dict[Kind, int]:
        """Return how many entities of each kind ``code`` CONTAINS, directly or through others."""
        seen, todo = {code}, [code]
        while todo:
            fresh = self._contained(g, todo.pop()) - seen
            seen |= fresh
            todo.extend(fresh)
        found = (self._entities.at(c, g) for c in seen - {code})
        return dict(Counter(entity.kind for entity in found if entity is not None))

    async def dossiers(self, g: int, codes: Sequence[str]) -> list[Dossier]:
        """Return what one answer tells of each code; see ``cim.ports.Graph``."""
        rules.check_dossiers(codes)
        return await compose(self, self, g, codes)

    async def tiles(self, g: int) -> list[Tile]:
        """Return all tile entries, ordered by (root, document)."""
        found = (self._tiles.at(key, g) for key in sorted(self._tiles.keys()))
        return [tile for tile in found if tile is not None]

    async def moves(self, after: int, *, limit: int) -> list[Move]:
        """Return the moves of head behind generation ``after``, oldest first."""
        rules.check_page(limit)
        return [move for move in self._moves if move.generation > after][:limit]

    async def generation_at(self, at: float) -> int:
        """Return the generation that was visible at a time."""
        after = bisect_right(self._moves, at, key=lambda move: move.at)
        return self._moves[after - 1].generation if after else 0

    async def dated(self, after: int, *, upto: int, valid_until: float, limit: int) -> list[Move]:
        """Return moves with a ``valid_from`` of their own; see ``cim.ports.Graph``."""
        rules.check_page(limit)
        found = (
            move
            for move in self._moves
            if after < move.generation <= upto
            and move.event.get("valid_from", math.inf) <= valid_until
        )
        return list(islice(found, limit))

    async def history(
        self, g: int, code: str, *, limit: int, before: int | None = None
    ) -> list[Fact]:
        """Return what was known of ``code`` up to ``g``, newest first."""
        rules.check_page(limit)
        last = g + 1 if before is None else min(before, g + 1)
        rows = [row for row in self._entities.rows(code) if row.g_from < last]
        newest = islice(reversed(rows), limit)
        return [Fact(row.g_from, rules.ended(row.g_to, g), row.value) for row in newest]

    async def ready(self) -> None:
        """Memory always answers."""

    async def close(self) -> None:
        """Nothing is held open."""

    # --- Codes ----------------------------------------------------------------------------------

    async def reserve(self, prefix: str, count: int, owner: str) -> range:
        """Return serials of ``prefix`` never handed out before; see ``identity.ports.Codes``."""
        blocks = self._blocks[prefix]
        last = blocks[-1][1][-1] if blocks else 0
        own = [block for name, block in blocks if name == owner]
        serials, is_new = rules.next_serials(prefix, own, last, count)
        if is_new:
            blocks.append((owner, serials))
        return serials

    async def resolve(
        self,
        g: int,
        values: Sequence[str],
        *,
        scheme: str | None = None,
        scope: str | None = None,
        retired: bool = False,
    ) -> dict[str, list[Alias]]:
        """Return the aliases visible at ``g``, by value; see ``identity.ports.Codes``."""
        rules.check_lookup(values)
        answer = {}
        for value in values:
            keys = [
                key
                for key in self._by_value.get(value, ())
                if scheme in (None, key[0]) and scope in (None, key[1])
            ]
            found = rules.resolved(self._alias_rows(keys), g, retired=retired)
            if found:
                answer[value] = found
        return answer

    async def aliases(self, g: int, codes: Sequence[str]) -> dict[str, list[Alias]]:
        """Return the aliases of each code visible at ``g``, in order."""
        rules.check_lookup(codes)
        return {
            code: sorted(
                (
                    alias
                    for key in self._by_code.get(code, ())
                    if (alias := self._aliases.at(key, g)) and alias.code == code
                ),
                key=rules.alias_order,
            )
            for code in codes
        }

    async def alias_history(self, g: int, code: str, *, limit: int) -> list[AliasFact]:
        """Return what aliases a code had up to ``g``, newest first."""
        rules.check_page(limit)
        rows = (row for key in self._by_code.get(code, ()) for row in self._aliases.rows(key))
        mine = [row for row in rows if row.value.code == code and row.g_from <= g]
        facts = [AliasFact(row.value, row.g_from, rules.ended(row.g_to, g)) for row in mine]
        return sorted(facts, key=rules.alias_fact_order)[:limit]

    # --- Graph: writing -------------------------------------------------------------------------

    async def activate(self, holder: str, *, wait_s: float) -> MemoryActivation:
        """Take the lease in the order of asking, undo what a dead writer left, and begin."""
        self._tickets += 1
        ticket, left_s = (self._tickets, holder), wait_s
        self._queue.append(ticket)
        try:
            while (behind := self._in_the_way(ticket)) is not None:
                if left_s <= 0:
                    raise Conflict("lease_busy", holder=behind, waited_s=wait_s)
                await anyio.sleep(rules.LEASE_NEXT_POLL_S)
                left_s -= rules.LEASE_NEXT_POLL_S
        finally:
            self._queue.remove(ticket)
        return self._begin(holder, self._clock())

    def _in_the_way(self, ticket: tuple[int, str]) -> str | None:
        if self._lease is not None and self._clock() < self._lease[1]:
            return self._lease[0]
        return None if self._queue[0] == ticket else self._queue[0][1]

    def _begin(self, holder: str, now: float) -> MemoryActivation:
        self.undo()
        self._fence += 1
        self._lease = (holder, now + self._lease_ttl_s)
        return MemoryActivation(self, self._fence, holder, self._head.generation)

    def renew(self, fence: int, holder: str) -> None:
        """Renew the lease of ``fence``; Conflict("lease_lost") when it is another's now."""
        if self._lease is None or self._fence != fence:
            raise Conflict("lease_lost", holder=holder)
        self._lease = (holder, self._clock() + self._lease_ttl_s)

    def apply(self, batch: Batch, g: int) -> None:
        """Write rows of generation ``g``: ends first, then puts."""
        self._end_rows(batch, g)
        for entity in batch.entities:
            self._remember(entity.code)
            self._entities.put(entity.code, _copied(entity), g)
        for relation in batch.relations:
            key = (relation.verb, relation.source, relation.target)
            self._relations.put(key, _copied(relation), g)
            self._from[relation.source].add(key)
            self._to[relation.target].add(key)
        for alias in batch.aliases:
            name = (alias.scheme, alias.scope, alias.value)
            self._aliases.put(name, replace(alias, retired=False), g)
            self._by_value[alias.value].add(name)
            self._by_code[alias.code].add(name)
        for tile in batch.tiles:
            self._tiles.put((tile.root, tile.document), tile, g)

    def move(self, g: int, event: Mapping[str, Any]) -> Head:
        """Make generation ``g`` the visible one and give the lease back."""
        self._head = Head(g, max(self._clock(), self._head.activated_at))
        told = rules.decode_properties(rules.encode_properties(event))
        self._moves.append(Move(g, self._head.activated_at, told))
        for table in self._tables():
            table.settle()
        self._lease = None
        return self._head

    def undo(self) -> None:
        """Undo everything above head."""
        for table in self._tables():
            table.undo(self._head.generation)
        self._sorted_codes = [c for c in self._sorted_codes if self._entities.rows(c)]

    def release(self) -> None:
        """Give the lease back."""
        self._lease = None

    # --- inside ---------------------------------------------------------------------------------

    def _remember(self, code: str) -> None:
        at = bisect_left(self._sorted_codes, code)
        if self._sorted_codes[at : at + 1] != [code]:
            self._sorted_codes.insert(at, code)

    def _tables(self) -> Iterable[Versions[Any, Any]]:
        return (self._entities, self._relations, self._aliases, self._tiles)

    def _entity(self, g: int, code: str, *, ended: bool) -> Entity | None:
        visible = self._entities.at(code, g)
        last = self._entities.last(code, g) if ended and visible is None else None
        return rules.gone(last.value) if last else visible

    def _contained(self, g: int, code: str) -> set[str]:
        keys = (key for key in self._from.get(code, ()) if key[0] is Verb.CONTAINS)
        return {key[2] for key in keys if self._relations.at(key, g)}

    def _alias_rows(self, keys: Iterable[tuple[str, str, str]]) -> list[tuple[int, int, Alias]]:
        return [
            (row.g_from, row.g_to, row.value) for key in keys for row in self._aliases.rows(key)
        ]

    def _end_rows(self, batch: Batch, g: int) -> None:
        ends: list[tuple[Versions[Any, Any], Sequence[Any]]] = [
            (self._entities, batch.end_entities),
            (self._relations, batch.end_relations),
            (self._aliases, batch.end_aliases),
            (self._tiles, batch.end_tiles),
        ]
        for table, keys in ends:
            for key in keys:
                table.end(key, g)


def _page(found: Iterable[Entity], limit: int) -> Page:
    items = list(islice(found, limit + 1))
    return Page(items[:limit], items[limit - 1].code if len(items) > limit else None)


def _copied(row: Any) -> Any:
    text = rules.encode_properties(row.properties)
    return replace(row, properties=rules.decode_properties(text))
