"""The register changes what models deliver: the same answers on every adapter."""

import pytest

from cim.model import Entity, Kind, Lifecycle, Relation, Verb
from cim.ports import Batch
from cim.redirects import survivors
from identity import code as uic
from identity.errors import CityError
from identity.ports import Alias
from tests.parts.register import WHO, Town, house, refusal
from tests.unit.cim.test_delivery import REGION, wall

pytestmark = pytest.mark.anyio

SENSOR = uic.issue(uic.prefix(REGION, "Sensor"), 1)
PARCEL = uic.issue(uic.prefix(REGION, "Building"), 9_000)


@pytest.fixture
async def town(graph):
    """One building delivered by two projects: A of P and B of Q, each with its own codes."""
    made = Town(graph)
    await made.deliver(house("w1", "w2"), project="P")
    await made.deliver(house("c1", building="bq", digest="bq"), project="Q")
    return made


async def pair(town):
    return await town.of("b"), await town.of("bq", "Q")


async def test_a_merged_building_takes_over_names_parts_tiles_and_documents(town, change):
    a, b = await pair(town)
    parts = await town.held()
    await change(town.graph, Batch(entities=[Entity(SENSOR, Kind.SENSOR, "meter")],
                                   relations=[Relation(Verb.OBSERVES, SENSOR, a)]))  # fmt: skip
    await town.register.merge(a, b, **WHO)
    assert await town.entity(a) is None
    assert (b, b) == (await town.of("b"), await town.of("bq", "Q"))
    assert parts | {"b": b} == await town.held()
    assert {parts["st"], (await town.held("Q"))["st"]} == set(await town.around(b, Verb.CONTAINS))
    assert [b] == await town.around(SENSOR, Verb.OBSERVES)
    codes = "".join([b, parts["st"], parts["w1"], parts["w2"]])
    assert [(b, codes)] == await town.drawn()
    document = await town.entity(town.documents["P"])
    assert b == document.properties["code"]


async def test_every_later_delivery_of_either_document_keeps_the_survivor(town):
    a, b = await pair(town)
    parts = await town.held()
    await town.register.merge(a, b, **WHO)
    result = await town.deliver([*house("w1", "w2", digest="other"), wall("w3")], project="P")
    assert (1, 1, 0) == tuple(result[name] for name in ("added", "changed", "removed"))
    now = await town.held()
    assert parts | {"b": b, "w3": now["w3"]} == now
    assert (b, a) == (uic.root_of(now["w3"]), uic.root_of(now["w1"]))
    assert 2 == len(await town.around(b, Verb.CONTAINS, incoming=True)), "a site was left"
    await town.deliver(house("c1", "c2", building="bq", digest="new"), project="Q")
    assert b == await town.of("bq", "Q") == await town.of("b")
    assert 2 == len(await town.around(b, Verb.CONTAINS, incoming=True))


async def test_withdrawing_one_document_ends_nothing_the_other_holds_and_it_comes_back(town):
    a, b = await pair(town)
    await town.register.merge(a, b, **WHO)
    await town.withdraw("Q")
    assert Lifecycle.IN_USE is (await town.entity(b)).lifecycle
    await town.deliver(house("c1", building="bq", digest="bq"), project="Q", receipt="again")
    assert b == await town.of("bq", "Q")
    await town.withdraw("P")
    assert b == (await town.entity(b)).code
    await town.withdraw("Q")
    assert await town.entity(b) is None
    await town.deliver(house("w1"), project="P", receipt="once more")
    assert b == await town.of("b"), "a code that redirects lived again"
    assert await town.entity(a) is None


async def test_a_retried_receipt_after_a_merge_answers_the_same_and_changes_nothing(graph):
    town = Town(graph)
    first = await town.deliver(house("w1"), project="P", receipt="r1")
    await town.deliver(house("c1", building="bq"), project="Q")
    a, b = await pair(town)
    await town.register.merge(a, b, **WHO)
    head = await town.graph.head()
    assert first == await town.deliver(house("w1"), project="P", receipt="r1")
    assert head == await town.graph.head()

    async def failing(_issued):
        raise CityError("planted")

    second = house("w1", "w2")
    assert "planted" == await refusal(town.deliver(second, receipt="r2", tiler=failing))
    assert head == await town.graph.head()
    await town.deliver(second, receipt="r2")
    assert b == (await town.held())["b"] == uic.root_of((await town.held())["w2"])


