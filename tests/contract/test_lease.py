"""One writer at a time; who lost the lease can never move head."""

from collections import UserDict, defaultdict

import anyio
import pytest

from cim.model import Entity, Kind
from cim.ports import Batch, Filter
from identity.errors import Conflict

pytestmark = pytest.mark.anyio

A = "420111990101000000011"
ROW = Batch(entities=[Entity(A, Kind.BUILDING, "A座")])


async def refusal(call):
    """The code that an awaited call is refused with."""
    with pytest.raises(Conflict) as refused:
        await call
    return refused.value.code


async def test_a_second_writer_waits_and_is_refused(opens):
    one, two = await opens(), await opens()
    activation = await one.activate("one", wait_s=0)
    assert await refusal(two.activate("two", wait_s=0)) == "lease_busy"
    assert await refusal(one.activate("three", wait_s=0.1)) == "lease_busy"
    await activation.commit({})
    assert (await two.activate("two", wait_s=0)).base == 1


async def test_the_refusal_names_the_holder(graph):
    await graph.activate("import of 光谷A座", wait_s=0)
    with pytest.raises(Conflict) as refused:
        await graph.activate("two", wait_s=0)
    assert refused.value.facts["holder"] == "import of 光谷A座"


async def test_a_waiting_writer_begins_when_the_lease_is_given_back(opens):
    one, two = await opens(), await opens()
    first = await one.activate("one", wait_s=0)
    begun = []

    async def wait():
        begun.append(await two.activate("two", wait_s=20))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.sleep(0.12)
        assert begun == []
        await first.write(ROW)
        await first.commit({})
    assert [a.base for a in begun] == [1]


@pytest.fixture
def paused(monkeypatch):
    """Events by the name of a task: it has paused, as a writer does when its ticket is drawn."""
    events, sleep = defaultdict(anyio.Event), anyio.sleep

    async def pause(seconds):
        events[anyio.get_current_task().name].set()
        await sleep(seconds)

    monkeypatch.setattr(anyio, "sleep", pause)
    return events


async def test_who_gives_the_lease_back_comes_behind_those_who_wait(opens, paused):
    handles = [await opens() for _ in range(3)]
    held = await handles[0].activate("first", wait_s=0)
    order = []

    async def wait(name, graph):
        activation = await graph.activate(name, wait_s=60)
        order.append(name)
        await activation.commit({})

    async with anyio.create_task_group() as tasks:
        for name, graph in zip(("second", "third"), handles[1:], strict=True):
            tasks.start_soon(wait, name, graph, name=name)
            await paused[name].wait()
        await held.commit({})
        assert await refusal(handles[0].activate("greedy", wait_s=0)) == "lease_busy"
        await wait("again", handles[0])
    assert order == ["second", "third", "again"]
    assert (await handles[0].head()).generation == 4


async def test_nobody_waits_for_who_gave_up_waiting(opens, clock):
    one, two = await opens(), await opens()
    held = await one.activate("one", wait_s=0)
    assert await refusal(two.activate("gives up", wait_s=0.1)) == "lease_busy"
    with anyio.move_on_after(0.3) as scope:
        await two.activate("is cancelled", wait_s=60)
    assert scope.cancelled_caught
    await held.commit({})
    assert (await one.activate("three", wait_s=0)).base == 1


async def test_abort_gives_the_lease_back(graph):
    await (await graph.activate("one", wait_s=0)).abort()
    assert (await graph.activate("two", wait_s=0)).base == 0


async def test_a_live_lease_is_left_alone_until_it_runs_out(graph, clock):
    await graph.activate("one", wait_s=0)
    clock.advance(14)
    assert await refusal(graph.activate("two", wait_s=0)) == "lease_busy"
    clock.advance(1)
    assert (await graph.activate("two", wait_s=0)).generation == 1


@pytest.mark.parametrize("sign_of_life", ["write", "renew"])
async def test_writing_and_renewing_keep_the_lease(graph, clock, sign_of_life):
    activation = await graph.activate("one", wait_s=0)
    for _ in range(3):
        clock.advance(14)
        await (activation.write(ROW) if sign_of_life == "write" else activation.renew())
    assert await refusal(graph.activate("two", wait_s=0)) == "lease_busy"


async def test_a_slow_batch_has_not_used_up_the_time_of_the_next(graph, clock):
    class Slow(UserDict):
        def keys(self):
            clock.advance(14)
            return super().keys()

    activation = await graph.activate("one", wait_s=0)
    await activation.write(Batch(entities=[Entity(A, Kind.BUILDING, properties=Slow())]))
    clock.advance(14)
    assert await refusal(graph.activate("two", wait_s=0)) == "lease_busy"


async def test_who_lost_the_lease_can_do_nothing_more(opens, clock):
    one, two = await opens(), await opens()
    old = await one.activate("old", wait_s=0)
    await old.write(ROW)
    clock.advance(16)
    new = await two.activate("new", wait_s=0)
    assert await refusal(old.write(ROW)) == "lease_lost"
    assert await refusal(old.renew()) == "lease_lost"
    assert await refusal(old.abort()) == "lease_lost"
    assert await refusal(old.commit({})) == "lease_lost"
    assert (await one.head()).generation == 0
    await new.commit({})
    assert await refusal(old.commit({})) == "lease_lost"
    assert (await one.head()).generation == 1
    assert (await one.find(1, Filter(), limit=10)).items == []


async def test_who_lost_the_lease_cannot_disturb_the_next_writer(opens, clock):
    one, two = await opens(), await opens()
    old = await one.activate("old", wait_s=0)
    clock.advance(16)
    new = await two.activate("new", wait_s=0)
    await new.write(ROW)
    assert await refusal(old.abort()) == "lease_lost"
    await new.commit({})
    assert [e.code for e in await one.entities(1, [A])] == [A]


async def test_a_late_writer_whom_nobody_replaced_may_go_on(graph, clock):
    activation = await graph.activate("slow", wait_s=0)
    clock.advance(100)
    await activation.write(ROW)
    assert (await activation.commit({})).generation == 1


async def test_a_finished_activation_is_finished(graph):
    activation = await graph.activate("one", wait_s=0)
    await activation.commit({})
    assert await refusal(activation.write(ROW)) == "lease_lost"
    assert await refusal(activation.commit({})) == "lease_lost"
    other = await graph.activate("two", wait_s=0)
    assert await refusal(activation.abort()) == "lease_lost"
    assert (await other.commit({})).generation == 2


async def test_reading_and_reserving_need_no_lease(opens):
    one, two = await opens(), await opens()
    activation = await one.activate("one", wait_s=0)
    await activation.write(ROW)
    assert list(await two.reserve("420111990101", 2, "two")) == [1, 2]
    assert (await two.head()).generation == 0
    assert (await two.find(0, Filter(), limit=10)).items == []
    await activation.commit({})
