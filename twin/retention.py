"""How long history is kept, and how it becomes coarser: pure rules over whole days (UTC)."""

from dataclasses import dataclass

from identity.errors import Invalid
from twin.buckets import Buckets

DAY_S = 86_400
DAYS = -(2**31), 2**31 - 1  # what stores keep
ROLL_AFTER_S = 6 * 3_600.0  # after its end a day waits so long for late readings
LATE_ROWS = 50_000  # late rows of one day that wait before they are rolled, too
KEEPING_S = 600.0  # between two looks


@dataclass(frozen=True, slots=True)
class Tier:
    """Rows that stand for ``width_s`` seconds each, kept ``days`` days (0: for ever)."""

    width_s: int
    days: int


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept. ``raw_days``: every reading, for so many days; 0: for ever.

    A day is made coarser (``tiers``) and, where there are cold files, rolled into them once it has
    ended ``roll_after_s`` ago. Readings of a day whose raw rows are dropped already are late for
    history too: they are dropped at the next look, and counted.
    """

    roll_after_s: float = ROLL_AFTER_S
    raw_days: int = 0
    tiers: tuple[Tier, ...] = (Tier(300, 0), Tier(3_600, 0))
    late_rows: int = LATE_ROWS

    def ended(self, now: float) -> int:
        """Return the first day (since 1970, UTC) that is not yet due at ``now``."""
        return int((now - self.roll_after_s) // DAY_S)

    def raw_from(self, now: float) -> int | None:
        """Return the first day whose readings are kept; None: all."""
        return first_day(self.raw_days, now)


def day_of(at: float) -> int:
    """Return the whole days since 1970 (UTC) of a time; endless ones are the ends of 32 bits."""
    return int(min(max(at, DAYS[0] * DAY_S), DAYS[1] * DAY_S) // DAY_S)


def first_day(days: int, now: float) -> int | None:
    """Return the first of the last ``days`` whole days before today; None for 0: all."""
    return int(now // DAY_S) - days if days else None


def parse_tiers(text: str) -> tuple[Tier, ...]:
    """Return the tiers in ``width:days,…``; Invalid("history_tiers_unreadable")."""
    try:
        pairs = [part.split(":") for part in text.split(",") if part.strip()]
        tiers = tuple(Tier(int(width), int(days)) for width, days in pairs)
    except ValueError as wrong:
        raise Invalid("history_tiers_unreadable", text=text[:80]) from wrong
    widths = [tier.width_s for tier in tiers]
    right = all(0 < width <= DAY_S and DAY_S % width == 0 for width in widths)
    if not right or widths != sorted(set(widths)) or any(tier.days < 0 for tier in tiers):
        raise Invalid("history_tiers_unreadable", text=text[:80])
    return tiers


def fits(width_s: int, ask: Buckets) -> bool:
    """Return whether rows of this width fill the buckets exactly."""
    edges = (ask.every_s, ask.start, ask.stop)
    return ask.agg != "weighted" and all(edge % width_s == 0 for edge in edges)


def choose(widths: list[int], ask: Buckets, *, raw: bool) -> int:
    """Return which rows of a day answer best: the coarsest that fit exactly, else the finest.

    ``widths``: the tiers that the day has; ``raw``: whether it has its readings (0 is returned).
    """
    exact = [width for width in widths if fits(width, ask)]
    if exact:
        return max(exact)
    return 0 if raw else min(widths, default=0)
