"""Serials are handed out once; identifiers lead to codes, at a generation."""

import anyio
import pytest

from cim.model import Entity, Kind
from cim.ports import Batch
from identity.errors import Conflict, Invalid
from identity.ports import Alias

pytestmark = pytest.mark.anyio

A = "420111990101000000011"
B = "420111990101000000020"
PREFIX = "420111990101"


def alias(code, value="2O2Fr$t4X7Zf8NOew3FLKr", scope="project-1", scheme="ifc_guid", **more):
    return Alias(scheme, scope, value, code, **more)


async def test_serials_begin_at_one_and_never_overlap(opens):
    one, two = await opens(), await opens()
    assert await one.reserve(PREFIX, 3, "import 1") == range(1, 4)
    assert await two.reserve(PREFIX, 2, "import 2") == range(4, 6)
    assert await one.reserve(PREFIX, 1, "import 3") == range(6, 7)


async def test_prefixes_count_by_themselves(graph):
    assert await graph.reserve(PREFIX, 3, "x") == range(1, 4)
    assert await graph.reserve("420106990101", 3, "x") == range(1, 4)
    assert await graph.reserve(A + "-E", 3, "x") == range(1, 4)
    assert await graph.reserve(A + "-S", 3, "x") == range(1, 4)


async def test_the_same_owner_gets_the_same_serials_again(opens):
    one, two = await opens(), await opens()
    assert await one.reserve(PREFIX, 5, "import 1") == range(1, 6)
    assert await one.reserve(PREFIX, 5, "import 2") == range(6, 11)
    assert await two.reserve(PREFIX, 5, "import 1") == range(1, 6)
    assert await two.reserve(PREFIX, 2, "import 1") == range(1, 3)


async def test_a_longer_count_gets_a_new_block_and_the_old_one_stays(graph):
    assert await graph.reserve(PREFIX, 2, "import 1") == range(1, 3)
    assert await graph.reserve(PREFIX, 2, "import 2") == range(3, 5)
    assert await graph.reserve(PREFIX, 4, "import 1") == range(5, 9)
    assert await graph.reserve(PREFIX, 2, "import 1") == range(1, 3)
    assert await graph.reserve(PREFIX, 3, "import 1") == range(5, 8)
    assert await graph.reserve(PREFIX, 1, "import 3") == range(9, 10)


async def test_none_are_reserved_for_none(graph):
    assert list(await graph.reserve(PREFIX, 0, "x")) == []
    assert await graph.reserve(PREFIX, 1, "x") == range(1, 2)
    with pytest.raises(Invalid) as refused:
        await graph.reserve(PREFIX, -1, "x")
    assert refused.value.code == "serial_count_invalid"


async def test_a_prefix_can_be_exhausted(graph):
    assert await graph.reserve(PREFIX, 99_999_998, "big") == range(1, 99_999_999)
    with pytest.raises(Conflict) as refused:
        await graph.reserve(PREFIX, 2, "next")
    assert refused.value.code == "serials_exhausted"
    assert await graph.reserve(PREFIX, 1, "last") == range(99_999_999, 100_000_000)
    with pytest.raises(Conflict):
        await graph.reserve(PREFIX, 1, "none left")


async def test_part_serials_reach_further(graph):
    capacity = 32**7 - 1
    assert len(await graph.reserve(A + "-E", capacity, "big")) == capacity
    with pytest.raises(Conflict):
        await graph.reserve(A + "-E", 1, "none left")


async def test_owners_at_the_same_time_get_serials_of_their_own(opens):
    handles = [await opens(), await opens()]
    blocks = []

    async def reserve(n):
        blocks.append(await handles[n % 2].reserve(PREFIX, 7, f"owner {n}"))

    async with anyio.create_task_group() as tasks:
        for n in range(20):
            tasks.start_soon(reserve, n)
    assert sorted(s for block in blocks for s in block) == list(range(1, 141))


async def test_serials_outlive_an_aborted_activation(graph):
    activation = await graph.activate("w", wait_s=0)
    assert await graph.reserve(PREFIX, 3, "import 1") == range(1, 4)
    await activation.abort()
    assert await graph.reserve(PREFIX, 3, "import 1") == range(1, 4)
    assert await graph.reserve(PREFIX, 3, "import 2") == range(4, 7)


async def test_an_alias_leads_to_its_code_from_its_generation_on(graph, change):
    known = alias(A, source="arch.ifc", confidence=0.75)
    await change(graph, Batch(aliases=[known]))
    assert await graph.resolve(1, [known.value]) == {known.value: [known]}
    assert await graph.resolve(0, [known.value]) == {}
    assert await graph.resolve(1, ["unknown"]) == {}
    assert await graph.resolve(1, []) == {}


async def test_aliases_are_told_apart_by_letter_case(graph, change):
    await change(graph, Batch(aliases=[alias(A, "aB"), alias(B, "Ab")]))
    found = await graph.resolve(1, ["aB", "Ab", "ab"])
    assert {value: [x.code for x in read] for value, read in found.items()} == {
        "aB": [A],
        "Ab": [B],
    }


