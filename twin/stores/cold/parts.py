"""What a file of cold history holds, and of what. Pure."""

from dataclasses import dataclass

from twin.buckets import Key

Order = tuple[str, str, str]
"""(property, code, source): what files are sorted by, so that one property lies together."""

RAW = (
    *("observed_at", "tie", "received_at", "form", "number", "exact", "unit", "quality"),
    "changed_at",
)
"""Columns of a reading behind those of its series (twin/stores/columns.py: three of the value)."""

KEY = ("property", "code", "source", "series")

COARSE = (
    *("begin", "n", "left_out", "total", "low", "high"),
    *("first_at", "first_tie", "first", "last_at", "last_tie", "last", "unit_low", "unit_high"),
)
"""Columns of a row that stands for some seconds: the numbers of twin.buckets.Partial."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file: rows of one day (days since 1970, UTC), sorted by (Order, observed_at, n).

    ``width``: 0 for readings, else the seconds a row stands for. ``swept``: nothing of it is in
    the store any more; before, ``marker`` says up to which series (None: all of it is there).
    """

    day: int
    width: int
    file: str
    first: Order
    last: Order
    rows: int
    size: int
    swept: bool = True
    marker: Order | None = None
    id: int = 0

    def covers(self, order: Order) -> bool:
        """Return whether the series may have rows here."""
        return self.first <= order <= self.last

    def holds(self, order: Order) -> bool:
        """Return whether what the file has of a series is no longer in the store itself."""
        return self.swept or (self.marker is not None and order <= self.marker)


def order_of(key: Key) -> Order:
    """Return what the series of (code, property, source) is sorted by."""
    code, name, source = key
    return name, code, source
