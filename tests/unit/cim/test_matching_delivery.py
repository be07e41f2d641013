"""A delivery under new GUIDs keeps its codes; a person corrects one, and takes that back."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from cim import delivery
from cim.delivery_match import report
from cim.merge import Incoming, Traits
from cim.model import Kind, Lifecycle, Tile, Verb
from cim.stores.memory import MemoryBlobs, MemoryGraph
from cim.stores.sqlite import SqliteGraph
from identity.errors import CityError
from tests.unit.cim.test_delivery import BOX, HERE, Office

pytestmark = pytest.mark.anyio
WHO = {"who": "Li", "why": "it is the old door", "holder": "test", "wait_s": 1}


def clock() -> float:
    return 1_700_000_000.0


@pytest.fixture(params=["memory", "sqlite"])
async def stores(request, tmp_path):
    graph = MemoryGraph(clock)
    if request.param == "sqlite":
        graph = await SqliteGraph.open(tmp_path / "graph.db", clock)
    yield SimpleNamespace(graph=graph, codes=graph, blobs=MemoryBlobs())
    await graph.close()


def item(key, kind, sort, name, parent=None, **facts):
    root = facts.pop("root", None)
    tag = facts.pop("tag", "")
    traits = Traits(kind, sort, name, tag, parent=parent or "", storey=facts.get("storey") or "")
    properties = {"ifc_class": sort, "ifc_guid": key}
    return Incoming(key, kind, f"{key} {name} {parent}", name, parent, root=root,
                    properties=properties, traits=traits, **facts)  # fmt: skip


def house(salt, *walls):
    """A house whose GUIDs all carry ``salt``; a wall is (name, x) or (name, x, tag)."""
    p, b, s = (f"{salt}-{name}" for name in ("p", "b", "s"))
    return [
        item(p, Kind.PROJECT, "IfcProject", "P"),
        item(b, Kind.BUILDING, "IfcBuilding", "House", p),
        item(s, Kind.STOREY, "IfcBuildingStorey", "1F", b, root=b),
        *[wall(salt, *w) for w in walls],
    ]


def wall(salt, name, x, tag=""):
    building, storey = f"{salt}-b", f"{salt}-s"
    facts = {"storey": storey, "box_m": (x, *BOX[1:3], x + 4, *BOX[4:]), "own_shape": True}
    key = f"{salt}-{name}"
    return item(key, Kind.ELEMENT, "IfcWall", name, storey, root=building, tag=tag, **facts)


class Firm(Office):
    """Delivers with tiles that carry codes, and keeps what it was told."""

    def __init__(self, stores):
        super().__init__(stores.graph)
        self.stores, self.told = stores, None

    async def deliver(self, incoming, **names):
        made = await self.make(incoming, **names)
        drawn = [i for i in incoming if i.own_shape]

        async def tiler(issued):
            blob = await self.stores.blobs.put("|".join(issued[i.key] for i in drawn).encode())
            root = next(issued[i.key] for i in incoming if i.kind is Kind.BUILDING)
            return [Tile(root, made.document, blob, 1, 12, 1, BOX, HERE.transform())]

        async def teller(who, _notes):
            self.told = report(who)
            return {"matches": "blob"}

        result = await delivery.deliver(
            self.graph, self.graph, made, tiler, holder="test", wait_s=1, teller=teller
        )
        return result, made.document

    async def drawn(self) -> list[str]:
        (tile,) = await self.graph.tiles((await self.graph.head()).generation)
        return (await self.stores.blobs.get(tile.blob)).decode().split("|")

    async def code_of(self, guid: str) -> str:
        g = (await self.graph.head()).generation
        return (await self.graph.resolve(g, [guid], scheme="ifc_guid"))[guid][0].code


async def test_new_guids_for_all_change_nothing_but_the_guids(stores):
    firm = Firm(stores)
    await firm.deliver(house("a", ("w1", 0), ("w2", 9)))
    before = await firm.codes()
    result, document = await firm.deliver(house("b", ("w1", 0), ("w2", 9)))
    counts = {k: result[k] for k in ("rematched", "added", "changed", "removed")}
    assert {"rematched": 5, "added": 0, "changed": 0, "removed": 0} == counts
    assert before == await firm.codes()
    g = (await stores.graph.head()).generation
    (entity,) = await stores.graph.entities(g, [before["w1"]])
    assert "b-w1" == entity.properties["ifc_guid"]
    assert before["w1"] == await firm.code_of("b-w1")
    old = await stores.graph.resolve(g, ["a-w1"], scheme="ifc_guid", retired=True)
    assert [(before["w1"], True)] == [(a.code, a.retired) for a in old["a-w1"]]
    assert {"b-w1"} < {m["key"] for m in firm.told["matches"]}
    (model,) = await stores.graph.entities(g, [document])
    assert "blob" == model.properties["matches"]


async def test_the_former_guids_come_back_to_the_same_codes(stores):
    firm = Firm(stores)
    walls = [("w1", 0), ("w2", 9)]
    await firm.deliver(house("a", *walls))
    before = await firm.codes()
    await firm.deliver(house("b", *walls))
    result, _ = await firm.deliver(house("a", *walls))
    assert (before, 5, 0) == (await firm.codes(), result["rematched"], result["changed"])
    assert {"guid", "container"} == {m["rule"] for m in firm.told["matches"]}


async def test_a_guid_that_was_left_and_comes_back_beside_its_heir_is_a_new_thing(stores):
    firm = Firm(stores)
    await firm.deliver(house("a", ("w1", 0), ("w2", 9)))
    before = await firm.codes()
    second = house("b", ("w1", 0), ("w2", 9))
    await firm.deliver(second)
    back = replace(wall("b", "again", 30), key="a-w1")
    await firm.deliver([*second, back])
    after = await firm.codes()
    assert before["w1"] == after["w1"] != after["again"]


async def test_moved_renamed_added_and_removed_are_counted_and_reported(stores):
    firm = Firm(stores)
    await firm.deliver(house("a", ("w1", 0, "1"), ("w2", 9, "2"), ("gone", 20, "3")))
    before = await firm.codes()
    result, _ = await firm.deliver(house("b", ("w1", 5, "1"), ("w2", 9, "2"), ("new", 40, "4")))
    after = await firm.codes()
    assert (before["w1"], before["w2"]) == (after["w1"], after["w2"])
    counts = tuple(result[k] for k in ("rematched", "added", "changed", "removed"))
    assert (5, 1, 1, 1) == counts
    assert ["b-new"] == [u["key"] for u in firm.told["unmatched_new"]]
    assert [before["gone"]] == [u["code"] for u in firm.told["unmatched_old"]]


async def test_a_document_that_keeps_the_old_guids_keeps_the_shared_building(stores):
    firm = Firm(stores)
    await firm.deliver(house("a", ("w1", 0)), document="arch")
    await firm.deliver(house("a", ("column", 3)), document="structure")
    before = await firm.codes()
    await firm.deliver(house("b", ("w1", 0)), document="arch")
    assert before["House"] == await firm.code_of("a-b") == await firm.code_of("b-b")
    await firm.deliver(house("b", ("column", 3)), document="structure")
    assert before == await firm.codes()
    g = (await stores.graph.head()).generation
    assert {} == await stores.graph.resolve(g, ["a-w1"], scheme="ifc_guid")


async def mistaken(firm):
    """Deliver a wall that comes back elsewhere under another name: it gets a new code."""
    await firm.deliver(house("a", ("w1", 0), ("door", 9)))
    old = (await firm.codes())["door"]
    _, document = await firm.deliver(house("a", ("w1", 0), ("gate", 50)))
    return document, old, (await firm.codes())["gate"]


async def test_a_person_gives_a_thing_its_old_code_and_takes_that_back(stores):
    firm = Firm(stores)
    document, old, wrong = await mistaken(firm)
    assert old != wrong
    said = await delivery.rematch(stores, document, "a-gate", old, **WHO)
    assert (wrong, old) == (said["before"], said["after"])
    assert old == (await firm.codes())["gate"] == await firm.code_of("a-gate")
    assert old in await firm.drawn()
    g = said["generation"]
    (gone,) = await stores.graph.entities(g, [wrong], ended=True)
    assert Lifecycle.GONE is gone.lifecycle
    above = await stores.graph.relations(g, [wrong], [Verb.REPLACES], incoming=True)
    assert [old] == [r.source for r in above]
    parents = await stores.graph.relations(g, [old, wrong], [Verb.CONTAINS], incoming=True)
    assert [old] == [r.target for r in parents]
    back = await delivery.undo_rematch(stores, document, "a-gate", **WHO)
    assert wrong == back["after"] == (await firm.codes())["gate"]
    assert wrong in await firm.drawn()
    g = back["generation"]
    assert [] == await stores.graph.relations(g, [old, wrong], [Verb.REPLACES], incoming=True)
    events = [m.event for m in await stores.graph.moves(g - 2, limit=2)]
    assert [("Li", False), ("Li", True)] == [(e["who"], e["undo"]) for e in events]
    with pytest.raises(CityError) as caught:
        await delivery.undo_rematch(stores, document, "a-gate", **WHO)
    assert "rematch_none" == caught.value.code


async def test_a_wrong_match_becomes_a_thing_of_its_own_and_stays_so(stores):
    firm = Firm(stores)
    await firm.deliver(house("a", ("w1", 0), ("w2", 9)))
    before = await firm.codes()
    second = house("b", ("w1", 0), ("w2", 9))
    _, document = await firm.deliver(second)
    said = await delivery.rematch(stores, document, "b-w1", None, **WHO)
    assert said["after"] not in before.values()
    result, _ = await firm.deliver(second)
    assert (0, 0, 0) == tuple(result[k] for k in ("added", "changed", "removed"))
    assert said["after"] == (await firm.codes())["w1"] == await firm.code_of("b-w1")
    await delivery.undo_rematch(stores, document, "b-w1", **WHO)
    assert before == await firm.codes()


@pytest.mark.parametrize(
    ("key", "code", "refusal"),
    [
        ("a-none", "old", "rematch_key_unknown"),
        ("a-gate", "taken", "rematch_taken"),
        ("a-gate", "420111990101000000015-E00000001X", "rematch_code_unknown"),
        ("a-b", None, "rematch_kind"),
    ],
)
async def test_a_wrong_correction_is_refused_and_changes_nothing(stores, key, code, refusal):
    firm = Firm(stores)
    document, old, _ = await mistaken(firm)
    codes = await firm.codes()
    head = await stores.graph.head()
    wanted = {"old": old, "taken": codes["w1"]}.get(code, code)
    with pytest.raises(CityError) as caught:
        await delivery.rematch(stores, document, key, wanted, **WHO)
    assert (refusal, codes) == (caught.value.code, await firm.codes())
    assert head == await stores.graph.head()


async def test_a_correction_without_a_reason_is_refused(stores):
    firm = Firm(stores)
    document, old, _ = await mistaken(firm)
    with pytest.raises(CityError) as caught:
        await delivery.rematch(stores, document, "a-gate", old, **WHO | {"why": " "})
    assert "rematch_reason" == caught.value.code


async def test_a_part_follows_a_corrected_whole(stores):
    firm = Firm(stores)

    def stair(name, x):
        made = house("a", ("w1", 0), (name, x))
        part = wall("a", "flight", 5)
        traits = replace(part.traits, parent=f"a-{name}")
        return [*made, replace(part, parent=f"a-{name}", digest=name, traits=traits)]

    await firm.deliver(stair("stair", 9))
    old = (await firm.codes())["stair"]
    _, document = await firm.deliver(stair("steps", 50))
    assert old != (await firm.codes())["steps"]
    await delivery.rematch(stores, document, "a-steps", old, **WHO)
    g = (await stores.graph.head()).generation
    flight = (await firm.codes())["flight"]
    above = await stores.graph.relations(g, [flight], [Verb.CONTAINS], incoming=True)
    assert [old] == [r.source for r in above]
