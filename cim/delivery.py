"""One delivery becomes one generation: plan, issue codes, write, move head.

Everything a delivery writes is written above head in batches and becomes visible at once; a death
at any point leaves the former generation untouched. The codes of a retried delivery are the same,
because their serials are reserved under (receipt, base generation).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cim import batches, delivery_devices
from cim.delivery_before import Before, document_before, known, lease
from cim.delivery_correct import rematch, undo_rematch
from cim.delivery_match import Identified, Teller, elsewhere, identify, planned
from cim.delivery_rows import Delivery, Rows, address_of
from cim.merge import Holding, Incoming, Plan
from cim.model import Kind, Relation, Tile, Verb
from cim.moment import check_order, valid_since
from cim.placement import Placement, anchored
from cim.ports import Activation, Graph
from cim.progress import Progress, silent
from cim.registry import stood
from identity import code as uic
from identity.ports import Codes

Tiler = Callable[[Mapping[str, str]], Awaitable[list[Tile]]]
"""Makes the tiles of a delivery once its codes (by key) are known."""


async def deliver(
    graph: Graph,
    codes: Codes,
    delivery: Delivery,
    tiler: Tiler,
    *,
    holder: str,
    wait_s: float,
    progress: Progress = silent,
    teller: Teller | None = None,
) -> dict[str, Any]:
    """Activate ``delivery`` as the next version of its document; return the job's result.

    ``teller`` is told how things were identified and which devices were not bound, and gives facts
    to keep with the version.
    """
    async with lease(graph, holder, wait_s) as activation:
        before = await document_before(graph, activation.base, delivery.document)
        done = await activated(graph, activation.base, delivery.document, delivery.receipt)
        if done is not None:
            await activation.abort()
            return done
        await check_order(graph, activation.base, before.document, delivery.valid_from)
        progress("merge", 0.0)
        who = await identify(graph, codes, activation.base, delivery, before)
        await activation.renew()
        issued = await _issue(codes, activation.base, delivery, who)
        fitted = await delivery_devices.fit(
            graph, codes, activation.base, delivery, before.devices, issued
        )
        if teller is not None:
            told = await teller(who, fitted.notes)
            delivery = replace(delivery, facts={**delivery.facts, **told})
        plan = _replaced(planned(delivery.incoming, who), before, delivery)
        progress("tiles", 0.0)
        tiles = await tiler(issued)
        await activation.renew()
        progress("activate", 0.0)
        rows = await _rows(graph, activation.base, delivery, plan, before, issued)
        rows.rekeyed(who.former, await elsewhere(graph, activation.base, who, delivery.document))
        rows.further(fitted.rows)
        result = _result(delivery, before, plan, issued) | drawn(tiles)
        result |= {"rematched": len(who.matches), "devices": fitted.bound}
        version = await _model_code(codes, activation.base, delivery)
        rows.version(version, result, before.document)
        rows.tiles(tiles, await graph.tiles(activation.base))
        await _write(activation, rows, progress)
        progress("activate", 1.0)
        await activation.commit({"event": "model", **result, **_dated(delivery.valid_from)})
        return result


async def activated(graph: Graph, g: int, document: str, receipt: str) -> dict[str, Any] | None:
    """Return the stored result when ``receipt`` is the current version (a retried job)."""
    found = await graph.entities(g, [document])
    if not found or found[0].properties.get("receipt") != receipt:
        return None
    model = await graph.entities(g, [found[0].properties["model"]])
    return dict(model[0].properties["result"])


async def withdraw(graph: Graph, document: str, *, holder: str, wait_s: float) -> dict[str, Any]:
    """Take a document out of the city; what another document holds stays."""
    async with lease(graph, holder, wait_s) as activation:
        before = await known(graph, activation, document)
        rows = Rows(document, before.fact("project"), before.placement())
        await _end(graph, activation.base, rows, list(before.held.values()))
        rows.further(await delivery_devices.left(graph, activation.base, document, before.devices))
        rows.tiles([], await graph.tiles(activation.base))
        rows.document_changed(before.document, withdrawn=True, receipt="")
        await _write(activation, rows, silent)
        result = {"model": document, "removed": len(before.held), "withdrawn": True}
        head = await activation.commit({"event": "model", **result})
        return {**result, "generation": head.generation}


async def place(
    graph: Graph, document: str, where: Placement, *, holder: str, wait_s: float
) -> dict[str, Any]:
    """Put a document where a person says; its codes, shapes and counts stay as they are.

    A building does not move: what is said of its place is true since the version is valid.
    """
    async with lease(graph, holder, wait_s) as activation:
        before = await known(graph, activation, document)
        where = anchored(where, [holding.box_m for holding in before.held.values()])
        rows = Rows(document, before.fact("project"), where)
        held = [*before.held.values(), *delivery_devices.places(before.devices, before.held)]
        found = await batches.entities(graph, activation.base, [each.code for each in held])
        rows.moved_entities(delivery_devices.of_models(found), held)
        mine = [t for t in await graph.tiles(activation.base) if t.document == document]
        rows.placed_tiles(mine)
        rows.document_changed(before.document, placement=where.as_dict())
        await _write(activation, rows, silent)
        result = {"model": document, "placement": where.as_dict()}
        assert before.document is not None
        since = await valid_since(graph, activation.base, before.document)
        head = await activation.commit({"event": "model", **result, **_dated(since)})
        return {**result, "generation": head.generation}


def _dated(valid_from: float | None) -> dict[str, float]:
    return {} if valid_from is None else {"valid_from": valid_from}


def _replaced(plan: Plan, before: Before, delivery: Delivery) -> Plan:
    """Count what is kept as moved when the model comes to lie elsewhere."""
    if before.document is None or before.placement() == delivery.placement:
        return plan
    return Plan(plan.added, plan.changed, plan.moved + plan.kept, [], plan.removed)


async def _issue(codes: Codes, g: int, delivery: Delivery, who: Identified) -> dict[str, str]:
    """Return key -> code for the whole delivery: identified or new."""
    issued = dict(who.issued)
    fresh = [i for i in delivery.incoming if i.key not in issued]
    owner = f"{delivery.receipt}@{g}"
    own = [i for i in fresh if i.root is None]
    await _reserve(codes, owner, own, [uic.prefix(delivery.region, i.kind) for i in own], issued)
    parts = [i for i in fresh if i.root is not None]
    prefixes = [uic.part_prefix(issued[str(i.root)], uic.PART_LETTERS[i.kind]) for i in parts]
    await _reserve(codes, owner, parts, prefixes, issued)
    return issued


async def _reserve(
    codes: Codes,
    owner: str,
    items: Sequence[Incoming],
    prefixes: Sequence[str],
    issued: dict[str, str],
) -> None:
    """Issue one code to each item, in the order of the delivery within each prefix."""
    by_prefix: dict[str, list[str]] = {}
    for item, prefix in zip(items, prefixes, strict=True):
        by_prefix.setdefault(prefix, []).append(item.key)
    for prefix, keys in sorted(by_prefix.items()):
        serials = await codes.reserve(prefix, len(keys), owner)
        issued |= {k: uic.issue(prefix, s) for k, s in zip(keys, serials, strict=True)}


async def _rows(  # noqa: PLR0917 - what a delivery is planned from
    graph: Graph,
    g: int,
    delivery: Delivery,
    plan: Plan,
    before: Before,
    issued: Mapping[str, str],
) -> Rows:
    rows = Rows(delivery.document, delivery.project, delivery.placement, delivery, issued)
    written = [*plan.added, *plan.changed, *plan.moved]
    stored = await batches.entities(graph, g, [issued[i.key] for i in written])
    rows.added(plan.added, stored)
    rows.changed(plan.changed, stored)
    rows.moved(plan.moved, stored)
    changed = [issued[i.key] for i in plan.changed]
    rows.left_parents(
        await batches.relations(graph, g, changed, Verb.CONTAINS, incoming=True),
        await batches.relations(graph, g, changed, Verb.LOCATED_AT),
        {holding.code for holding in before.held.values()},
    )
    await _end(graph, g, rows, plan.removed)
    return rows


async def _end(graph: Graph, g: int, rows: Rows, gone: Sequence[Holding]) -> None:
    """End what only this document held; of the rest only its own holding.

    What stood without a document before the register joined it to these things stands again.
    """
    codes = [holding.code for holding in gone]
    held: list[Relation] = await batches.relations(graph, g, codes, Verb.DELIVERED_IN)
    others = {r.source for r in held if r.target != rows.document}
    others |= stood(await batches.relations(graph, g, codes, Verb.REPLACES))
    rows.ended(
        gone,
        others,
        await batches.relations(graph, g, codes, Verb.CONTAINS, incoming=True),
        await batches.relations(graph, g, codes, Verb.LOCATED_AT),
    )


async def _model_code(codes: Codes, g: int, delivery: Delivery) -> str:
    prefix = uic.prefix(delivery.region, Kind.MODEL)
    serials = await codes.reserve(prefix, 1, f"{delivery.receipt}@{g}")
    return uic.issue(prefix, serials[0])


def _result(
    delivery: Delivery, before: Before, plan: Plan, issued: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "model": delivery.document,
        "project": delivery.project,
        "version": int(before.fact("version", 0)) + 1,
        "code": main_code(delivery.incoming, issued) or delivery.project,
        "objects": len(delivery.incoming),
        "added": len(plan.added),
        "changed": len(plan.changed),
        "removed": len(plan.removed),
        "findings": int(delivery.facts.get("findings_count", 0)),
    }


def drawn(tiles: Sequence[Tile]) -> dict[str, int]:
    """Return what a version draws: triangles, features and bytes of its tiles."""
    return {
        "triangles": sum(tile.triangles for tile in tiles),
        "features": sum(tile.features for tile in tiles),
        "tiles_bytes": sum(tile.bytes for tile in tiles),
    }


def main_code(incoming: Sequence[Incoming], issued: Mapping[str, str]) -> str | None:
    """Return the code of the root that most parts hang on: what the delivery is about."""
    roots: dict[str, int] = {}
    for item in incoming:
        if item.root is not None:
            roots[item.root] = roots.get(item.root, 0) + 1
    return issued[max(sorted(roots), key=roots.__getitem__)] if roots else None


async def _write(activation: Activation, rows: Rows, progress: Progress) -> None:
    cut = list(batches.batches(**rows.lists()))
    for number, batch in enumerate(cut):
        await activation.write(batch)
        progress("activate", (number + 1) / (len(cut) + 1))


__all__ = [
    "Delivery",
    "activated",
    "address_of",
    "deliver",
    "document_before",
    "place",
    "rematch",
    "undo_rematch",
    "withdraw",
]
