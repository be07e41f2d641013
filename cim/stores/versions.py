"""A table of rows with generations, in memory: put, end, read at a generation, undo."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from cim.stores.rules import OPEN

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Fact(Generic[V]):
    """``value`` is visible at ``g`` when g_from <= g < g_to."""

    g_from: int
    g_to: int
    value: V


class Versions(Generic[K, V]):
    """Rows by key; at most one row of a key is visible at a generation."""

    def __init__(self) -> None:
        self._rows: dict[K, list[Fact[V]]] = {}
        self._touched: set[K] = set()

    def put(self, key: K, value: V, g: int) -> None:
        """Replace the open row of ``key`` from generation ``g`` on."""
        self.end(key, g)
        self._rows.setdefault(key, []).append(Fact(g, OPEN, value))
        self._touched.add(key)

    def end(self, key: K, g: int) -> None:
        """Close the open row of ``key`` at ``g``; a row that began at ``g`` never was."""
        rows = self._rows.get(key)
        if not rows or rows[-1].g_to != OPEN:
            return
        if rows[-1].g_from == g:
            rows.pop()
        else:
            rows[-1].g_to = g
        self._touched.add(key)

    def at(self, key: K, g: int) -> V | None:
        """Return what is visible of ``key`` at ``g``."""
        for row in reversed(self._rows.get(key, ())):
            if row.g_from <= g:
                return row.value if g < row.g_to else None
        return None

    def last(self, key: K, g: int) -> Fact[V] | None:
        """Return the newest row of ``key`` that began at or before ``g``, ended or not."""
        rows = reversed(self._rows.get(key, ()))
        return next((row for row in rows if row.g_from <= g), None)

    def rows(self, key: K) -> list[Fact[V]]:
        """Return all rows of ``key``, oldest first."""
        return self._rows.get(key, [])

    def keys(self) -> Iterator[K]:
        """Iterate over all keys that ever were."""
        return iter(self._rows)

    def settle(self) -> None:
        """Keep what was written since the last call: it is visible now."""
        self._touched.clear()

    def undo(self, head: int) -> None:
        """Remove rows above ``head`` and reopen those that were ended above it."""
        for key in self._touched:
            rows = [row for row in self._rows.get(key, ()) if row.g_from <= head]
            for row in rows:
                row.g_to = OPEN if row.g_to > head else row.g_to
            self._rows[key] = rows
            if not rows:
                del self._rows[key]
        self._touched.clear()
