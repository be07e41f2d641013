"""The past read through the ports: the same over every adapter."""

import pytest

from cim.model import Entity, Kind, Relation, Tile, Verb
from cim.moment import Moment, moment
from cim.past import PastGraph
from cim.ports import Batch, Filter
from identity.ports import Alias

pytestmark = pytest.mark.anyio

HOUSE, STOREY, OLD, NEW, OTHER = (f"42011199010100000{n:04d}" for n in range(1, 6))
ARCH, PIPES = "420111950101000000011", "420111950101000000020"
BOX = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)


def holds(document, *codes):
    return [Relation(Verb.DELIVERED_IN, code, document, {"key": code}) for code in codes]


def delivered(document, *parts, name="House"):
    """A document with a house, a storey and parts."""
    return Batch(
        entities=[
            Entity(document, Kind.DOCUMENT, document[-2:]),
            Entity(HOUSE, Kind.BUILDING, name, lon=114.4, lat=30.5),
            Entity(STOREY, Kind.STOREY, "1F"),
            *[Entity(p, Kind.SPACE, p[-4:], properties={"ifc_class": "IfcSpace"}) for p in parts],
        ],
        relations=[
            Relation(Verb.CONTAINS, HOUSE, STOREY),
            *[Relation(Verb.CONTAINS, STOREY, part) for part in parts],
            *holds(document, HOUSE, STOREY, *parts),
        ],
        aliases=[Alias("ifc_guid", "P", f"guid-{part[-4:]}", part) for part in parts],
        tiles=[Tile(HOUSE, document, f"blob-{len(parts)}", 1, 1, 1, BOX)],
    )


@pytest.fixture
async def town(graph, change, clock):
    """ARCH of year 2022 was delivered first, PIPES of 2021 later, a second ARCH of 2023 last."""
    for at, batch in (
        (2022.0, delivered(ARCH, OLD, name="as built")),
        (2021.0, delivered(PIPES, OTHER, name="as planned")),
        (2023.0, delivered(ARCH, NEW, name="rebuilt")),
    ):
        clock.advance(60)
        document = batch.tiles[0].document
        ends = [OLD] if NEW in {e.code for e in batch.entities} else []
        gone = [(Verb.DELIVERED_IN, c, ARCH) for c in ends]
        gone += [(Verb.CONTAINS, STOREY, c) for c in ends]
        aliases = [("ifc_guid", "P", f"guid-{c[-4:]}") for c in ends]
        ended = Batch(end_entities=ends, end_relations=gone, end_aliases=aliases)
        await change(graph, batch, ended, event={"model": document, "valid_from": at})
    return graph


async def then(graph, as_of):
    return PastGraph(graph, graph, await moment(graph, 3, as_of))


async def test_each_document_is_read_at_its_own_delivery(town):
    assert await moment(town, 3, 2022.5) == Moment(3, 0, ((ARCH, 1), (PIPES, 2)))
    assert await moment(town, 3, 2023.5) == Moment(3, 0, ((PIPES, 2), (ARCH, 3)))
    assert await moment(town, 3, 2020.0) == Moment(3, 0)


@pytest.mark.parametrize(
    ("as_of", "spaces", "name"),
    [
        (2020.0, [], None),
        (2021.5, [OTHER], "as planned"),
        (2022.5, [OLD, OTHER], "as planned"),
        (2023.5, [NEW, OTHER], "rebuilt"),
    ],
)
async def test_every_read_tells_the_same_time(town, as_of, spaces, name):
    past = await then(town, as_of)
    page = await past.find(3, Filter((Kind.SPACE,)), limit=9)
    assert [e.code for e in page.items] == spaces
    by_class = Filter((Kind.SPACE,), properties={"ifc_class": "IfcSpace"})
    assert (await past.find(3, by_class, limit=9)).items == page.items
    assert [e.name for e in await past.entities(3, [HOUSE])] == [name] * bool(name)
    children = await past.children(3, STOREY, limit=9)
    assert [e.code for e in children.items] == spaces
    inside = await past.relations(3, [STOREY], [Verb.CONTAINS])
    assert [relation.target for relation in inside] == spaces
    counted = {Kind.STOREY: 1, Kind.SPACE: len(spaces)} if spaces else {}
    assert await past.counts(3, HOUSE) == counted
    guids = [f"guid-{code[-4:]}" for code in (OLD, NEW, OTHER)]
    resolved = await past.resolve(3, guids)
    assert sorted(rows[0].code for rows in resolved.values()) == sorted(spaces)
    assert [code for code, rows in (await past.aliases(3, spaces)).items() if rows] == spaces


async def test_tiles_and_relations_are_told_in_the_order_of_the_ports(town):
    past = await then(town, 2023.5)
    assert [t.document for t in await past.tiles(3)] == [ARCH, PIPES]
    up = await past.relations(3, [OTHER, NEW], [Verb.CONTAINS], incoming=True)
    assert [(r.source, r.target) for r in up] == [(STOREY, NEW), (STOREY, OTHER)]


async def test_pages_of_the_past_follow_each_other(town):
    past = await then(town, 2022.5)
    codes, after, pages = [], "", 0
    while True:
        page = await past.find(3, Filter(), limit=1, after=after)
        codes += [e.code for e in page.items]
        pages += 1
        if page.next is None:
            break
        after = page.next
    assert codes == sorted([HOUSE, STOREY, OLD, OTHER, ARCH, PIPES])
    assert pages >= 6


async def test_head_itself_is_told_as_it_is(town):
    g = (await town.head()).generation
    here = await town.find(g, Filter(), limit=9)
    past = PastGraph(town, town, await moment(town, g, 4e9))
    assert (await past.find(g, Filter(), limit=9)).items == here.items
