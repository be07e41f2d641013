"""Every adapter answers as the one in memory does: new and known, ended and undone, in any mix."""

import pytest

from cim.dossiers import compose
from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Batch
from cim.stores.memory import MemoryGraph
from identity.ports import Alias
from tests.parts.small_cities import CODES, generations

pytestmark = pytest.mark.anyio
VALUES = [f"v{n}" for n in range(20)]


async def told(graph, g):
    """What the ports tell of a small city at a generation."""
    return {
        "entities": await graph.entities(g, CODES),
        "ended": await graph.entities(g, CODES, ended=True),
        "out": await graph.relations(g, CODES, []),
        "in": await graph.relations(g, CODES, [], incoming=True),
        "aliases": await graph.aliases(g, CODES),
        "values": await graph.resolve(g, VALUES, retired=True),
        "counts": [await graph.counts(g, code) for code in CODES],
        "history": [await graph.history(g, code, limit=50) for code in CODES],
        "called": [await graph.alias_history(g, code, limit=50) for code in CODES],
        "dossiers": await graph.dossiers(g, CODES),
    }


async def abort(graph, batch):
    activation = await graph.activate("test", wait_s=0)
    await activation.write(batch)
    await activation.abort()


@pytest.mark.parametrize("seed", [5, 6])
async def test_a_small_city_is_told_as_memory_tells_it(graph, change, clock, seed):
    memory = MemoryGraph(clock)
    for number, batch in enumerate(generations(seed, 4)):
        for store in (graph, memory):
            await abort(store, generations(seed + 100, 4)[number])
            g = await change(store, batch)
    for at in range(g + 1):
        expected, actual = await told(memory, at), await told(graph, at)
        for name, answer in expected.items():
            assert answer == actual[name], name


async def test_dossiers_are_those_of_memory(graph, change, clock):
    memory = MemoryGraph(clock)
    for batch in generations(77, 5):
        for store in (graph, memory):
            g = await change(store, batch)
    assert await compose(memory, memory, g, CODES) == await graph.dossiers(g, CODES)


async def test_what_lies_beyond_two_bytes_is_replaced_and_ended_too(graph, change):
    """By code point the first comes first, by UTF-16 the second: no order may hide either."""
    first, second = "\uff5e", "\U0001f600"

    def batch(name, code):
        return Batch(
            entities=[Entity(first, Kind.SITE, name), Entity(second, Kind.SITE, name)],
            relations=[
                Relation(Verb.CONTAINS, first, second, {"name": name}),
                Relation(Verb.CONTAINS, second, first, {"name": name}),
            ],
            aliases=[Alias("tag", "", text, code, "test") for text in (first, second)],
        )

    await change(graph, batch("old", first))
    g = await change(graph, batch("new", second))

    assert ["new", "new"] == [e.name for e in await graph.entities(g, [first, second])]
    found = await graph.relations(g, [first, second], [Verb.CONTAINS])
    assert [{"name": "new"}, {"name": "new"}] == [r.properties for r in found]
    named = await graph.resolve(g, [first, second])
    assert {first: [second], second: [second]} == {v: [a.code for a in named[v]] for v in named}


async def test_a_batch_may_hold_what_is_new_what_is_known_and_what_is_only_related(graph, change):
    names = [f"thing{n}" for n in range(6)]
    made = [Entity(code, Kind.ELEMENT, "old") for code in names[::2]]
    await change(graph, Batch(entities=made))
    await change(graph, Batch(relations=[Relation(Verb.FEEDS, names[0], names[1])]))

    mixed = [Entity(code, kind, "new") for code, kind in zip(names, list(Kind), strict=False)]
    g = await change(graph, Batch(entities=mixed[:4], end_entities=[names[4], names[5], "none"]))

    assert mixed[:4] == await graph.entities(g, names)
    assert ["old"] == [e.name for e in await graph.entities(g, names[4:], ended=True)]
    assert ["old", "new"] == [
        f.entity.name for f in reversed(await graph.history(g, names[0], limit=9))
    ]
