"""The one writer of a graph in a database: it takes the lease, writes, and gives the lease back.

The same on every database. What is done inside one transaction differs (``sqlite_writes``,
``neo4j.writes``): a module of functions, each of which checks the fencing number first.

Who finds the lease taken draws a ticket, and the lease goes to the lowest ticket that is alive: a
writer that gives it back and asks again comes behind those who wait.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import anyio

from cim.ports import Batch, Head
from cim.stores import process, rules
from identity.errors import CityError, Conflict

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Lease:
    """What a writer holds: its fencing number and the generation that was head when it began."""

    holder: str
    fence: int
    base: int
    ttl_s: float
    dirty: bool
    """Whether a dead writer may have left rows above head: undone before anything is written."""

    @property
    def generation(self) -> int:
        """What this writer's rows become visible as."""
        return self.base + 1


@dataclass(frozen=True, slots=True)
class Ticket:
    """The place of one who waits (None: who does not), who is in the way, and if it is next."""

    number: int | None
    behind: str
    is_next: bool = False


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wants to write: its name, its process, and how long its lease lasts unrenewed."""

    holder: str
    process: str
    ttl_s: float


def in_the_way(
    held_by: str | None, front: tuple[int, str] | None, number: int | None
) -> str | None:
    """Return who comes before the ticket ``number``: the living holder, else who waits in front."""
    if held_by is not None:
        return held_by
    return None if front is None or front[0] == number else front[1]


class Connections(Protocol):
    """What runs ``change(transaction, *args)`` in one durable transaction."""

    async def write(self, change: Callable[..., Any], /, *args: Any) -> Any:
        """Return what ``change`` returns, in the end."""
        ...


class Writes(Protocol):
    """A module with what an activation does inside one transaction."""

    def take(self, tx: Any, who: Writer, clock: Clock, number: int | None, /) -> Any:
        """Take the lease (a Lease); else keep the Ticket of that number, or draw one (0)."""
        ...

    def leave(self, tx: Any, number: int, /) -> Any:
        """Give a ticket back."""
        ...

    def renew(self, tx: Any, lease: Lease, clock: Clock, /) -> Any:
        """Renew the lease; Conflict("lease_lost") when the fencing number is another's."""
        ...

    def write(self, tx: Any, lease: Lease, clock: Clock, batch: Batch, /) -> Any:
        """Renew the lease and write the rows of a batch: ends first, then puts."""
        ...

    def commit(self, tx: Any, lease: Lease, clock: Clock, event: Mapping[str, Any], /) -> Any:
        """Move head, put the event into the outbox and give the lease back; return the Head."""
        ...

    def undo_piece(self, tx: Any, lease: Lease, clock: Clock, /) -> Any:
        """Undo a bounded piece of what is above head; return whether there may be more."""
        ...

    def release(self, tx: Any, lease: Lease, clock: Clock, /) -> Any:
        """Give the lease back."""
        ...


class StoreActivation:
    """One writer of a graph in a database; implements ``cim.ports.Activation``."""

    def __init__(self, db: Connections, writes: Writes, lease: Lease, clock: Clock) -> None:
        self._db = db
        self._writes = writes
        self._lease = lease
        self._clock = clock

    @property
    def base(self) -> int:
        """The generation that was head when the lease was taken."""
        return self._lease.base

    @property
    def generation(self) -> int:
        """``base + 1``."""
        return self._lease.generation

    async def write(self, batch: Batch) -> None:
        """Write rows above head in one durable transaction, and renew the lease."""
        rules.check_batch(batch)
        await self._db.write(self._writes.write, self._lease, self._clock, batch)

    async def renew(self) -> None:
        """Renew the lease."""
        await self._db.write(self._writes.renew, self._lease, self._clock)

    async def commit(self, event: Mapping[str, Any]) -> Head:
        """Move head, put ``event`` into the outbox, give the lease back: one transaction."""
        moved: Head = await self._db.write(self._writes.commit, self._lease, self._clock, event)
        return moved

    async def abort(self) -> None:
        """Undo what was written and give the lease back."""
        await self.undo()
        await self._db.write(self._writes.release, self._lease, self._clock)

    async def undo(self) -> None:
        """Undo everything above head, piece by piece, each in a transaction of its own."""
        while await self._db.write(self._writes.undo_piece, self._lease, self._clock):
            pass


async def activate(
    db: Connections, writes: Writes, holder: str, clock: Clock, *, ttl_s: float, wait_s: float
) -> StoreActivation:
    """Take the lease (waiting up to ``wait_s``), undo a dead writer's rows, and begin."""
    lease = await _waited(db, writes, Writer(holder, process.process_name(), ttl_s), clock, wait_s)
    activation = StoreActivation(db, writes, lease, clock)
    if lease.dirty:
        await activation.undo()
    return activation


async def _waited(
    db: Connections, writes: Writes, who: Writer, clock: Clock, wait_s: float
) -> Lease:
    number, left_s = 0 if wait_s > 0 else None, wait_s
    try:
        while True:
            taken: Lease | Ticket = await db.write(writes.take, who, clock, number)
            if isinstance(taken, Lease):
                number = None  # the ticket went with it
                return taken
            number = taken.number
            if left_s <= 0:
                raise Conflict("lease_busy", holder=taken.behind, waited_s=wait_s)
            pause_s = rules.LEASE_NEXT_POLL_S if taken.is_next else rules.LEASE_POLL_S
            await anyio.sleep(pause_s)
            left_s -= pause_s
    finally:
        if number:  # where it cannot be given back it runs out
            with anyio.CancelScope(shield=True), suppress(CityError):
                await db.write(writes.leave, number)
