"""The stream: ordered, resumable, coalesced, and a gap is said."""

from contextlib import AsyncExitStack
from dataclasses import replace

import anyio
import pytest

from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Batch
from cim.stores.memory import MemoryGraph
from identity.errors import Invalid, NotFound, TooLarge
from twin import push, readers
from twin.city import City
from twin.events import Signal, wait
from twin.frames import Area, Wanted
from twin.ports import Change, Commit, Projection
from twin.reading import Reading
from twin.stores.memory import MemoryStates

pytestmark = pytest.mark.anyio

LAMP = Projection("Element", "灯", "420111", "tower", 114.4, 30.5)


class Street:
    """A city of one graph and one state store with a short outbox."""

    def __init__(self):
        self.signal = Signal()
        self.graph = MemoryGraph(lambda: 1000.0)
        self.states = MemoryStates(signal=self.signal, outbox_kept=5)
        self.city = City(
            *(self.graph, self.graph, self.states, lambda: 1000.0),
            signal=self.signal,
            stream_buffer_max=50,
        )

    async def read(self, code="lamp", value=1, at=900.0, name="power"):
        one = Reading(code, name, value, at, at, "s")
        await self.states.commit(Commit([one], projections={"lamp": LAMP}))

    async def move(self, *relations, kind=Kind.BUILDING, codes="a"):
        activation = await self.graph.activate("test", wait_s=1)
        entities = [Entity(code, kind) for code in codes]
        await activation.write(Batch(entities=entities, relations=relations))
        await activation.commit({"event": "model_activated", "model": "m"})


@pytest.fixture
def street():
    return Street()


async def take(reader, count):
    """Return the next frames of a reader, at least ``count``."""
    told = []
    with anyio.fail_after(5):
        while len(told) < count:
            told += await reader.next()
    return told


def wanted_of(codes=(), kinds=(), properties=(), box=None):
    return Wanted(frozenset(codes), frozenset(kinds), frozenset(properties), box)


async def told(city, last_id, count, area="", **wanted):
    async with city.follow(last_id, wanted_of(**wanted), area=area) as reader:
        return await take(reader, count)


async def test_without_an_id_the_stream_begins_now(street):
    await street.read(value=1)
    await street.move()
    async with street.city.follow() as reader:
        await street.read(value=2, at=901)
        (frame,) = await take(reader, 1)

    assert (frame.id, frame.event) == ("2.1", "state")
    assert frame.data == {
        "code": "lamp",
        "property": "power",
        "value": 2,
        "unit": "",
        "observed_at": "1970-01-01T00:15:01.000Z",
        "received_at": "1970-01-01T00:15:01.000Z",
        "changed_at": "1970-01-01T00:15:01.000Z",
        "quality": "good",
        "reasons": [],
        "source": "s",
        "kind": "Element",
        "building": "tower",
        "lon": 114.4,
        "lat": 30.5,
    }


async def test_an_id_resumes_states_and_moves_of_head(street):
    await street.read(code="a")
    await street.read(code="b")
    await street.move()
    await street.move()

    frames = await told(street.city, "1.0", 3)
    assert [(f.id, f.event) for f in frames] == [
        ("2.0", "state"),
        ("2.1", "model"),
        ("2.2", "model"),
    ]
    assert (frames[1].data["event"], frames[1].data["generation"]) == ("model_activated", 1)
    assert await told(street.city, frames[0].id, 2) == frames[1:]


async def test_who_keeps_up_is_told_a_move_of_head(street):
    async with street.city.follow() as reader:
        await street.move()
        (frame,) = await take(reader, 1)
    assert (frame.id, frame.event, frame.data["generation"]) == ("0.1", "model", 1)


async def test_a_late_reader_gets_the_newest_state_of_each_and_ids_that_grow(street):
    for value, code in enumerate("abab"):
        await street.read(code=code, value=value, at=900.0 + value)
    await street.read(code="c", value=9)

    frames = await told(street.city, "0.0", 3)
    assert [(f.id, f.data["code"], f.data["value"]) for f in frames] == [
        ("3.0", "a", 2),
        ("4.0", "b", 3),
        ("5.0", "c", 9),
    ]


