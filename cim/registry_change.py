"""A person changes what codes stand for: one rule of ``cim.registry``, one generation, one reason.

The outbox keeps who did it and why. An undo reads what stood before that generation and writes it
again as a new one, unless a later change stands in the way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cim import batches, registry
from cim.delivery_before import lease
from cim.model import Lifecycle, Verb
from cim.ports import Activation, Graph, Move
from cim.registry import Patch, Picture
from identity.errors import Conflict, Invalid, NotFound
from identity.ports import Codes

EVENT = "registry"
HOLDER = "registry"
REASON_CHARS_MAX = 1_000
FACTS_LOOKED_AT = 100  # newest rows of a code among which its last change is looked for

Rule = Callable[[Picture, Mapping[str, Any]], Picture]


@dataclass(frozen=True, slots=True)
class Registry:
    """The stores a change of the register touches; both are of the same graph."""

    graph: Graph
    codes: Codes
    wait_s: float

    async def retire(self, code: str, *, who: str, why: str) -> dict[str, Any]:
        """End a code; see ``cim.registry.retire``."""
        return await self._change("retire", [code], lambda p, _: registry.retire(p, code), who, why)

    async def merge(self, code: str, into: str, *, who: str, why: str) -> dict[str, Any]:
        """End a code in favour of another; see ``cim.registry.merge``."""

        def rule(now: Picture, note: Mapping[str, Any]) -> Picture:
            return registry.merge(now, code, into, note)

        return await self._change("merge", [code, into], rule, who, why)

    async def split(self, code: str, into: Sequence[str], *, who: str, why: str) -> dict[str, Any]:
        """End a code in favour of several; see ``cim.registry.split``."""

        def rule(now: Picture, note: Mapping[str, Any]) -> Picture:
            return registry.split(now, code, into, note)

        return await self._change("split", [code, *into], rule, who, why)

    async def move(self, code: str, to: Lifecycle, *, who: str, why: str) -> dict[str, Any]:
        """Move a thing on in its life; see ``cim.registry.move``."""
        return await self._change(
            "lifecycle", [code], lambda p, _: registry.move(p, code, to), who, why, to=to.value
        )

    async def undo(
        self, code: str, generation: int | None, *, who: str, why: str
    ) -> dict[str, Any]:
        """Take a change of a code back; without ``generation`` the last that still stands.

        Raises NotFound("undo_none"), Conflict("undo_blocked").
        """
        check_reason(who, why)
        async with lease(self.graph, HOLDER, self.wait_s) as activation:
            done = await self._done(activation.base, code, generation)
            codes = list(done.event["codes"])
            now = await self._picture(activation.base, codes)
            before = await self._picture(done.generation - 1, codes)
            after = await self._picture(done.generation, codes)
            patch = registry.undo(now, before, after)
            await self._check_ends(activation.base, patch)
            told = {"action": "undo", "undoes": done.generation, "undone": done.event["action"]}
            return await self._write(activation, patch, codes, told, who, why)

    async def _change(
        self, action: str, codes: Sequence[str], rule: Rule, who: str, why: str, **facts: Any
    ) -> dict[str, Any]:
        check_reason(who, why)
        async with lease(self.graph, HOLDER, self.wait_s) as activation:
            now = await self._picture(activation.base, codes)
            note = {"action": action, "generation": activation.generation}
            patch = registry.difference(now, rule(now, note))
            told = {"action": action, **facts}
            return await self._write(activation, patch, codes, told, who, why)

    async def _write(  # noqa: PLR0917 - the words of one event
        self,
        activation: Activation,
        patch: Patch,
        codes: Sequence[str],
        told: Mapping[str, Any],
        who: str,
        why: str,
    ) -> dict[str, Any]:
        rows = {name: getattr(patch, name) for name in Patch.__dataclass_fields__}
        for batch in batches.batches(**rows):
            await activation.write(batch)
        event = {"event": EVENT, **told, "codes": list(codes), "who": who, "why": why}
        head = await activation.commit(event)
        return {"code": codes[0], **event, "generation": head.generation}

    async def _picture(self, g: int, codes: Sequence[str]) -> Picture:
        verbs = list(Verb)
        relations = [
            *await self.graph.relations(g, codes, verbs),
            *await self.graph.relations(g, codes, verbs, incoming=True),
        ]
        aliases = await self.codes.aliases(g, codes)
        held = await self.graph.entities(g, codes)
        return registry.picture(held, relations, [a for rows in aliases.values() for a in rows])

    async def _done(self, g: int, code: str, generation: int | None) -> Move:
        """Return the change to take back; one that is undone already stands no more."""
        if generation is not None:
            move = await move_of(self.graph, generation)
            if move is None or generation > g or code not in _codes(move):
                raise NotFound("undo_none", wanted=code)
            return move
        undone: set[int] = set()
        for number in await generations(self.graph, g, code):
            move = await move_of(self.graph, number)
            if move is None or code not in _codes(move):
                continue
            if "undoes" in move.event:
                undone.add(int(move.event["undoes"]))
            elif number not in undone:
                return move
        raise NotFound("undo_none", wanted=code)

    async def _check_ends(self, g: int, patch: Patch) -> None:
        """Raise when a relation would be restored to a thing that has left meanwhile."""
        joins = [row for row in patch.relations if row.verb is not Verb.REPLACES]
        ends = {code for row in joins for code in (row.source, row.target)}
        others = sorted(ends - {row.code for row in patch.entities})
        living = await batches.entities(self.graph, g, others)
        gone = [code for code in others if code not in living]
        if gone:
            raise Conflict("undo_blocked", rows=gone[:10], count=len(gone))


async def generations(graph: Graph, g: int, code: str) -> list[int]:
    """Return the generations at which something happened to a code, newest first (a bounded few).

    Its facts began or ended there, or it took the place of another (the redirect says when).
    """
    rows = await graph.history(g, code, limit=FACTS_LOOKED_AT)
    found = {row.g_from for row in rows} | {row.g_to for row in rows if row.g_to is not None}
    return sorted(found | set(await replaced_at(graph, g, code)), reverse=True)


async def replaced_at(graph: Graph, g: int, code: str) -> list[int]:
    """Return the generations at which ``code`` took the place of others, as redirects say."""
    rows = await graph.relations(g, [code], [Verb.REPLACES])
    return [int(row.properties["generation"]) for row in rows if "generation" in row.properties]


async def move_of(graph: Graph, generation: int) -> Move | None:
    """Return the move of head that made a generation."""
    moves = await graph.moves(generation - 1, limit=1)
    return moves[0] if moves and moves[0].generation == generation else None


def check_reason(who: str, why: str) -> None:
    """Raise Invalid("reason_invalid") unless somebody says why, in REASON_CHARS_MAX at most."""
    for name, text in (("who", who), ("why", why)):
        if not text.strip() or len(text) > REASON_CHARS_MAX:
            raise Invalid("reason_invalid", field=name, length_max=REASON_CHARS_MAX)


def _codes(move: Move) -> Sequence[str]:
    return move.event.get("codes", ()) if move.event.get("event") == EVENT else ()
