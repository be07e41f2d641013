"""The smallest sets of cells: all of one level, or the coarsest inside and finer at the edge."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from identity.errors import Invalid, TooLarge
from identity.grid_tree import above_of, children_count
from identity.grid_units import LEVEL_MAX

COVER_CELLS_MAX = 10_000


class Node(NamedTuple):
    """A cell that holds some of a shape; ``whole`` if all of the cell lies in the shape.

    Level and code are unique and decide the order; ``part`` is for the one who splits.
    """

    level: int
    code: str
    whole: bool
    part: Any


Split = Callable[[Node], Iterable[Node]]  # the next level's cells that hold some of the shape
Count = Callable[[Node], int]  # how many those are


def check_choice(level: int | None, max_count: int | None) -> None:
    """Raise Invalid("grid_cover_choice") unless one of the two is given; TooLarge for the count."""
    if (level is None) == (max_count is None) or (max_count is not None and max_count < 1):
        raise Invalid("grid_cover_choice", level=level, max_count=max_count)
    if max_count is not None and max_count > COVER_CELLS_MAX:
        raise too_many(max_count)


def too_many(count: int, limit: int = COVER_CELLS_MAX) -> TooLarge:
    """Return TooLarge("grid_cover_limit")."""
    return TooLarge("grid_cover_limit", count=count, limit=limit)


def at_level(roots: Iterable[Node], split: Split, level: int) -> list[str]:
    """Return all cells of ``level`` that hold some of the shape, sorted."""
    found: set[str] = set()
    for code in _leaves(roots, split, level):
        found.add(code)
        if len(found) > COVER_CELLS_MAX:
            raise too_many(len(found))
    return sorted(found)


def by_count(roots: Iterable[Node], split: Split, count: Count, max_count: int) -> list[str]:
    """Return at most ``max_count`` cells of mixed levels, sorted.

    Level by level from the coarsest, the cells that are not whole are split, those with the fewest
    parts (the least use of their room) first, as long as the count allows; last, complete sets of
    children become their parent again. The same input gives the same cells.
    """
    nodes = list(roots)
    if len(nodes) > max_count:
        raise too_many(len(nodes), max_count)
    kept: set[str] = set()
    while nodes:
        kept |= {node.code for node in nodes}
        nodes = _next_level(nodes, split, count, kept, max_count)
    return _merged(kept)


def _next_level(
    nodes: list[Node], split: Split, count: Count, kept: set[str], max_count: int
) -> list[Node]:
    """Return the parts of the cells that are split, and take those cells out of ``kept``."""
    open_nodes = [node for node in nodes if not node.whole and node.level < LEVEL_MAX]
    tried = [(count(node), node.code, node) for node in open_nodes]
    total, parts = len(kept), list[Node]()
    for growth, code, node in sorted(tried, key=lambda one: one[:2]):
        if total - 1 + growth > max_count:
            break
        total += growth - 1
        kept.discard(code)
        parts += split(node)
    return parts


def _leaves(nodes: Iterable[Node], split: Split, level: int) -> Iterator[str]:
    for node in nodes:
        if node.level == level:
            yield node.code
        else:
            yield from _leaves(split(node), split, level)


def _merged(cells: set[str]) -> list[str]:
    """Return the cells with each complete set of children replaced by its parent, sorted."""
    while True:
        families = Counter(above for code in cells if (above := above_of(code)))
        whole = {above for above, kin in families.items() if kin == children_count(above)}
        if not whole:
            return sorted(cells)
        cells = whole | {code for code in cells if above_of(code) not in whole}
