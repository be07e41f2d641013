"""Foreign codes come to things and leave them again: one generation, who did it and why.

link, unlink   one code of one thing; undone as any change of the register
check          what a list would do, nothing written
run            a list in one activation: its right rows are linked together (strict: all or none)
undo           a whole list taken back, unless a later change stands in the way
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cim import batches, link_rules, links
from cim.delivery_before import lease
from cim.link_rules import Decision, Standing
from cim.links import Checked, Link, Refusal, Row, Unwanted
from cim.named import holders, named
from cim.ports import Activation, Batch, Blobs, Graph, Move
from cim.progress import Progress, silent
from cim.registry_change import EVENT, HOLDER, check_reason, move_of
from identity.errors import CityError, Conflict, Denied, Invalid, NotFound
from identity.ports import Alias, Codes
from identity.schemes import Opaque, refuse

PIECE_ROWS = 1_000  # rows looked up together
IMPORT, LINK, UNLINK = "import", "link", "unlink"

Told = Callable[[int, Refusal], None]
Pieces = AsyncIterator[Sequence[Checked]]


@dataclass(slots=True)
class Report:
    """What came of a list. ``right``: rows that are or would be linked; ``refused``: rows."""

    rows: int = 0
    right: int = 0
    already: int = 0
    refused: int = 0
    linked: int = 0
    generation: int | None = None

    def counts(self) -> dict[str, int]:
        """Return the counts alone."""
        names = ("rows", "right", "already", "refused", "linked")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Linking:
    """The stores that links touch; ``opaque``: a city's schemes of unknown layout."""

    graph: Graph
    codes: Codes
    blobs: Blobs
    wait_s: float
    opaque: Sequence[Opaque] | None = None

    async def link(
        self, row: Row, *, who: str, why: str, owned: frozenset[str] | None = None
    ) -> dict[str, Any]:
        """Link one foreign code to the thing ``row.thing`` names.

        Raises Invalid with the code, position and expectation of the first fault (all of them under
        ``problems``), Invalid("identity_number_refused"), NotFound("link_thing_unknown"),
        Conflict("link_taken") naming the holder, Conflict("link_stands").
        """
        check_reason(who, why)
        for text in (row.thing, row.value, row.scope, row.source, why):
            refuse(text)
        link = links.read(row, opaque=self.opaque)
        if not isinstance(link, Link):
            raise _invalid(link)
        async with lease(self.graph, HOLDER, self.wait_s) as activation:
            wanted = [Checked(1, link)]
            standing = await self._standing(activation.base, wanted, owned, {})
            (decision,) = link_rules.decide(wanted, standing)
            if decision.refusal is not None:
                raise _error(decision.refusal)
            if decision.alias is None:
                raise Conflict("link_stands", scheme=link.scheme, value=link.value)
            await activation.write(Batch(aliases=[decision.alias]))
            return await _done(activation, LINK, decision.alias, who, why)

    async def unlink(
        self,
        code: str,
        wanted: Unwanted,
        *,
        who: str,
        why: str,
        owned: frozenset[str] | None = None,
    ) -> dict[str, Any]:
        """End one foreign code of a thing, as typed or in the form it is stored in.

        Raises NotFound("link_unknown"), Invalid("link_managed") for what the city itself keeps.
        """
        check_reason(who, why)
        for text in (wanted.value, why):
            refuse(text)
        said = {"scheme": wanted.scheme, "value": links.shown(wanted.value)}
        async with lease(self.graph, HOLDER, self.wait_s) as activation:
            held = (await self.codes.aliases(activation.base, [code])).get(code, [])
            alias = link_rules.meant(held, wanted, opaque=self.opaque)
            if alias is None:
                raise NotFound("link_unknown", wanted=code[:80], **said)
            if links.managed(alias):
                raise Invalid("link_managed", **said)
            await self._check_owner(activation.base, code, owned)
            await activation.write(Batch(end_aliases=[_key(alias)]))
            return await _done(activation, UNLINK, alias, who, why)

    async def check(
        self,
        pieces: Pieces,
        told: Told,
        *,
        owned: frozenset[str] | None = None,
        progress: Progress = silent,
    ) -> Report:
        """Say what a list would do; ``told`` gets every refusal with its row."""
        g = (await self.graph.head()).generation
        return (await self._decided(g, pieces, told, owned, progress, None)).report

    async def run(
        self,
        pieces: Pieces,
        told: Told,
        *,
        who: str,
        why: str,
        strict: bool = False,
        owned: frozenset[str] | None = None,
        progress: Progress = silent,
    ) -> Report:
        """Link the right rows of a list in one generation; ``strict``: all of them or none."""
        check_reason(who, why)
        refuse(why)
        async with lease(self.graph, HOLDER, self.wait_s) as activation:
            taken = await self._decided(activation.base, pieces, told, owned, progress, activation)
            report = taken.report
            if not report.right or (strict and report.refused):
                await activation.abort()
                return report
            name = await self.blobs.put(msgspec.json.encode(taken.aliases))
            event = {"event": EVENT, "action": IMPORT, "codes": [], "who": who, "why": why}
            head = await activation.commit({**event, "count": report.right, "links": name})
        report.linked, report.generation = report.right, head.generation
        return report

    async def undo(self, generation: int, *, who: str, why: str) -> dict[str, Any]:
        """Take back all that the list of ``generation`` linked and that still stands as it was put.

        Raises NotFound("import_unknown"), Conflict("undo_blocked").
        """
        check_reason(who, why)
        async with lease(self.graph, HOLDER, self.wait_s) as activation:
            move = await move_of(self.graph, generation)
            if move is None or generation > activation.base or move.event.get("action") != IMPORT:
                raise NotFound("import_unknown", generation=generation)
            put = await self._put(move)
            await self._check_stand(activation.base, put)
            for batch in batches.batches(end_aliases=[_key(alias) for alias in put]):
                await activation.write(batch)
            event = {"event": EVENT, "action": "undo", "codes": [], "who": who, "why": why}
            told = {"undoes": generation, "undone": IMPORT, "count": len(put)}
            head = await activation.commit({**event, **told})
            return {"action": "undo", "who": who, "why": why, **told, "generation": head.generation}

    async def _check_owner(self, g: int, code: str, owned: frozenset[str] | None) -> None:
        found = await self.graph.entities(g, [code])
        if owned is not None and not (found and link_rules.is_owned(found[0], owned)):
            raise Denied("link_of_another", authenticated=True, found=code[:80])

    async def _put(self, move: Move) -> list[Alias]:
        raw = await self.blobs.get(str(move.event["links"]))
        return msgspec.json.decode(raw, type=list[Alias])

    async def _check_stand(self, g: int, put: Sequence[Alias]) -> None:
        held = await holders(self.codes, g, [(alias.scheme, alias.value) for alias in put])
        changed = [a for a in put if a not in held.get((a.scheme, a.value), ())]
        if changed:
            rows = [f"{a.scheme}:{a.value}" for a in changed[:10]]
            raise Conflict("undo_blocked", rows=rows, count=len(changed))

    async def _decided(  # noqa: PLR0917 - one pass over one list
        self,
        g: int,
        pieces: Pieces,
        told: Told,
        owned: frozenset[str] | None,
        progress: Progress,
        activation: Activation | None,
    ) -> "_Taken":
        """Go through the list once; what may be linked is written where there is an activation."""
        taken = _Taken()
        async for piece in pieces:
            standing = await self._standing(g, piece, owned, taken.keys)
            put = taken.take(piece, link_rules.decide(piece, standing), told)
            if activation is not None:
                await activation.renew()  # a piece may have nothing to write
                for batch in batches.batches(aliases=put):
                    await activation.write(batch)
            progress("link", 0.0, taken.report.counts())
        return taken

    async def _standing(
        self,
        g: int,
        piece: Sequence[Checked],
        owned: frozenset[str] | None,
        taken: dict[tuple[str, str, str], tuple[str, int]],
    ) -> Standing:
        wanted = [each.link for each in piece if each.link is not None]
        things = await named(self.graph, self.codes, g, [link.thing for link in wanted])
        forms = [form for link in wanted for form in link.forms]
        held = await holders(self.codes, g, forms)
        return Standing(things.living, things.gone, held, owned, taken)


