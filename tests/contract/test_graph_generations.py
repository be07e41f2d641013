"""A change of the city is seen whole or not at all, whatever happens to its writer."""

import pytest

from cim.model import Entity, Kind, Lifecycle, Relation, Tile, Verb
from cim.ports import BATCH_ROWS, Batch, Filter, Head
from identity.errors import TooLarge
from identity.ports import Alias

pytestmark = pytest.mark.anyio

A = "420111990101000000011"
B = "420111990101000000020"


def building(code, name="A座", **more):
    return Entity(code, Kind.BUILDING, name, **more)


def tile(root, blob="b1"):
    return Tile(root, "doc", blob, 10, 12, 3, (0.0, 0.0, 0.0, 1.5, 2.5, 3.5), None, "t")


def everything(code):
    """One row of each table about ``code``."""
    return Batch(
        entities=[building(code)],
        relations=[Relation(Verb.CONTAINS, code, code + "-E0000001W")],
        aliases=[Alias("ifc_guid", "p", "guid-" + code, code)],
        tiles=[tile(code)],
    )


async def seen(graph, g):
    """All that a reader can see at ``g``."""
    return (
        [e.code for e in (await graph.find(g, Filter(), limit=1000)).items],
        [(r.verb, r.source, r.target) for r in await graph.relations(g, [A, B], [])],
        await graph.resolve(g, ["guid-" + A, "guid-" + B]),
        [t.root for t in await graph.tiles(g)],
    )


async def test_an_empty_graph_is_at_generation_zero(graph):
    assert await graph.head() == Head(0, 0.0)
    assert await seen(graph, 0) == ([], [], {}, [])
    assert await graph.moves(0, limit=10) == []
    await graph.ready()


async def test_rows_become_visible_with_the_commit_and_not_before(opens, clock):
    writer, reader = await opens(), await opens()
    activation = await writer.activate("w", wait_s=0)
    assert (activation.base, activation.generation) == (0, 1)
    await activation.write(everything(A))
    assert (await reader.head()).generation == 0
    assert await seen(reader, 0) == ([], [], {}, [])
    clock.advance(3)
    assert await activation.commit({"kind": "test"}) == Head(1, clock())
    assert await reader.head() == Head(1, clock())
    assert (await seen(reader, 1))[0] == [A]
    assert await seen(reader, 0) == ([], [], {}, [])


async def test_an_old_generation_answers_the_same_for_ever(graph, change):
    await change(graph, everything(A))
    before = await seen(graph, 1)
    await change(
        graph,
        everything(B),
        Batch(
            end_entities=[A],
            end_relations=[(Verb.CONTAINS, A, A + "-E0000001W")],
            end_aliases=[("ifc_guid", "p", "guid-" + A)],
            end_tiles=[(A, "doc")],
        ),
    )
    assert await seen(graph, 1) == before
    assert (await seen(graph, 2))[0] == [B]
    assert (await seen(graph, 2))[3] == [B]
    assert list((await seen(graph, 2))[2]) == ["guid-" + B]


async def test_an_entity_comes_back_as_it_was_put(graph, change):
    entity = Entity(
        A,
        Kind.FACILITY,
        "泵站 №1",
        Lifecycle.PLANNED,
        114.39876543210123,
        30.50123456789012,
        23.25,
        (114.1, 30.1, 114.2, 30.2),
        "N50H0513548370124463",
        {"psets": {"Pset_墙": {"厚度": 0.24, "n": 3, "b": True, "x": None, "l": [1, "二"]}}},
    )
    bare = Entity(B, Kind.ALERT)
    await change(graph, Batch(entities=[entity, bare]))
    assert await graph.entities(1, [A, B]) == [entity, bare]


async def test_entities_answer_in_the_order_asked_without_the_unknown(graph, change):
    await change(graph, Batch(entities=[building(A), building(B)]))
    codes = [e.code for e in await graph.entities(1, [B, "420111990101000000099", A])]
    assert codes == [B, A]
    many = [f"4201119901020{n:08d}" for n in range(100)]
    assert [e.code for e in await graph.entities(1, [*many, B, A])] == [B, A]


async def test_a_put_replaces_what_is_open(graph, change):
    await change(graph, Batch(entities=[building(A, "old")]))
    await change(graph, Batch(entities=[building(A, "new")]))
    assert [e.name for e in await graph.entities(1, [A])] == ["old"]
    assert [e.name for e in await graph.entities(2, [A])] == ["new"]


async def test_a_put_twice_in_one_activation_keeps_the_last(graph, change):
    position = {"lon": 114.0, "lat": 30.0}
    twice = Batch(entities=[building(A, "one", **position), building(A, "two")])
    await change(graph, everything(A), twice, Batch(entities=[building(A, "three")]))
    assert [e.name for e in await graph.entities(1, [A])] == ["three"]
    here = Filter(box=(113.0, 29.0, 115.0, 31.0))
    assert (await graph.find(1, here, limit=10)).items == []
    assert [e.name for e in (await graph.find(1, Filter(), limit=10)).items] == ["three"]


async def test_a_put_of_what_is_already_so_is_legal(graph, change):
    await change(graph, everything(A))
    before = await seen(graph, 1)
    await change(graph, everything(A), everything(A))
    assert await seen(graph, 2) == before


