"""What happens to codes: retired, merged, split, moved on in life; and all of it undone. Pure.

A rule turns one Picture (``cim.registry_picture``) into another. A code that left is ended, never
used again, and redirects (``survivor REPLACES code``). Because a redirect is made to a living code
only, and a code with a redirect never lives again unless that redirect is undone, redirects make no
cycle (``cim.redirects``). Source: standards, identity §8; GB/T 10114 4.3.5.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cim.model import Entity, Kind, Lifecycle, Relation, Verb
from cim.redirects import final
from cim.registry_picture import Patch, Picture, apply, difference, key_of, touched
from identity import code as uic
from identity.errors import Conflict, Invalid, NotFound

SPLIT_MIN, SPLIT_MAX = 2, 100  # codes that one code may become
MANAGED = frozenset({Kind.DOCUMENT, Kind.MODEL, Kind.PROJECT, Kind.DELIVERY})
"""Kinds that uploads make and take away; not changed here."""
STOOD = "stood"  # in a redirect: one of the two lived without any document, so the survivor may

MOVES: Mapping[Lifecycle, frozenset[Lifecycle]] = {
    Lifecycle.PLANNED: frozenset({Lifecycle.UNDER_CONSTRUCTION, Lifecycle.IN_USE}),
    Lifecycle.UNDER_CONSTRUCTION: frozenset({Lifecycle.PLANNED, Lifecycle.IN_USE}),
    Lifecycle.IN_USE: frozenset({Lifecycle.UNDER_CONSTRUCTION}),
    Lifecycle.GONE: frozenset(),
}
"""From → to. What is in use may be rebuilt; every living thing may go; what is gone stays gone."""

Note = Mapping[str, Any]


def retire(now: Picture, code: str) -> Picture:
    """End a code without a successor; its aliases and its relations end with it.

    Raises NotFound("registry_not_living"), Invalid("registry_managed"),
    Conflict("registry_delivered", "registry_has_parts").
    """
    _check_undelivered(now, _managed(living(now, code)))
    _check_empty(now, code)
    return _without(now, code)


def merge(now: Picture, code: str, into: str, note: Note) -> Picture:
    """End ``code``; what it is called, holds, is held and observed by goes over to ``into``.

    Also of a code that is gone already: only its redirect is new then. Documents that deliver
    ``code`` deliver ``into`` from now on. Raises NotFound("registry_not_living"),
    Invalid("registry_managed", "registry_same", "registry_kind", "registry_root"),
    Conflict("registry_same_document", "registry_redirected").
    """
    if code == into:
        raise Invalid("registry_same", wanted=code)
    _check_kind(_leaving(now, code), living(now, into))
    _check_root(now, code, into)
    _check_documents(now, code, into)
    if _stands(now, code) or _stands(now, into):
        note = {**note, STOOD: True}
    moved = [_moved(row, code, into) for row in now.relations.values() if _goes_over(row, code)]
    relations = {key_of(row): row for row in moved if row.source != row.target}
    aliases = {key: replace(row, code=into) for key, row in now.aliases.items() if row.code == code}
    after = _without(now, code)
    redirect = Relation(Verb.REPLACES, into, code, note)
    return replace(
        after,
        relations={**relations, **after.relations, key_of(redirect): redirect},
        aliases={**after.aliases, **aliases},
    )


def split(now: Picture, code: str, into: Sequence[str], note: Note) -> Picture:
    """End ``code``; each of the living ``into`` replaces it. Its aliases end: they mean neither.

    Also of a code that is gone already. Raises as ``retire`` and ``merge`` do,
    Invalid("registry_split_count"), Conflict("registry_observed"): whoever knows says what its
    sensors observe now.
    """
    if not SPLIT_MIN <= len(set(into)) == len(into) <= SPLIT_MAX:
        raise Invalid("registry_split_count", count=len(set(into)), min=SPLIT_MIN, max=SPLIT_MAX)
    if code in into:
        raise Invalid("registry_same", wanted=code)
    old = _leaving(now, code)
    _check_undelivered(now, old)
    for each in into:
        _check_kind(old, living(now, each))
        _check_root(now, code, each)
    _check_empty(now, code)
    sensors = [s for verb, s, target in now.relations if verb is Verb.OBSERVES and target == code]
    if sensors:
        raise Conflict("registry_observed", wanted=code, sensors=sorted(sensors))
    after = _without(now, code)
    redirects = [Relation(Verb.REPLACES, each, code, note) for each in into]
    added = {key_of(row): row for row in redirects}
    return replace(after, relations={**after.relations, **added})


def move(now: Picture, code: str, lifecycle: Lifecycle) -> Picture:
    """Move a thing on in its life; "gone" is ``retire``. Conflict("lifecycle_move")."""
    if lifecycle is Lifecycle.GONE:
        return retire(now, code)
    entity = _managed(living(now, code))
    if lifecycle not in MOVES[entity.lifecycle]:
        allowed = sorted(MOVES[entity.lifecycle] | {Lifecycle.GONE})
        raise Conflict(
            "lifecycle_move", was=entity.lifecycle.value, wanted=lifecycle.value, allowed=allowed
        )
    changed = {**now.entities, code: replace(entity, lifecycle=lifecycle)}
    return replace(now, entities=changed)


def undo(now: Picture, before: Picture, after: Picture) -> Patch:
    """Return what takes the change ``before`` → ``after`` back, ``now`` being what stands.

    Raises Conflict("undo_blocked") where a later change touched the same rows, or redirected a
    code that would live again.
    """
    patch = difference(after, before)
    pairs: Sequence[tuple[Mapping[Any, Any], Mapping[Any, Any]]] = (
        (now.entities, after.entities),
        (now.relations, after.relations),
        (now.aliases, after.aliases),
    )
    blocked = [
        str(key)
        for (held, then), keys in zip(pairs, touched(patch), strict=True)
        for key in keys
        if held.get(key) != then.get(key)
    ]
    refuse_blocked(blocked or _redirected_wrongly(apply(now, patch), patch))
    return patch


def refuse_blocked(rows: Sequence[str]) -> None:
    """Raise Conflict("undo_blocked") where there are rows in the way."""
    if rows:
        raise Conflict("undo_blocked", rows=list(rows[:10]), count=len(rows))


def living(now: Picture, code: str) -> Entity:
    """Return the living entity of a code; NotFound("registry_not_living")."""
    if code not in now.entities:
        raise NotFound("registry_not_living", wanted=code)
    return now.entities[code]


def replaced_by(now: Picture, code: str) -> list[str]:
    """Return what replaces a code directly, as far as the picture knows."""
    return sorted(s for verb, s, t in now.relations if verb is Verb.REPLACES and t == code)


def documents(now: Picture, code: str) -> set[str]:
    """Return the documents that deliver a code."""
    return {t for verb, s, t in now.relations if verb is Verb.DELIVERED_IN and s == code}


def stood(redirects: Iterable[Relation]) -> set[str]:
    """Return the survivors of ``redirects`` that may live without a document."""
    return {row.source for row in redirects if row.properties.get(STOOD)}


def _leaving(now: Picture, code: str) -> Entity:
    """Return what a code stands or stood for; Conflict("registry_redirected") if it redirects."""
    if code not in now.entities and code not in now.gone:
        raise NotFound("registry_not_living", wanted=code)
    if code in now.entities:
        return _managed(now.entities[code])
    heirs = replaced_by(now, code)
    if heirs:
        raise Conflict("registry_redirected", wanted=code, replaced_by=heirs)
    return _managed(now.gone[code])


def _managed(entity: Entity) -> Entity:
    if entity.kind in MANAGED:
        raise Invalid("registry_managed", wanted=entity.code, kind=entity.kind.value)
    return entity


def _check_undelivered(now: Picture, entity: Entity) -> None:
    models = documents(now, entity.code)
    if models:
        raise Conflict("registry_delivered", wanted=entity.code, model=min(models))


def _check_documents(now: Picture, code: str, into: str) -> None:
    """One document can't hold one code twice: it says itself that these are two things."""
    both = documents(now, code) & documents(now, into)
    if both:
        raise Conflict("registry_same_document", wanted=code, into=into, model=min(both))


