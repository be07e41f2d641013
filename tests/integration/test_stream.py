"""The stream in a real server: both doors tell the same, and slow clients are cut off."""

import asyncio
import json
import socket
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api import running
from api.services import Door
from api.settings import load
from api.tokens import Role, line
from tests.parts.served import served
from twin.ports import Commit
from twin.reading import Reading

pytestmark = pytest.mark.anyio

WAIT_S = 30.0


@asynccontextmanager
async def city(folder, **settings):
    """A server over stores in memory; its door and the beginning of its address."""
    stores = {"graph_url": "memory://", "state_url": "memory://", "broker_url": "none://"}
    door = Door(load(data_dir=folder, bind="127.0.0.1:0", **stores, **settings))
    async with served(door, running.Plan(), WAIT_S):
        yield door


async def write(door, count=1, *, first=0, value=1.0, code="c"):
    at = time.time()
    rows = [Reading(f"{code}{first + n}", "p", value, at, at, "s") for n in range(count)]
    await door.services.states.commit(Commit(rows))


def follow(door, query="", **more):
    return connect(f"ws{door.url.removeprefix('http')}/stream{query}", proxy=None, **more)


async def received(socket_, count):
    """Return the next frames that tell something."""
    frames = []
    async with asyncio.timeout(WAIT_S):
        while len(frames) < count:
            frame = json.loads(await socket_.recv())
            frames += [frame] if frame["event"] != "alive" else []
    return frames


async def events(door, query, count):
    """Return the next server-sent events as frames."""
    frames, frame = [], {}
    async with (
        httpx.AsyncClient(base_url=door.url, timeout=WAIT_S) as client,
        client.stream("GET", f"/stream{query}") as answer,
    ):
        lines = answer.aiter_lines()
        while len(frames) < count:
            name, _, value = (await anext(lines)).partition(": ")
            if name:
                frame[name] = json.loads(value) if name == "data" else value
            elif "event" in frame:
                frames.append({key: frame[key] for key in ("id", "event", "data")})
    return frames


async def test_both_doors_tell_the_same_frames(tmp_path):
    async with city(tmp_path) as door, follow(door) as socket_:
        opened = json.loads(await socket_.recv())
        await write(door, 3)
        frames = await received(socket_, 3)
        assert (opened["id"], opened["event"]) == ("0.0", "alive")
        assert [frame["data"]["code"] for frame in frames] == ["c0", "c1", "c2"]
        assert await events(door, "?last_event_id=0.0", 3) == frames


async def test_a_websocket_takes_the_filters_and_resumes_by_the_last_id(tmp_path):
    async with city(tmp_path) as door:
        await write(door, 3)
        async with follow(door, "?codes=c1,c2&last_event_id=0.0") as socket_:
            frames = await received(socket_, 2)
        await write(door, 3, value=2.0)
        async with follow(door, f"?codes=c1,c2&last_event_id={frames[-1]['id']}") as socket_:
            frames += await received(socket_, 2)
    told = [(frame["data"]["code"], frame["data"]["value"]) for frame in frames]
    assert told == [("c1", 1.0), ("c2", 1.0), ("c1", 2.0), ("c2", 2.0)]


async def test_beyond_the_window_a_gap_is_told_and_nothing_inside_is_missed(tmp_path):
    async with city(tmp_path) as door:
        door.services.states._outbox_kept = 10
        await write(door, 25)
        async with follow(door, "?last_event_id=3.0") as socket_:
            frames = await received(socket_, 11)
    assert frames[0] == {"id": "15.0", "event": "gap", "data": {"from": "3.0", "to": "15.0"}}
    assert [frame["data"]["code"] for frame in frames[1:]] == [f"c{n}" for n in range(15, 25)]


