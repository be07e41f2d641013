"""What happened to a code, newest first: its facts compared, and the event that says who and why.

A fact that begins where another ends is a change of fields; one that begins alone came (or came
back); one that ends alone went. Taking the place of another code is told by its redirect; foreign
codes that came or went are told as a field, or alone where nothing else changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cim.model import Entity
from cim.ports import Fact, Graph
from cim.registry_change import move_of, replaced_at
from identity.errors import NotFound
from identity.ports import AliasFact, Codes
from twin.times import rfc3339

CHANGES_MAX = 200  # items of one page: each asks for its event
NAMES_MAX = 1_000  # aliases looked at, the newest first
FIELDS = ("kind", "name", "lifecycle", "lon", "lat", "height_m", "box", "grid2d")
TOLD = (
    *("event", "action", "who", "why", "model", "version", "project", "codes"),
    *("undoes", "undone", "key", "before", "after", "undo", "to"),
)
"""What an event tells of a change, where it says it."""

NAMES = "aliases"
_LINKED = {(False, True): "linked", (True, False): "unlinked", (True, True): "relinked"}

Step = tuple[int, str, dict[str, Any]]
"""generation, kind, {field: before, after}.

Kinds: created | changed | ended | restored | replaced_others | linked | unlinked | relinked.
"""


async def changes(
    graph: Graph, codes: Codes, g: int, code: str, *, limit: int, before: int | None = None
) -> tuple[list[dict[str, Any]], int | None]:
    """Return what happened to ``code`` and the generation below which the next page begins.

    ``limit``: changes told. Raises NotFound("code_unknown") for a code that never was.
    """
    facts = await graph.history(g, code, limit=limit + 1, before=before)
    if not facts and before is None:
        raise NotFound("code_unknown", text=code[:80], tried=["code"])
    shown = facts[:limit]
    following = shown[-1].g_from if len(facts) > limit else None
    window = range(following or 0, g + 1 if before is None else min(before, g + 1))
    told = {step[0]: step for step in steps(facts, len(shown), before) if step[0] in window}
    for at in await replaced_at(graph, g, code):
        if at in window:
            told.setdefault(at, (at, "replaced_others", {}))
    _name(told, relinked(await codes.alias_history(g, code, limit=NAMES_MAX)), window)
    newest = sorted(told, reverse=True)
    if len(newest) > limit:
        newest = newest[:limit]
        following = newest[-1]
    return [await _told(graph, told[at]) for at in newest], following


def relinked(names: Sequence[AliasFact]) -> dict[int, dict[str, list[str]]]:
    """Return generation → {"before": codes that went, "after": codes that came}."""
    found: dict[int, dict[str, list[str]]] = {}
    for fact in names:
        text = f"{fact.alias.scheme}:{fact.alias.value}"
        for at, side in ((fact.g_from, "after"), (fact.g_to, "before")):
            if at is not None:
                found.setdefault(at, {"before": [], "after": []})[side].append(text)
    return {at: changed for at, sides in found.items() if (changed := _differing(sides))}


def _name(told: dict[int, Step], names: Mapping[int, dict[str, list[str]]], window: range) -> None:
    """Tell of the names that came and went: beside other fields, or as a change of their own.

    A thing that came or went as a whole came or went with its names.
    """
    for at, sides in names.items():
        if at in window and at not in told:
            kind = _LINKED[bool(sides["before"]), bool(sides["after"])]
            told[at] = at, kind, {NAMES: sides}
        elif at in window and told[at][1] in {"changed", "replaced_others"}:
            told[at][2][NAMES] = sides


def _differing(sides: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Leave out what was put anew as it was; {} where nothing differs."""
    same = {*sides["before"]} & {*sides["after"]}
    left = {side: [text for text in texts if text not in same] for side, texts in sides.items()}
    return left if any(left.values()) else {}


def steps(facts: Sequence[Fact], shown: int, newer: int | None) -> Iterator[Step]:
    """Yield what happened in the first ``shown`` facts (newest first); ``newer`` begins above."""
    for number, fact in enumerate(facts[:shown]):
        if fact.g_to is not None and fact.g_to != newer:
            yield fact.g_to, "ended", {}
        older = facts[number + 1] if number + 1 < len(facts) else None
        if older is None:
            yield fact.g_from, "created", {}
        else:
            said = "changed" if older.g_to == fact.g_from else "restored"
            yield fact.g_from, said, compared(older.entity, fact.entity)
        newer = fact.g_from


def compared(old: Entity, new: Entity) -> dict[str, Any]:
    """Return {field: {"before", "after"}} of what differs; properties by their names."""
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in FIELDS}
    names = sorted({*old.properties, *new.properties})
    for name in names:
        pairs[f"properties.{name}"] = (old.properties.get(name), new.properties.get(name))
    return {name: {"before": was, "after": now} for name, (was, now) in pairs.items() if was != now}


async def _told(graph: Graph, step: Step) -> dict[str, Any]:
    generation, change, fields = step
    move = await move_of(graph, generation)
    event: Mapping[str, Any] = move.event if move else {}
    return {
        "generation": generation,
        "at": rfc3339(move.at) if move else None,
        "change": change,
        "fields": fields,
        "cause": {name: event[name] for name in TOLD if name in event},
    }