def _check_empty(now: Picture, code: str) -> None:
    parts = [t for verb, source, t in now.relations if verb is Verb.CONTAINS and source == code]
    if parts:
        raise Conflict("registry_has_parts", wanted=code, count=len(parts))


def _check_kind(old: Entity, new: Entity) -> None:
    if old.kind is not new.kind:
        raise Invalid("registry_kind", wanted=new.code, kind=new.kind.value, needed=old.kind.value)


def _check_root(now: Picture, code: str, into: str) -> None:
    """Parts go over within one root, or within what replaced it."""
    roots = [set(final(uic.root_of(part), _heirs(now))) for part in (code, into)]
    if "-" in code and not roots[0] & roots[1]:
        raise Invalid("registry_root", wanted=code, into=into, roots=[min(each) for each in roots])


def _heirs(now: Picture) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for verb, source, target in now.relations:
        if verb is Verb.REPLACES:
            found.setdefault(target, []).append(source)
    return found


def _stands(now: Picture, code: str) -> bool:
    """Whether a living code needs no document: it has none, or took such a one's place."""
    if code not in now.entities:
        return False
    mine = [row for key, row in now.relations.items() if key[:2] == (Verb.REPLACES, code)]
    return not documents(now, code) or bool(stood(mine))


def _redirected_wrongly(result: Picture, patch: Patch) -> list[str]:
    """Name redirects of what would live again, and restored ones to what lives no more."""
    restored = {row.code for row in patch.entities}
    put = set(touched(patch)[1])
    return [
        str(key)
        for key in result.relations
        if key[0] is Verb.REPLACES
        and (key in put or key[2] in restored)
        and (key[2] in result.entities or key[1] not in result.entities)
    ]


def _goes_over(row: Relation, code: str) -> bool:
    return row.verb is not Verb.REPLACES and code in (row.source, row.target)


def _moved(row: Relation, code: str, into: str) -> Relation:
    source = into if row.source == code else row.source
    return replace(row, source=source, target=into if row.target == code else row.target)


def _without(now: Picture, code: str) -> Picture:
    """Leave the code, its aliases and its relations out; redirects stay for ever."""
    left = {code: now.entities[code]} if code in now.entities else {}
    return Picture(
        {key: row for key, row in now.entities.items() if key != code},
        {key: row for key, row in now.relations.items() if not _goes_over(row, code)},
        {key: row for key, row in now.aliases.items() if row.code != code},
        {**now.gone, **left},
    )
