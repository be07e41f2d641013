"""The adapter: the ports on one side, reads and transactions of Neo4j on the other."""

from collections.abc import Sequence
from typing import Self

from cim.dossiers import compose
from cim.model import Entity, Kind, Relation, Tile, Verb
from cim.ports import Dossier, Fact, Filter, Head, Move, Page
from cim.stores import rows, rules
from cim.stores.activation import Clock, StoreActivation, activate
from cim.stores.neo4j import dossiers, reads, writes
from cim.stores.neo4j.connections import ANSWER_S, Connections
from identity.ports import Alias, AliasFact

COUNTS_KEPT = 1_000  # answers of counts() kept
DOSSIER_ROWS = 500  # of a list in a dossier read in one go: so many parts double what it takes


class Neo4jGraph:
    """Implements ``cim.ports.Graph`` and ``identity.ports.Codes``."""

    def __init__(self, connections: Connections, clock: Clock, lease_ttl_s: float) -> None:
        self._db = connections
        self._clock = clock
        self._lease_ttl_s = lease_ttl_s
        self._counted: dict[tuple[int, str], dict[Kind, int]] = {}

    @classmethod
    async def open(
        cls,
        url: str,
        user: str,
        password: str,
        clock: Clock,
        lease_ttl_s: float = rules.LEASE_TTL_S,
        *,
        database: str | None = None,
        answer_s: float = ANSWER_S,
    ) -> Self:
        """Connect to ``bolt://`` or ``neo4j://`` (``+s``: TLS) and make the schema if it is new.

        An empty ``user`` connects without authentication. Raises Unavailable("graph_unavailable")
        within about ``answer_s`` when the server does not answer or refuses the password.
        """
        connections = await Connections.open(url, user, password, database, answer_s)
        return cls(connections, clock, lease_ttl_s)

    # --- Graph: reading -------------------------------------------------------------------------

    async def head(self) -> Head:
        """Return what is visible now."""
        return Head(*(await self._db.read("head"))[0])

    async def entities(self, g: int, codes: Sequence[str], *, ended: bool = False) -> list[Entity]:
        """Return the entities of ``codes`` at ``g``; see ``cim.ports.Graph``."""
        rules.check_lookup(codes)
        return await reads.entities(self._db, g, codes, ended=ended)

    async def find(self, g: int, where: Filter, *, limit: int, after: str = "") -> Page:
        """Return a page of entities that match, ordered by code."""
        rules.check_page(limit)
        rules.check_filter(where)
        return await reads.find(self._db, g, where, limit, after)

    async def relations(
        self, g: int, codes: Sequence[str], verbs: Sequence[Verb], *, incoming: bool = False
    ) -> list[Relation]:
        """Return the relations of ``codes`` by (verb, source, target); no verbs: all of them."""
        rules.check_lookup(codes)
        return await reads.relations(self._db, g, codes, verbs, incoming=incoming)

    async def children(
        self, g: int, code: str, *, kinds: Sequence[Kind] = (), limit: int, after: str = ""
    ) -> Page:
        """Return a page of the entities that ``code`` CONTAINS directly, ordered by code."""
        rules.check_page(limit)
        return await reads.children(self._db, g, code, kinds=kinds, limit=limit, after=after)

    async def counts(self, g: int, code: str) -> dict[Kind, int]:
        """Return how many entities of each kind ``code`` CONTAINS, directly or through others."""
        counted = self._counted.get((g, code))
        if counted is None:
            counted = await reads.counts(self._db, g, code)
            if counted and g <= (await self.head()).generation:
                self._keep((g, code), counted)
        return dict(counted)

    def _keep(self, key: tuple[int, str], counted: dict[Kind, int]) -> None:
        """Keep what can never change: a generation that head has reached is written no more."""
        if len(self._counted) >= COUNTS_KEPT:
            del self._counted[next(iter(self._counted))]
        self._counted[key] = counted

    async def dossiers(self, g: int, codes: Sequence[str]) -> list[Dossier]:
        """Return what one answer tells of each code; see ``cim.ports.Graph``."""
        rules.check_dossiers(codes)
        read = await dossiers.dossiers(self._db, g, codes, self.counts, DOSSIER_ROWS)
        long = [code for code, dossier in read.items() if dossier is None]
        composed = {each.entity.code: each for each in await compose(self, self, g, long)}
        found = (composed.get(code) or read.get(code) for code in codes)
        return [dossier for dossier in found if dossier is not None]

    async def tiles(self, g: int) -> list[Tile]:
        """Return all tile entries, ordered by (root, document)."""
        return await reads.tiles(self._db, g)

    async def moves(self, after: int, *, limit: int) -> list[Move]:
        """Return the moves of head behind generation ``after``, oldest first."""
        rules.check_page(limit)
        return await reads.moves(self._db, after, limit)

    async def generation_at(self, at: float) -> int:
        """Return the generation that was visible at a time."""
        found = await self._db.read("generation_at", at=float(at))
        return int(found[0][0]) if found else 0

    async def dated(self, after: int, *, upto: int, valid_until: float, limit: int) -> list[Move]:
        """Return moves with a ``valid_from`` of their own; see ``cim.ports.Graph``."""
        rules.check_page(limit)
        return await reads.dated(self._db, after, upto, valid_until, limit)

    async def history(
        self, g: int, code: str, *, limit: int, before: int | None = None
    ) -> list[Fact]:
        """Return what was known of ``code`` up to ``g``, newest first."""
        rules.check_page(limit)
        last = g + 1 if before is None else min(before, g + 1)
        found = await self._db.read("history", code=code, last=last, limit=limit)
        return [Fact(row[0], rules.ended(row[1], g), rows.entity(row[2:])) for row in found]

    async def ready(self) -> None:
        """Raise Unavailable when the server does not answer in time."""
        await self._db.ready()

    async def close(self) -> None:
        """Release the connections."""
        await self._db.close()

    # --- Codes ----------------------------------------------------------------------------------

    async def reserve(self, prefix: str, count: int, owner: str) -> range:
        """Return serials of ``prefix`` never handed out before; see ``identity.ports.Codes``."""
        return await self._db.write(writes.reserve, prefix, count, owner)

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
        return await reads.resolve(self._db, g, values, scheme, scope, retired=retired)

    async def aliases(self, g: int, codes: Sequence[str]) -> dict[str, list[Alias]]:
        """Return the aliases of each code visible at ``g``, in order."""
        rules.check_lookup(codes)
        return await reads.aliases(self._db, g, codes)

    async def alias_history(self, g: int, code: str, *, limit: int) -> list[AliasFact]:
        """Return what aliases a code had up to ``g``, newest first."""
        rules.check_page(limit)
        return rows.alias_spans(
            await self._db.read("alias_history", g=g, code=code, limit=limit), g
        )

    # --- Graph: writing -------------------------------------------------------------------------

    async def activate(self, holder: str, *, wait_s: float) -> StoreActivation:
        """Take the lease (waiting up to ``wait_s``), undo a dead writer's rows, and begin."""
        return await activate(
            self._db, writes, holder, self._clock, ttl_s=self._lease_ttl_s, wait_s=wait_s
        )
