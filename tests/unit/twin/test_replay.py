"""History told again: in the order of time, paced, coalesced by what is watched, and it ends."""

import asyncio

import anyio
import pytest

from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Batch
from cim.stores.memory import MemoryGraph
from identity.errors import Invalid, NotFound
from twin import replay
from twin.city import City
from twin.frames import Wanted
from twin.ports import Commit, Projection
from twin.reading import Reading
from twin.replay import Span
from twin.stores.memory import MemoryStates

pytestmark = pytest.mark.anyio

FAST = 1_000_000.0  # a span of these tests lasts a moment


class Past:
    """A city with two lamps, a move of head at 1050, and readings of both."""

    def __init__(self):
        self.now_s = 1_000.0
        self.graph = MemoryGraph(lambda: self.now_s)
        self.states = MemoryStates()
        self.city = City(self.graph, self.graph, self.states, lambda: self.now_s)

    async def live(self):
        for at, codes in ((1_000.0, ["house", "f1", "a", "b"]), (1_050.0, ["late"])):
            self.now_s = at
            activation = await self.graph.activate("test", wait_s=1)
            kinds = {"house": Kind.BUILDING, "f1": Kind.STOREY}
            things = [Entity(code, kinds.get(code, Kind.ELEMENT)) for code in codes]
            inside = [
                Relation(Verb.CONTAINS, "house", "f1"),
                Relation(Verb.CONTAINS, "f1", "a"),
                Relation(Verb.CONTAINS, "house", "b"),
            ]
            await activation.write(Batch(entities=things, relations=inside))
            await activation.commit({"event": "model"})
        rows = [
            Reading(code, "power", at, at, at + 1, "s")
            for code, times in (("a", (1_010, 1_060, 1_090)), ("b", (1_000, 1_040, 1_100)))
            for at in times
        ]
        places = {code: Projection("Element", building="house") for code in "ab"}
        await self.states.commit(Commit(rows[::-1], projections=places))
        self.now_s = 2_000.0
        return self


@pytest.fixture
async def past():
    return await Past().live()


async def told(city, span, wanted=Wanted(), **more):  # noqa: B008 - frozen
    """Return all frames of a replay."""
    frames = []
    async with city.replay(span, wanted, **more) as player:
        with anyio.fail_after(10):
            while batch := await player.next():
                frames += batch
    return frames


def values(frames):
    return [(f.data["code"], f.data["value"]) for f in frames if f.event == "state"]


async def test_history_is_told_in_the_order_of_time_whatever_it_arrived_in(past, monkeypatch):
    monkeypatch.setattr(replay, "SLICE_S", 1e-6)  # a second of history
    frames = await told(past.city, Span(1_000.0, 1_100.0, FAST))
    assert values(frames) == [("b", 1000), ("a", 1010), ("b", 1040), ("a", 1060), ("a", 1090)]
    events = [f.event for f in frames if f.event != "time"]
    assert events == ["state", "model", "state", "state", "model", "state", "state", "end"]
    assert [f.data["generation"] for f in frames if f.event == "model"] == [1, 2]
    assert [f.id for f in frames] == sorted(f.id for f in frames)


async def test_a_frame_says_what_was_observed_and_where_the_thing_stands(past):
    frames = await told(past.city, Span(1_100.0, 1_101.0, FAST))
    assert frames[0].event == "time"
    assert frames[1].data == {
        "code": "b",
        "property": "power",
        "value": 1100,
        "unit": "",
        "observed_at": "1970-01-01T00:18:20.000Z",
        "received_at": "1970-01-01T00:18:21.000Z",
        "quality": "good",
        "source": "s",
        "kind": "Element",
        "building": "house",
        "lon": None,
        "lat": None,
    }
    assert (frames[-1].event, frames[-1].data) == ("end", {"at": "1970-01-01T00:18:21.000Z"})


async def test_within_one_slice_of_watching_the_newest_value_of_each_is_told(past):
    assert values(await told(past.city, Span(1_000.0, 1_101.0, FAST))) == [
        ("a", 1090),
        ("b", 1100),
    ]


@pytest.mark.parametrize(
    ("wanted", "area", "codes"),
    [
        (Wanted(codes=frozenset({"a"})), "", {"a"}),
        (Wanted(properties=frozenset({"other"})), "", set()),
        (Wanted(kinds=frozenset({"Element"})), "", {"a", "b"}),
        (Wanted(kinds=frozenset({"Space"})), "", set()),
        (Wanted(box=(0.0, 0.0, 1.0, 1.0)), "", set()),
        (Wanted(), "house", {"a", "b"}),
        (Wanted(), "f1", {"a"}),
    ],
)
async def test_a_replay_takes_the_filters_of_the_stream(past, wanted, area, codes):
    frames = await told(past.city, Span(1_000.0, 1_101.0, FAST), wanted, area=area)
    assert {code for code, _ in values(frames)} == codes


async def test_an_area_nobody_knows_is_refused(past):
    with pytest.raises(NotFound):
        await told(past.city, Span(1_000.0, 1_101.0), area="nowhere")


@pytest.mark.parametrize(
    ("span", "code"),
    [
        ((5.0, 5.0, 1.0), "span_invalid"),
        ((5.0, 4.0, 1.0), "span_invalid"),
        ((1.0, 2.0, 0.0), "speed_invalid"),
        ((1.0, 2.0, 1e9), "speed_invalid"),
        ((1.0, 2.0, float("nan")), "speed_invalid"),
    ],
)
def test_a_span_that_is_none_is_refused(span, code):
    with pytest.raises(Invalid, match=code):
        Span(*span)


async def test_the_speed_says_how_long_it_is_waited(past, monkeypatch):
    """Paced by the loop's clock: here the waits are counted, not waited."""
    waits = []
    sleep = asyncio.sleep

    async def counted(seconds):
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(replay.asyncio, "sleep", counted)
    await told(past.city, Span(1_000.0, 1_060.0, 60.0))
    assert len(waits) == 10  # a minute at 60: a second of watching in tenths
    assert 0.9 < max(waits) <= 1.0


async def test_a_move_on_the_border_of_two_pieces_is_told_once(past, monkeypatch):
    monkeypatch.setattr(replay, "PIECE_SLICES", 1)
    monkeypatch.setattr(replay, "SLICE_S", 25e-6)
    frames = await told(past.city, Span(1_000.0, 1_101.0, FAST))
    assert [f.data["generation"] for f in frames if f.event == "model"] == [1, 2]
