"""The ports of live state, of jobs and of the audit trail. Adapters: twin/stores."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from cim.model import Box
from twin.buckets import Buckets, Key, Row
from twin.quarantine import Quarantine, Quarantined
from twin.reading import Quality, Reading, State, Value
from twin.rules import Rules

COMMIT_READINGS = 5_000  # readings of one commit at most
PAGE_LIMIT = 1_000
EXPORT_ROWS = 5_000  # history rows of an export held at once


@dataclass(frozen=True, slots=True)
class Projection:
    """Where the thing of a state row stands, copied beside it so that state filters by place."""

    kind: str
    name: str = ""
    region: str = ""
    building: str = ""
    lon: float | None = None
    lat: float | None = None
    grid2d: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """What becomes durable in ONE transaction: readings, journal offset, quarantine, outbox.

    ``journal``/``offset``: everything of that journal before ``offset`` is applied after this.
    A commit whose ``offset`` is not above the stored one changes nothing (a replay after a crash).
    ``released``: ids of whole messages in quarantine that are applied by this; a row that has none
    left goes.
    """

    readings: Sequence[Reading] = ()
    projections: Mapping[str, Projection] = field(default_factory=dict)
    quarantined: Sequence[Quarantined] = ()
    journal: str | None = None
    offset: int = 0
    released: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a commit did with each reading: applied, late (history only) or duplicate, in order."""

    results: Sequence[str] = ()
    sequence: int = 0

    def count(self, result: str) -> int:
        """Return how many readings had that result."""
        return sum(1 for r in self.results if r == result)


class Change(msgspec.Struct, frozen=True, gc=False):
    """One row of the state outbox."""

    sequence: int
    state: State
    projection: Projection | None = None


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One row of history."""

    observed_at: float
    received_at: float
    value: Value
    unit: str
    quality: Quality
    source: str
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """One row of history with what it is of."""

    code: str
    property: str
    sample: Sample


COMPARED = (">", ">=", "<", "<=", "=", "between")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row of ``property`` whose value stands so to ``number``; "between" includes both ends.

    Only numbers stand so: NA, texts and truth values never do.
    """

    property: str
    op: str  # one of COMPARED
    number: float
    high: float | None = None  # of "between" only


@dataclass(frozen=True, slots=True)
class Where:
    """Which state rows: all given conditions hold.

    Places (kind, region, building, box) are those of now. ``qualities``: as received; "stale" is
    found by whoever reads and cannot be asked here.
    """

    codes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    building: str | None = None
    box: Box | None = None
    region: str | None = None  # the six digits of Projection.region
    value: Comparison | None = None
    qualities: tuple[Quality, ...] = ()


