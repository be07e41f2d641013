"""Events go from the applier to the endpoint over the link while somebody wants them."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import pytest

from identity.errors import TooLarge
from sensors import events
from sensors.link import Link, pair
from tests.unit.sensors.small_city import until
from twin.frames import Frame

pytestmark = pytest.mark.anyio
STATE = {"kind": "Space", "code": "c1", "property": "temperature", "value": 21.5}


class City:
    """Gives readers of a queue of frames; remembers behind what each was asked for."""

    def __init__(self):
        self.asked, self.reading = [], 0
        self.queue = asyncio.Queue()

    @asynccontextmanager
    async def follow(self, behind):
        self.asked.append(behind)
        self.reading += 1
        try:
            yield self
        finally:
            self.reading -= 1

    async def next(self):
        frames = await self.queue.get()
        if isinstance(frames, Exception):
            raise frames
        return frames


class Subscribers:
    def __init__(self):
        self.wanted, self.events = False, []
        self.on_wanted = lambda: None

    def want(self, wanted):
        self.wanted = wanted
        self.on_wanted()

    def deliver(self, delivered):
        self.events += delivered


@asynccontextmanager
async def linked(monkeypatch):
    monkeypatch.setattr(events, "REPEAT_S", 0.02)
    near, far = pair()
    city, subscribers = City(), Subscribers()
    links = Link(near), Link(far)
    feed = events.Feed(city.follow, links[1], "wuhan")
    work = [*(link.run() for link in links), events.deliver(subscribers, links[0])]
    tasks = [asyncio.create_task(part) for part in work]
    try:
        yield city, subscribers, feed
    finally:
        feed.close()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        near.close()
        far.close()


def test_a_frame_is_published_under_its_kind_code_and_property():
    topic, payload = events.message(Frame("7.1", "state", STATE), "wuhan")
    assert topic == "twin/events/wuhan/Space/c1/temperature"
    assert json.loads(payload) == {"id": "7.1", "event": "state", "data": STATE}
    assert events.message(Frame("7.1", "state", {**STATE, "kind": ""}), "wuhan")[0] == (
        "twin/events/wuhan/-/c1/temperature"
    )
    assert events.message(Frame("7.2", "model", {}), "wuhan")[0] == "twin/events/wuhan/model"


async def test_the_city_is_followed_only_while_somebody_wants_events(monkeypatch):
    async with linked(monkeypatch) as (city, subscribers, _):
        await asyncio.sleep(0.1)
        assert city.asked == []
        subscribers.want(True)
        await until(lambda: city.reading == 1)
        city.queue.put_nowait([Frame("1.1", "state", STATE), Frame("1.1", "alive", {})])
        await until(lambda: subscribers.events)
        assert [topic for topic, _ in subscribers.events] == [
            "twin/events/wuhan/Space/c1/temperature"
        ]
        subscribers.want(False)
        await until(lambda: city.reading == 0)
        subscribers.want(True)
        await until(lambda: city.asked == [None, None])


async def test_who_was_too_slow_and_a_new_applier_go_on_behind_what_was_told(monkeypatch):
    async with linked(monkeypatch) as (city, subscribers, feed):
        subscribers.want(True)
        await until(lambda: city.reading == 1)
        city.queue.put_nowait([Frame("5.1", "state", STATE)])
        await until(lambda: subscribers.events)
        city.queue.put_nowait(TooLarge("stream_too_slow", rate=True, limit=1))
        await until(lambda: city.asked == [None, "5.1"])
        feed.close()
        await until(lambda: city.asked == [None, "5.1", "5.1"])


async def test_many_events_go_in_several_messages(monkeypatch):
    monkeypatch.setattr(events, "BATCH_BYTES", 1_000)
    async with linked(monkeypatch) as (city, subscribers, _):
        subscribers.want(True)
        await until(lambda: city.reading == 1)
        city.queue.put_nowait([Frame(f"{n}.1", "state", STATE) for n in range(500)])
        await until(lambda: len(subscribers.events) == 500)
    assert [json.loads(p)["id"] for _, p in subscribers.events] == [f"{n}.1" for n in range(500)]
