"""Many texts resolved at one generation: look-ups for all of them together, searches counted.

texts → own codes and aliases in a few batched calls → what is left is searched (cells, addresses)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread

from cim import query, redirects
from cim.model import Entity, Lifecycle, Verb
from cim.ports import LOOKUP_LIMIT
from identity.errors import CityError, TooLarge
from identity.schemes import Recognition, recognise
from identity.schemes.forms import alias_forms, own_forms
from twin import answers, meanings
from twin.facts import Doors

SEARCHED = frozenset({"beidou", "address"})
"""Schemes whose texts are searched for where no alias holds them."""

Meaning = list[dict[str, Any]] | CityError
"""What one text means, in the short form; or why it means nothing."""


@dataclass(slots=True)
class Searches:
    """How many searches (grid cells, addresses) the texts of one request may still cost."""

    limit: int
    left: int = field(init=False)

    def __post_init__(self) -> None:
        """Begin with all of them."""
        self.left = self.limit

    def take(self) -> None:
        """Count one; TooLarge("searches_limit") when there is none left."""
        if not self.left:
            raise TooLarge("searches_limit", limit=self.limit)
        self.left -= 1


@dataclass(frozen=True, slots=True)
class _Asked:
    """One text in every form it is looked up in."""

    text: str
    read: Sequence[Recognition]
    own: Sequence[str]
    forms: Sequence[tuple[str, str]]

    def values(self) -> list[str]:
        return [self.text, *(value for _, value in self.forms)]


async def resolve_many(
    doors: Doors, g: int, texts: Sequence[str], searches: Searches
) -> list[Meaning]:
    """Return what each text means at ``g``, in their order: {code, kind, name, lifecycle}.

    A code that is gone says ``replaced_by``. A text with the form of a known scheme is looked up
    but never searched; errors are those of ``meanings`` and TooLarge("searches_limit").
    """
    read = await anyio.to_thread.run_sync(lambda: [_read(text) for text in texts])
    known = [each for each in read if isinstance(each, _Asked)]
    entities = await _entities(doors, g, {code for each in known for code in each.own})
    codes = await _aliased(doors, g, [e for e in known if not _own(e, entities)])
    held = {each.text: _own(each, entities) or codes.get(each.text) or [] for each in known}
    left = [each for each in known if not held[each.text]]
    unknown = await anyio.to_thread.run_sync(lambda: {each.text: _unknown(each) for each in left})
    found: list[list[str] | CityError] = []
    for each in read:
        if isinstance(each, CityError):
            found.append(each)
        else:
            led = held[each.text]
            found.append(led or await _searched(doors, g, each.text, unknown[each.text], searches))
    return await _told(doors, g, found)


def _read(text: str) -> _Asked | CityError:
    try:
        wanted = meanings.asked(text)
        if not wanted:
            raise meanings.unknown(wanted, ())
    except CityError as refused:
        return refused
    read = recognise(wanted)
    return _Asked(wanted, read, own_forms(wanted), alias_forms(wanted, read))


def _own(each: _Asked, entities: Mapping[str, Entity]) -> list[str]:
    return [code for code in each.own if code in entities][:1]


async def _aliased(doors: Doors, g: int, wanted: Sequence[_Asked]) -> dict[str, list[str]]:
    """Return text -> codes by alias; what an address leads to is what is located there."""
    aliases: dict[str, Any] = {}
    for piece in _pieces({value for each in wanted for value in each.values()}):
        found = await doors.codes.resolve(g, piece, retired=True)
        aliases |= await meanings.kept(doors, g, found)
    led = {each.text: meanings.meant(each.text, each.forms, aliases) for each in wanted}
    places = {code for codes, at_address in led.values() if at_address for code in codes}
    things: dict[str, list[str]] = {}
    for row in await query.relations(doors.graph, g, places, (Verb.LOCATED_AT,), incoming=True):
        things.setdefault(row.target, []).append(row.source)
    return {
        text: _located(codes, things) if at_address else codes
        for text, (codes, at_address) in led.items()
    }


def _located(codes: Sequence[str], things: Mapping[str, Sequence[str]]) -> list[str]:
    return [thing for code in codes for thing in things.get(code, ())] or list(codes)


def _unknown(each: _Asked) -> tuple[bool, CityError]:
    """Return whether to search a text (a cell, plain words), and what to say if that is in vain.

    What has the form of another scheme stands in no cell and at no address.
    """
    schemes = {reading.scheme for reading in each.read}
    refusal = meanings.unknown(each.text, each.read)
    return not schemes or not schemes.isdisjoint(SEARCHED), refusal


async def _searched(
    doors: Doors, g: int, text: str, unknown: tuple[bool, CityError], searches: Searches
) -> list[str] | CityError:
    wanted, refusal = unknown
    if not wanted:
        return refusal
    try:
        searches.take()
        return await meanings.searched(doors, g, text) or refusal
    except CityError as refused:
        return refused


async def _told(doors: Doors, g: int, found: Sequence[list[str] | CityError]) -> list[Meaning]:
    codes = {code for each in found if not isinstance(each, CityError) for code in each}
    entities = await _entities(doors, g, codes)
    gone = {code for code, held in entities.items() if held.lifecycle is Lifecycle.GONE}
    after = await redirects.survivors(doors.graph, g, gone)
    return [_short(each, entities, after) for each in found]


def _short(
    found: list[str] | CityError, entities: Mapping[str, Entity], after: Mapping[str, list[str]]
) -> Meaning:
    if isinstance(found, CityError):
        return found
    held = [entities[code] for code in dict.fromkeys(found) if code in entities]
    return [_brief(entity, after) for entity in held[: meanings.MEANINGS_MAX]]


def _brief(entity: Entity, after: Mapping[str, list[str]]) -> dict[str, Any]:
    told: dict[str, Any] = {**answers.brief(entity), **answers.flag(entity.code)}
    told["lifecycle"] = entity.lifecycle.value
    if entity.lifecycle is Lifecycle.GONE:
        told["replaced_by"] = after.get(entity.code, [])
    return told


async def _entities(doors: Doors, g: int, codes: Iterable[str]) -> dict[str, Entity]:
    found: dict[str, Entity] = {}
    for piece in _pieces(codes):
        read = await doors.graph.entities(g, piece, ended=True)
        found |= {entity.code: entity for entity in read}
    return found


def _pieces(values: Iterable[str]) -> Iterator[list[str]]:
    flat = sorted(set(values))
    for start in range(0, len(flat), LOOKUP_LIMIT):
        yield flat[start : start + LOOKUP_LIMIT]
