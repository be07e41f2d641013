"""A Picture is all that the city says of some codes at one generation; a Patch leads to another.

Pure. ``difference`` is what has to be written to come from one to another, so the inverse of any
change is ``difference(after, before)``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cim.model import Entity, Relation, Verb
from identity.ports import Alias

RelationKey = tuple[Verb, str, str]
AliasKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Picture:
    """The living entities among some codes, with every relation and alias of theirs.

    ``gone``: the last facts of those that left. They are read, never written: not compared.
    """

    entities: Mapping[str, Entity] = field(default_factory=dict)
    relations: Mapping[RelationKey, Relation] = field(default_factory=dict)
    aliases: Mapping[AliasKey, Alias] = field(default_factory=dict)
    gone: Mapping[str, Entity] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Patch:
    """The rows to put and to end; of equal pictures it is empty."""

    entities: Sequence[Entity]
    relations: Sequence[Relation]
    aliases: Sequence[Alias]
    end_entities: Sequence[str]
    end_relations: Sequence[RelationKey]
    end_aliases: Sequence[AliasKey]


def picture(
    entities: Sequence[Entity],
    relations: Sequence[Relation],
    aliases: Sequence[Alias],
    gone: Sequence[Entity] = (),
) -> Picture:
    """Return the picture of these rows."""
    return Picture(
        {row.code: row for row in entities},
        {key_of(row): row for row in relations},
        {(row.scheme, row.scope, row.value): row for row in aliases},
        {row.code: row for row in gone},
    )


def difference(now: Picture, wanted: Picture) -> Patch:
    """Return what turns ``now`` into ``wanted``."""
    return Patch(
        _puts(now.entities, wanted.entities),
        _puts(now.relations, wanted.relations),
        _puts(now.aliases, wanted.aliases),
        _ends(now.entities, wanted.entities),
        _ends(now.relations, wanted.relations),
        _ends(now.aliases, wanted.aliases),
    )


def apply(now: Picture, patch: Patch) -> Picture:
    """Return the picture after the patch: ends first, then puts."""
    put = picture(patch.entities, patch.relations, patch.aliases)
    entities = _left(now.entities, patch.end_entities) | dict(put.entities)
    known = {**now.gone, **now.entities}
    return Picture(
        entities,
        _left(now.relations, patch.end_relations) | dict(put.relations),
        _left(now.aliases, patch.end_aliases) | dict(put.aliases),
        {code: row for code, row in known.items() if code not in entities},
    )


def touched(patch: Patch) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the keys of a patch's rows: entities, relations, aliases."""
    aliases = [(row.scheme, row.scope, row.value) for row in patch.aliases]
    return (
        [*(row.code for row in patch.entities), *patch.end_entities],
        [*map(key_of, patch.relations), *patch.end_relations],
        [*aliases, *patch.end_aliases],
    )


def key_of(row: Relation) -> RelationKey:
    """Return what a relation is unique by."""
    return row.verb, row.source, row.target


def _puts(now: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> list[Any]:
    return [row for key, row in wanted.items() if now.get(key) != row]


def _ends(now: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> list[Any]:
    return [key for key in now if key not in wanted]


def _left(rows: Mapping[Any, Any], ends: Sequence[Any]) -> dict[Any, Any]:
    ended = set(ends)
    return {key: row for key, row in rows.items() if key not in ended}
