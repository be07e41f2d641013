"""What was known of a code, over the generations: every adapter tells the same."""

import pytest

from cim.model import Entity, Kind
from cim.ports import Batch, Fact
from identity.errors import Invalid, TooLarge

pytestmark = pytest.mark.anyio

A = "420111990101000000011"
B = "420111990101000000020"


def building(code, name, **more):
    return Entity(code, Kind.BUILDING, name, **more)


async def lived(graph, change):
    """A: named, renamed, ended, and back again; B changes nothing of it."""
    await change(graph, Batch(entities=[building(A, "one", lon=114.4, lat=30.5)]))
    await change(graph, Batch(entities=[building(B, "other")]))
    await change(graph, Batch(entities=[building(A, "two", properties={"n": 1})]))
    await change(graph, Batch(end_entities=[A]))
    return await change(graph, Batch(entities=[building(A, "three")]))


FACTS = [
    Fact(5, None, building(A, "three")),
    Fact(3, 4, building(A, "two", properties={"n": 1})),
    Fact(1, 3, building(A, "one", lon=114.4, lat=30.5)),
]


async def test_the_history_of_a_code_is_told_newest_first(graph, change):
    g = await lived(graph, change)
    assert await graph.history(g, A, limit=10) == FACTS
    assert await graph.history(g, "420111990101000009999", limit=10) == []


async def test_at_an_earlier_generation_later_ends_have_not_happened(graph, change):
    await lived(graph, change)
    assert await graph.history(3, A, limit=10) == [Fact(3, None, FACTS[1].entity), FACTS[2]]
    assert await graph.history(0, A, limit=10) == []


async def test_pages_of_a_history_follow_each_other(graph, change):
    g = await lived(graph, change)
    assert await graph.history(g, A, limit=1) == FACTS[:1]
    assert await graph.history(g, A, limit=1, before=5) == FACTS[1:2]
    assert await graph.history(g, A, limit=9, before=3) == FACTS[2:]


async def test_rows_above_head_and_undone_rows_are_no_history(graph, change):
    g = await lived(graph, change)
    activation = await graph.activate("w", wait_s=0)
    await activation.write(Batch(entities=[building(A, "never")]))
    assert await graph.history(g, A, limit=10) == FACTS
    await activation.abort()
    assert await graph.history(g + 1, A, limit=10) == FACTS


@pytest.mark.parametrize(("limit", "refused"), [(0, Invalid), (1_001, TooLarge)])
async def test_a_page_of_history_has_the_limits_of_a_page(graph, limit, refused):
    with pytest.raises(refused):
        await graph.history(0, A, limit=limit)
