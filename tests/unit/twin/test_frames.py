"""The stream: ordered, resumable, coalesced, and a gap is said."""

from dataclasses import replace

import anyio
import pytest

from cim.model import Entity, Kind
from cim.ports import Batch
from cim.stores.memory import MemoryGraph
from identity.errors import Invalid
from twin import frames as stream
from twin.city import City
from twin.events import Signal, wait
from twin.ports import Commit, Projection
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
        self.city = City(self.graph, self.graph, self.states, lambda: 1000.0, signal=self.signal)

    async def read(self, code="lamp", value=1, at=900.0, name="power"):
        one = Reading(code, name, value, at, at, "s")
        await self.states.commit(Commit([one], projections={"lamp": LAMP}))

    async def move(self):
        activation = await self.graph.activate("test", wait_s=1)
        await activation.write(Batch(entities=[Entity("a", Kind.BUILDING)]))
        await activation.commit({"event": "model_activated", "model": "m"})


@pytest.fixture
def street():
    return Street()


async def take(frames, count):
    return [await anext(frames) for _ in range(count)]


async def test_without_an_id_the_stream_begins_now(street):
    await street.read(value=1)
    await street.move()
    frames = street.city.frames()
    async with anyio.create_task_group() as group:

        async def later():
            await anyio.sleep(0.05)
            await street.read(value=2, at=901)

        group.start_soon(later)
        (frame,) = await take(frames, 1)

    assert frame == {
        "id": "2.1",
        "event": "state",
        "data": {
            "code": "lamp",
            "property": "power",
            "value": 2,
            "unit": "",
            "observed_at": "1970-01-01T00:15:01.000Z",
            "received_at": "1970-01-01T00:15:01.000Z",
            "changed_at": "1970-01-01T00:15:01.000Z",
            "quality": "good",
            "source": "s",
            "kind": "Element",
            "building": "tower",
            "lon": 114.4,
            "lat": 30.5,
        },
    }


async def test_an_id_resumes_states_and_moves_of_head(street):
    await street.read(code="a")
    await street.read(code="b")
    await street.move()
    await street.move()

    told = await take(street.city.frames("1.0"), 3)
    assert [(f["id"], f["event"]) for f in told] == [
        ("2.0", "state"),
        ("2.1", "model"),
        ("2.2", "model"),
    ]
    assert (told[1]["data"]["event"], told[1]["data"]["generation"]) == ("model_activated", 1)
    again = await take(street.city.frames(told[0]["id"]), 1)
    assert again == [told[1]]


async def test_a_late_reader_gets_the_newest_state_of_each_and_ids_that_grow(street):
    for value, code in enumerate("abab"):
        await street.read(code=code, value=value, at=900.0 + value)
    await street.read(code="c", value=9)

    told = await take(street.city.frames("0.0"), 3)
    assert [(f["id"], f["data"]["code"], f["data"]["value"]) for f in told] == [
        ("3.0", "a", 2),
        ("4.0", "b", 3),
        ("5.0", "c", 9),
    ]


async def test_what_is_no_longer_kept_is_said_by_a_reset_and_the_stream_goes_on(street):
    for value in range(9):
        await street.read(value=value, at=900.0 + value)
    frames = street.city.frames("1.0")

    (reset,) = await take(frames, 1)
    await street.read(value=99, at=990)
    (after,) = await take(frames, 1)
    assert (reset["id"], reset["event"], reset["data"]) == (
        "9.0",
        "reset",
        {"reason": "outbox_pruned", "from": "1.0"},
    )
    assert (after["id"], after["data"]["value"]) == ("10.0", 99)


@pytest.mark.parametrize("ahead", ["500.0", "0.7"])
async def test_an_id_of_another_store_is_answered_by_a_reset(street, ahead):
    await street.read()

    (frame,) = await take(street.city.frames(ahead), 1)
    assert (frame["id"], frame["event"], frame["data"]["reason"]) == (
        "1.0",
        "reset",
        "position_unknown",
    )


@pytest.mark.parametrize("text", ["x", "1", "1.", ".1", "-1.0", "1.0.0", "9" * 30 + ".0"])
async def test_an_id_that_is_none_is_refused_before_the_stream_begins(street, text):
    with pytest.raises(Invalid) as refused:
        street.city.frames(text)

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
async def test_only_what_was_asked_for_passes(street, wanted):
    await street.read(code="other")
    await street.read(code="lamp", name="humidity", value=0)
    await street.read(code="lamp", value=5)
    await street.read(code="other", value=6, at=950)

    await street.move()
    told = []
    frames = street.city.frames("0.0", **wanted)
    while not told or told[-1]["event"] != "model":
        told += await take(frames, 1)
    passed = [(f["data"]["code"], f["data"]["property"]) for f in told[:-1]]
    assert ("lamp", "power") in passed
    assert {code for code, _ in passed} == {"lamp"}


async def test_a_box_leaves_out_what_stands_elsewhere(street):
    await street.read()
    wanted = stream.Wanted(box=(0.0, 0.0, 1.0, 1.0))
    (change,) = await street.states.changes(0, limit=1)

    assert wanted.takes(change) is False
    assert wanted.takes(replace(change, projection=replace(LAMP, lon=1.0, lat=0.0))) is True


async def test_a_quiet_stream_carries_its_position_on(street, monkeypatch):
    monkeypatch.setattr(stream, "POLL_S", 0.001)
    monkeypatch.setattr(stream, "FLUSH_S", 0.0)
    await street.read(code="other")

    (frame,) = await take(street.city.frames("0.0", codes=["lamp"]), 1)
    assert (frame["id"], frame["event"], frame["data"]) == ("1.0", "alive", {})


async def test_another_processes_writes_are_found_without_a_signal(street):
    frames = City(street.graph, street.graph, street.states, lambda: 1000.0).frames("0.0")
    async with anyio.create_task_group() as group:

        async def later():
            await anyio.sleep(0.01)
            await street.read(value=3)

        group.start_soon(later)
        (frame,) = await take(frames, 1)
    assert frame["data"]["value"] == 3


async def test_a_signal_wakes_all_who_wait_and_is_not_lost_between_look_and_wait():
    signal = Signal()
    armed = signal.armed()
    signal.notify()

    with anyio.fail_after(5):
        await wait(armed, 60)
    assert signal.armed().is_set() is False
