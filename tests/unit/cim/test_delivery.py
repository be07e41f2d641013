"""One delivery becomes one generation."""

from dataclasses import dataclass, replace

import pytest

from cim import delivery
from cim.delivery import Delivery
from cim.merge import Incoming
from cim.model import Kind, Lifecycle, Tile, Verb
from cim.placement import Placement, given
from cim.ports import Filter
from cim.registry_change import Registry
from cim.stores.memory import MemoryBlobs, MemoryGraph
from cim.stores.sqlite import SqliteGraph
from identity import code as uic
from identity.errors import CityError

pytestmark = pytest.mark.anyio
HERE = given({"lon": 114.4, "lat": 30.5, "height_m": 20})
BOX = (0.0, 0.0, 0.0, 4.0, 3.0, 3.0)
REGION = "420111"


@pytest.fixture(params=["memory", "sqlite"])
async def graph(request, tmp_path):
    def clock() -> float:
        return 1_700_000_000.0

    if request.param == "memory":
        made = MemoryGraph(clock)
    else:
        made = await SqliteGraph.open(tmp_path / "graph.db", clock)
    yield made
    await made.close()


def house(*walls, prefix="", building="b"):
    top = [
        Incoming("p", Kind.PROJECT, "p", "P"),
        Incoming("site", Kind.SITE, "s", "Site", parent="p"),
        Incoming(building, Kind.BUILDING, "b", "House", parent="site"),
        Incoming("st", Kind.STOREY, "st", "1F", parent=building, root=building),
    ]
    return [*top, *[wall(prefix + w, building) for w in walls]]


def wall(key, building="b", digest="d", box=BOX):
    return Incoming(
        key,
        Kind.ELEMENT,
        digest,
        key,
        parent="st",
        storey="st",
        root=building,
        box_m=box,
        own_shape=True,
        properties={"ifc_class": "IfcWall"},
    )


@dataclass
class Office:
    """Reserves project and document codes and delivers."""

    graph: object
    number: int = 0

    async def code(self, kind, owner):
        prefix = uic.prefix(REGION, kind)
        return uic.issue(prefix, (await self.graph.reserve(prefix, 1, owner))[0])

    async def make(self, incoming, document="arch", project="P", where=HERE, receipt=None):
        self.number += 1
        return Delivery(
            receipt=receipt or f"r{self.number}",
            project=await self.code(Kind.PROJECT, f"project:{project}"),
            project_name=project,
            document=await self.code(Kind.DOCUMENT, f"document:{project}:{document}"),
            document_name=document,
            region=REGION,
            sha256=f"sha{self.number}",
            incoming=incoming,
            placement=where,
        )

    async def deliver(self, *args, **kwargs):
        made = await self.make(*args, **kwargs)
        return await self.run(made), made

    async def run(self, made, tiler=None):
        return await delivery.deliver(
            self.graph, self.graph, made, tiler or _tiler(made), holder="test", wait_s=1
        )

    async def codes(self):
        head = await self.graph.head()
        page = await self.graph.find(
            head.generation, Filter(kinds=(Kind.ELEMENT, Kind.BUILDING)), limit=1000
        )
        return {e.name: e.code for e in page.items}


def _tiler(made):
    async def tiles(issued):
        return (
            [Tile(issued["b"], made.document, "blob", 1, 12, 1, BOX, made.placement.transform())]
            if "b" in issued
            else []
        )

    return tiles


async def test_a_first_delivery_is_a_tree_with_codes_positions_and_tiles(graph):
    office = Office(graph)
    result, made = await office.deliver(house("w1", "w2"))
    g = (await graph.head()).generation
    assert (1, 6, 6, 0, 0) == tuple(
        result[k] for k in ("version", "objects", "added", "changed", "removed")
    )
    codes = await office.codes()
    assert uic.root_of(codes["w1"]) == codes["House"] == result["code"]
    (entity,) = await graph.entities(g, [codes["w1"]])
    assert (114.4, 30.5) == pytest.approx((entity.lon, entity.lat), abs=1e-4)
    assert entity.grid2d.startswith("N50")
    assert [codes["House"]] == [t.root for t in await graph.tiles(g)]
    assert {Kind.SITE: 1, Kind.BUILDING: 1, Kind.STOREY: 1, Kind.ELEMENT: 2} == (
        await graph.counts(g, made.project)
    )


async def test_the_next_version_keeps_codes_and_counts_one_of_each(graph):
    office = Office(graph)
    await office.deliver(house("w1", "w2", "w3"))
    before = await office.codes()
    second = [*house("w1"), wall("w2", digest="other"), wall("w4")]
    result, _ = await office.deliver(second)
    assert (2, 1, 1, 1) == tuple(result[k] for k in ("version", "added", "changed", "removed"))
    after = await office.codes()
    assert {k: before[k] for k in ("w1", "w2", "House")} == {
        k: after[k] for k in ("w1", "w2", "House")
    }
    g = (await graph.head()).generation
    (gone,) = await graph.entities(g, [before["w3"]], ended=True)
    assert Lifecycle.GONE == gone.lifecycle