async def test_the_same_value_in_two_scopes_is_two_aliases(graph, change):
    one, two = alias(A), alias(B, scope="project-2")
    tag = alias(A, scheme="tag", scope="")
    await change(graph, Batch(aliases=[two, tag, one]))
    assert await graph.resolve(1, [one.value]) == {one.value: [one, two, tag]}
    assert await graph.resolve(1, [one.value], scheme="ifc_guid") == {one.value: [one, two]}
    assert await graph.resolve(1, [one.value], scope="project-2") == {one.value: [two]}
    assert await graph.resolve(1, [one.value], scheme="tag", scope="") == {one.value: [tag]}
    assert await graph.resolve(1, [one.value], scheme="tag", scope="project-1") == {}


async def test_an_alias_put_for_another_code_moves(graph, change):
    await change(graph, Batch(aliases=[alias(A)]))
    await change(graph, Batch(aliases=[alias(B)]))
    value = alias(A).value
    assert await graph.resolve(1, [value]) == {value: [alias(A)]}
    assert await graph.resolve(2, [value]) == {value: [alias(B)]}
    retired = alias(A, retired=True)
    assert await graph.resolve(2, [value], retired=True) == {value: [alias(B), retired]}
    assert await graph.aliases(2, [A, B]) == {A: [], B: [alias(B)]}


async def test_a_retired_alias_still_leads_to_the_code_that_was(graph, change):
    await change(graph, Batch(aliases=[alias(A)]))
    await change(graph, Batch(end_aliases=[("ifc_guid", "project-1", alias(A).value)]))
    value = alias(A).value
    assert await graph.resolve(2, [value]) == {}
    assert await graph.resolve(2, [value], retired=True) == {value: [alias(A, retired=True)]}
    assert await graph.resolve(1, [value], retired=True) == {value: [alias(A)]}
    assert await graph.resolve(0, [value], retired=True) == {}


async def test_of_a_codes_ended_aliases_the_newest_answers(graph, change):
    value = alias(A).value
    end = Batch(end_aliases=[("ifc_guid", "project-1", value)])
    await change(graph, Batch(aliases=[alias(A, source="old")]))
    await change(graph, end)
    await change(graph, Batch(aliases=[alias(A, source="new")]))
    assert await graph.resolve(3, [value], retired=True) == {value: [alias(A, source="new")]}
    await change(graph, end)
    newest = [alias(A, source="new", retired=True)]
    assert await graph.resolve(4, [value], retired=True) == {value: newest}
    oldest = [alias(A, source="old", retired=True)]
    assert await graph.resolve(2, [value], retired=True) == {value: oldest}


async def test_putting_an_answer_back_brings_the_alias_to_life(graph, change):
    await change(graph, Batch(aliases=[alias(A, retired=True)]))
    assert await graph.resolve(1, [alias(A).value]) == {alias(A).value: [alias(A)]}


async def test_aliases_of_codes_come_in_order(graph, change):
    mine = [
        alias(A, "0", scope="", scheme="device"),
        alias(A, "1", scope="p1"),
        alias(A, "2", scope="p1"),
        alias(A, "0", scope="p2"),
        alias(A, "T-1", scope="", scheme="tag"),
    ]
    await change(graph, Batch(aliases=[*reversed(mine), alias(B, "other")]))
    assert await graph.aliases(1, [A, B]) == {A: mine, B: [alias(B, "other")]}
    assert await graph.aliases(0, [A]) == {A: []}
    assert await graph.aliases(1, []) == {}


async def test_many_values_and_many_bearers_are_answered_whole(graph, change):
    shared = [alias(f"{A}-E{n:07d}X", "M_1", scope=f"p{n:04d}", scheme="tag") for n in range(500)]
    own = [alias(f"{A}-E{n:07d}X", f"guid-{n:04d}") for n in range(500)]
    await change(graph, Batch(entities=[Entity(A, Kind.BUILDING)], aliases=[*shared, *own]))
    assert (await graph.resolve(1, ["M_1"]))["M_1"] == shared
    found = await graph.resolve(1, [a.value for a in own])
    assert [found[a.value] for a in own] == [[a] for a in own]
    codes = [a.code for a in own]
    assert await graph.aliases(1, codes) == {
        code: [a, b] for code, a, b in zip(codes, own, shared, strict=True)
    }


async def test_what_a_code_was_called_is_told_with_its_generations_newest_first(graph, change):
    kept, left = alias(A, "kept"), alias(A, "left", scheme="tag")
    await change(graph, Batch(aliases=[left, kept, alias(B, "other")]))
    await change(graph, Batch(aliases=[alias(A, "new"), alias(A, "kept", source="again")]))
    await change(graph, Batch(end_aliases=[("tag", "project-1", "left")]))
    await change(graph, Batch(aliases=[alias(B, "new")]))
    told = await graph.alias_history(4, A, limit=10)
    assert [(f.alias.value, f.alias.source, f.g_from, f.g_to) for f in told] == [
        ("kept", "again", 2, None),
        ("new", "", 2, 4),
        ("kept", "", 1, 2),
        ("left", "", 1, 3),
    ]
    before = await graph.alias_history(2, A, limit=10)
    assert [(f.alias.value, f.g_from, f.g_to) for f in before] == [
        ("kept", 2, None),
        ("new", 2, None),
        ("kept", 1, 2),
        ("left", 1, None),
    ]
    assert await graph.alias_history(4, A, limit=1) == told[:1]
    assert await graph.alias_history(4, "unknown", limit=1) == []
