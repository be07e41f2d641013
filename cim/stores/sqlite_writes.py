"""What an activation does inside one transaction of the SQLite graph; all functions are sync."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cim.model import Entity
from cim.ports import Batch, Head
from cim.stores import process, rows, rules
from cim.stores.activation import Clock, Lease, Ticket, Writer, in_the_way
from cim.stores.sqlite_sql import SQL
from cim.terms import entity_terms
from identity.errors import Conflict

Connection = sqlite3.Connection
Keys = Iterable[Sequence[Any]]


SEARCHED = {"relation": 0, "alias": 2, "tile": 0}  # what of a key the table is ordered by
UNDO_ROWS = 5_000  # of each table undone in one transaction, so that others get their turn between
UNDOING = (
    "undo_relations",
    "undo_aliases",
    "undo_tiles",
    "reopen_facts",
    "reopen_relations",
    "reopen_aliases",
    "reopen_tiles",
)


def take(connection: Connection, who: Writer, clock: Clock, number: int | None) -> Lease | Ticket:
    """Take the lease, or keep or draw a ticket."""
    now = clock()
    fence, held_by, owner, expires_at = connection.execute(SQL["lease"]).fetchone()
    lives = held_by is not None and now < expires_at and not process.is_gone(owner)
    behind = in_the_way(held_by if lives else None, _front(connection, now), number)
    if behind is not None:
        return _queued(connection, who, now, number, behind)
    dirty = held_by is not None  # whoever ended well has given it back
    lease = Lease(who.holder, fence + 1, head(connection).generation, who.ttl_s, dirty)
    expires = {"holder": who.holder, "process": who.process, "expires_at": now + who.ttl_s}
    connection.execute(SQL["take_lease"], expires)
    leave(connection, number)
    return lease


def leave(connection: Connection, number: int | None) -> None:
    """Give a ticket back."""
    connection.execute(SQL["drop_ticket"], {"number": number})


def _front(connection: Connection, now: float) -> tuple[int, str] | None:
    """Return number and holder of the first who waits and lives; forget the dead before it."""
    for number, holder, owner, expires_at in connection.execute(SQL["queue"]).fetchall():
        if now < expires_at and not process.is_gone(owner):
            return number, holder
        leave(connection, number)
    return None


def _queued(
    connection: Connection, who: Writer, now: float, number: int | None, behind: str
) -> Ticket:
    """Draw a ticket, or say in time that its owner still waits."""
    if number is None:
        return Ticket(None, behind)
    row = {"number": number or None, "holder": who.holder, "process": who.process}
    times = {"expires_at": now + rules.TICKET_TTL_S, "soon": now + rules.TICKET_TTL_S / 2}
    drawn = connection.execute(SQL["put_ticket"], row | times).lastrowid
    front = _front(connection, now)
    number = number or drawn
    return Ticket(number, behind, front is not None and front[0] == number)


def renew(connection: Connection, lease: Lease, clock: Clock) -> None:
    """Renew the lease; Conflict("lease_lost") when the fencing number is another's."""
    parameters = {"expires_at": clock() + lease.ttl_s, "fence": lease.fence, "base": lease.base}
    if connection.execute(SQL["renew_lease"], parameters).rowcount != 1:
        raise Conflict("lease_lost", holder=lease.holder)


def write(connection: Connection, lease: Lease, clock: Clock, batch: Batch) -> None:
    """Renew the lease and write the rows of a batch: ends first, then puts."""
    renew(connection, lease, clock)
    g = lease.generation
    _end_facts(connection, g, batch.end_entities)
    _end(connection, g, "relation", [(s, v.value, t) for v, s, t in batch.end_relations])
    _end(connection, g, "alias", batch.end_aliases)
    _end(connection, g, "tile", batch.end_tiles)
    _put_entities(connection, g, list({e.code: e for e in batch.entities}.values()))
    _put(connection, g, "relation", _relations(batch))
    _put(connection, g, "alias", _aliases(batch))
    _put(connection, g, "tile", _tiles(batch))
    renew(connection, lease, clock)  # a slow batch has not used up the time of the next


def commit(connection: Connection, lease: Lease, clock: Clock, event: Mapping[str, Any]) -> Head:
    """Move head, put the event into the outbox and give the lease back."""
    renew(connection, lease, clock)
    moved = Head(lease.generation, max(clock(), head(connection).activated_at))
    at = {"generation": moved.generation, "at": moved.activated_at}
    connection.execute(SQL["move_head"], at)
    event_text = rules.encode_properties(event).decode()
    connection.execute(SQL["put_move"], at | {"event": event_text})
    connection.execute(SQL["release_lease"])
    return moved


def undo_piece(connection: Connection, lease: Lease, clock: Clock) -> bool:
    """Remove UNDO_ROWS of each table above head and reopen as many; return whether more may be."""
    renew(connection, lease, clock)
    above = {"head": lease.base, "limit": UNDO_ROWS}
    ids = connection.execute(SQL["facts_above"], above).fetchall()
    _remove_facts(connection, ids)
    undone = [connection.execute(SQL[name], above).rowcount for name in UNDOING]
    renew(connection, lease, clock)
    return max(len(ids), *undone) >= UNDO_ROWS


def release(connection: Connection, lease: Lease, clock: Clock) -> None:
    """Give the lease back."""
    renew(connection, lease, clock)
    connection.execute(SQL["release_lease"])