async def test_ends_of_a_batch_come_before_its_puts(graph, change):
    await change(graph, everything(A))
    both = Batch(
        entities=[building(A, "again")],
        end_entities=[A],
        aliases=[Alias("ifc_guid", "p", "guid-" + A, B)],
        end_aliases=[("ifc_guid", "p", "guid-" + A)],
    )
    await change(graph, both)
    assert [e.name for e in await graph.entities(2, [A])] == ["again"]
    assert [a.code for a in (await graph.resolve(2, ["guid-" + A]))["guid-" + A]] == [B]


async def test_what_was_put_and_ended_in_one_activation_never_was(graph, change):
    ends = Batch(end_entities=[A], end_tiles=[(A, "doc")])
    await change(graph, everything(A), ends)
    assert await graph.entities(1, [A], ended=True) == []
    assert await graph.tiles(1) == []
    await change(graph, everything(A))
    assert [e.code for e in (await graph.find(2, Filter(), limit=10)).items] == [A]


async def test_ending_the_unknown_changes_nothing(graph, change):
    unknown = Batch(
        end_entities=[A],
        end_relations=[(Verb.FEEDS, A, B)],
        end_aliases=[("tag", "", "x")],
        end_tiles=[(A, "doc")],
    )
    assert await change(graph, unknown) == 1
    assert await seen(graph, 1) == ([], [], {}, [])


async def test_an_ended_code_answers_with_its_last_facts_and_is_gone(graph, change):
    await change(graph, Batch(entities=[building(A, "first")]))
    await change(graph, Batch(entities=[building(A, "last")]))
    await change(graph, Batch(end_entities=[A]))
    assert await graph.entities(3, [A]) == []
    gone = [building(A, "last", lifecycle=Lifecycle.GONE)]
    assert await graph.entities(3, [A, B], ended=True) == gone
    assert await graph.entities(2, [A], ended=True) == [building(A, "last")]
    assert await graph.entities(0, [A], ended=True) == []
    await change(graph, Batch(entities=[building(A, "back")]))
    assert await graph.entities(4, [A], ended=True) == [building(A, "back")]


async def test_abort_leaves_nothing_and_frees_the_lease(graph, change):
    await change(graph, everything(A))
    before = await seen(graph, 1)
    activation = await graph.activate("w", wait_s=0)
    await activation.write(Batch(end_entities=[A], end_tiles=[(A, "doc")]))
    await activation.write(everything(B))
    await activation.abort()
    assert (await graph.head()).generation == 1
    assert await seen(graph, 1) == before
    assert await change(graph, Batch()) == 2
    assert await seen(graph, 2) == before


async def test_a_dead_writers_rows_are_undone_by_the_next(opens, clock, change):
    first = await opens()
    await change(first, everything(A))
    before = await seen(first, 1)
    dead = await first.activate("dead", wait_s=0)
    await dead.write(everything(B))
    await dead.write(Batch(entities=[building(A, "changed")], end_tiles=[(A, "doc")]))
    second = await opens()
    assert (await second.head()).generation == 1
    assert await seen(second, 1) == before
    clock.advance(16)
    assert await change(second, Batch()) == 2
    assert await seen(second, 2) == before
    assert [e.name for e in await second.entities(2, [A])] == ["A座"]


async def test_moves_of_head_are_kept_with_what_the_writer_said(graph, change, clock):
    times = []
    for n in range(5):
        clock.advance(10)
        times.append(clock())
        await change(graph, Batch(), event={"n": n, "名": "版本"})
    moves = await graph.moves(2, limit=2)
    assert [(m.generation, m.at) for m in moves] == [(3, times[2]), (4, times[3])]
    assert [dict(m.event) for m in moves] == [{"n": 2, "名": "版本"}, {"n": 3, "名": "版本"}]
    assert await graph.moves(5, limit=2) == []


async def test_an_aborted_activation_moves_nothing(graph):
    activation = await graph.activate("w", wait_s=0)
    await activation.abort()
    assert await graph.moves(0, limit=10) == []


async def test_a_full_batch_is_written_and_a_larger_one_refused(graph):
    entities = [building(f"4201119901020{n:08d}") for n in range(BATCH_ROWS)]
    activation = await graph.activate("w", wait_s=0)
    await activation.write(Batch(entities=entities))
    with pytest.raises(TooLarge) as refused:
        await activation.write(Batch(entities=entities, end_entities=[A]))
    assert refused.value.code == "batch_limit"
    await activation.commit({})
    page = await graph.find(1, Filter(), limit=1000, after=entities[-11].code)
    assert [e.code for e in page.items] == [e.code for e in entities[-10:]]


async def test_tiles_are_ordered_and_come_back_whole(graph, change):
    matrix = tuple(float(n) / 7 for n in range(16))
    placed = Tile(A, "e2", "b2", 7, 8, 9, (-1.0, 0.0, 0.125, 1.0, 2.0, 3.0), matrix, "名")
    await change(graph, Batch(tiles=[tile(B), placed, tile(A)]))
    assert await graph.tiles(1) == [tile(A), placed, tile(B)]
    await change(graph, Batch(tiles=[tile(A, "b9")]))
    assert [t.blob for t in await graph.tiles(2)] == ["b9", "b2", "b1"]