async def test_an_undone_merge_gives_everything_back_also_after_later_versions(town):
    a, b = await pair(town)
    held, drawn = await town.held(), await town.drawn()
    done = await town.register.merge(a, b, **WHO)
    await town.deliver([*house("w1"), wall("w2", digest="thicker")], project="P")
    await town.deliver(house("c1", "c2", building="bq", digest="bq"), project="Q")
    undone = await town.register.undo(b, None, **WHO)
    assert done["generation"] == undone["undoes"]
    assert (a, b) == await pair(town)
    assert held == await town.held()
    assert drawn == await town.drawn()
    assert [held["st"]] == await town.around(a, Verb.CONTAINS)
    assert {} == await survivors(town.graph, await town.generation(), [a])
    again = await town.deliver([*house("w1"), wall("w2", digest="thicker")], project="P")
    assert (0, 0, 0) == tuple(again[name] for name in ("added", "changed", "removed"))
    await town.withdraw("Q")
    assert a == (await town.entity(a)).code


async def test_an_undo_is_refused_when_a_version_wrote_the_same_rows_or_put_parts_below(town):
    a, b = await pair(town)
    await town.register.merge(a, b, **WHO)
    await town.deliver(house("w1", "w2", digest="rebuilt"), project="P")
    assert "undo_blocked" == await refusal(town.register.undo(a, None, **WHO))
    other = Town(town.graph, town.blobs)
    await other.deliver(house("w1"), project="R")
    c = await other.of("b", "R")
    await town.register.merge(c, b, **WHO)
    storey = [item for item in house("w9", storey="st2") if item.key in {"st2", "w9"}]
    await other.deliver([*house("w1"), *storey], project="R")
    assert "undo_blocked" == await refusal(town.register.undo(c, None, **WHO))


async def test_what_the_register_knew_before_outlives_the_document_it_was_joined_to(town, change):
    official = Entity(PARCEL, Kind.BUILDING, "registered by hand")
    names = [Alias("bdcdy28", "", "370105012002GB00001F00010751", PARCEL)]
    await change(town.graph, Batch(entities=[official], aliases=names))
    a, b = await pair(town)
    await town.register.merge(a, PARCEL, **WHO)
    await town.register.merge(PARCEL, b, **WHO)
    await town.withdraw("P")
    await town.withdraw("Q")
    assert b == (await town.entity(b)).code
    await town.register.retire(b, **WHO)
    assert await town.entity(b) is None


async def test_two_things_of_one_document_are_not_merged(town):
    await town.deliver([*house("w1"), *house(building="b2")[2:3]], project="P")
    a, b = await town.of("b"), await town.of("b2")
    head = await town.graph.head()
    assert "registry_same_document" == await refusal(town.register.merge(a, b, **WHO))
    for doing in (town.register.retire(a, **WHO), town.register.split(a, [b, PARCEL], **WHO)):
        assert "registry_delivered" == await refusal(doing)
    assert head == await town.graph.head()


async def test_storeys_are_merged_after_their_buildings_and_what_they_hold_follows(town):
    a, b = await pair(town)
    mine, theirs = await town.held(), await town.held("Q")
    merging = (mine["st"], theirs["st"])
    assert "registry_root" == await refusal(town.register.merge(*merging, **WHO))
    await town.register.merge(a, b, **WHO)
    await town.register.merge(*merging, **WHO)
    wall_ = await town.entity(mine["w1"])
    assert theirs["st"] == wall_.properties["storey"]
    inside = {mine["w1"], mine["w2"], theirs["c1"]}
    assert inside == set(await town.around(theirs["st"], Verb.CONTAINS))
    assert [(b, "".join([b, theirs["st"], mine["w1"], mine["w2"]]))] == await town.drawn()
    result = await town.deliver(house("w1", "w2"), project="P")
    assert (0, 0, 0) == tuple(result[name] for name in ("added", "changed", "removed"))
    await town.register.undo(mine["st"], None, **WHO)
    assert mine["st"] == (await town.entity(mine["w1"])).properties["storey"]
    assert [theirs["c1"]] == await town.around(theirs["st"], Verb.CONTAINS)


async def test_what_is_gone_is_redirected_afterwards_and_never_issued_again(town):
    await town.deliver([*house("w1")[:2], *two_houses()], project="P")
    a = (await town.graph.resolve(await town.generation(), ["b"], retired=True))["b"][0].code
    left, right = await town.of("east"), await town.of("west")
    told = await town.register.split(a, [left, right], **WHO)
    ends = await survivors(town.graph, await town.generation(), [a])
    assert {a: sorted([left, right])} == ends
    assert "registry_redirected" == await refusal(town.register.merge(a, left, **WHO))
    await town.deliver(house("w1"), project="P")
    assert await town.of("b") not in {a, left, right}, "a guess, or a code that redirects"
    undone = await town.register.undo(left, None, **WHO)
    assert told["generation"] == undone["undoes"]
    assert {} == await survivors(town.graph, undone["generation"], [a])


def two_houses():
    return [item for name in ("east", "west") for item in house(building=name)[2:3]]