async def test_a_thing_that_returns_has_its_code_again(graph):
    office = Office(graph)
    await office.deliver(house("w1", "w2"))
    before = await office.codes()
    await office.deliver(house("w1"))
    await office.deliver(house("w1", "w2"))
    assert before == await office.codes()


async def test_documents_of_one_project_share_the_building(graph):
    office = Office(graph)
    await office.deliver(house("w1"), document="arch")
    shared = (await office.codes())["House"]
    _, made = await office.deliver(house("c1", prefix="x-"), document="structure")
    codes = await office.codes()
    assert {"House": shared} == {k: v for k, v in codes.items() if k == "House"}
    assert uic.root_of(codes["x-c1"]) == uic.root_of(codes["w1"]) == shared
    await delivery.withdraw(graph, made.document, holder="test", wait_s=1)
    assert {"House", "w1"} == set(await office.codes())


async def test_another_project_gets_codes_of_its_own(graph):
    office = Office(graph)
    await office.deliver(house("w1"))
    first = set((await office.codes()).values())
    await office.deliver(house("w1"), project="Q")
    g = (await graph.head()).generation
    page = await graph.find(g, Filter(kinds=(Kind.ELEMENT, Kind.BUILDING)), limit=10)
    assert 4 == len({e.code for e in page.items} | first)


async def test_the_same_receipt_again_answers_the_same_and_changes_nothing(graph):
    office = Office(graph)
    made = await office.make(house("w1"))
    first = await office.run(made)
    head = await graph.head()
    assert first == await office.run(made)
    assert head == await graph.head()


async def test_a_failed_delivery_leaves_nothing_and_its_retry_has_the_same_codes(graph):
    office = Office(graph)
    made = await office.make(house("w1", "w2"))
    seen = {}

    async def failing(issued):
        seen.update(issued)
        raise CityError("planted")

    with pytest.raises(CityError):
        await office.run(made, failing)
    assert 0 == (await graph.head()).generation
    await office.run(made)
    codes = await office.codes()
    assert (seen["w1"], seen["b"]) == (codes["w1"], codes["House"])


async def test_a_placed_model_moves_whole_and_keeps_its_codes(graph):
    office = Office(graph)
    _, made = await office.deliver(house("w1"), where=Placement())
    g = (await graph.head()).generation
    before = await office.codes()
    assert [None] == [t.transform for t in await graph.tiles(g)]
    await delivery.place(graph, made.document, HERE, holder="test", wait_s=1)
    g = (await graph.head()).generation
    (entity,) = await graph.entities(g, [before["w1"]])
    assert 114.4 == pytest.approx(entity.lon, abs=1e-3)
    assert [HERE.transform()] == [t.transform for t in await graph.tiles(g)]
    assert before == await office.codes()


async def test_a_withdrawn_model_leaves_only_codes_and_can_come_back(graph):
    office = Office(graph)
    _, made = await office.deliver(house("w1"))
    before = await office.codes()
    await delivery.withdraw(graph, made.document, holder="test", wait_s=1)
    g = (await graph.head()).generation
    assert ({}, []) == (await office.codes(), await graph.tiles(g))
    result = await office.run(replace(made, receipt="again"))
    assert (before, 2) == (await office.codes(), result["version"])


async def test_a_thing_that_changes_its_parent_leaves_the_old_one(graph):
    office = Office(graph)
    await office.deliver(
        [*house("w1"), Incoming("st2", Kind.STOREY, "st2", "2F", parent="b", root="b")]
    )
    up = replace(wall("w1"), parent="st2", storey="st2", digest="up")
    stack = [*house(), Incoming("st2", Kind.STOREY, "st2", "2F", parent="b", root="b"), up]
    await office.deliver(stack)
    g = (await graph.head()).generation
    code = (await office.codes())["w1"]
    above = await graph.relations(g, [code], [Verb.CONTAINS], incoming=True)
    parents = await graph.entities(g, [r.source for r in above])
    assert ["2F"] == [e.name for e in parents]


async def test_withdrawing_something_that_is_no_model_is_refused(graph):
    with pytest.raises(CityError) as caught:
        await delivery.withdraw(graph, "420111990101000000015", holder="test", wait_s=1)
    assert "model_unknown" == caught.value.code


async def test_where_a_thing_stands_in_its_life_outlives_its_next_version(graph):
    office = Office(graph)
    await office.deliver(house("w1", "w2"))
    code = (await office.codes())["House"]
    register = Registry(graph, graph, MemoryBlobs(), 1.0)
    await register.move(code, Lifecycle.UNDER_CONSTRUCTION, who="Li", why="it is built")
    await office.deliver([replace(item, digest="other") for item in house("w1", "w3")])
    g = (await graph.head()).generation
    (entity,) = await graph.entities(g, [code])
    assert Lifecycle.UNDER_CONSTRUCTION is entity.lifecycle
    (new,) = await graph.entities(g, [(await office.codes())["w3"]])
    assert Lifecycle.IN_USE is new.lifecycle
