"""What was true at a time, told from documents that were delivered in any order."""

from dataclasses import dataclass, field
from itertools import permutations

import pytest

from cim import delivery
from cim.delivery import Delivery
from cim.merge import Incoming
from cim.model import Kind, Tile, Verb
from cim.moment import Moment, moment, valid_since
from cim.past import PastGraph
from cim.placement import Placement, given
from cim.ports import Filter
from cim.stores.memory import MemoryGraph
from identity import code as uic
from identity.errors import Conflict, TooLarge

pytestmark = pytest.mark.anyio

HERE = given({"lon": 114.4, "lat": 30.5})
BOX = (0.0, 0.0, 0.0, 4.0, 3.0, 3.0)
YEAR_S = 31_557_600.0


def year(number):
    return (number - 1970 + 0.1) * YEAR_S


def part(key, kind=Kind.ELEMENT, parent="st", digest="d"):
    return Incoming(
        key, kind, digest, key, parent=parent, storey="st", root="b", box_m=BOX, own_shape=True
    )


def model(*walls, digest="d"):
    """A project, a building and a storey, which all documents share, and walls."""
    return [
        Incoming("p", Kind.PROJECT, "p", "P"),
        Incoming("b", Kind.BUILDING, "b", "House", parent="p"),
        Incoming("st", Kind.STOREY, "st", "1F", parent="b", root="b"),
        *[part(wall, digest=digest) for wall in walls],
    ]


@dataclass
class Town:
    """A city whose clock is set by hand, and who delivers to it."""

    now_s: float = year(2026)
    receipts: int = 0
    graph: MemoryGraph = field(init=False)

    def __post_init__(self):
        self.graph = MemoryGraph(lambda: self.now_s)

    async def code(self, kind, owner):
        prefix = uic.prefix("420111", kind)
        return uic.issue(prefix, (await self.graph.reserve(prefix, 1, owner))[0])

    async def deliver(self, document, incoming, valid_from=None, where=HERE):
        self.now_s += 60
        self.receipts += 1
        code = await self.code(Kind.DOCUMENT, f"document:{document}")
        made = Delivery(
            receipt=f"r{self.receipts}",
            project=await self.code(Kind.PROJECT, "project:P"),
            project_name="P",
            document=code,
            document_name=document,
            region="420111",
            sha256=f"sha{self.receipts}",
            incoming=incoming,
            placement=where,
            valid_from=valid_from,
        )

        async def tiler(issued):
            return [Tile(issued["b"], code, f"blob-{document}-{len(incoming)}", 1, 1, 1, BOX)]

        await delivery.deliver(self.graph, self.graph, made, tiler, holder="test", wait_s=0)
        return code

    async def then(self, as_of):
        head = (await self.graph.head()).generation
        return PastGraph(self.graph, self.graph, await moment(self.graph, head, as_of))


async def seen(graph):
    """Return all a reader can see, by names: codes depend on who came first."""
    g = (await graph.head()).generation
    found, after = {}, ""
    while True:  # a page of the past may be short
        page = await graph.find(g, Filter(), limit=3, after=after)
        found |= {e.code: e for e in page.items}
        if page.next is None:
            break
        after = page.next
    names = {code: f"{e.kind} {e.name}" for code, e in found.items()}
    joins = await graph.relations(g, sorted(found), (Verb.CONTAINS, Verb.DELIVERED_IN))
    aliases = await graph.aliases(g, sorted(found))
    tiles = await graph.tiles(g)
    return {
        "things": sorted(names.values()),
        "joins": sorted((r.verb, names[r.source], names[r.target]) for r in joins),
        "aliases": sorted({(a.value, names[c]) for c, rows in aliases.items() for a in rows}),
        "tiles": sorted((names[t.root], t.blob) for t in tiles),
        "placed": sorted((names[c], e.lon) for c, e in found.items() if e.kind is Kind.ELEMENT),
        "counts": [await graph.counts(g, c) for c in found if names[c] == "Building House"],
        "children": [
            sorted(names[e.code] for e in (await graph.children(g, c, limit=9)).items)
            for c in found
            if names[c] == "Storey 1F"
        ],
    }


DELIVERIES = (
    (2020, "arch", model("w1", "w2")),
    (2021, "pipes", model("p1")),
    (2022, "arch", model("w2", "w3", digest="d2")),
    (2023, "lifts", model("l1", "l2")),
    (2024, "pipes", model("p1", "p2")),
)


def in_order(rows):
    """Whether each document's versions follow each other by date."""
    return all(
        [y for y, d, _ in rows if d == name] == sorted(y for y, d, _ in rows if d == name)
        for name in ("arch", "pipes")
    )