async def test_both_doors_replay_history_and_end(tmp_path):
    async with city(tmp_path) as door:
        at = [time.time() - 3600 + 600 * n for n in range(3)]
        rows = [Reading("c", "p", n, at[n], at[n], "s") for n in range(3)]
        await door.services.states.commit(Commit(rows))
        begin, end = (datetime.fromtimestamp(at[0] + s, UTC).isoformat() for s in (-60, 1260))
        query = "?" + urlencode({"from": begin, "to": end, "speed": 12_000})  # slices of 20 minutes
        socket_ = await follow(door, query)
        frames = [json.loads(text) async for text in socket_]
        again = await events(door, query, 5)
        middle = next(f["id"] for f in again[2:] if f["event"] == "time")
        resumed = await events(door, f"{query}&last_event_id={middle}", 4)
    told = [(f["event"], f["data"].get("value")) for f in frames if f["event"] != "alive"]
    first, second = [("state", 1), ("time", None)], [("state", 2), ("time", None)]
    assert told == [("time", None), *first, *second, ("end", None)]
    assert socket_.close_code == 1000
    assert [f["event"] for f in again] == [event for event, _ in told][:5]
    assert [f["event"] for f in resumed] == ["time", "state", "time", "end"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from": "x"}, "time_unreadable"),
        ({"from": "2020-01-01T00:00:00Z", "to": "2019-01-01T00:00:00Z"}, "span_invalid"),
        ({"from": "2020-01-01T00:00:00Z", "speed": "0"}, "speed_invalid"),
        ({"from": "2020-01-01T00:00:00Z", "to": "2120-01-01T00:00:00Z"}, "moment_in_future"),
    ],
)
async def test_a_replay_of_nothing_is_refused(tmp_path, query, code):
    async with city(tmp_path) as door, httpx.AsyncClient(base_url=door.url) as client:
        answer = await client.get("/stream", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_what_cannot_be_followed_is_refused_before_the_stream_begins(tmp_path):
    async with city(tmp_path, streams_max=1) as door:
        for query, status, code in (
            ("?last_event_id=x", 422, "event_id_invalid"),
            ("?area=nowhere", 404, "code_unknown"),
            ("?bbox=1", 422, "bbox_invalid"),
        ):
            with pytest.raises(InvalidStatus) as refused:
                await follow(door, query)
            async with httpx.AsyncClient(base_url=door.url) as client:
                answer = await client.get(f"/stream{query}")
            said = json.loads(refused.value.response.body)
            assert (refused.value.response.status_code, said["code"]) == (status, code)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        async with follow(door):
            with pytest.raises(InvalidStatus) as refused:
                await follow(door)
        assert json.loads(refused.value.response.body)["code"] == "streams_limit"


async def test_a_client_that_talks_is_told_that_nobody_listens(tmp_path):
    async with city(tmp_path) as door, follow(door) as socket_:
        await socket_.send("hello")
        with pytest.raises(ConnectionClosed) as closed:
            await received(socket_, 2)
    assert closed.value.rcvd.code == 1003
    assert closed.value.rcvd.reason.startswith("stream_takes_no_messages: ")


async def test_a_server_that_stops_says_so(tmp_path):
    async with city(tmp_path) as door, follow(door) as socket_:
        await socket_.recv()
        door.stop()
        (frame,) = await received(socket_, 1)
        with pytest.raises(ConnectionClosed) as closed:
            await socket_.recv()
    assert (frame["event"], frame["data"]["code"], closed.value.rcvd.code) == (
        "cut",
        "stopping",
        1012,
    )


async def test_a_token_comes_in_the_header_or_as_a_subprotocol(tmp_path):
    file = tmp_path / "tokens"
    await asyncio.to_thread(file.write_text, line("eye", Role.READER, "secret-1", b"salt"))
    async with city(tmp_path, tokens_file=file) as door:
        async with follow(door, additional_headers={"Authorization": "Bearer secret-1"}) as socket_:
            assert json.loads(await socket_.recv())["event"] == "alive"
        offered = ["twin.v1", "twin.bearer.secret-1"]
        async with follow(door, subprotocols=offered) as socket_:
            assert socket_.subprotocol == "twin.v1"
        for wrong, code in (
            ({}, "token_missing"),
            ({"subprotocols": ["twin.bearer.other"]}, "token_unknown"),
            ({"additional_headers": {"Authorization": "Basic secret-1"}}, "token_unknown"),
        ):
            with pytest.raises(InvalidStatus) as refused:
                await follow(door, **wrong)
            body = json.loads(refused.value.response.body)
            assert (refused.value.response.status_code, body["code"]) == (401, code)


async def test_a_page_of_another_site_may_not_open_a_websocket(tmp_path):
    async with city(tmp_path) as door:
        with pytest.raises(InvalidStatus) as refused:
            await follow(door, origin="http://evil.example")
        assert json.loads(refused.value.response.body)["code"] == "origin_foreign"
        async with follow(door, origin=door.url) as socket_:
            assert json.loads(await socket_.recv())["event"] == "alive"


def stalled(door, request):
    """Return a connection with a small buffer that sent ``request`` and reads nothing."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
    host, port = door.url.removeprefix("http://").split(":")
    link.connect((host, int(port)))
    link.sendall(request.replace("HOST", f"{host}:{port}").encode())
    link.settimeout(WAIT_S)
    return link


SSE = "GET /stream HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"
WS = (
    "GET /stream HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
LONG = "x" * 1_000  # so that the kernel's buffers fill soon
ROUNDS, CODES = 60, 40  # 2.4 MB, and 40 frames wait at most


def rest(link, last):
    """Return what comes until ``last`` or the end."""
    said = b""
    while last not in said[-100_000:] and (piece := link.recv(65_536)):
        said += piece
    return said


async def streams(door, count):
    async with asyncio.timeout(WAIT_S):
        while door.streams != count:  # noqa: ASYNC110 - a number, seen from outside
            await asyncio.sleep(0.01)


async def stall_one(door, request, rounds, codes):
    """Follow beside a client that reads nothing; return its connection and what was told."""
    link = await asyncio.to_thread(stalled, door, request)
    async with follow(door) as socket_:
        await streams(door, 2)
        frames = []
        for number in range(rounds):
            await write(door, codes, first=number * codes, value=LONG)
            frames += await received(socket_, codes)
    return link, frames


@pytest.mark.parametrize(
    ("request_text", "last"),
    [(SSE, b"event: cut"), (WS, b"stream_too_slow: ")],  # an event; the text of a close frame
    ids=["sse", "websocket"],
)
async def test_a_client_whose_buffer_is_full_is_cut_off_and_the_others_are_told_all(
    tmp_path, request_text, last
):
    async with city(tmp_path, stream_buffer_max=200) as door:
        link, frames = await stall_one(door, request_text, ROUNDS, CODES)
        said = await asyncio.to_thread(rest, link, last)
        link.close()
        await streams(door, 0)
    assert [f["data"]["code"] for f in frames] == [f"c{n}" for n in range(ROUNDS * CODES)]
    assert last in said
    assert b'"code":"stream_too_slow"' in said
    assert len(said) < ROUNDS * CODES * len(LONG)


async def test_a_client_that_takes_nothing_for_long_is_cut_off(tmp_path):
    async with city(tmp_path, stream_stall_s=0.5) as door:
        link, frames = await stall_one(door, SSE, ROUNDS, CODES)
        await streams(door, 0)
        link.close()
    assert len(frames) == ROUNDS * CODES