async def test_what_is_no_longer_kept_is_said_and_what_is_kept_is_told(street):
    for value in range(9):
        await street.read(code=f"c{value}", value=value)

    frames = await told(street.city, "1.0", 6)
    assert (frames[0].id, frames[0].event) == ("4.0", "gap")
    assert frames[0].data == {"from": "1.0", "to": "4.0"}
    assert [(f.id, f.data["value"]) for f in frames[1:]] == [(f"{n + 1}.0", n) for n in range(4, 9)]


async def test_what_is_pruned_before_the_hub_saw_it_is_said_to_all(street, monkeypatch):
    async with street.city.follow() as reader:
        for value in range(9):  # at once, with an outbox of five
            await street.read(code=f"c{value}", value=value)
        frames = await take(reader, 6)
    assert (frames[0].event, frames[0].data) == ("gap", {"from": "0.0", "to": "4.0"})
    assert [f.data["value"] for f in frames[1:]] == [4, 5, 6, 7, 8]


@pytest.mark.parametrize("ahead", ["500.0", "0.7"])
async def test_an_id_of_another_store_is_answered_by_a_reset_and_the_stream_goes_on(street, ahead):
    await street.read()

    async with street.city.follow(ahead) as reader:
        (reset,) = await take(reader, 1)
        await street.read(value=99, at=990)
        (after,) = await take(reader, 1)
    assert (reset.id, reset.event, reset.data["reason"]) == ("1.0", "reset", "position_unknown")
    assert (after.id, after.data["value"]) == ("2.0", 99)


@pytest.mark.parametrize("text", ["x", "1", "1.", ".1", "-1.0", "1.0.0", "9" * 30 + ".0"])
async def test_an_id_that_is_none_is_refused_before_the_stream_begins(street, text):
    with pytest.raises(Invalid) as refused:
        street.city.follow(text)

    assert refused.value.code == "event_id_invalid"


@pytest.mark.parametrize(
    "wanted",
    [
        {"codes": ["lamp"]},
        {"kinds": ["Element"]},
        {"box": (114.0, 30.0, 115.0, 31.0)},
        {"properties": ["power"], "codes": ["lamp"]},
    ],
)
@pytest.mark.parametrize("behind", ["0.0", None])
async def test_only_what_was_asked_for_passes(street, wanted, behind):
    async with street.city.follow(behind, wanted_of(**wanted)) as reader:
        await street.read(code="other")
        await street.read(code="lamp", name="humidity", value=0)
        await street.read(code="lamp", value=5)
        await street.read(code="other", value=6, at=950)
        await street.move()
        frames = []
        while not frames or frames[-1].event != "model":
            frames += await take(reader, 1)
    passed = [(f.data["code"], f.data["property"]) for f in frames[:-1]]
    assert ("lamp", "power") in passed
    assert {code for code, _ in passed} == {"lamp"}


async def test_a_box_leaves_out_what_stands_elsewhere(street):
    await street.read()
    wanted = Wanted(box=(0.0, 0.0, 1.0, 1.0))
    (change,) = await street.states.changes(0, limit=1)

    assert wanted.takes(change) is False
    moved = Change(change.sequence, change.state, replace(LAMP, lon=1.0, lat=0.0))
    assert wanted.takes(moved) is True


async def test_a_quiet_stream_carries_its_position_on(street, monkeypatch):
    monkeypatch.setattr(readers, "ALIVE_S", 0.001)
    await street.read(code="other")

    (frame,) = await told(street.city, "0.0", 1, codes=["lamp"])
    assert (frame.id, frame.event, frame.data) == ("1.0", "alive", {})


async def test_another_processes_writes_are_found_without_a_signal(street):
    city = City(street.graph, street.graph, street.states, lambda: 1000.0)
    async with city.follow("0.0") as reader:
        await anyio.sleep(0.05)
        await street.read(value=3)
        (frame,) = await take(reader, 1)
    assert frame.data["value"] == 3


async def test_an_id_that_another_process_told_is_waited_for(street):
    async with street.city.follow() as _:
        await street.read(value=1)  # the hub has not looked yet
        assert await told(street.city, "1.0", 0) == []
        await street.read(value=2, at=901)
        (frame,) = await told(street.city, "1.0", 1)
    assert frame.id == "2.0"


async def test_a_building_covers_what_stands_in_it(street):
    await street.move(codes=["tower"])
    async with street.city.follow(area="tower") as reader:
        await street.read(code="other")
        await street.read(code="tower", value=1)
        await street.read(code="lamp", value=2)
        frames = await take(reader, 2)
    assert [f.data["code"] for f in frames] == ["tower", "lamp"]


