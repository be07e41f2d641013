"""What an activation does inside one transaction of Neo4j.

Every transaction begins by locking the lease's node and comparing the fencing number, so a writer
that lost the lease can change nothing more, and the next holder waits for what is being committed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from cim.model import Kind
from cim.ports import Batch, Head
from cim.stores import process, rules
from cim.stores.activation import Clock, Lease, Ticket, Writer, in_the_way
from cim.stores.neo4j import parameters
from cim.stores.neo4j.connections import Transaction
from cim.stores.neo4j.statements import CREATE_ANCHORS, CYPHER, WRITES_OF_VERB
from identity.errors import Conflict

CHANGES_FORGOTTEN = 50  # of the log, with every lease
_LAST_IN_ORDER = "\uffff"


async def take(tx: Transaction, who: Writer, clock: Clock, number: int | None) -> Lease | Ticket:
    """Take the lease, or keep or draw a ticket.

    Looks first without the lock, so that those who wait do not queue up in front of the writer.
    """
    now, dead = clock(), list[int]()
    for look in ("lease", "lock_lease"):
        ((fence, held_by, owner, expires_at),) = await tx.run(look)
        # The answer was lost, not we: the lease is ours, and the ticket went with it.
        mine = tx.attempt > 1 and (held_by, owner) == (who.holder, who.process)
        lives = held_by is not None and now < expires_at and not process.is_gone(owner)
        front, dead = await _front(tx, now)
        behind = in_the_way(held_by if lives else None, front, number)
        if behind is not None and not mine:
            return await _queued(tx, who, now, number, behind)
    base = (await head(tx)).generation
    dirty = bool(await tx.run("changes_above", head=base))
    lease = Lease(who.holder, fence + 1, base, who.ttl_s, dirty)
    expires = {"process": who.process, "expires_at": now + who.ttl_s}
    await tx.run("take_lease", fence=lease.fence, holder=who.holder, **expires)
    await tx.run("drop_tickets", numbers=[number, *dead])
    await tx.run("forget_changes", head=lease.base, limit=CHANGES_FORGOTTEN)
    return lease


async def leave(tx: Transaction, number: int) -> None:
    """Give a ticket back."""
    await tx.run("drop_tickets", numbers=[number])


async def _front(tx: Transaction, now: float) -> tuple[tuple[int, str] | None, list[int]]:
    """Return number and holder of the first who waits and lives, and the dead before it."""
    dead: list[int] = []
    for number, holder, owner, expires_at in await tx.run("queue"):
        if None in {number, holder, owner, expires_at}:
            continue  # given back while it was read: Neo4j is read-committed
        if now < expires_at and not process.is_gone(owner):
            return (number, holder), dead
        dead.append(number)
    return None, dead


async def _queued(
    tx: Transaction, who: Writer, now: float, number: int | None, behind: str
) -> Ticket:
    """Draw a ticket, or say in time that its owner still waits."""
    if number is None:
        return Ticket(None, behind)
    if number == 0:
        ((number,),) = await tx.run("draw_ticket")
    row = {"number": number, "holder": who.holder, "process": who.process}
    times = {"expires_at": now + rules.TICKET_TTL_S, "soon": now + rules.TICKET_TTL_S / 2}
    await tx.run("put_ticket", **row, **times)
    front, _ = await _front(tx, now)
    return Ticket(number, behind, front is not None and front[0] == number)


async def renew(tx: Transaction, lease: Lease, clock: Clock) -> None:
    """Renew the lease; Conflict("lease_lost") when the fencing number is another's."""
    renewed = await tx.run("renew_lease", fence=lease.fence, expires_at=clock() + lease.ttl_s)
    if not renewed:
        raise Conflict("lease_lost", holder=lease.holder)


async def write(tx: Transaction, lease: Lease, clock: Clock, batch: Batch) -> None:
    """Renew the lease and write the rows of a batch: ends first, then puts."""
    await renew(tx, lease, clock)
    keys = parameters.keys_of(batch)
    await tx.run("log_change", g=lease.generation, keys=keys.encode())
    await _write_entities(tx, lease.generation, keys, batch)
    await _write_relations(tx, lease.generation, keys, batch)
    await _write_aliases(tx, lease.generation, keys, batch)
    await _write_tiles(tx, lease.generation, keys, batch)
    await renew(tx, lease, clock)  # a slow batch has not used up the time of the next


async def commit(tx: Transaction, lease: Lease, clock: Clock, event: Mapping[str, Any]) -> Head:
    """Move head, put the event into the outbox and give the lease back."""
    if tx.attempt > 1:
        done = await tx.run("move_of", generation=lease.generation, fence=lease.fence)
        if done:
            return Head(*done[0])
    await renew(tx, lease, clock)
    moved = Head(lease.generation, max(clock(), (await head(tx)).activated_at))
    valid_from = event.get("valid_from")
    await tx.run(
        "move_head",
        generation=moved.generation,
        at=float(moved.activated_at),
        valid_from=None if valid_from is None else float(valid_from),
        event=rules.encode_properties(event).decode(),
        fence=lease.fence,
    )
    await tx.run("release_lease")
    return moved


async def release(tx: Transaction, lease: Lease, clock: Clock) -> None:
    """Give the lease back."""
    if tx.attempt > 1:
        ((fence, holder, _, _),) = await tx.run("lock_lease")
        if (fence, holder) == (lease.fence, None):
            return
    await renew(tx, lease, clock)
    await tx.run("release_lease")


