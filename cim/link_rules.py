"""What stands against a link: each checked row against what the city holds. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from cim.links import Checked, Link, Refusal, Unwanted, shown
from cim.model import Entity
from identity.errors import Invalid
from identity.ports import Alias
from identity.schemes import Opaque, Problem, read_as


@dataclass(frozen=True, slots=True)
class Standing:
    """What the city holds of what some links name, and what the links before them took.

    ``things``: typed thing → the living entities it may mean; ``gone``: typed thing → what replaced
    it; ``holders``: (scheme, value) → living aliases; ``owned``: documents the caller brought
    (None: the caller may link anything); ``taken`` grows: (scope, scheme, value) → (code, row).
    """

    things: Mapping[str, Sequence[Entity]]
    gone: Mapping[str, Sequence[str]]
    holders: Mapping[tuple[str, str], Sequence[Alias]]
    owned: frozenset[str] | None = None
    taken: dict[tuple[str, str, str], tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a checked row: an alias to put, or a refusal; neither: it stands already."""

    row: int
    alias: Alias | None = None
    refusal: Refusal | None = None


def decide(checked: Iterable[Checked], standing: Standing) -> Iterator[Decision]:
    """Yield what becomes of every checked link, in order; rows refused before yield nothing."""
    for each in checked:
        if each.link is not None:
            yield _decided(each.row, each.link, standing)


def meant(
    held: Iterable[Alias], wanted: Unwanted, *, opaque: Sequence[Opaque] | None = None
) -> Alias | None:
    """Return the one alias among ``held`` that is meant, typed in any form; None: none or more."""
    values = {wanted.value, wanted.value.strip()}
    with suppress(Invalid):
        values.add(read_as(wanted.scheme, wanted.value, opaque=opaque).canonical)
    named = (a for a in held if a.scheme == wanted.scheme and a.value in values)
    found = [alias for alias in named if wanted.scope in {None, alias.scope}]
    return found[0] if len(found) == 1 else None


def is_owned(thing: Entity, owned: frozenset[str]) -> bool:
    """Whether one of the documents ``owned`` brought the thing."""
    return thing.properties.get("document") in owned


def _decided(row: int, link: Link, standing: Standing) -> Decision:
    thing = _thing(link, standing)
    if isinstance(thing, Problem):
        return Decision(row, refusal=Refusal("code", thing, shown(link.thing)))
    key = link.key(thing.code)
    taken = (key[1], key[0], key[2])
    stands = any((a.scope, a.code) == (key[1], thing.code) for a in _holders(link, standing))
    if stands or standing.taken.get(taken, ("", 0))[0] == thing.code:
        return Decision(row)
    other = _other_holder(link, key[1], thing.code, standing)
    if other is not None:
        return Decision(row, refusal=Refusal("value", other, shown(link.value)))
    standing.taken[taken] = thing.code, row
    return Decision(row, Alias(*key, thing.code, link.source, link.confidence))


def _thing(link: Link, standing: Standing) -> Entity | Problem:
    """Return the one living thing that a link means and its caller may name."""
    found = standing.things.get(link.thing, ())
    if len(found) > 1:
        codes = " ".join(entity.code for entity in found[:10])
        return Problem("link_thing_ambiguous", None, codes, shown(link.thing), link.scheme)
    if not found and link.thing in standing.gone:
        heirs = " ".join(standing.gone[link.thing])
        return Problem("link_thing_gone", None, heirs, shown(link.thing), link.scheme)
    if not found:
        return Problem("link_thing_unknown", None, "", shown(link.thing), link.scheme)
    if standing.owned is not None and not is_owned(found[0], standing.owned):
        return Problem("link_of_another", None, "", shown(link.thing), link.scheme)
    return found[0]


def _holders(link: Link, standing: Standing) -> Sequence[Alias]:
    return standing.holders.get((link.scheme, link.value), ())


def _other_holder(link: Link, scope: str, code: str, standing: Standing) -> Problem | None:
    """Return that another thing carries the code, under any of its names in the same scope."""
    for scheme, value in link.forms:
        for alias in standing.holders.get((scheme, value), ()):
            if alias.scope == scope and alias.code != code:
                return Problem("link_taken", None, "", alias.code, link.scheme)
        before = standing.taken.get((scope, scheme, value))
        if before is not None and before[0] != code:
            return Problem("link_repeated", None, str(before[1]), before[0], link.scheme)
    return None