async def test_a_storey_covers_what_it_contains_also_what_comes_later(street, monkeypatch):
    monkeypatch.setattr(push, "HEAD_S", 0.0)
    await street.move(Relation(Verb.CONTAINS, "f1", "r1"), kind=Kind.STOREY, codes=["f1", "r1"])
    async with street.city.follow(area="f1") as reader:
        await street.read(code="r2")
        await street.read(code="r1", value=1)
        before = await take(reader, 1)
        await street.move(Relation(Verb.CONTAINS, "f1", "r2"), kind=Kind.SPACE, codes=["r2"])
        while "model" not in [f.event for f in before]:
            before += await take(reader, 1)
        await street.read(code="r2", value=2, at=950)
        after = await take(reader, 1)
    assert [f.data.get("code") for f in before if f.event == "state"] == ["r1"]
    assert [(f.data["code"], f.data["value"]) for f in after] == [("r2", 2)]


@pytest.mark.parametrize(
    ("area", "code", "covered"),
    [
        (Area("420111", region="420111"), "420111990101000000011", True),
        (Area("420100", region="4201"), "420111990101000000011", True),
        (Area("420112", region="420112"), "420111990101000000011", False),
        (Area("site", members=frozenset({"tower"})), "lamp", True),
        (Area("tower"), "lamp", True),
        (Area("tower2"), "lamp", False),
    ],
)
def test_an_area_covers_by_region_by_building_or_by_what_it_contains(area, code, covered):
    assert area.covers(code, "tower") is covered


async def test_an_area_nobody_knows_or_too_large_is_refused(street, monkeypatch):
    with pytest.raises(NotFound, match="code_unknown"):
        await told(street.city, None, 1, area="nowhere")
    monkeypatch.setattr("twin.areas.MEMBERS_MAX", 1)
    inside = [Relation(Verb.CONTAINS, "site", code) for code in "ab"]
    await street.move(*inside, kind=Kind.SITE, codes=["site", "a", "b"])
    with pytest.raises(TooLarge, match="area_limit"):
        await told(street.city, None, 1, area="site")


async def test_a_reader_that_takes_nothing_is_cut_off_and_the_others_are_told_all(street):
    async with street.city.follow() as slow, street.city.follow() as quick:
        got = []
        for value in range(60):
            await street.read(code=f"c{value}", value=value)
            got += await take(quick, 1)
        with pytest.raises(TooLarge) as cut:
            await slow.next()
    assert [f.data["value"] for f in got] == list(range(60))
    assert (cut.value.code, cut.value.facts["limit"]) == ("stream_too_slow", 50)
    assert (slow.waiting_most, slow.ended.done(), quick.ended.done()) == (50, True, False)


async def test_a_newer_value_takes_the_place_of_the_one_that_waits(street):
    async with street.city.follow() as slow, street.city.follow() as quick:
        for value in range(3):
            await street.read(value=value, at=900 + value)
            await take(quick, 1)
        (frame,) = await slow.next()
    assert (frame.id, frame.data["value"]) == ("3.0", 2)


async def test_all_readers_together_look_into_the_outbox_once(street, monkeypatch):
    looks = []
    inner = street.states.changes

    async def counted(after, *, limit):
        looks.append(after)
        return await inner(after, limit=limit)

    monkeypatch.setattr(street.states, "changes", counted)
    async with AsyncExitStack() as stack:
        many = [await stack.enter_async_context(street.city.follow()) for _ in range(50)]
        await street.read(value=7)
        told_all = [await take(reader, 1) for reader in many]
    assert {frames[0].data["value"] for frames in told_all} == {7}
    assert len({id(frames[0]) for frames in told_all}) == 1
    assert len(looks) < 10


async def test_without_readers_the_outbox_is_left_alone(street):
    async with street.city.follow():
        assert street.city._hub._task is not None
    assert street.city._hub._task is None


async def test_a_signal_wakes_all_who_wait_and_is_not_lost_between_look_and_wait():
    signal = Signal()
    armed = signal.armed()
    signal.notify()

    with anyio.fail_after(5):
        await wait(armed, 60)
    assert signal.armed().is_set() is False
