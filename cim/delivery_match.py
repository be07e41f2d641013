"""Which codes a delivery's things have already: by key, by lineage, by likeness (``cim.matching``).

A match gives the thing the code it had; its new GUID becomes an alias of that code, the old one
is retired. Who was matched, why, and who was not is a report kept with the version.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cim import batches, redirects
from cim.delivery_before import Before
from cim.delivery_rows import Delivery, coded
from cim.device import Note
from cim.matching import Match, Thing, match
from cim.merge import Holding, Incoming, Plan, plan
from cim.model import Kind, Verb
from cim.ports import LOOKUP_LIMIT, Graph
from identity.ports import Alias, Codes

FEW_SHARE = 0.5  # of the held GUIDs delivered again: below it the tool gave new ones to all
SURE = 0.99  # where most GUIDs are kept, a new GUID is a new thing, unless a rule is this sure


@dataclass(frozen=True, slots=True)
class Identified:
    """``issued``: key -> code of all that has one; ``held``: holdings under the keys of today.

    ``former``: for each match, new key -> the holding under its former key. ``few``: most of the
    held GUIDs were not delivered again. ``unmatched_*`` are empty when there was nothing to match.
    """

    issued: dict[str, str]
    held: Mapping[str, Holding]
    matches: list[Match] = field(default_factory=list)
    former: Mapping[str, Holding] = field(default_factory=dict)
    unmatched_new: list[Incoming] = field(default_factory=list)
    unmatched_old: list[Holding] = field(default_factory=list)
    few: bool = False


Teller = Callable[[Identified, Sequence[Note]], Awaitable[Mapping[str, Any]]]
"""Keeps the report of a matching, and why devices were not bound; returns facts of the version
(names of blobs, counts)."""


async def identify(
    graph: Graph, codes: Codes, g: int, delivery: Delivery, before: Before
) -> Identified:
    """Find the codes of a delivery's things; what stays without one is new."""
    incoming, project = delivery.incoming, delivery.project
    keys = {item.key for item in incoming}
    missed = {h.code: h for key, h in before.held.items() if key not in keys}
    issued = {key: holding.code for key, holding in before.held.items() if key in keys}
    issued |= {i.key: project for i in incoming if i.kind is Kind.PROJECT}
    known = await _of_lineage(codes, g, incoming, project, issued)
    issued |= await _untaken(graph, g, known, issued)
    found = [
        Match(
            key, code, *(("container", 1.0, "kind") if code == project else ("guid", 1.0, "guid"))
        )
        for key, code in issued.items()
        if key not in before.held and code in missed
    ]
    back = {m.code for m in found}
    missed = {code: h for code, h in missed.items() if code not in back}
    fresh = [i for i in incoming if i.key not in issued and i.scheme == "ifc_guid"]
    few = len(keys & before.held.keys()) < FEW_SHARE * len(before.held)
    if missed and fresh:
        found += await asyncio.to_thread(_alike, incoming, before, issued, 0.0 if few else SURE)
    elif not found:
        return Identified(issued, before.held)
    return replace(_identified(incoming, before, issued, found), few=few)


def _identified(
    incoming: Sequence[Incoming], before: Before, issued: dict[str, str], found: list[Match]
) -> Identified:
    issued |= {m.key: m.code for m in found}
    held_by_code = {h.code: h for h in before.held.values()}
    former = {m.key: held_by_code[m.code] for m in found}
    items = {item.key: item for item in incoming}
    gone = {holding.key for holding in former.values()}
    held = {key: h for key, h in before.held.items() if key not in gone}
    held |= {key: _renewed(h, items[key], issued) for key, h in former.items()}
    return Identified(
        issued,
        held,
        found,
        former,
        [i for i in incoming if i.key not in issued and i.scheme == "ifc_guid"],
        [h for key, h in sorted(held.items()) if key not in items],
    )


def _renewed(holding: Holding, item: Incoming, issued: Mapping[str, str]) -> Holding:
    """Return the holding under its new key, equal in digest where nothing but GUIDs changed."""
    same = holding.traits is not None and holding.traits == coded(item.traits, issued)
    digest = item.digest if same else holding.digest
    return replace(holding, key=item.key, digest=digest)


async def _of_lineage(
    codes: Codes, g: int, incoming: Sequence[Incoming], project: str, issued: Mapping[str, str]
) -> list[Alias]:
    """Find aliases by keys that were ever used; of two of one key the living one counts."""
    fresh = [i for i in incoming if i.key not in issued]
    known: list[Alias] = []
    for scheme, scope in sorted({lineage(i, project) for i in fresh}):
        keys = [i.key for i in fresh if lineage(i, project) == (scheme, scope)]
        for piece in batches.pieces(keys, LOOKUP_LIMIT):
            rows = await codes.resolve(g, piece, scheme=scheme, scope=scope, retired=True)
            known += [min(found, key=lambda alias: alias.retired) for found in rows.values()]
    return sorted(known, key=lambda alias: alias.retired)


async def _untaken(
    graph: Graph, g: int, known: Sequence[Alias], issued: Mapping[str, str]
) -> dict[str, str]:
    """Return key -> code, each code once; a code that redirects is never issued again.

    What it was merged into takes its place; what it was split into does not: that would be a guess.
    """
    ends = await redirects.survivors(graph, g, {alias.code for alias in known})
    taken, answer = set(issued.values()), {}
    for alias in known:
        heirs = ends.get(alias.code, [alias.code])
        if len(heirs) == 1 and heirs[0] not in taken:
            answer[alias.value] = heirs[0]
            taken.add(heirs[0])
    return answer


def lineage(item: Incoming, project: str) -> tuple[str, str]:
    """Return the (scheme, scope) in which the item's key is unique."""
    return item.scheme, "" if item.citywide else project


def _alike(
    incoming: Sequence[Incoming], before: Before, issued: Mapping[str, str], confidence_min: float
) -> list[Match]:
    """Match by likeness what says anything of itself."""
    new = [Thing(i.key, i.traits, i.box_m, i.own_shape) for i in incoming if i.traits]
    old = [
        Thing(h.key, h.traits, h.box_m, h.own_shape, h.code)
        for h in before.held.values()
        if h.traits
    ]
    return match(new, old, issued, confidence_min=confidence_min)


def planned(incoming: Sequence[Incoming], known: Identified) -> Plan:
    """Plan the merge; what only got another GUID is rewritten, but not counted as a change."""
    made = plan(incoming, known.held)
    renewed = [i for i in made.kept if i.key in known.former]
    kept = [i for i in made.kept if i.key not in known.former]
    return Plan(made.added, made.changed, made.moved + renewed, kept, made.removed)


async def elsewhere(graph: Graph, g: int, known: Identified, document: str) -> set[tuple[str, str]]:
    """Return (code, key) of the matched things as other documents hold them."""
    codes = [holding.code for holding in known.former.values()]
    held = await batches.relations(graph, g, codes, Verb.DELIVERED_IN)
    return {(r.source, r.properties["key"]) for r in held if r.target != document}


def report(known: Identified) -> dict[str, list[dict[str, Any]]]:
    """Return the report as JSON values: matches, and what is unmatched on either side."""
    former = known.former
    return {
        "matches": [asdict(m) | {"former_key": former[m.key].key} for m in known.matches],
        "unmatched_new": [_said(i.key, i.traits) for i in known.unmatched_new],
        "unmatched_old": [_said(h.key, h.traits) | {"code": h.code} for h in known.unmatched_old],
    }


def _said(key: str, traits: Any) -> dict[str, Any]:
    return {
        "key": key,
        "sort": traits.sort if traits else "",
        "name": traits.name if traits else "",
    }
