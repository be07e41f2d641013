"""Small cities drawn by a seed: every kind and relation, cycles, ended and unknown things."""

import random

from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Batch
from identity.ports import Alias

THINGS = 24
CODES = [f"c{n:02d}" for n in range(THINGS)]
KINDS = list(Kind)
JOINS = {
    Verb.CONTAINS: 30,
    Verb.LOCATED_AT: 5,
    Verb.OBSERVES: 10,
    Verb.DELIVERED_IN: 12,
    Verb.REPLACES: 3,
    Verb.FEEDS: 5,
}


def generations(seed: int, count: int = 3) -> list[Batch]:
    """Return a batch for each generation; later ones change, end and add."""
    draw = random.Random(seed)
    return [_batch(draw, first=n == 0) for n in range(count)]


def _batch(draw: random.Random, *, first: bool) -> Batch:
    put = [code for code in CODES if draw.random() < (0.8 if first else 0.2)]
    relations = {key: _relation(draw, *key) for key in _pairs(draw, 1.0 if first else 0.3)}
    aliases = [_alias(draw, code) for code in put for _ in range(draw.randrange(4))]
    named = {(a.scheme, a.scope, a.value): a for a in aliases}
    ended = [] if first else draw.sample(CODES, 3)
    return Batch(
        entities=[_entity(draw, code) for code in put if code not in ended],
        relations=list(relations.values()),
        aliases=list(named.values()),
        end_entities=ended,
        end_relations=[] if first else [k for k in _pairs(draw, 0.3) if k not in relations],
    )


def _pairs(draw: random.Random, share: float) -> list[tuple[Verb, str, str]]:
    return [
        (verb, draw.choice(CODES), draw.choice(CODES))
        for verb, count in JOINS.items()
        for _ in range(round(count * share))
    ]


def _relation(draw: random.Random, verb: Verb, source: str, target: str) -> Relation:
    said = {"key": f"k{draw.randrange(9)}"} if verb is Verb.DELIVERED_IN else {}
    return Relation(verb, source, target, said)


def _entity(draw: random.Random, code: str) -> Entity:
    facts = {
        "document": draw.choice([*CODES, 7]),
        "address": draw.choice(["", "珞喻路1号", 3]),
        "version": draw.randrange(5),
        "grid3d": draw.choice(["N50", None]),
        "placement": draw.choice([{"provenance": "declared"}, None]),
        "channels": draw.choice([{}, {"co2": {"unit": "ppm"}}]),
    }
    kept = {name: value for name, value in facts.items() if draw.random() < 0.5}
    place = {"lon": 114.4, "lat": 30.5, "height_m": draw.choice([20.0, None])}
    kind = draw.choice(KINDS)
    return Entity(code, kind, f"{kind} {code}", properties=kept, **draw.choice([place, {}]))


def _alias(draw: random.Random, code: str) -> Alias:
    scheme = draw.choice(["tag", "ifc_guid", "device", "address"])
    return Alias(scheme, draw.choice(["", "p"]), f"v{draw.randrange(20)}", code, "test")
