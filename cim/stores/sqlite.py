"""The city graph in one SQLite file: WAL, one writer, R*Tree, full text; several processes.

What is promised where: transactions in ``sqlite_writes``, reads in ``sqlite_reads`` and
``sqlite_find``, threads and durability in ``sqlite_connections``, statements in
``sqlite_queries.sql``.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import anyio.to_thread

from cim.dossiers import compose
from cim.model import Entity, Kind, Relation, Tile, Verb
from cim.ports import Dossier, Fact, Filter, Head, Move, Page
from cim.stores import rules, sqlite_dossiers, sqlite_find, sqlite_reads, sqlite_writes
from cim.stores.activation import Clock, StoreActivation, activate
from cim.stores.sqlite_connections import Connections, unavailable
from identity.ports import Alias, AliasFact

POINT_LOOKUPS = 16  # index lookups of one read on the event loop; more go to a thread
COUNTS_KEPT = 1_000  # answers of counts() kept; 20,000 children take about 0.1 s to count
POINT_ROWS = 200  # rows of one read on the event loop; more go to a thread
POINT_DOSSIERS = 4  # dossiers of one call on the event loop, about 0.1 ms each
POINT_PARTS = 64  # length of a list in a dossier on the event loop: a storey's parts, 0.3 ms
DOSSIER_PARTS = 5_000  # length of a list in a dossier read in one go; longer ones are composed


class SqliteGraph:
    """Implements ``cim.ports.Graph`` and ``identity.ports.Codes``."""

    def __init__(self, connections: Connections, clock: Clock, lease_ttl_s: float) -> None:
        self._db = connections
        self._clock = clock
        self._lease_ttl_s = lease_ttl_s
        self._counted: dict[tuple[int, str], dict[Kind, int]] = {}

    @classmethod
    async def open(
        cls, path: str | Path, clock: Clock, lease_ttl_s: float = rules.LEASE_TTL_S
    ) -> Self:
        """Open or create the file; Unavailable("graph_unavailable") when it is no graph."""
        try:
            connections = await anyio.to_thread.run_sync(Connections, Path(path))
        except sqlite3.DatabaseError as error:
            raise unavailable(error) from error
        return cls(connections, clock, lease_ttl_s)

    # --- Graph: reading -------------------------------------------------------------------------

    async def head(self) -> Head:
        """Return what is visible now."""
        return await self._db.point(sqlite_writes.head)

    async def entities(self, g: int, codes: Sequence[str], *, ended: bool = False) -> list[Entity]:
        """Return the entities of ``codes`` at ``g``; see ``cim.ports.Graph``."""
        rules.check_lookup(codes)
        run = self._db.point if len(codes) <= POINT_LOOKUPS else self._db.scan
        return await run(sqlite_reads.entities, g, codes, ended=ended)

    async def find(self, g: int, where: Filter, *, limit: int, after: str = "") -> Page:
        """Return a page of entities that match, ordered by code."""
        rules.check_page(limit)
        rules.check_filter(where)
        if where.q is not None and await self._db.point(sqlite_find.is_in_vain, where):
            return Page([], None)
        return await self._db.scan(sqlite_find.find, g, where, limit, after)

    async def relations(
        self, g: int, codes: Sequence[str], verbs: Sequence[Verb], *, incoming: bool = False
    ) -> list[Relation]:
        """Return the relations of ``codes`` by (verb, source, target); no verbs: all of them."""
        rules.check_lookup(codes)
        found = None
        if len(codes) * (len(verbs) or len(Verb)) <= POINT_LOOKUPS:
            found = await self._db.point(
                sqlite_reads.relations, g, codes, verbs, incoming=incoming, few=POINT_ROWS
            )
        if found is None:
            found = await self._db.scan(sqlite_reads.relations, g, codes, verbs, incoming=incoming)
        return found or []

    async def children(
        self, g: int, code: str, *, kinds: Sequence[Kind] = (), limit: int, after: str = ""
    ) -> Page:
        """Return a page of the entities that ``code`` CONTAINS directly, ordered by code."""
        rules.check_page(limit)
        return await self._db.scan(
            sqlite_reads.children, g, code, kinds=kinds, limit=limit, after=after
        )

    async def counts(self, g: int, code: str) -> dict[Kind, int]:
        """Return how many entities of each kind ``code`` CONTAINS, directly or through others."""
        if not await self._db.point(sqlite_reads.has_children, g, code):
            return {}
        counted = self._counted.get((g, code))
        if counted is None:
            counted = await self._db.scan(sqlite_reads.counts, g, code)
            if g <= (await self.head()).generation:
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
        read, found = sqlite_dossiers.dossiers, None
        if len(codes) <= POINT_DOSSIERS:
            found = await self._db.point(read, g, codes, few=POINT_PARTS)
        if found is None:
            found = await self._db.scan(read, g, codes, few=DOSSIER_PARTS)
        return await compose(self, self, g, codes) if found is None else found

    async def tiles(self, g: int) -> list[Tile]:
        """Return all tile entries, ordered by (root, document)."""
        return await self._db.scan(sqlite_reads.tiles, g)

    async def moves(self, after: int, *, limit: int) -> list[Move]:
        """Return the moves of head behind generation ``after``, oldest first."""
        rules.check_page(limit)
        run = self._db.point if limit <= POINT_ROWS else self._db.scan
        return await run(sqlite_reads.moves, after, limit)

    async def generation_at(self, at: float) -> int:
        """Return the generation that was visible at a time."""
        return await self._db.point(sqlite_reads.generation_at, at)

    async def dated(self, after: int, *, upto: int, valid_until: float, limit: int) -> list[Move]:
        """Return moves with a ``valid_from`` of their own; see ``cim.ports.Graph``."""
        rules.check_page(limit)
        run = self._db.point if limit <= POINT_ROWS else self._db.scan
        return await run(sqlite_reads.dated, after, upto, valid_until, limit)

    async def history(
        self, g: int, code: str, *, limit: int, before: int | None = None
    ) -> list[Fact]:
        """Return what was known of ``code`` up to ``g``, newest first."""
        rules.check_page(limit)
        return await self._db.scan(sqlite_reads.history, g, code, limit, before)

    async def ready(self) -> None:
        """Raise Unavailable when the file does not answer."""
        await self._db.scan(sqlite_writes.head)

    async def close(self) -> None:
        """Release the connections."""
        await self._db.close()

    # --- Codes ----------------------------------------------------------------------------------

    async def reserve(self, prefix: str, count: int, owner: str) -> range:
        """Return serials of ``prefix`` never handed out before; see ``identity.ports.Codes``."""
        return await self._db.write(sqlite_writes.reserve, prefix, count, owner)

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
        read, found = sqlite_reads.resolve, None
        if len(values) <= POINT_LOOKUPS:
            found = await self._db.point(
                read, g, values, scheme, scope, retired=retired, few=POINT_ROWS
            )
        if found is None:
            found = await self._db.scan(read, g, values, scheme, scope, retired=retired)
        return found or {}

    async def aliases(self, g: int, codes: Sequence[str]) -> dict[str, list[Alias]]:
        """Return the aliases of each code visible at ``g``, in order."""
        rules.check_lookup(codes)
        found = None
        if len(codes) <= POINT_LOOKUPS:
            found = await self._db.point(sqlite_reads.aliases, g, codes, few=POINT_ROWS)
        if found is None:
            found = await self._db.scan(sqlite_reads.aliases, g, codes)
        return found or {}

    async def alias_history(self, g: int, code: str, *, limit: int) -> list[AliasFact]:
        """Return what aliases a code had up to ``g``, newest first."""
        rules.check_page(limit)
        return await self._db.scan(sqlite_reads.alias_history, g, code, limit)

    # --- Graph: writing -------------------------------------------------------------------------

    async def activate(self, holder: str, *, wait_s: float) -> StoreActivation:
        """Take the lease (waiting up to ``wait_s``), undo a dead writer's rows, and begin."""
        return await activate(
            self._db, sqlite_writes, holder, self._clock, ttl_s=self._lease_ttl_s, wait_s=wait_s
        )
