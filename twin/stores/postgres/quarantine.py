"""Quarantine and rules of PostgresStates: rows, rings of whole messages, their bounds."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from twin.quarantine import Bounds, Kept, Quarantined
from twin.stores import limits
from twin.stores.postgres.connections import Connection, Connections
from twin.stores.postgres.rows import kept_of, quarantine_row, quarantined_of, shown

DROPPED_AT_ONCE = 100

_PUT_ROW = (
    "INSERT INTO quarantine AS q"
    " (reason, device, topic, payload, received_at, facts, count, tenant)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (reason, device, topic) DO UPDATE SET"
    " payload = excluded.payload, received_at = excluded.received_at, facts = excluded.facts,"
    " count = q.count + excluded.count RETURNING id"
)
_PUT_MESSAGE = (
    "INSERT INTO quarantine_message"
    " (held_by, tenant, device, received_at, client, retained, bytes, payload)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)
_COUNT = "UPDATE counters SET value = value + %s WHERE name = %s"
_BYTES = "SELECT value FROM counters WHERE name = 'quarantine_bytes'"
_OF_RING = (
    "device = %s AND tenant = %s AND id <= (SELECT id FROM quarantine_message"
    " WHERE device = %s AND tenant = %s ORDER BY id DESC LIMIT 1 OFFSET %s)"
)
_OLDEST = "id IN (SELECT id FROM quarantine_message ORDER BY id LIMIT %s)"
_SURPLUS = (
    "SELECT id FROM quarantine ORDER BY received_at, id"
    " LIMIT greatest((SELECT count(*) FROM quarantine) - %s, 0)"
)
_DROP_ROWS = "DELETE FROM quarantine WHERE id = ANY(%s) RETURNING count"
_HOLDERS = "SELECT held_by, count(*) FROM quarantine_message WHERE id = ANY(%s) GROUP BY held_by"
_COUNT_FEWER = "UPDATE quarantine SET count = count - %s WHERE id = %s"
_DROP_EMPTY = (
    "DELETE FROM quarantine q WHERE id = %s"
    " AND NOT EXISTS (SELECT 1 FROM quarantine_message m WHERE m.held_by = q.id)"
)
_ROWS = (
    "SELECT id, reason, device, topic, payload, received_at, facts, count, tenant,"
    " (SELECT count(*) FROM quarantine_message m WHERE m.held_by = q.id) FROM quarantine q"
    " WHERE id > %s AND (%s::text IS NULL OR device = %s) ORDER BY id LIMIT %s"
)
_MESSAGES = (
    "SELECT payload, received_at, client, retained, id FROM quarantine_message"
    " WHERE held_by = %s AND id > %s ORDER BY id LIMIT %s"
)
_RULES = "SELECT name, body FROM rules WHERE kind = %s ORDER BY name"
_OTHER_RULES = "SELECT count(*) FROM rules WHERE kind = %s AND name <> %s"
_DROP_RULE = "DELETE FROM rules WHERE kind = %s AND name = %s"
_PUT_RULE = (
    "INSERT INTO rules VALUES (%s, %s, %s)"
    " ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body"
)


async def quarantine(connection: Connection, rows: Sequence[Quarantined], bounds: Bounds) -> None:
    """Keep one row per (reason, device, topic) with its count, and the whole messages behind it.

    Beyond the bounds the oldest rows go and are counted; of messages the oldest of the same device,
    then the oldest of all.
    """
    if not rows:
        return
    rings = set()
    for row in rows:
        columns = quarantine_row(limits.sample(row))
        held_by = await _one(connection, _PUT_ROW, columns)
        device, tenant = columns[1], columns[7]
        await _put_messages(connection, (held_by, tenant, device), limits.whole(row, bounds))
        rings.add((device, tenant))
    for ring in sorted(rings):
        await _drop_messages(connection, _OF_RING, (*ring, *ring, bounds.device_messages))
    await _bound_rows(connection, bounds.rows)
    while await _one(connection, _BYTES, ()) > bounds.bytes:
        await _drop_messages(connection, _OLDEST, (DROPPED_AT_ONCE,))


async def release_messages(connection: Connection, ids: Sequence[int]) -> None:
    """Take applied messages out; a row that has none left goes, else it counts fewer."""
    if not ids:
        return
    wanted = list(ids)
    rows = await (await connection.execute(_HOLDERS, (wanted,))).fetchall()
    await _drop_messages(connection, "id = ANY(%s)", (wanted,))
    for held_by, count in rows:
        await connection.execute(_COUNT_FEWER, (count, held_by))
        await connection.execute(_DROP_EMPTY, (held_by,))


async def release_rows(connection: Connection, ids: Sequence[int]) -> int:
    """Remove rows and all that is kept behind them; return how many messages they stood for."""
    wanted = list(ids)
    await _drop_messages(connection, "held_by = ANY(%s)", (wanted,))
    gone = await (await connection.execute(_DROP_ROWS, (wanted,))).fetchall()
    return sum(count for (count,) in gone)


async def quarantined(
    connections: Connections, after: int, limit: int, device: str | None
) -> list[Quarantined]:
    """Return quarantine rows by id."""
    name = None if device is None else shown(device)
    rows = await connections.read(_ROWS, (after, name, name, limit))
    return [quarantined_of(row) for row in rows]


async def kept(connections: Connections, row: int, after: int, limit: int) -> list[Kept]:
    """Return the whole messages behind a row, oldest first."""
    return [kept_of(found) for found in await connections.read(_MESSAGES, (row, after, limit))]


async def rules(connections: Connections, kind: str) -> dict[str, Mapping[str, Any]]:
    """Return every rule of a kind."""
    return {name: json.loads(body) for name, body in await connections.read(_RULES, (kind,))}


async def put_rule(connection: Connection, kind: str, name: str, body: str | None) -> None:
    """Keep or remove one rule."""
    if body is None:
        await connection.execute(_DROP_RULE, (kind, name))
        return
    await connection.execute("LOCK TABLE rules IN SHARE ROW EXCLUSIVE MODE")
    limits.check_rules(kind, await _one(connection, _OTHER_RULES, (kind, name)) + 1)
    await connection.execute(_PUT_RULE, (kind, name, body))


async def _put_messages(
    connection: Connection, ring: tuple[int, str, str], messages: Sequence[Kept]
) -> None:
    rows = [
        (*ring, m.received_at, shown(m.client), m.retained, m.bytes, m.payload) for m in messages
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(_PUT_MESSAGE, rows)
    await connection.execute(_COUNT, (sum(m.bytes for m in messages), "quarantine_bytes"))


async def _drop_messages(connection: Connection, which: str, values: Sequence[Any]) -> None:
    """Delete whole messages and count their bytes off."""
    query = f"DELETE FROM quarantine_message WHERE {which} RETURNING bytes"  # noqa: S608 - our texts
    gone = await (await connection.execute(query.encode(), values)).fetchall()
    await connection.execute(_COUNT, (-sum(size for (size,) in gone), "quarantine_bytes"))


async def _bound_rows(connection: Connection, most: int) -> None:
    surplus = await (await connection.execute(_SURPLUS, (most,))).fetchall()
    if surplus:
        dropped = await release_rows(connection, [number for (number,) in surplus])
        await connection.execute(_COUNT, (dropped, "quarantine_dropped"))


async def _one(connection: Connection, query: str, values: Sequence[Any]) -> int:
    found = await (await connection.execute(query.encode(), values)).fetchone()
    assert found is not None, "the statement always returns a row"
    return int(found[0])
