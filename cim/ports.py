"""The ports of the city graph and of blobs. Adapters: cim/stores.

Generations: ``g`` is one increasing number of the whole graph. A row is visible at ``g`` when
``g_from <= g < g_to``. A request reads ``head()`` once and passes that ``g`` to every further call.
An activation writes with ``head + 1`` and then moves ``head`` in one small transaction; rows above
``head`` that a dead writer left are undone by the next holder of the lease, before it writes.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cim.model import Box, Entity, Kind, Relation, Tile, Verb
from identity.ports import Alias

BATCH_ROWS = 5_000  # rows of one Batch at most
PAGE_LIMIT = 1_000  # items of one page at most
LOOKUP_LIMIT = 10_000  # codes of one call at most
NEIGHBOUR_LIMIT = 100_000  # relations of one call at most; more is TooLarge("neighbour_limit")
DOSSIERS_LIMIT = 100  # dossiers of one call at most


@dataclass(frozen=True, slots=True)
class Head:
    """The visible generation and when it was activated (Unix seconds; 0 for the empty graph)."""

    generation: int
    activated_at: float


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entities: all given conditions hold.

    ``q`` matches name, code and text properties by terms (``cim.terms``: words and CJK bigrams,
    all must occur); ``box`` intersects the entity's box or holds its point; ``grid`` is a prefix
    of grid2d at a legal cut; ``properties`` equals top-level JSON values (e.g. ifc_class);
    ``codes``: one of these, at most LOOKUP_LIMIT.
    """

    kinds: tuple[Kind, ...] = ()
    box: Box | None = None
    q: str | None = None
    grid: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    codes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """Entities ordered by code, and the code to pass as ``after`` for the next page (or None)."""

    items: list[Entity]
    next: str | None


@dataclass(frozen=True, slots=True)
class Fact:
    """What was known of a code from generation ``g_from`` to ``g_to`` (None: nothing ended it)."""

    g_from: int
    g_to: int | None
    entity: Entity


