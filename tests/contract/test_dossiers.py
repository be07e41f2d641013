"""Graph.dossiers on every adapter: whatever way it reads, it is what the small questions tell."""

import pytest

from cim.dossiers import compose
from cim.model import Entity, Kind, Relation, Verb
from cim.ports import DOSSIERS_LIMIT, Batch
from cim.stores import sqlite
from identity.errors import TooLarge
from tests.parts.small_cities import CODES, generations

pytestmark = pytest.mark.anyio


async def same_as_composed(graph, g, codes):
    told = await graph.dossiers(g, codes)
    assert told == await compose(graph, graph, g, codes)
    return told


@pytest.mark.parametrize("seed", range(4))
async def test_a_dossier_is_what_the_small_questions_tell(graph, change, seed):
    for batch in generations(seed):
        g = await change(graph, batch)
    for at in range(g + 1):
        found = [await same_as_composed(graph, at, [code]) for code in CODES]
        assert await graph.dossiers(at, [*CODES, "unknown"]) == [d for row in found for d in row]
    assert any(dossier.way for row in found for dossier in row)


@pytest.mark.parametrize(("point", "scan"), [(1, 3), (4, 7), (2, 10_000)])
async def test_lists_too_long_for_one_go_give_the_same(graph, change, monkeypatch, point, scan):
    """On SQLite: on the event loop, in a thread, and put together from small questions."""
    monkeypatch.setattr(sqlite, "POINT_PARTS", point)
    monkeypatch.setattr(sqlite, "DOSSIER_PARTS", scan)
    for batch in generations(41):
        g = await change(graph, batch)
    for code in CODES:
        await same_as_composed(graph, g, [code])
    await same_as_composed(graph, g, CODES)


async def test_a_crowd_below_is_counted_and_a_crowd_above_does_not_hide_the_way(graph, change):
    parts = [Entity(f"part{n:03d}", Kind.ELEMENT) for n in range(300)]
    storeys = [Entity(f"storey{n:03d}", Kind.STOREY) for n in range(300)]
    hall = Entity("hall", Kind.SPACE)
    sensor = Entity("sensor", Kind.SENSOR)
    joins = [Relation(Verb.CONTAINS, "hall", part.code) for part in parts]
    joins += [Relation(Verb.CONTAINS, storey.code, "hall") for storey in storeys]
    joins.append(Relation(Verb.OBSERVES, "sensor", "part299"))
    g = await change(
        graph,
        Batch(entities=[hall, sensor, *parts, *storeys]),
        Batch(relations=joins),
    )

    (dossier,) = await same_as_composed(graph, g, ["hall"])

    assert {Kind.ELEMENT: 300} == dossier.counts
    assert ["storey000"] == [entity.code for entity in dossier.way]
    assert {"part299": ["sensor"]} == dossier.observed
    assert {"sensor": sensor} == dossier.sensors


async def test_more_dossiers_than_the_limit_are_refused(graph):
    with pytest.raises(TooLarge) as refused:
        await graph.dossiers(0, ["x"] * (DOSSIERS_LIMIT + 1))
    assert {"count": DOSSIERS_LIMIT + 1, "limit": DOSSIERS_LIMIT} == refused.value.facts
