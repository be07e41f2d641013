"""Where codes that left lead to: ``survivor REPLACES code``, followed to its ends.

Redirects make no cycle (``cim.registry`` says why), but a chain grows with every merge of a
survivor, and a split gives a chain several ends.
"""

from collections.abc import Iterable, Mapping, Sequence

from cim import batches
from cim.model import Verb
from cim.ports import Graph

CHAIN_MAX = 100  # redirects followed one behind the other; beyond, the last code reached is told
ENDS_MAX = 1_000  # codes that one code may end in


async def heirs(graph: Graph, g: int, codes: Iterable[str]) -> dict[str, list[str]]:
    """Return code -> what replaces it directly, of the codes and of all that replaced them."""
    found: dict[str, list[str]] = {}
    level = sorted(set(codes))
    for _ in range(CHAIN_MAX):
        rows = await batches.relations(graph, g, level, Verb.REPLACES, incoming=True)
        for row in rows:
            found.setdefault(row.target, []).append(row.source)
        level = sorted({row.source for row in rows} - found.keys())
        if not level:
            break
    return found


async def survivors(graph: Graph, g: int, codes: Iterable[str]) -> dict[str, list[str]]:
    """Return the ends of each code's redirects, sorted; a code without any is absent."""
    known = await heirs(graph, g, codes)
    return {code: final(code, known) for code in codes if code in known}


def final(code: str, heirs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return where a code's redirects end, sorted: itself where it has none. At most ENDS_MAX."""
    ends: set[str] = set()
    seen, level = {code}, [code]
    for _ in range(CHAIN_MAX):
        ends |= {each for each in level if not heirs.get(each)}
        level = sorted({heir for each in level for heir in heirs.get(each, ())} - seen)[:ENDS_MAX]
        seen |= set(level)
        if not level:
            break
    return sorted({*ends, *level})[:ENDS_MAX]
