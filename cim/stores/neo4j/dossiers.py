"""Dossiers read in one statement, where what stands round a thing is a short list."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cim import query
from cim.dossiers import WITH_PARTS, counted, documents
from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Dossier
from cim.stores import rows, rules
from cim.stores.neo4j import reads
from cim.stores.neo4j.connections import Connections
from identity.ports import Alias

Counts = dict[Kind, int]


@dataclass(frozen=True, slots=True)
class Read:
    """A row of the statement ``dossiers``."""

    code: str
    g_to: int
    above: list[tuple[str, list[str], list[str]]]
    """(thing, its containers, where it is located), of the code and of whatever contains it."""
    said: list[rows.Row]
    """Relations to documents, and to what a sensor observes."""
    aliases: list[rows.Row]
    heard: list[str]
    """The sensors that observe the code itself."""
    below: list[tuple[str, str | None, list[str]]]
    """(part, its kind where it is visible, its sensors where those are the whole's too)."""
    known: list[rows.Row]
    """The facts of all that is named, and the newest of the code."""

    def is_cut(self, few: int) -> bool:
        """Whether more is to be told than was read; parts that are only counted don't matter."""
        longest = max(len(self.above), len(self.said), len(self.aliases), len(self.heard))
        parted = self.newest().kind in WITH_PARTS
        return longest >= few or (parted and len(self.below) >= few)

    def newest(self) -> Entity:
        """Return the code's newest facts."""
        return next(rows.entity(row) for row in self.known if row[0] == self.code)

    def entity(self, g: int) -> Entity:
        """Return the code's newest facts, as one that is gone where they have ended by ``g``."""
        return rules.gone(self.newest()) if self.g_to <= g else self.newest()

    def visible(self, g: int) -> dict[str, Entity]:
        """Return what of ``known`` is visible at ``g``, by code."""
        found = map(rows.entity, self.known)
        return {e.code: e for e in found if e.code != self.code or g < self.g_to}

    def counts(self) -> Counts:
        """Return how many of each kind it contains, where none were left out."""
        return counted(self.code, ((part, kind) for part, kind, _ in self.below))

    def relations(self, verb: Verb) -> list[Relation]:
        """Return the relations of the code with one verb, by target."""
        found = [rows.relation(row) for row in self.said if row[0] == verb.value]
        return sorted(found, key=lambda relation: relation.target)


async def dossiers(
    db: Connections,
    g: int,
    codes: Sequence[str],
    count: Callable[[int, str], Awaitable[Counts]],
    few: int,
) -> dict[str, Dossier | None]:
    """Return the dossiers of codes; None: too much for one go. Unknown ones are absent.

    ``count`` counts what a code contains where that is a long list.
    """
    asked = list(dict.fromkeys(codes))
    parted = [kind.value for kind in WITH_PARTS]
    told = await db.read("dossiers", g=g, codes=asked, few=few, with_parts=parted)
    read = [Read(*row) for row in told]
    whole = [each for each in read if not each.is_cut(few)]
    known = await _known(db, g, whole)
    found: dict[str, Dossier | None] = {each.code: None for each in read}
    for each in whole:
        crowded = len(each.below) >= few
        counts = await count(g, each.code) if crowded else each.counts()
        found[each.code] = _dossier(each, g, known, counts)
    return found


async def _known(db: Connections, g: int, read: Iterable[Read]) -> dict[str, Entity]:
    """Return all that is visible, and the documents that are named in properties only."""
    known: dict[str, Entity] = {}
    named: set[str] = set()
    for each in read:
        known |= each.visible(g)
        named |= documents(each.entity(g), ())
    missing = sorted(named - known.keys())
    named_only = await reads.entities(db, g, missing, ended=False) if missing else []
    return known | {entity.code: entity for entity in named_only}


def _dossier(read: Read, g: int, known: Mapping[str, Entity], counts: Counts) -> Dossier:
    entity = read.entity(g)
    way = query.chain(read.code, {code: held for code, held, _ in read.above}, known)
    located = {code: min(places) for code, _, places in read.above if places}
    delivered = read.relations(Verb.DELIVERED_IN)
    observed = _observed(read, entity)
    sensors = {sensor for held in observed.values() for sensor in held}
    return Dossier(
        entity=entity,
        way=way,
        address=query.nearest_address([entity, *way], located, known),
        aliases=sorted((Alias(*row) for row in read.aliases), key=rules.alias_order),
        counts=counts,
        delivered=delivered,
        documents=_of(known, documents(entity, delivered)),
        observed=observed,
        sensors=_of(known, sensors),
    )


def _of(known: Mapping[str, Entity], codes: Iterable[str]) -> dict[str, Entity]:
    return {code: known[code] for code in sorted(codes) if code in known}


def _observed(read: Read, entity: Entity) -> dict[str, list[str]]:
    code = entity.code
    if entity.kind is Kind.SENSOR:
        things = [relation.target for relation in read.relations(Verb.OBSERVES)]
        return {thing: [code] for thing in things or [code]}
    held = [(code, read.heard), *((part, sensors) for part, _, sensors in read.below)]
    return {thing: sorted(sensors) for thing, sensors in held if sensors}
