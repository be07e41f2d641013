"""Random lives of a city: every adapter agrees with a reference of a few lines, at each generation.

The reference keeps a whole copy of the city for every generation, so nothing in it can be shared
with the adapters' ways of keeping versions.
"""

import copy
import random

import pytest

from cim.model import Entity, Kind, Relation, Tile, Verb
from cim.ports import Batch, Filter
from cim.stores.rules import matches
from identity.ports import Alias

pytestmark = pytest.mark.anyio

CODES = [f"42011199010100000{n:03d}1" for n in range(12)]
KINDS = [Kind.BUILDING, Kind.ELEMENT, Kind.SPACE]
VERBS = [Verb.CONTAINS, Verb.FEEDS]
VALUES = ["g1", "g2", "G1", "墙"]
NAMES = ["光谷广场", "光谷", "Wall A-001", "wall", "广场 B"]


class Reference:
    """Dicts of what is so now, and a copy of them for every generation."""

    def __init__(self):
        self.now = {"entities": {}, "relations": {}, "aliases": {}, "tiles": {}}
        self.then = [copy.deepcopy(self.now)]

    def write(self, batch):
        keyed = {
            "entities": {e.code: e for e in batch.entities},
            "relations": {(r.verb, r.source, r.target): r for r in batch.relations},
            "aliases": {(a.scheme, a.scope, a.value): a for a in batch.aliases},
            "tiles": {(t.root, t.document): t for t in batch.tiles},
        }
        for table, rows in keyed.items():
            for key in getattr(batch, f"end_{table}"):
                self.now[table].pop(key, None)
            self.now[table].update(rows)

    def commit(self):
        self.then.append(copy.deepcopy(self.now))

    def abort(self):
        self.now = copy.deepcopy(self.then[-1])


def random_entity(rng):
    lon, lat = rng.uniform(114, 115), rng.uniform(30, 31)
    placed = {
        0: {},
        1: {"lon": lon, "lat": lat, "grid2d": rng.choice(["N50H05", "N50H06", "N50H0513548"])},
        2: {"box": (lon, lat, lon + rng.random() / 3, lat + rng.random() / 3)},
    }
    properties = {"ifc_class": rng.choice(["IfcWall", "IfcDoor"]), "n": rng.choice([1, 2, True])}
    return Entity(
        rng.choice(CODES),
        rng.choice(KINDS),
        rng.choice(NAMES),
        properties=properties if rng.random() < 0.7 else {},
        **placed[rng.randrange(3)],
    )


def random_batch(rng):
    def some(make, most=6):
        return [make() for _ in range(rng.randrange(most))]

    def code():
        return rng.choice(CODES)

    def tile():
        return Tile(code(), "d", f"b{rng.random()}", 1, 1, 1, (0.0,) * 6)

    return Batch(
        entities=some(lambda: random_entity(rng)),
        relations=some(
            lambda: Relation(rng.choice(VERBS), code(), code(), {"w": rng.randrange(3)})
        ),
        aliases=some(lambda: Alias("tag", rng.choice(["", "p"]), rng.choice(VALUES), code())),
        tiles=some(tile, 3),
        end_entities=some(code, 4),
        end_relations=some(lambda: (rng.choice(VERBS), code(), code()), 8),
        end_aliases=some(lambda: ("tag", rng.choice(["", "p"]), rng.choice(VALUES)), 3),
        end_tiles=some(lambda: (code(), "d"), 2),
    )


def random_filter(rng):
    west, south = rng.uniform(114, 115), rng.uniform(30, 31)
    chosen = {
        "kinds": tuple(rng.sample(KINDS, rng.randrange(1, 3))),
        "q": rng.choice(["光谷", "广场", "a-001", "wall", "谷"]),
        "box": (west, south, west + rng.random(), south + rng.random()),
        "grid": rng.choice(["N50H", "N50H05", "N50H0513548"]),
        "properties": rng.choice([{"ifc_class": "IfcWall"}, {"n": 1}, {"n": True}]),
    }
    return Filter(**{name: chosen[name] for name in rng.sample(list(chosen), rng.randrange(3))})


def below(relations, code):
    reached, todo = set(), [code]
    while todo:
        source = todo.pop()
        fresh = {t for v, s, t in relations if v is Verb.CONTAINS and s == source} - reached
        reached |= fresh
        todo += fresh
    return reached - {code}


async def check(graph, reference, g, rng):
    then = reference.then[g]
    entities, relations = then["entities"], then["relations"]
    assert await graph.entities(g, CODES) == [entities[c] for c in CODES if c in entities]
    where = random_filter(rng)
    expected = [entities[c] for c in sorted(entities) if matches(entities[c], where)]
    assert (await graph.find(g, where, limit=100)).items == expected
    verbs, some = rng.sample(VERBS, rng.randrange(1, 3)), rng.sample(CODES, 4)
    expected = [r for k, r in sorted(relations.items()) if k[0] in verbs and k[1] in some]
    assert await graph.relations(g, some, verbs) == expected
    expected = [r for k, r in sorted(relations.items()) if k[0] in verbs and k[2] in some]
    assert await graph.relations(g, some, verbs, incoming=True) == expected
    reached = [entities[c].kind for c in below(relations, some[0]) if c in entities]
    assert await graph.counts(g, some[0]) == {k: reached.count(k) for k in set(reached)}
    by_value = {}
    for key in sorted(then["aliases"]):
        by_value.setdefault(key[2], []).append(then["aliases"][key])
    assert await graph.resolve(g, VALUES) == by_value
    assert await graph.tiles(g) == [then["tiles"][k] for k in sorted(then["tiles"])]


@pytest.mark.parametrize("seed", range(6))
async def test_every_generation_stays_as_the_reference_says(graph, clock, seed):
    rng = random.Random(seed)
    reference = Reference()
    for _ in range(12):
        activation = await graph.activate("model", wait_s=0)
        for _ in range(rng.randrange(1, 4)):
            batch = random_batch(rng)
            await activation.write(batch)
            reference.write(batch)
        end = rng.choice(["commit", "commit", "commit", "abort", "die"])
        if end == "commit":
            await activation.commit({})
            reference.commit()
        else:
            reference.abort()
            if end == "abort":
                await activation.abort()
            clock.advance(16)
        generation = (await graph.head()).generation
        assert generation == len(reference.then) - 1
        await check(graph, reference, generation, rng)
        await check(graph, reference, rng.randrange(generation + 1), rng)
