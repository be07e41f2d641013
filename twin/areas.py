"""What lies in an area: a building, a region, or anything else that contains things."""

from collections.abc import Sequence

from cim import query
from cim.model import Kind, Verb
from cim.ports import Graph
from identity.errors import NotFound, TooLarge
from twin.frames import Area

MEMBERS_MAX = 20_000  # things looked at for one area
_REGION_DIGITS = 6  # GB/T 2260; pairs of zeros at its end stand for all that follows


async def area_of(graph: Graph, g: int, text: str) -> Area:
    """Return the area of a code, or of the six digits of a region (GB/T 2260).

    What stands in a building is told by the building beside each state, so a building's parts are
    never walked. Raises NotFound("code_unknown"), TooLarge("area_limit").
    """
    if len(text) == _REGION_DIGITS and text.isdigit():
        return Area(text, region=_prefix(text))
    found = await graph.entities(g, [text])
    if not found:
        raise NotFound("code_unknown", text=text[:80], tried=["code"])
    if found[0].kind is Kind.REGION:
        return Area(text, region=_prefix(text[:_REGION_DIGITS]))
    if found[0].kind is Kind.BUILDING:
        return Area(text)
    return Area(text, members=await _members(graph, g, text))


async def _members(graph: Graph, g: int, code: str) -> frozenset[str]:
    """Return what ``code`` contains, down to buildings and without their parts."""
    seen, level = {code}, [code]
    while level:
        held = await query.relations(graph, g, level, (Verb.CONTAINS,))
        fresh = {relation.target for relation in held} - seen
        seen |= fresh
        if len(seen) > MEMBERS_MAX:
            raise TooLarge("area_limit", area=code, limit=MEMBERS_MAX)
        level = await _open(graph, g, sorted(fresh))
    return frozenset(seen - {code})


async def _open(graph: Graph, g: int, codes: Sequence[str]) -> list[str]:
    known = await query.entities(graph, g, codes)
    return [code for code, entity in known.items() if entity.kind is not Kind.BUILDING]


def _prefix(digits: str) -> str:
    """Return the digits that all codes of a region begin with: 420100 is a city, 4201."""
    return digits.removesuffix("00").removesuffix("00") or digits