def reserve(connection: Connection, prefix: str, count: int, owner: str) -> range:
    """Return the owner's serials, or hand out a new block."""
    key = {"prefix": prefix, "owner": owner}
    own = connection.execute(SQL["serials_of_owner"], key).fetchall()
    last = connection.execute(SQL["last_serial"], {"prefix": prefix}).fetchone()
    blocks = (range(first, first + length) for first, length in own)
    serials, is_new = rules.next_serials(prefix, blocks, last[0] if last else 0, count)
    if is_new:
        connection.execute(SQL["put_serials"], key | {"first": serials.start, "count": count})
    return serials


def head(connection: Connection) -> Head:
    """Return the visible generation."""
    return Head(*connection.execute(SQL["head"]).fetchone())


def _put_entities(connection: Connection, g: int, entities: Sequence[Entity]) -> None:
    if not entities:
        return
    _end_facts(connection, g, [entity.code for entity in entities])
    (last,) = connection.execute(SQL["last_fact"]).fetchone()
    numbered = list(enumerate(entities, last + 1))
    placed = [(n, e) for n, e in numbered if _is_placed(e)]
    bare = numbered if not placed else [(n, e) for n, e in numbered if not _is_placed(e)]
    connection.executemany(SQL["put_bare_fact"], (_bare(e, n, g) for n, e in bare))
    connection.executemany(SQL["put_fact"], (_fact(e, n, g) for n, e in placed))
    connection.executemany(SQL["put_words"], ((n, entity_terms(e)) for n, e in numbered))
    extents = ((n, rows.extent(e)) for n, e in placed)
    boxes = ((n, box[0], box[2], box[1], box[3]) for n, box in extents if box is not None)
    connection.executemany(SQL["put_box"], boxes)


def _is_placed(e: Entity) -> bool:
    return e.lon is not None or e.lat is not None or e.box is not None


def _bare(e: Entity, row_id: int, g: int) -> tuple[Any, ...]:
    """Return the parameters of ``put_bare_fact``: binding the NULLs of a place costs 30 %."""
    kind, lifecycle, text = e.kind.value, e.lifecycle.value, _properties(e)
    return row_id, e.code, g, kind, e.name, lifecycle, e.height_m, e.grid2d, _ifc_class(e), text


def _fact(e: Entity, row_id: int, g: int) -> tuple[Any, ...]:
    """Return the parameters of ``put_fact``."""
    position = (e.lon, e.lat, *(e.box or (None, None, None, None)))
    return (*_bare(e, row_id, g), *position)


def _ifc_class(e: Entity) -> str | None:
    ifc_class = e.properties.get("ifc_class")
    return ifc_class if isinstance(ifc_class, str) else None


def _properties(e: Entity) -> str:
    return rules.encode_properties(e.properties).decode()


def _end_facts(connection: Connection, g: int, codes: Sequence[str]) -> None:
    """Close the open facts of ``codes`` at ``g``; those that began at ``g`` never were."""
    if not _any_near(connection, "fact", codes):
        return
    asked = {"codes": rules.encode_list(codes)}
    found = connection.execute(SQL["open_facts"], asked).fetchall()
    _remove_facts(connection, [(row_id,) for row_id, g_from in found if g_from == g])
    ended = ((g, row_id) for row_id, g_from in found if g_from != g)
    connection.executemany(SQL["end_fact"], ended)


def _any_near(connection: Connection, what: str, names: Sequence[str]) -> bool:
    """Whether any row lies between the first and the last name; codes of a new block: none."""
    if not names:
        return False
    between = {"first": min(names), "last": max(names)}
    return connection.execute(SQL[f"near_{what}"], between).fetchone() is not None


def _remove_facts(connection: Connection, ids: Sequence[Any]) -> None:
    connection.executemany(SQL["drop_box"], ids)
    connection.executemany(SQL["drop_fact"], ids)


def _end(connection: Connection, g: int, what: str, keys: Sequence[Sequence[str]]) -> None:
    """Close the open rows of ``keys`` at ``g``; rows that began at ``g`` never were.

    Which keys are open is asked once for all: most of an import is new, and an UPDATE that finds
    nothing costs as much as the INSERT.
    """
    if not _any_near(connection, what, [key[SEARCHED[what]] for key in keys]):
        return
    asked = {"keys": rules.encode_list(keys)}
    parameters = [(g, *key) for key in connection.execute(SQL[f"open_{what}"], asked)]
    connection.executemany(SQL[f"drop_{what}"], parameters)
    connection.executemany(SQL[f"end_{what}"], parameters)


def _put(connection: Connection, g: int, what: str, values: Mapping[Any, Sequence[Any]]) -> None:
    _end(connection, g, what, list(values))
    connection.executemany(SQL[f"put_{what}"], ((g, *key, *value) for key, value in values.items()))


def _relations(batch: Batch) -> dict[tuple[str, ...], tuple[str]]:
    return {
        (r.source, r.verb.value, r.target): (rules.encode_properties(r.properties).decode(),)
        for r in batch.relations
    }


def _aliases(batch: Batch) -> dict[tuple[str, ...], tuple[Any, ...]]:
    return {(a.scheme, a.scope, a.value): (a.code, a.source, a.confidence) for a in batch.aliases}


def _tiles(batch: Batch) -> dict[tuple[str, ...], tuple[str]]:
    return {(t.root, t.document): (rows.tile_entry(t),) for t in batch.tiles}