@dataclass(frozen=True, slots=True)
class Address:
    """The text of an address and, where it is an entity of the city, its code."""

    text: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything the graph keeps that one answer tells of a code.

    ``way``: what contains it, nearest first. ``counts``: as ``Graph.counts``. ``delivered``: its
    DELIVERED_IN relations, ``documents`` their ends and the document that its facts name.
    ``observed``: {thing: its sensors} of the code and, of storeys and spaces, of their parts; of a
    sensor, the things it observes. ``sensors``: their entities. What has ended is absent, but for
    the entity itself.
    """

    entity: Entity
    way: list[Entity]
    address: Address | None
    aliases: list[Alias]
    counts: Mapping[Kind, int]
    delivered: list[Relation]
    documents: Mapping[str, Entity]
    observed: Mapping[str, list[str]]
    sensors: Mapping[str, Entity]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one write changes, at most BATCH_ROWS rows in all.

    A put replaces the row open at that moment for the same key (code; verb, source, target;
    scheme, scope, value; root, document); an end closes it. Ending an unknown key is a no-op.
    """

    entities: Sequence[Entity] = ()
    relations: Sequence[Relation] = ()
    aliases: Sequence[Alias] = ()
    tiles: Sequence[Tile] = ()
    end_entities: Sequence[str] = ()
    end_relations: Sequence[tuple[Verb, str, str]] = ()
    end_aliases: Sequence[tuple[str, str, str]] = ()
    end_tiles: Sequence[tuple[str, str]] = ()

    def rows(self) -> int:
        """Return the number of rows, for the limit."""
        return sum(len(getattr(self, name)) for name in self.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Move:
    """One move of head, from the outbox: its generation, when, and what the writer said of it."""

    generation: int
    at: float
    event: Mapping[str, Any]


class Activation(Protocol):
    """One writer under the lease. Every call checks the fencing number: Conflict("lease_lost")."""

    @property
    def base(self) -> int:
        """The generation that was head when the lease was taken: read the city with it."""
        ...

    @property
    def generation(self) -> int:
        """``base + 1``: what is written becomes visible as this."""
        ...

    async def write(self, batch: Batch) -> None:
        """Write rows above head, durably; also renews the lease."""
        ...

    async def renew(self) -> None:
        """Renew the lease during long work between writes."""
        ...

    async def commit(self, event: Mapping[str, Any]) -> Head:
        """Move head and put ``event`` into the outbox in one transaction; give the lease back.

        A number ``valid_from`` in the event (Unix seconds) says since when what was written was
        true; without it, since now. The time of a move is never before that of the one before it.
        """
        ...

    async def abort(self) -> None:
        """Undo what was written and give the lease back."""
        ...


class Graph(Protocol):
    """The city graph, read at a generation, changed by activations."""

    async def head(self) -> Head:
        """Return what is visible now; cheap, read it once a request."""
        ...

    async def entities(self, g: int, codes: Sequence[str], *, ended: bool = False) -> list[Entity]:
        """Return the entities of ``codes`` visible at ``g`` in the order asked; unknown: absent.

        ``ended=True``: a code not visible at ``g`` gives its last facts before ``g``, with
        lifecycle "gone" (a code never dies).
        """
        ...

    async def find(self, g: int, where: Filter, *, limit: int, after: str = "") -> Page:
        """Return a page of entities that match, ordered by code, beginning behind ``after``."""
        ...

    async def relations(
        self, g: int, codes: Sequence[str], verbs: Sequence[Verb], *, incoming: bool = False
    ) -> list[Relation]:
        """Return relations whose source (or, ``incoming``, target) is in ``codes``.

        Ordered by (verb, source, target); more than NEIGHBOUR_LIMIT is TooLarge("neighbour_limit").
        """
        ...

    async def children(
        self, g: int, code: str, *, kinds: Sequence[Kind] = (), limit: int, after: str = ""
    ) -> Page:
        """Return a page of the entities that ``code`` CONTAINS directly, ordered by code."""
        ...

    async def counts(self, g: int, code: str) -> dict[Kind, int]:
        """Return how many entities of each kind ``code`` CONTAINS, directly or through others."""
        ...

    async def dossiers(self, g: int, codes: Sequence[str]) -> list[Dossier]:
        """Return what one answer tells of each code, in the order asked; unknown: absent.

        ``cim.dossiers.compose`` says what that is; an adapter reads it in as few steps as it can.
        At most DOSSIERS_LIMIT codes, else TooLarge("lookup_limit").
        """
        ...

    async def tiles(self, g: int) -> list[Tile]:
        """Return all tile entries, ordered by (root, document)."""
        ...

    async def moves(self, after: int, *, limit: int) -> list[Move]:
        """Return the moves of head behind generation ``after``, oldest first."""
        ...

    async def generation_at(self, at: float) -> int:
        """Return the generation that was visible at a time (Unix seconds); 0 before the first."""
        ...

    async def dated(self, after: int, *, upto: int, valid_until: float, limit: int) -> list[Move]:
        """Return moves with after < generation <= upto and a valid_from <= ``valid_until``.

        Oldest first; moves without a ``valid_from`` of their own are not among them.
        """
        ...

    async def history(
        self, g: int, code: str, *, limit: int, before: int | None = None
    ) -> list[Fact]:
        """Return what was known of ``code`` up to ``g``, newest first; unknown: nothing.

        ``before``: only facts that began below that generation (the next page). An end above
        ``g`` has not happened.
        """
        ...

    async def activate(self, holder: str, *, wait_s: float) -> Activation:
        """Take the lease (waiting up to ``wait_s``), undo a dead writer's rows, and begin.

        Raises Conflict("lease_busy") when another live holder keeps it longer.
        """
        ...

    async def ready(self) -> None:
        """Raise Unavailable when the store does not answer."""
        ...

    async def close(self) -> None:
        """Release connections; the adapter is not used after it."""
        ...


class Blobs(Protocol):
    """Bytes named by their SHA-256 (lower-case hex). Equal bytes are kept once."""

    async def put(self, data: bytes) -> str:
        """Store durably (fsync) and return the name."""
        ...

    async def adopt(self, path: Path, name: str) -> None:
        """Move a finished, fsynced file whose SHA-256 is ``name`` into the store."""
        ...

    async def get(self, name: str) -> bytes:
        """Return the bytes; NotFound("blob_unknown")."""
        ...

    async def size(self, name: str) -> int | None:
        """Return the length in bytes, or None when unknown."""
        ...

    def chunks(self, name: str, *, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Iterate over the bytes [start, stop) in pieces."""
        ...

    async def remove(self, name: str) -> None:
        """Forget a blob that nothing refers to; the caller makes sure of that. Unknown: nothing."""
        ...

    async def sweep(self) -> int:
        """Remove what writers that died left half done (never a living one's); how many."""
        ...

    async def local(self, name: str) -> Path:
        """Return a readable local path of the blob (downloaded where the store is remote)."""
        ...
