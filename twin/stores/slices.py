"""What every store's series and exports share: pages of rows of buckets, days in bounded slices."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from twin.buckets import Buckets, Key
from twin.ports import Recorded
from twin.retention import DAY_S
from twin.stores import limits
from twin.stores.cold.parts import order_of

Member = tuple[int, Key]
"""The number of a series in its store, and what it is of."""
Place = tuple[int, tuple[float, int]]
"""The next member of a day, and how far (observed_at, n) it has been told."""
BEGIN = (float("-inf"), -2)  # before every sample


@dataclass(frozen=True, slots=True)
class Day:
    """What is wanted of one day: its series in order, and the part of the day."""

    members: Sequence[Member]
    start: float
    stop: float


def page_of(
    members: Iterable[Member], ask: Buckets, limit: int, behind: Key
) -> tuple[list[Key], list[Member], bool]:
    """Return the rows of buckets of a page, the series that enter them, and whether there are more.

    ``members`` come by key, from the thing of ``behind`` on (all of them by property).
    """
    inside: dict[Key, list[Member]] = {}
    for count, member in enumerate(members, start=1):
        limits.check_members(count)
        group = ask.group(member[1])
        if group > behind:
            inside.setdefault(group, []).append(member)
        if len(inside) > limit and ask.by != "property":
            break
    groups = sorted(inside)[:limit]
    found = sorted((m for group in groups for m in inside[group]), key=lambda m: m[1])
    return groups, found, len(inside) > limit


async def days(
    members: Sequence[Member],
    span: tuple[float, float],
    begins: Callable[[Sequence[Member], float, float], Awaitable[dict[int, float]]],
    of_day: Callable[[Day, Place], Awaitable[tuple[list[Recorded], Place]]],
) -> AsyncIterator[list[Recorded]]:
    """Yield rows day by day in slices; each is a read of its own: no transaction stays open.

    ``begins(members, at, stop)``: place → first observed_at in the span. ``of_day(day, place)``:
    the rows behind a place and the next place.
    """
    at, stop = span
    members = sorted(members, key=lambda member: order_of(member[1]))
    while found := await begins(members, at, stop):
        first = min(found.values())
        end = min((first // DAY_S + 1) * DAY_S, stop)
        inside = [members[turn] for turn, begin in sorted(found.items()) if begin < end]
        day, place = Day(inside, first, end), (0, BEGIN)
        while place[0] < len(inside):
            rows, place = await of_day(day, place)
            if rows:
                yield rows
        at = end
