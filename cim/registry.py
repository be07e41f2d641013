"""What happens to codes: retired, merged, split, moved on in life; and all of it undone. Pure.

A Picture is all that the city says of some codes at one generation. A rule turns one into another;
``difference`` is what has to be written to come from one to another, so the inverse of any change
is ``difference(after, before)``. A code that left is ended, never used again, and redirects
(``survivor REPLACES code``). Source: standards, identity §8; GB/T 10114 4.3.5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cim.model import Entity, Kind, Lifecycle, Relation, Verb
from identity.errors import Conflict, Invalid, NotFound
from identity.ports import Alias

SPLIT_MIN, SPLIT_MAX = 2, 100  # codes that one code may become
MANAGED = frozenset({Kind.DOCUMENT, Kind.MODEL, Kind.PROJECT, Kind.DELIVERY})
"""Kinds that uploads make and take away; not changed here."""

MOVES: Mapping[Lifecycle, frozenset[Lifecycle]] = {
    Lifecycle.PLANNED: frozenset({Lifecycle.UNDER_CONSTRUCTION, Lifecycle.IN_USE}),
    Lifecycle.UNDER_CONSTRUCTION: frozenset({Lifecycle.PLANNED, Lifecycle.IN_USE}),
    Lifecycle.IN_USE: frozenset({Lifecycle.UNDER_CONSTRUCTION}),
    Lifecycle.GONE: frozenset(),
}
"""From → to. What is in use may be rebuilt; every living thing may go; what is gone stays gone."""

RelationKey = tuple[Verb, str, str]
AliasKey = tuple[str, str, str]
Note = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """The living entities among some codes, with every relation and alias of theirs."""

    entities: Mapping[str, Entity] = field(default_factory=dict)
    relations: Mapping[RelationKey, Relation] = field(default_factory=dict)
    aliases: Mapping[AliasKey, Alias] = field(default_factory=dict)


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
    entities: Sequence[Entity], relations: Sequence[Relation], aliases: Sequence[Alias]
) -> Picture:
    """Return the picture of these rows."""
    return Picture(
        {row.code: row for row in entities},
        {(row.verb, row.source, row.target): row for row in relations},
        {(row.scheme, row.scope, row.value): row for row in aliases},
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
    return Picture(
        _left(now.entities, patch.end_entities) | dict(put.entities),
        _left(now.relations, patch.end_relations) | dict(put.relations),
        _left(now.aliases, patch.end_aliases) | dict(put.aliases),
    )


def retire(now: Picture, code: str) -> Picture:
    """End a code without a successor; its aliases and its relations end with it.

    Raises NotFound("registry_not_living"), Invalid("registry_managed"),
    Conflict("registry_delivered", "registry_has_parts").
    """
    _leaving(now, code)
    _check_empty(now, code)
    return _without(now, code)


def merge(now: Picture, code: str, into: str, note: Note) -> Picture:
    """End ``code``; what it is called, holds and is observed by goes over to ``into``.

    Raises as ``retire`` does (parts go over) and Invalid("registry_same", "registry_kind").
    """
    if code == into:
        raise Invalid("registry_same", wanted=code)
    _check_kind(_leaving(now, code), living(now, into))
    moved = [_moved(row, code, into) for row in now.relations.values() if _goes_over(row, code)]
    relations = {(r.verb, r.source, r.target): r for r in moved if r.source != r.target}
    aliases = {key: replace(row, code=into) for key, row in now.aliases.items() if row.code == code}
    after = _without(now, code)
    redirect = {(Verb.REPLACES, into, code): Relation(Verb.REPLACES, into, code, note)}
    return Picture(
        after.entities,
        {**relations, **after.relations, **redirect},
        {**after.aliases, **aliases},
    )


def split(now: Picture, code: str, into: Sequence[str], note: Note) -> Picture:
    """End ``code``; each of the living ``into`` replaces it. Its aliases end: they mean neither.

    Raises as ``retire`` does, Invalid("registry_same", "registry_kind", "registry_split_count"),
    Conflict("registry_observed"): whoever knows says what its sensors observe now.
    """
    if not SPLIT_MIN <= len(set(into)) == len(into) <= SPLIT_MAX:
        raise Invalid("registry_split_count", count=len(set(into)), min=SPLIT_MIN, max=SPLIT_MAX)
    if code in into:
        raise Invalid("registry_same", wanted=code)
    old = _leaving(now, code)
    for each in into:
        _check_kind(old, living(now, each))
    _check_empty(now, code)
    sensors = [s for verb, s, target in now.relations if verb is Verb.OBSERVES and target == code]
    if sensors:
        raise Conflict("registry_observed", wanted=code, sensors=sorted(sensors))
    after = _without(now, code)
    redirects = [Relation(Verb.REPLACES, each, code, note) for each in into]
    added = {(row.verb, row.source, row.target): row for row in redirects}
    return replace(after, relations={**after.relations, **added})


def move(now: Picture, code: str, lifecycle: Lifecycle) -> Picture:
    """Move a thing on in its life; "gone" is ``retire``. Conflict("lifecycle_move")."""
    if lifecycle is Lifecycle.GONE:
        return retire(now, code)
    entity = living(now, code)
    if entity.kind in MANAGED:
        raise Invalid("registry_managed", wanted=code, kind=entity.kind.value)
    if lifecycle not in MOVES[entity.lifecycle]:
        allowed = sorted(MOVES[entity.lifecycle] | {Lifecycle.GONE})
        raise Conflict(
            "lifecycle_move", was=entity.lifecycle.value, wanted=lifecycle.value, allowed=allowed
        )
    changed = {**now.entities, code: replace(entity, lifecycle=lifecycle)}
    return replace(now, entities=changed)


def undo(now: Picture, before: Picture, after: Picture) -> Patch:
    """Return what takes the change ``before`` → ``after`` back, ``now`` being what stands.

    Raises Conflict("undo_blocked") where a later change touched the same rows.
    """
    patch = difference(after, before)
    blocked = [
        str(key)
        for held, then, keys in (
            (now.entities, after.entities, _touched(patch.entities, patch.end_entities)),
            (now.relations, after.relations, _touched(patch.relations, patch.end_relations)),
            (now.aliases, after.aliases, _touched(patch.aliases, patch.end_aliases)),
        )
        for key in keys
        if held.get(key) != then.get(key)
    ]
    if blocked:
        raise Conflict("undo_blocked", rows=blocked[:10], count=len(blocked))
    return patch


def living(now: Picture, code: str) -> Entity:
    """Return the living entity of a code; NotFound("registry_not_living")."""
    if code not in now.entities:
        raise NotFound("registry_not_living", wanted=code)
    return now.entities[code]


def _leaving(now: Picture, code: str) -> Entity:
    entity = living(now, code)
    if entity.kind in MANAGED:
        raise Invalid("registry_managed", wanted=code, kind=entity.kind.value)
    for verb, source, target in now.relations:
        if verb is Verb.DELIVERED_IN and source == code:
            raise Conflict("registry_delivered", wanted=code, model=target)
    return entity


def _check_empty(now: Picture, code: str) -> None:
    parts = [t for verb, source, t in now.relations if verb is Verb.CONTAINS and source == code]
    if parts:
        raise Conflict("registry_has_parts", wanted=code, count=len(parts))


def _check_kind(old: Entity, new: Entity) -> None:
    if old.kind is not new.kind:
        raise Invalid("registry_kind", wanted=new.code, kind=new.kind.value, needed=old.kind.value)


def _goes_over(row: Relation, code: str) -> bool:
    return row.verb is not Verb.REPLACES and code in (row.source, row.target)


def _moved(row: Relation, code: str, into: str) -> Relation:
    source = into if row.source == code else row.source
    return replace(row, source=source, target=into if row.target == code else row.target)


def _without(now: Picture, code: str) -> Picture:
    """Leave the code, its aliases and its relations out; redirects stay for ever."""
    return Picture(
        {key: row for key, row in now.entities.items() if key != code},
        {key: row for key, row in now.relations.items() if not _goes_over(row, code)},
        {key: row for key, row in now.aliases.items() if row.code != code},
    )


def _touched(puts: Sequence[Any], ends: Sequence[Any]) -> list[Any]:
    return [*map(_key, puts), *ends]


def _key(row: Entity | Relation | Alias) -> Any:
    if isinstance(row, Entity):
        return row.code
    if isinstance(row, Relation):
        return row.verb, row.source, row.target
    return row.scheme, row.scope, row.value


def _puts(now: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> list[Any]:
    return [row for key, row in wanted.items() if now.get(key) != row]


def _ends(now: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> list[Any]:
    return [key for key in now if key not in wanted]


def _left(rows: Mapping[Any, Any], ends: Sequence[Any]) -> dict[Any, Any]:
    return {key: row for key, row in rows.items() if key not in set(ends)}
