"""The city as it was: one generation, with documents read at generations of their own over it.

Implements ``cim.ports.Graph`` and ``identity.ports.Codes`` for reading, over any adapter. What a
document holds (DELIVERED_IN) is told by its layer; what it held before is left out, unless another
document holds it too; a relation is told where both its ends are. The generation that the methods
are given is not looked at: the moment says which are read.
"""
# ruff: noqa: ARG002 - see above: g belongs to the ports' methods, the moment decides

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from cim import query
from cim.dossiers import compose
from cim.model import Entity, Kind, Lifecycle, Relation, Tile, Verb
from cim.moment import Moment
from cim.ports import Activation, Dossier, Fact, Filter, Graph, Head, Move, Page
from identity.errors import Conflict, TooLarge
from identity.ports import Alias, AliasFact, Codes

FIND_ROUNDS = 20  # pages looked at for one page of answers; then it is given short
COUNTED_MAX = 500_000  # things below one thing


class PastGraph:
    """A city to be read only, at one moment."""

    def __init__(self, graph: Graph, codes: Codes, moment: Moment) -> None:
        self._graph = graph
        self._codes = codes
        self._base = moment.generation
        self._known = moment.known
        self._layers = moment.layers
        self._documents = frozenset(document for document, _ in moment.layers)

    # --- Graph ----------------------------------------------------------------------------------

    async def entities(self, g: int, codes: Sequence[str], *, ended: bool = False) -> list[Entity]:
        """Return the entities of that moment; see ``cim.ports.Graph``."""
        found = {e.code: e for e in await self._graph.entities(self._base, codes)}
        for code in await self._replaced(found):
            del found[code]
        for document, at in self._layers:
            told = {e.code: e for e in await self._graph.entities(at, codes)}
            owned = await self._owned(document, at, told) | _versions(document, told)
            found |= {code: told[code] for code in owned}
        if ended:
            missing = [code for code in codes if code not in found]
            last = await self._graph.entities(self._base, missing, ended=True)
            found |= {e.code: replace(e, lifecycle=Lifecycle.GONE) for e in last}
        return [found[code] for code in codes if code in found]

    async def find(self, g: int, where: Filter, *, limit: int, after: str = "") -> Page:
        """Return a page of the entities that match; it may be short although more follow."""
        items: list[Entity] = []
        for _ in range(FIND_ROUNDS):
            candidates, upto = await self._candidates(where, limit, after)
            seen = {e.code: e for e in await self.entities(g, sorted({e.code for e in candidates}))}
            told = {e.code: e for e in candidates if seen.get(e.code) == e}
            items += [told[code] for code in sorted(told)]
            if len(items) > limit:
                return Page(items[:limit], items[limit - 1].code)
            if upto is None:
                return Page(items, None)
            after = upto
        return Page(items, after)

    async def relations(
        self, g: int, codes: Sequence[str], verbs: Sequence[Verb], *, incoming: bool = False
    ) -> list[Relation]:
        """Return relations whose ends are both there."""
        base = await self._graph.relations(self._base, codes, verbs, incoming=incoming)
        away = await self._replaced(_ends(base))
        found = {_key(r): r for r in base if not {r.source, r.target} & away}
        for document, at in self._layers:
            told = await self._graph.relations(at, codes, verbs, incoming=incoming)
            owned = await self._owned(document, at, _ends(told))
            found |= {_key(r): r for r in told if {r.source, r.target} & owned}
        there = await query.entities(self, g, _ends(found.values()))
        return [found[key] for key in sorted(found) if there.keys() >= set(key[1:])]

    async def children(
        self, g: int, code: str, *, kinds: Sequence[Kind] = (), limit: int, after: str = ""
    ) -> Page:
        """Return a page of the entities that ``code`` CONTAINS directly."""
        held = await self.relations(g, [code], (Verb.CONTAINS,))
        known = await query.entities(self, g, {r.target for r in held if r.target > after})
        items = [known[c] for c in sorted(known) if not kinds or known[c].kind in kinds]
        return Page(items[:limit], items[limit - 1].code if len(items) > limit else None)

    async def counts(self, g: int, code: str) -> dict[Kind, int]:
        """Return how many entities of each kind ``code`` CONTAINS; TooLarge("count_limit")."""
        codes, whole = await query.below(self, g, code, limit=COUNTED_MAX)
        if not whole:
            raise TooLarge("count_limit", thing=code, limit=COUNTED_MAX)
        known = await query.entities(self, g, codes)
        return dict(Counter(entity.kind for entity in known.values()))

    async def dossiers(self, g: int, codes: Sequence[str]) -> list[Dossier]:
        """Return what one answer tells of each code at that moment."""
        return await compose(self, self, g, codes)

    async def tiles(self, g: int) -> list[Tile]:
        """Return the tile entries of that moment, by (root, document)."""
        found = [
            t for t in await self._graph.tiles(self._base) if t.document not in self._documents
        ]
        for document, at in self._layers:
            found += [t for t in await self._graph.tiles(at) if t.document == document]
        return sorted(found, key=lambda tile: (tile.root, tile.document))

    async def history(
        self, g: int, code: str, *, limit: int, before: int | None = None
    ) -> list[Fact]:
        """Return what was known of a code up to what counts as known."""
        return await self._graph.history(self._known, code, limit=limit, before=before)

    async def head(self) -> Head:
        """Return the head of the city itself."""
        return await self._graph.head()

    async def moves(self, after: int, *, limit: int) -> list[Move]:
        """Return the moves of head, also later ones."""
        return await self._graph.moves(after, limit=limit)

    async def generation_at(self, at: float) -> int:
        """Return the generation that was visible at a time."""
        return await self._graph.generation_at(at)

    async def dated(self, after: int, *, upto: int, valid_until: float, limit: int) -> list[Move]:
        """Return moves with a ``valid_from`` of their own."""
        return await self._graph.dated(after, upto=upto, valid_until=valid_until, limit=limit)

    async def activate(self, holder: str, *, wait_s: float) -> Activation:
        """Refuse: the past is not written. Raises Conflict("past_read_only")."""
        raise Conflict("past_read_only", holder=holder, waited_s=wait_s)

    async def ready(self) -> None:
        """Ask the city itself."""
        await self._graph.ready()

    async def close(self) -> None:
        """Nothing of its own is held open."""

    # --- Codes ----------------------------------------------------------------------------------

    async def reserve(self, prefix: str, count: int, owner: str) -> range:
        """Refuse: the past is not written. Raises Conflict("past_read_only")."""
        raise Conflict("past_read_only", prefix=prefix, count=count, holder=owner)

    async def resolve(
        self,
        g: int,
        values: Sequence[str],
        *,
        scheme: str | None = None,
        scope: str | None = None,
        retired: bool = False,
    ) -> dict[str, list[Alias]]:
        """Return the aliases of that moment, by value; see ``identity.ports.Codes``."""
        base = await self._codes.resolve(
            self._base, values, scheme=scheme, scope=scope, retired=retired
        )
        away = await self._replaced({a.code for rows in base.values() for a in rows})
        found = {_alias(a): a for rows in base.values() for a in rows if a.code not in away}
        for document, at in self._layers:
            told = await self._codes.resolve(at, values, scheme=scheme, scope=scope)
            rows = [alias for held in told.values() for alias in held]
            owned = await self._owned(document, at, {alias.code for alias in rows})
            found |= {_alias(alias): alias for alias in rows if alias.code in owned}
        answer: dict[str, list[Alias]] = {}
        for alias in sorted(found.values(), key=lambda a: (a.retired, _alias(a))):
            answer.setdefault(alias.value, []).append(alias)
        return {value: answer[value] for value in dict.fromkeys(values) if value in answer}

    async def aliases(self, g: int, codes: Sequence[str]) -> dict[str, list[Alias]]:
        """Return the aliases of each code at that moment, in order."""
        found = dict(await self._codes.aliases(self._base, codes))
        found |= {code: [] for code in await self._replaced(codes)}
        for document, at in self._layers:
            owned = await self._owned(document, at, codes)
            found |= await self._codes.aliases(at, sorted(owned))
        return found

    async def alias_history(self, g: int, code: str, *, limit: int) -> list[AliasFact]:
        """Return what a code was called up to what counts as known."""
        return await self._codes.alias_history(self._known, code, limit=limit)

    # --- inside ---------------------------------------------------------------------------------

    async def _candidates(
        self, where: Filter, limit: int, after: str
    ) -> tuple[list[Entity], str | None]:
        """Return what may match, and up to which code that is all (None: to the end)."""
        pages = [
            await self._graph.find(at, where, limit=limit, after=after)
            for at in dict.fromkeys((self._base, *(at for _, at in self._layers)))
        ]
        ends = [page.next for page in pages if page.next is not None]
        upto = min(ends) if ends else None
        items = [entity for page in pages for entity in page.items]
        return [e for e in items if upto is None or e.code <= upto], upto

    async def _owned(self, document: str, at: int, codes: Iterable[str]) -> set[str]:
        """Return which codes the document holds at a generation, itself among them."""
        asked = set(codes)
        held = await query.relations(self._graph, at, asked, (Verb.DELIVERED_IN,))
        return {r.source for r in held if r.target == document} | ({document} & asked)

    async def _replaced(self, codes: Iterable[str]) -> set[str]:
        """Return which codes of the base only documents hold that are read elsewhere."""
        asked = set(codes)
        holders: dict[str, set[str]] = {}
        for r in await query.relations(self._graph, self._base, asked, (Verb.DELIVERED_IN,)):
            holders.setdefault(r.source, set()).add(r.target)
        held = {code for code, documents in holders.items() if documents <= self._documents}
        return held | (self._documents & asked)


def _versions(document: str, told: Mapping[str, Entity]) -> set[str]:
    """Return which entities are versions of the document."""
    return {
        code
        for code, entity in told.items()
        if entity.kind is Kind.MODEL and entity.properties.get("document") == document
    }


def _ends(relations: Iterable[Relation]) -> set[str]:
    return {code for relation in relations for code in (relation.source, relation.target)}


def _key(relation: Relation) -> tuple[str, str, str]:
    return (relation.verb, relation.source, relation.target)


def _alias(alias: Alias) -> tuple[str, str, str, str]:
    return (alias.scheme, alias.scope, alias.value, alias.code)