@dataclass(slots=True)
class _Taken:
    """What a list has brought so far."""

    report: Report = field(default_factory=Report)
    keys: dict[tuple[str, str, str], tuple[str, int]] = field(default_factory=dict)
    aliases: list[Alias] = field(default_factory=list)

    def take(
        self, piece: Sequence[Checked], decided: Iterator[Decision], told: Told
    ) -> list[Alias]:
        """Count a piece, tell its refusals in the order of its rows, return what is to be put."""
        by_row = {decision.row: decision for decision in decided}
        put = []
        for each in piece:
            self.report.rows += 1
            decision = by_row.get(each.row)
            refusals = each.refusals if decision is None else _of(decision)
            for refusal in refusals:
                told(each.row, refusal)
            if refusals:
                self.report.refused += 1
            elif decision is not None and decision.alias is not None:
                put.append(decision.alias)
                self.report.right += 1
            else:
                self.report.already += 1
        self.aliases += put
        return put


def _of(decision: Decision) -> tuple[Refusal, ...]:
    return () if decision.refusal is None else (decision.refusal,)


def _key(alias: Alias) -> tuple[str, str, str]:
    return alias.scheme, alias.scope, alias.value


async def _done(
    activation: Activation, action: str, alias: Alias, who: str, why: str
) -> dict[str, Any]:
    """Commit one link or its end, and return what was said of it."""
    event = {"event": EVENT, "action": action, "codes": [alias.code], "who": who, "why": why}
    head = await activation.commit(event)
    said = {"scheme": alias.scheme, "value": alias.value, "scope": alias.scope}
    kept = {"source": alias.source, "confidence": alias.confidence}
    return {"code": alias.code, **event, **said, **kept, "generation": head.generation}


def _invalid(refusals: Sequence[Refusal]) -> Invalid:
    """Return the first fault as the refusal, all of them told under ``problems``."""
    first = refusals[0].problem
    told = [{"column": each.column, **each.problem.told()} for each in refusals]
    return Invalid(first.code, **first.facts(), column=refusals[0].column, problems=told)


def _error(refusal: Refusal) -> CityError:
    problem = refusal.problem
    facts = {**problem.facts(), "column": refusal.column}
    if problem.code == "link_of_another":
        return Denied(problem.code, authenticated=True, **facts)
    kind = NotFound if problem.code == "link_thing_unknown" else Conflict
    return kind(problem.code, **facts)
