"""Quarantine and rules in the file of SqliteStates: rows, rings of whole messages, their bounds."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from twin.quarantine import Bounds, Kept, Quarantined
from twin.stores import limits
from twin.stores.database import one
from twin.stores.sqlite_rows import kept_of, quarantined_of


def quarantine(connection: sqlite3.Connection, rows: Sequence[Quarantined], bounds: Bounds) -> None:
    """Keep one row per (reason, device, topic) with its count, and the whole messages behind it.

    Beyond the bounds the oldest rows go and are counted; of messages the oldest of the same device,
    then the oldest of all.
    """
    if not rows:
        return
    for row in rows:
        held_by = one(connection, _PUT_ROW, *_columns(row))
        connection.executemany(
            _PUT_MESSAGE, [_message(row, kept, held_by) for kept in limits.whole(row, bounds)]
        )
    for device, tenant in {(row.device, row.tenant) for row in rows}:
        connection.execute(_TRIM_RING, (device, tenant, device, tenant, bounds.device_messages))
    _bound_rows(connection, bounds.rows)
    _bound_bytes(connection, bounds.bytes)


def release_messages(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Take applied messages out; a row that has none left goes, else it counts fewer."""
    if not ids:
        return
    wanted = json.dumps(list(ids))
    rows = connection.execute(_HOLDERS, (wanted,)).fetchall()
    connection.execute(_RELEASE_MESSAGES, (wanted,))
    for held_by, count in rows:
        connection.execute(_COUNT_FEWER, (count, held_by))
        connection.execute(_DROP_EMPTY, (held_by, held_by))


def release_rows(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Remove rows and all that is kept behind them."""
    connection.executemany("DELETE FROM quarantine WHERE id = ?", [(number,) for number in ids])


def quarantined(
    connection: sqlite3.Connection, after: int, limit: int, device: str | None
) -> list[Quarantined]:
    """Return quarantine rows by id."""
    if device is None:
        return [quarantined_of(row) for row in connection.execute(_ROWS, (after, limit))]
    return [quarantined_of(row) for row in connection.execute(_ROWS_OF, (device, after, limit))]


def kept(connection: sqlite3.Connection, row: int, after: int, limit: int) -> list[Kept]:
    """Return the whole messages behind a row, oldest first."""
    return [kept_of(found) for found in connection.execute(_MESSAGES, (row, after, limit))]


def rules(connection: sqlite3.Connection, kind: str) -> dict[str, Mapping[str, Any]]:
    """Return every rule of a kind."""
    rows = connection.execute("SELECT name, body FROM rules WHERE kind = ? ORDER BY name", (kind,))
    return {name: json.loads(body) for name, body in rows}


def put_rule(connection: sqlite3.Connection, kind: str, name: str, body: str | None) -> None:
    """Keep or remove one rule."""
    if body is None:
        connection.execute("DELETE FROM rules WHERE kind = ? AND name = ?", (kind, name))
        return
    others = one(connection, "SELECT count(*) FROM rules WHERE kind = ? AND name <> ?", kind, name)
    limits.check_rules(kind, others + 1)
    connection.execute("INSERT OR REPLACE INTO rules VALUES (?, ?, ?)", (kind, name, body))


def _bound_rows(connection: sqlite3.Connection, most: int) -> None:
    surplus = one(connection, "SELECT count(*) FROM quarantine") - most
    if surplus > 0:
        dropped = connection.execute(_DROP_ROWS, (surplus,)).fetchall()
        connection.execute(_COUNT_DROPPED, (sum(row[0] for row in dropped),))


def _bound_bytes(connection: sqlite3.Connection, most: int) -> None:
    """Drop the oldest messages, a slice at a time, until the rest is within the bound."""
    while (one(connection, _BYTES) or 0) > most:
        connection.execute(_DROP_MESSAGES, (DROPPED_AT_ONCE,))


DROPPED_AT_ONCE = 100


def _columns(row: Quarantined) -> tuple[object, ...]:
    sample = limits.sample(row)
    facts = json.dumps(dict(row.facts), ensure_ascii=False, default=str)
    return (
        *(row.reason, row.device, row.topic, sample.payload),
        *(row.received_at, facts, row.count, row.tenant),
    )


def _message(row: Quarantined, kept: Kept, held_by: int) -> tuple[object, ...]:
    return (
        *(held_by, row.tenant, row.device, kept.received_at, kept.client),
        *(kept.retained, kept.bytes, kept.payload),
    )


_PUT_ROW = (
    "INSERT INTO quarantine (reason, device, topic, payload, received_at, facts, count, tenant)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (reason, device, topic) DO UPDATE SET"
    " payload = excluded.payload, received_at = excluded.received_at, facts = excluded.facts,"
    " count = count + excluded.count RETURNING id"
)
_PUT_MESSAGE = (
    "INSERT INTO quarantine_message"
    " (held_by, tenant, device, received_at, client, retained, bytes, payload)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_TRIM_RING = (
    "DELETE FROM quarantine_message WHERE device = ? AND tenant = ? AND id <= ("
    "SELECT id FROM quarantine_message WHERE device = ? AND tenant = ?"
    " ORDER BY id DESC LIMIT 1 OFFSET ?)"
)
_HOLDERS = (
    "SELECT held_by, count(*) FROM quarantine_message"
    " WHERE id IN (SELECT value FROM json_each(?)) GROUP BY held_by"
)
_RELEASE_MESSAGES = "DELETE FROM quarantine_message WHERE id IN (SELECT value FROM json_each(?))"
_COUNT_FEWER = "UPDATE quarantine SET count = count - ? WHERE id = ?"
_DROP_EMPTY = (
    "DELETE FROM quarantine WHERE id = ?"
    " AND NOT EXISTS (SELECT 1 FROM quarantine_message WHERE held_by = ?)"
)
_SELECT_ROWS = (
    "SELECT id, reason, device, topic, payload, received_at, facts, count, tenant,"
    " (SELECT count(*) FROM quarantine_message WHERE held_by = quarantine.id) FROM quarantine"
)
_ROWS = f"{_SELECT_ROWS} WHERE id > ? ORDER BY id LIMIT ?"
_ROWS_OF = f"{_SELECT_ROWS} WHERE device = ? AND id > ? ORDER BY id LIMIT ?"
_MESSAGES = (
    "SELECT payload, received_at, client, retained, id FROM quarantine_message"
    " WHERE held_by = ? AND id > ? ORDER BY id LIMIT ?"
)
_DROP_ROWS = (
    "DELETE FROM quarantine WHERE id IN"
    " (SELECT id FROM quarantine ORDER BY received_at, id LIMIT ?) RETURNING count"
)
_COUNT_DROPPED = (
    "INSERT INTO counters (name, value) VALUES ('quarantine_dropped', ?)"
    " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
)
_BYTES = "SELECT value FROM counters WHERE name = 'quarantine_bytes'"
_DROP_MESSAGES = (
    "DELETE FROM quarantine_message WHERE id IN"
    " (SELECT id FROM quarantine_message ORDER BY id LIMIT ?)"
)
