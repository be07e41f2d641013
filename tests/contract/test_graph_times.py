"""Which generation belongs to a time: every adapter tells the same."""

import pytest

from cim.model import Entity, Kind
from cim.ports import Batch
from identity.errors import Invalid, TooLarge

pytestmark = pytest.mark.anyio

A = "420111990101000000011"
SOME = Batch(entities=[Entity(A, Kind.BUILDING)])


async def moved(graph, change, clock, **event):
    """One more generation a hundred seconds later; return when."""
    clock.advance(100)
    await change(graph, SOME, event=event)
    return clock.now_s


async def test_a_time_belongs_to_the_last_generation_activated_by_then(graph, change, clock):
    first = await moved(graph, change, clock)
    second = await moved(graph, change, clock)
    found = [await graph.generation_at(at) for at in (first - 1, first, second - 0.5, second, 4e9)]
    assert found == [0, 1, 1, 2, 2]


async def test_the_empty_graph_was_never_anything_else(graph, clock):
    assert await graph.generation_at(clock.now_s) == 0
    assert await graph.dated(0, upto=9, valid_until=4e9, limit=10) == []


async def test_a_clock_that_is_set_back_does_not_reorder_the_past(graph, change, clock):
    first = await moved(graph, change, clock)
    clock.advance(-500)
    await change(graph, SOME)
    assert (await graph.head()).activated_at == first
    assert [await graph.generation_at(at) for at in (first - 1, first)] == [0, 2]


async def test_what_is_above_head_belongs_to_no_time(graph, change, clock):
    await moved(graph, change, clock)
    activation = await graph.activate("w", wait_s=0)
    await activation.write(SOME)
    assert await graph.generation_at(4e9) == 1
    await activation.abort()


async def test_moves_with_a_date_of_their_own_are_found_by_it(graph, change, clock):
    await moved(graph, change, clock, model="a", valid_from=1_500_000_000.0)
    await moved(graph, change, clock, model="b")
    await moved(graph, change, clock, model="c", valid_from=1_700_000_000)
    await moved(graph, change, clock, model="d", valid_from=1_600_000_000.5)

    async def found(after, upto, valid_until, limit=10):
        moves = await graph.dated(after, upto=upto, valid_until=valid_until, limit=limit)
        return [(move.generation, move.event["model"]) for move in moves]

    assert await found(0, 4, 4e9) == [(1, "a"), (3, "c"), (4, "d")]
    assert await found(0, 4, 1_600_000_000.5) == [(1, "a"), (4, "d")]
    assert await found(1, 3, 4e9) == [(3, "c")]
    assert await found(0, 4, 4e9, limit=1) == [(1, "a")]
    assert await found(0, 4, 1_499_999_999) == []


@pytest.mark.parametrize(("limit", "refused"), [(0, Invalid), (1_001, TooLarge)])
async def test_a_page_of_dated_moves_has_the_limits_of_a_page(graph, limit, refused):
    with pytest.raises(refused):
        await graph.dated(0, upto=1, valid_until=1.0, limit=limit)