async def undo_piece(tx: Transaction, lease: Lease, clock: Clock) -> bool:
    """Undo one batch above head; return False when there was none."""
    await renew(tx, lease, clock)
    found = await tx.run("changes_above", head=lease.base)
    if not found:
        return False
    change, keys = found[0][0], parameters.decode_keys(found[0][1])
    for statement, asked in _undoing(keys):
        await tx.run_text(statement, keys=asked, head=lease.base, open=rules.OPEN)
    await tx.run("drop_change", id=change)
    await renew(tx, lease, clock)
    return True


def _undoing(keys: parameters.Keys) -> Iterator[tuple[str, Sequence[Any]]]:
    """Return the statements that undo what was done to ``keys``, and the keys of each."""
    for table, asked in (
        ("entities", keys.entities),
        ("aliases", parameters.alias_keys(keys.aliases)),
        ("tiles", keys.tiles),
    ):
        if asked:
            yield CYPHER[f"undo_{table}"], asked
            yield CYPHER[f"reopen_{table}"], asked
    for verb, pairs in parameters.pairs_by_verb(keys.relations).items():
        yield WRITES_OF_VERB["undo_relations"][verb], pairs
        yield WRITES_OF_VERB["reopen_relations"][verb], pairs
    if keys.entities:
        yield CYPHER["restore_anchors"], keys.entities


async def reserve(tx: Transaction, prefix: str, count: int, owner: str) -> range:
    """Return the owner's serials, or hand out a new block."""
    ((last,),) = await tx.run("lock_counter", prefix=prefix)
    own = await tx.run("serials_of_owner", prefix=prefix, owner=owner)
    blocks = (range(first, first + length) for first, length in own)
    serials, is_new = rules.next_serials(prefix, blocks, last, count)
    if is_new:
        await tx.run(
            "put_serials",
            prefix=prefix,
            owner=owner,
            first=serials.start,
            count=count,
            last=serials.stop - 1,
        )
    return serials


async def head(tx: Transaction) -> Head:
    """Return the visible generation."""
    return Head(*(await tx.run("head"))[0])


async def _write_entities(tx: Transaction, g: int, keys: parameters.Keys, batch: Batch) -> None:
    """Put facts and anchors. A code without an anchor never had facts: nothing of it is ended."""
    put = {e.code: e for e in batch.entities}
    known = await _known(tx, keys.entities)
    if known:
        await tx.run("end_entities", keys=list(known), g=g, open=rules.OPEN)
    if put:
        rows = [parameters.fact_row(e) for e in put.values()]
        await tx.run("put_facts", rows=rows, g=g, open=rules.OPEN)
        await _put_anchors(tx, g, known, rows)
    ended = [code for code in known if code not in put]
    if ended:
        await tx.run("restore_anchors", keys=ended)


async def _known(tx: Transaction, codes: Sequence[str]) -> set[str]:
    """Return which codes have an anchor."""
    if not await _any_near(tx, CYPHER["near_anchors"], codes):
        return set()
    return {code for (code,) in await tx.run("known_anchors", codes=codes)}


async def _any_near(tx: Transaction, near: str, names: Sequence[str]) -> bool:
    """Whether anything may lie between the first and the last name; codes of a new block: nothing.

    The server orders what is above U+FFFF as UTF-16 does, Python by code point: with such a name
    all are looked up.
    """
    letters = "".join(names)
    if not letters or not (letters.isascii() or max(letters) <= _LAST_IN_ORDER):
        return bool(names)
    return bool(await tx.run_text(near, first=min(names), last=max(names)))


async def _put_anchors(
    tx: Transaction, g: int, known: Collection[str], rows: list[list[Any]]
) -> None:
    """Make the new anchors, a statement for each kind, and let the known show what is new."""
    fresh: dict[Kind, list[parameters.Row]] = {}
    for row in rows:
        if row[0] not in known:
            fresh.setdefault(Kind(row[1]), []).append(row)
    for kind, made in fresh.items():
        await tx.run_text(CREATE_ANCHORS[kind], rows=made, g=g, open=rules.OPEN)
    shown = [row for row in rows if row[0] in known]
    if shown:
        await tx.run("show_anchors", rows=shown, g=g, open=rules.OPEN)


async def _write_relations(tx: Transaction, g: int, keys: parameters.Keys, batch: Batch) -> None:
    for verb, pairs in parameters.pairs_by_verb(keys.relations).items():
        if await _any_near(tx, WRITES_OF_VERB["near_relations"][verb], pairs):
            end = WRITES_OF_VERB["end_relations"][verb]
            await tx.run_text(end, keys=pairs, g=g, open=rules.OPEN)
    for verb, put in parameters.relation_rows(batch.relations).items():
        await tx.run_text(WRITES_OF_VERB["put_relations"][verb], rows=put, g=g, open=rules.OPEN)


async def _write_aliases(tx: Transaction, g: int, keys: parameters.Keys, batch: Batch) -> None:
    asked = parameters.alias_keys(keys.aliases)
    if await _any_near(tx, CYPHER["near_aliases"], [stem for *_, stem, _ in asked]):
        await tx.run("end_aliases", keys=asked, g=g, open=rules.OPEN)
    put = {(a.scheme, a.scope, a.value): parameters.alias_row(a) for a in batch.aliases}
    if put:
        await tx.run("put_aliases", rows=list(put.values()), g=g, open=rules.OPEN)


async def _write_tiles(tx: Transaction, g: int, keys: parameters.Keys, batch: Batch) -> None:
    if keys.tiles:
        await tx.run("end_tiles", keys=keys.tiles, g=g, open=rules.OPEN)
    put = {(t.root, t.document): parameters.tile_row(t) for t in batch.tiles}
    if put:
        await tx.run("put_tiles", rows=list(put.values()), g=g, open=rules.OPEN)