ORDERS = [rows for rows in permutations(DELIVERIES) if in_order(rows)]


async def lived():
    """Return what was seen each year by a city that was there when it was delivered."""
    town = Town()
    told = {2019: await seen(town.graph)}
    for number, document, incoming in DELIVERIES:
        town.now_s = year(number) - 60
        await town.deliver(document, incoming)
        told[number] = await seen(town.graph)
    return told


async def test_documents_delivered_late_and_in_any_order_tell_the_past_as_it_was():
    expected = await lived()
    assert len(ORDERS) == 30
    for rows in ORDERS:
        town = Town()
        for number, document, incoming in rows:
            await town.deliver(document, incoming, valid_from=year(number))
        for number, told in expected.items():
            past = await town.then(year(number) + 0.5 * YEAR_S)
            assert (number, await seen(past)) == (number, told)


async def test_without_dates_the_past_is_one_generation():
    town = Town()
    await town.deliver("arch", model("w1"))
    first = town.now_s
    await town.deliver("arch", model("w1", "w2"))
    for as_of, expected in ((first - 1, 0), (first, 1), (town.now_s, 2), (4e9, 2)):
        assert await moment(town.graph, 2, as_of) == Moment(2, expected)
    assert await moment(town.graph, 1, 4e9) == Moment(1, 1)
    assert await moment(town.graph, 2) == Moment(2, 2)


async def test_what_was_known_then_does_not_know_what_was_delivered_later():
    town = Town()
    await town.deliver("arch", model("w1"), valid_from=year(2020))
    code = await town.deliver("arch", model("w1", "w2"), valid_from=year(2021))
    assert await moment(town.graph, 2, year(2022)) == Moment(2, 0, ((code, 2),))
    assert await moment(town.graph, 1, year(2022)) == Moment(1, 0, ((code, 1),))
    assert await moment(town.graph, 0, year(2022)) == Moment(0, 0)


async def test_a_version_older_than_the_standing_one_is_refused():
    town = Town()
    await town.deliver("arch", model("w1"), valid_from=year(2021))
    with pytest.raises(Conflict, match="delivery_out_of_order") as refused:
        await town.deliver("arch", model("w2"), valid_from=year(2020))
    assert [text[:4] for text in refused.value.facts.values()] == ["2020", "2021"]
    assert (await town.graph.head()).generation == 1
    await town.deliver("pipes", model("p1"))
    with pytest.raises(Conflict, match="delivery_out_of_order"):
        await town.deliver("pipes", model("p2"), valid_from=town.now_s - 3600)


async def test_a_place_said_later_is_where_the_building_always_stood():
    town = Town()
    code = await town.deliver("arch", model("w1"), valid_from=year(2020), where=Placement())
    await delivery.place(town.graph, code, HERE, holder="test", wait_s=0)
    (wall,) = (await (await town.then(year(2021))).find(0, Filter(q="w1"), limit=9)).items
    assert wall.lon == pytest.approx(114.4, abs=1e-3)
    document = (await town.graph.entities(2, [code]))[0]
    assert await valid_since(town.graph, 2, document) == year(2020)
    (before,) = (await town.graph.find(1, Filter(q="w1"), limit=9)).items
    assert before.lon is None


async def test_a_code_of_later_keeps_nothing_back_and_one_that_went_is_told_as_gone():
    town = Town()
    await town.deliver("arch", model("w1"), valid_from=year(2020))
    await town.deliver("arch", model("w2"), valid_from=year(2022))
    (w2,) = (await town.graph.find(2, Filter(q="w2"), limit=9)).items
    (w1,) = (await town.graph.find(1, Filter(q="w1"), limit=9)).items
    then = await town.then(year(2021))
    assert await then.entities(0, [w2.code, w1.code], ended=True) == [w1]
    assert await then.resolve(0, ["w1", "w2"]) == {
        "w1": (await town.graph.resolve(1, ["w1"]))["w1"]
    }


async def test_too_many_late_documents_at_one_moment_are_refused(monkeypatch):
    monkeypatch.setattr("cim.moment.LAYERS_MAX", 1)
    town = Town()
    await town.deliver("arch", model("w1"), valid_from=year(2020))
    await town.deliver("pipes", model("p1"), valid_from=year(2020))
    assert len((await moment(town.graph, 1, year(2021))).layers) == 1
    with pytest.raises(TooLarge, match="past_layers_limit"):
        await moment(town.graph, 2, year(2021))


async def test_the_past_is_not_written():
    past = await Town().then(year(2020))
    with pytest.raises(Conflict, match="past_read_only"):
        await past.activate("w", wait_s=0)
    with pytest.raises(Conflict, match="past_read_only"):
        await past.reserve("x", 1, "o")
