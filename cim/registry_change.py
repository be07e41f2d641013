"""A person changes what codes stand for: one rule of ``cim.registry``, one generation, one reason.

The outbox keeps who did it and why. An undo reads what stood before that generation and writes it
again as a new one, unless a later change stands in the way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cim import batches, links, query, redirects, registry
from cim.delivery_before import lease
from cim.model import Lifecycle, Relation, Verb
from cim.named import holders
from cim.ports import Activation, Blobs, Graph, Move
from cim.registry_parts import following, handovers, newcomers
from cim.registry_picture import Patch, Picture, difference, picture
from identity import code as uic
from identity.errors import Invalid, NotFound
from identity.ports import Codes

EVENT = "registry"
MERGE = "merge"
HOLDER = "registry"
REASON_CHARS_MAX = 1_000
FACTS_LOOKED_AT = 100  # newest rows of a code among which its last change is looked for

Rule = Callable[[Picture, Mapping[str, Any]], Picture]


@dataclass(frozen=True, slots=True)
class Registry:
    """The stores a change of the register touches: one graph, and the bytes of its tiles."""

    graph: Graph
    codes: Codes
    blobs: Blobs
    wait_s: float

    async def retire(self, code: str, *, who: str, why: str) -> dict[str, Any]:
        """End a code; see ``cim.registry.retire``."""
        return await self._change("retire", [code], lambda p, _: registry.retire(p, code), who, why)

    async def merge(self, code: str, into: str, *, who: str, why: str) -> dict[str, Any]:
        """End a code in favour of another; see ``cim.registry.merge``.

        Raises also Invalid("registry_inside") where one of the two contains the other, and
        TooLarge("registry_parts_limit").
        """

        def rule(now: Picture, note: Mapping[str, Any]) -> Picture:
            return registry.merge(now, code, into, note)

        return await self._change(MERGE, [code, into], rule, who, why)

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
            await self._check_newcomers(activation.base, patch, now, after)
            await self._check_names(activation.base, patch, codes)
            told = {"action": "undo", "undoes": done.generation, "undone": done.event["action"]}
            return await self._write(activation, patch, codes, told, who, why)

    async def _change(
        self, action: str, codes: Sequence[str], rule: Rule, who: str, why: str, **facts: Any
    ) -> dict[str, Any]:
        check_reason(who, why)
        async with lease(self.graph, HOLDER, self.wait_s) as activation:
            now = await self._picture(activation.base, codes)
            note = {"action": action, "generation": activation.generation}
            patch = difference(now, rule(now, note))
            if action == MERGE:
                await self._check_apart(activation.base, *codes)
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
        rows = {name: list(getattr(patch, name)) for name in Patch.__dataclass_fields__}
        for handover in handovers(patch):
            parts = await following(self.graph, self.blobs, activation.base, handover)
            rows = {name: [*rows.get(name, ()), *parts.get(name, ())] for name in {**rows, **parts}}
            await activation.renew()
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
            *await self._redirects(g, codes),
        ]
        aliases = await self.codes.aliases(g, codes)
        found = await self.graph.entities(g, codes, ended=True)
        held = await self.graph.entities(g, codes)
        living = {entity.code for entity in held}
        gone = [entity for entity in found if entity.code not in living]
        names = [alias for rows in aliases.values() for alias in rows]
        return picture(held, relations, names, gone)

    async def _redirects(self, g: int, codes: Sequence[str]) -> list[Relation]:
        """Return the redirects of the roots that parts hang on, to their ends."""
        roots = {uic.root_of(code) for code in codes} - set(codes)
        heirs = await redirects.heirs(self.graph, g, roots)
        return await batches.relations(self.graph, g, sorted(heirs), Verb.REPLACES, incoming=True)

    async def _check_apart(self, g: int, code: str, into: str) -> None:
        """Raise where one contains the other: merged, a whole would be inside itself."""
        for inner, outer in ((code, into), (into, code)):
            if outer in await query.containers(self.graph, g, inner):
                raise Invalid("registry_inside", wanted=inner, whole=outer)

    async def _done(self, g: int, code: str, generation: int | None) -> Move:
        """Return the change to take back; one that is undone already stands no more."""
        if generation is not None:
            move = await move_of(self.graph, generation)
            if move is None or generation > g or code not in _codes(move):
                raise NotFound("undo_none", wanted=code)
            return move
        undone: set[int] = set()
        for number in await generations(self.graph, self.codes, g, code):
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
        registry.refuse_blocked([code for code in others if code not in living])

    async def _check_names(self, g: int, patch: Patch, codes: Sequence[str]) -> None:
        """Raise when an alias would be restored that leads to another thing meanwhile."""
        forms = {alias: links.forms(alias.scheme, alias.value) for alias in patch.aliases}
        held = await holders(self.codes, g, [form for known in forms.values() for form in known])
        taken = [
            f"{other.scheme}:{other.value}"
            for alias, known in forms.items()
            for form in known
            for other in held.get(form, ())
            if other.scope == alias.scope and other.code not in codes
        ]
        registry.refuse_blocked(taken)

    async def _check_newcomers(self, g: int, patch: Patch, now: Picture, after: Picture) -> None:
        """Raise when a document that would go back has put new parts under the survivor since."""
        for handover in handovers(patch):
            came = {
                t
                for verb, s, t in now.relations.keys() - after.relations.keys()
                if verb is Verb.CONTAINS and s == handover.old
            }
            registry.refuse_blocked(await newcomers(self.graph, g, came, handover.documents))


async def generations(graph: Graph, codes: Codes, g: int, code: str) -> list[int]:
    """Return the generations at which something happened to a code, newest first (a bounded few).

    Its facts or its aliases began or ended there, or it took the place of another (the redirect
    says when).
    """
    facts = await graph.history(g, code, limit=FACTS_LOOKED_AT)
    names = await codes.alias_history(g, code, limit=FACTS_LOOKED_AT)
    spans = [*((row.g_from, row.g_to) for row in facts), *((n.g_from, n.g_to) for n in names)]
    found = {at for span in spans for at in span if at is not None}
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