class States(Quarantine, Rules, Protocol):
    """State, history, dedup, outbox and quarantine behind one URL (ports States and History)."""

    async def commit(self, commit: Commit) -> Outcome:
        """Apply in one durable transaction; see Commit."""
        ...

    async def states(self, codes: Sequence[str]) -> dict[str, list[State]]:
        """Return all sources' state rows of each code (absent: none), by (property, source)."""
        ...

    async def query(self, where: Where, *, limit: int, after: str = "") -> tuple[list[State], str]:
        """Return a page of state rows by (code, property, source) and the next cursor (or "")."""
        ...

    async def history(
        self,
        code: str,
        property: str,  # noqa: A002 - the wire's word
        *,
        start: float,
        stop: float,
        limit: int,
        after: tuple[float, str, int] | None = None,
    ) -> list[Sample]:
        """Return samples with start <= observed_at < stop, by (observed_at, source, n)."""
        ...

    async def at(
        self,
        where: Where,
        *,
        observed_until: float,
        received_until: float,
        limit: int,
        after: str = "",
    ) -> tuple[list[State], str]:
        """Return a page of state rows as they were true then, as known then; pages as ``query``.

        A page may be short, even empty, while a cursor follows.

        A row is the newest reading, by (observed_at, n), with observed_at <= observed_until and
        received_at <= received_until. ``value`` and ``qualities`` of ``where`` hold for that row,
        places are those of now. ``changed_at`` is what the row said when it became the state: of a
        reading that came late, and so never was the state, it is its own observed_at. With both
        times endless this is ``query``.
        """
        ...

    async def series(
        self, where: Where, ask: Buckets, *, limit: int, after: str = ""
    ) -> tuple[list[Row], str]:
        """Return a page of rows of buckets by (code, property, source) and the next cursor.

        ``where`` chooses state rows of now; their history is gathered. Rows without a sample in
        the span are told with empty buckets. Raises Invalid, TooLarge (``twin.buckets.check``).
        """
        ...

    def export(self, where: Where, *, start: float, stop: float) -> AsyncIterator[list[Recorded]]:
        """Yield history rows with start <= observed_at < stop, EXPORT_ROWS or fewer at once.

        Day by day (UTC); within a day by (property, code, source, observed_at, n). ``where``
        chooses state rows of now. No snapshot: rows committed meanwhile may be in or not.
        """
        ...

    async def newest(self, keys: Sequence[Key], *, limit: int) -> dict[Key, list[Sample]]:
        """Return the newest samples of each series, newest first (absent: none)."""
        ...

    async def changes(self, after: int, *, limit: int) -> list[Change]:
        """Return outbox rows behind ``after``, oldest first."""
        ...

    async def sequence(self) -> int:
        """Return the newest outbox sequence number."""
        ...

    async def offset(self, journal: str) -> int:
        """Return the committed offset of a journal (0: nothing yet)."""
        ...

    async def keep(self, now: float) -> Mapping[str, int]:
        """Make ended days coarser, drop what is older than is kept; return how much it was.

        ``now``: Unix seconds. What is kept (``twin.retention.Retention``) is given to the store.
        Safe to call from several processes; one at a time does something.
        """
        ...

    async def project(self, projections: Mapping[str, Projection]) -> None:
        """Rewrite the projections of codes (an activation or a binding changed them)."""
        ...

    async def ready(self) -> None:
        """Raise Unavailable when the store does not answer."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of long work; ``payload`` is its input, kept for a retry after a death.

    ``state``: queued | running | done | failed. ``error``: {"code", "facts"} of a CityError.
    ``subject``: what it changes; jobs of one subject run one after the other ("": of none).
    ``cancelled``: somebody wants it to end; its worker sees to that.
    """

    id: str
    kind: str
    payload: Mapping[str, Any]
    state: str = "queued"
    stage: str = ""
    fraction: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    findings: Sequence[Mapping[str, Any]] = ()
    attempts: int = 0
    subject: str = ""
    cancelled: bool = False


class Jobs(Protocol):
    """Durable jobs, oldest first, one worker each."""

    async def add(self, job: Job) -> Job:
        """Store a queued job; the same id again returns the stored one unchanged."""
        ...

    async def get(self, job_id: str) -> Job:
        """Return a job; NotFound("job_unknown")."""
        ...

    async def claim(self, worker: str, *, now: float, stale_s: float) -> Job | None:
        """Take the oldest queued job (or a running one whose worker went silent for stale_s).

        A job waits while an older one of its subject has not ended.
        """
        ...

    async def save(self, job: Job, *, now: float) -> None:
        """Store progress or the end of a job; also the worker's sign of life."""
        ...

    async def cancel(self, job_id: str, error: Mapping[str, Any], *, now: float) -> Job:
        """End a queued job as failed with ``error``; mark a running one; leave an ended one.

        Returns the job as it is then. Raises NotFound("job_unknown").
        """
        ...

    async def recent(self, *, limit: int, subject: str = "", sha256: str = "") -> list[Job]:
        """Return the newest jobs first; of ``subject``, of a payload with ``sha256``, if given."""
        ...

    async def ready(self) -> None:
        """Raise Unavailable when the store does not answer."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what to what, and how it ended; append only."""

    at: float
    who: str
    role: str
    action: str
    target: str
    outcome: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0


class Audit(Protocol):
    """The append-only trail."""

    async def record(self, row: AuditRow) -> None:
        """Append one row durably."""
        ...

    async def rows(self, *, limit: int, after: int = 0) -> list[AuditRow]:
        """Return rows by id."""
        ...
