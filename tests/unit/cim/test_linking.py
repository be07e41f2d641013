"""A list of foreign codes in one activation, however long its rows take."""

import pytest

from cim import links
from cim.linking import Linking
from cim.links import Checked, Row
from cim.model import Entity, Kind
from cim.ports import Batch
from cim.registry_change import Registry
from cim.stores.memory import MemoryGraph
from cim.stores.memory_blobs import MemoryBlobs
from identity import code as uic
from identity.errors import Conflict
from identity.ports import Alias
from identity.schemes.opaque import table

pytestmark = pytest.mark.anyio
HOUSE, SECOND, THIRD = (uic.issue(uic.prefix("420111", Kind.HOUSE), n) for n in (1, 2, 3))
LEASE_TTL_S = 15.0
VENDOR = table([{"scheme": "vendor", "zh": "厂", "en": "vendor"}])


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


async def test_a_long_list_of_what_stands_already_keeps_the_lease():
    clock, others = Clock(), []
    graph = MemoryGraph(clock, lease_ttl_s=LEASE_TTL_S)
    standing = Alias("vendor", "", "V-1", HOUSE)
    activation = await graph.activate("test", wait_s=0)
    await activation.write(Batch(entities=[Entity(HOUSE, Kind.HOUSE)], aliases=[standing]))
    await activation.commit({})

    async def slow():
        for row in range(1, 5):
            clock.now += LEASE_TTL_S - 1
            with pytest.raises(Conflict) as refused:
                await graph.activate("another", wait_s=0)
            others.append(refused.value.code)
            yield [Checked(row, links.read(Row(HOUSE, "V-1", "vendor"), opaque=VENDOR))]

    linking = Linking(graph, graph, MemoryBlobs(), wait_s=0)
    report = await linking.run(slow(), lambda *_: None, who="Li", why="again")
    assert (report.already, report.linked, report.refused) == (4, 0, 0)
    assert others == ["lease_busy"] * 4
    assert (await graph.head()).generation == 1


async def test_a_code_for_a_thing_that_left_names_where_its_redirects_end():
    graph, who = MemoryGraph(Clock()), {"who": "Li", "why": "one house"}
    activation = await graph.activate("test", wait_s=0)
    houses = [Entity(code, Kind.HOUSE) for code in (HOUSE, SECOND, THIRD)]
    await activation.write(Batch(entities=houses))
    await activation.commit({})
    register = Registry(graph, graph, MemoryBlobs(), 0)
    await register.merge(HOUSE, SECOND, **who)
    await register.merge(SECOND, THIRD, **who)
    linking = Linking(graph, graph, MemoryBlobs(), wait_s=0, opaque=VENDOR)
    with pytest.raises(Conflict) as refused:
        await linking.link(Row(HOUSE, "V-1", "vendor"), **who)
    assert (refused.value.code, refused.value.facts["expected"]) == ("link_thing_gone", THIRD)
