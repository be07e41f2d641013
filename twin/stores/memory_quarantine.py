"""Quarantine and rules in memory, as the States port tells of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from twin.quarantine import Bounds, Kept, Quarantined
from twin.stores import limits

Key = tuple[str, str, str]  # reason, device, topic


class MemoryQuarantine:
    """Rows by (reason, device, topic), and whole messages by id, oldest first."""

    def __init__(self, bounds: Bounds) -> None:
        self._dropped = 0
        self._bounds = bounds
        self._rows: dict[Key, Quarantined] = {}
        self._messages: dict[int, tuple[int, Quarantined, Kept]] = {}  # row's id, its row, message
        self._row_id = 0
        self._message_id = 0
        self._rules: dict[str, dict[str, str]] = {}

    async def quarantined(
        self, *, limit: int, after: int = 0, device: str | None = None
    ) -> list[Quarantined]:
        """Return quarantine rows by id."""
        limits.page(limit)
        rows = sorted(self._rows.values(), key=lambda row: row.id)
        chosen = [row for row in rows if row.id > after and device in {None, row.device}][:limit]
        return [replace(row, kept=len(self._behind(row.id))) for row in chosen]

    async def kept(self, row: int, *, limit: int, after: int = 0) -> list[Kept]:
        """Return the whole messages behind a row, oldest first."""
        limits.page(limit)
        return [kept for kept in self._behind(row) if kept.id > after][:limit]

    async def quarantine_dropped(self) -> int:
        """Return how many messages were dropped because the quarantine was full."""
        return self._dropped

    async def release(self, ids: Sequence[int]) -> None:
        """Remove quarantine rows and what is kept behind them."""
        for key in [key for key, row in self._rows.items() if row.id in ids]:
            self._drop(key)

    async def rules(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Return every rule of a kind."""
        held = self._rules.get(kind, {})
        return {name: json.loads(held[name]) for name in sorted(held)}

    async def put_rule(self, kind: str, name: str, body: Mapping[str, Any] | None) -> None:
        """Keep a rule, or remove it."""
        text = limits.rule(name, body)
        held = self._rules.setdefault(kind, {})
        if text is None:
            held.pop(name, None)
        else:
            limits.check_rules(kind, len(held.keys() | {name}))
            held[name] = text

    def _keep(self, row: Quarantined) -> None:
        key = (row.reason, row.device, row.topic)
        known = self._rows.get(key)
        if known is None:
            self._row_id += 1
            known = replace(row, id=self._row_id, count=0)
        said = replace(limits.sample(row), messages=())
        self._rows[key] = replace(said, id=known.id, count=known.count + row.count)
        for kept in limits.whole(row, self._bounds):
            self._message_id += 1
            self._messages[self._message_id] = (known.id, row, replace(kept, id=self._message_id))
        self._bound(row)

    def _bound(self, row: Quarantined) -> None:
        ring = [
            number
            for number, (_, held, _) in self._messages.items()
            if (held.device, held.tenant) == (row.device, row.tenant)
        ]
        for number in ring[: -self._bounds.device_messages]:
            del self._messages[number]
        while len(self._rows) > self._bounds.rows:
            oldest = min(self._rows, key=self._age)
            self._dropped += self._rows[oldest].count
            self._drop(oldest)
        while sum(kept.bytes for _, _, kept in self._messages.values()) > self._bounds.bytes:
            del self._messages[next(iter(self._messages))]

    def _release_messages(self, ids: Sequence[int]) -> None:
        for number in ids:
            if number not in self._messages:
                continue
            held_by, _, _ = self._messages.pop(number)
            key = next(key for key, row in self._rows.items() if row.id == held_by)
            self._rows[key] = replace(self._rows[key], count=self._rows[key].count - 1)
            if not self._behind(held_by):
                del self._rows[key]

    def _behind(self, row: int) -> list[Kept]:
        return [kept for held_by, _, kept in self._messages.values() if held_by == row]

    def _drop(self, key: Key) -> None:
        gone = self._rows.pop(key).id
        self._messages = {n: held for n, held in self._messages.items() if held[0] != gone}

    def _age(self, key: Key) -> tuple[float, int]:
        row = self._rows[key]
        return row.received_at, row.id
