"""What one answer tells of a code, put together from the small questions of the ports.

This is what ``Graph.dossiers`` means. The adapters are held to it (tests/contract/test_dossiers);
those that can read the same in one go do, and come here for what is too much for that.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from cim import query
from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Dossier, Graph
from identity.ports import Codes

WITH_PARTS = (Kind.STOREY, Kind.SPACE)  # their parts' sensors are theirs too


async def compose(graph: Graph, codes: Codes, g: int, wanted: Sequence[str]) -> list[Dossier]:
    """Return the dossiers of codes; unknown ones are absent, ended ones kept."""
    entities = await graph.entities(g, wanted, ended=True)
    known = [entity.code for entity in entities]
    above = await query.paths(graph, g, known)
    ways = {entity.code: [entity, *above[entity.code]] for entity in entities}
    addresses = await query.addresses(graph, g, ways)
    aliases = await codes.aliases(g, known)
    delivered = await query.relations(graph, g, known, (Verb.DELIVERED_IN,))
    found = []
    for entity in entities:
        code = entity.code
        rows = [relation for relation in delivered if relation.source == code]
        observed = await _observed(graph, g, entity)
        sensors = {sensor for held in observed.values() for sensor in held}
        found.append(
            Dossier(
                entity=entity,
                way=above[code],
                address=addresses.get(code),
                aliases=aliases[code],
                counts=await graph.counts(g, code),
                delivered=rows,
                documents=await query.entities(graph, g, documents(entity, rows)),
                observed=observed,
                sensors=await query.entities(graph, g, sensors),
            )
        )
    return found


def documents(entity: Entity, delivered: Sequence[Relation]) -> set[str]:
    """Return the codes of the documents that a thing was delivered in or names. Pure."""
    said = entity.properties.get("document")
    held = {relation.target for relation in delivered}
    return held | {said} if isinstance(said, str) else held


def counted(code: str, below: Iterable[tuple[str, str | None]]) -> dict[Kind, int]:
    """Return how many of each kind are visible of (part, kind or None); the whole is none. Pure."""
    kinds = (kind for part, kind in below if kind is not None and part != code)
    return {Kind(kind): count for kind, count in Counter(kinds).items()}


async def _observed(graph: Graph, g: int, entity: Entity) -> dict[str, list[str]]:
    if entity.kind is Kind.SENSOR:
        rows = await graph.relations(g, [entity.code], (Verb.OBSERVES,))
        return {row.target: [entity.code] for row in rows} or {entity.code: [entity.code]}
    found = await query.observers(graph, g, [entity.code])
    if entity.kind in WITH_PARTS:
        found |= await query.observers_below(graph, g, entity.code)
    return found
