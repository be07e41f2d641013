"""Language, ranges, cursors, addresses, ports and streams: the small rules of the edge."""

import asyncio
import base64
import socket

import pytest
import structlog

from api import cli, logs, running
from api.addresses import address, take_port
from api.bootstrap import client_id
from api.errors import language, status_of
from api.requests import box, cursor, cursor_parts
from api.routes.objects import conditions, kinds_of
from api.routes.tiles import asked
from api.services import Door, until
from api.settings import load
from cim.model import Kind
from identity.errors import Conflict, Denied, Invalid, NotFound, TooLarge, Unavailable
from twin.ports import Comparison


@pytest.mark.parametrize(
    ("accept", "lang"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("fr, zh;q=0.4, en;q=0.3", "zh"),
        ("de", "en"),
        ("zh;q=broken", "en"),
    ],
)
def test_the_language_is_what_the_caller_prefers(accept, lang):
    assert language(accept) == lang


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("x"), 422),
        (NotFound("x"), 404),
        (Conflict("x"), 409),
        (Denied("x", authenticated=False), 401),
        (Denied("x", authenticated=True), 403),
        (TooLarge("x"), 413),
        (TooLarge("x", rate=True), 429),
        (Unavailable("x"), 503),
    ],
)
def test_each_kind_of_refusal_has_its_status(error, status):
    assert status_of(error) == status


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-9", (0, 10)),
        ("bytes=90-", (90, 100)),
        ("bytes=-5", (95, 100)),
        ("bytes=95-500", (95, 100)),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
    ],
)
def test_a_range_is_read_as_the_standard_says(header, span):
    assert asked(header, 100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=5-4"])
def test_a_range_outside_is_refused(header):
    with pytest.raises(Invalid) as refused:
        asked(header, 100)
    assert refused.value.code == "range_invalid"


@pytest.mark.parametrize(
    "text", ["1,2,3", "a,b,c,d", "2,0,1,1", "0,2,1,1", "0,0,nan,1", "0,0,181,1"]
)
def test_a_wrong_box_is_refused(text):
    with pytest.raises(Invalid) as refused:
        box(text)
    assert refused.value.code == "bbox_invalid"


def test_a_box_is_west_south_east_north():
    assert box("114,30,115,31") == (114.0, 30.0, 115.0, 31.0)


def test_the_last_page_has_no_cursor():
    assert cursor(7, None) is None


def test_kinds_may_be_several_in_any_case():
    assert kinds_of(["building,Space"]) == (Kind.BUILDING, Kind.SPACE)
    with pytest.raises(Invalid):
        kinds_of(["Castle"])


def test_a_property_filter_reads_numbers_and_truth_values():
    own, compared = conditions(["ifc_class=IfcWall", "n=2", "open=true", "t=[1]", "name=a>1"])
    assert own == {"ifc_class": "IfcWall", "n": 2, "open": True, "t": "[1]", "name": "a>1"}
    assert compared == []


@pytest.mark.parametrize(
    ("text", "op", "number"),
    [("t>30", ">", 30), ("t>=-1.5", ">=", -1.5), ("t<1e3", "<", 1000), ("t==0", "=", 0)],
)
def test_a_property_filter_compares_state(text, op, number):
    assert conditions([text, "t<=5"]) == (
        {},
        [Comparison("t", op, number), Comparison("t", "<=", 5)],
    )


@pytest.mark.parametrize("text", ["", "t", ">30", "t>", "t>x", "t>nan", "t<inf", "t>>3"])
def test_a_property_filter_that_says_nothing_is_refused(text):
    with pytest.raises(Invalid, match="property_filter_unreadable"):
        conditions([text])


def test_a_code_or_quoted_digits_in_a_property_filter_are_a_text():
    code = "420111990502000000019"
    told, _ = conditions([f"document={code}", 'tag="12"', "n=12"])
    assert told == {"document": code, "tag": "12", "n": 12}


@pytest.mark.parametrize("text", ["8000", "host:", "host:x", "host:70000"])
def test_an_unreadable_bind_is_refused(text):
    with pytest.raises(Invalid) as refused:
        address(text)
    assert refused.value.code == "bind_unreadable"


def test_a_given_port_that_is_taken_is_refused_and_a_default_one_moves_on():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict) as refused:
            take_port(f"127.0.0.1:{port}", strict=True, taken="http_port_taken")
        assert refused.value.code == "http_port_taken"
        with take_port(f"127.0.0.1:{port}", strict=False, taken="http_port_taken") as free:
            assert free.getsockname()[1] > port


@pytest.mark.anyio
async def test_an_answer_does_not_wait_for_the_acknowledgement_of_the_one_before():
    """TCP_NODELAY on what asyncio accepts from our own socket."""
    said = asyncio.get_running_loop().create_future()

    def accepted(_reader, writer):
        connection = writer.get_extra_info("socket")
        said.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(
        accepted, sock=take_port("127.0.0.1:0", strict=True, taken="http_port_taken")
    ) as s:
        _, writer = await asyncio.open_connection(*s.sockets[0].getsockname())
        assert await said
        writer.close()


@pytest.mark.anyio
async def test_a_stream_ends_when_the_server_stops():
    closed = []

    async def endless():
        try:
            yield 1
            await asyncio.Event().wait()
            yield 2
        finally:
            closed.append(True)

    stopping = asyncio.Event()
    seen = []
    async for item in until(endless(), stopping):
        seen.append(item)
        stopping.set()
    assert (seen, closed) == ([1], [True])


@pytest.mark.anyio
async def test_a_stream_that_ends_by_itself_ends():
    async def two():
        yield 1
        yield 2

    assert [item async for item in until(two(), asyncio.Event())] == [1, 2]


@pytest.mark.anyio
async def test_a_door_tries_again_until_its_stores_answer(tmp_path):
    door = Door(load(data_dir=tmp_path, retry_s_first=0.001))
    tries = []

    class Open:
        async def close(self):
            tries.append("closed")

    async def opening():
        tries.append("opened")
        if len(tries) < 3:
            raise Unavailable("graph_unavailable", reason="down")
        return Open()

    with pytest.raises(Unavailable) as starting:
        door.services  # noqa: B018 - reading it is the test
    assert starting.value.code == "starting"
    await door.open(opening)
    assert tries == ["opened"] * 3
    await door.close()
    assert tries[-1] == "closed"


def test_two_listeners_of_one_host_have_two_sessions_at_a_broker():
    assert client_id("east") == client_id("east") != client_id("west")
    assert client_id("east").endswith("-east")


def test_nesting_beyond_reason_is_no_cursor_and_a_text_in_a_filter():
    deep = "[" * 1_480
    with pytest.raises(Invalid) as refused:
        cursor_parts(base64.urlsafe_b64encode(deep.encode()).decode(), 0)
    assert refused.value.code == "cursor_unreadable"
    assert conditions([f"a={deep}"]) == ({"a": deep}, [])


def test_the_log_of_an_error_tells_lines_and_no_values(capsys):
    text = "sent by somebody"
    logs.configure()
    try:
        int(text[:0])
    except ValueError as error:
        structlog.get_logger().error("request_failed", exc_info=error)
    finally:
        structlog.reset_defaults()
    told = capsys.readouterr().err
    assert "ValueError" in told
    assert "test_small_parts" in told
    assert text not in told


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TWIN_MQTT_USERS_FILE", "users.jsonl", "TWIN_MQTT_USERS_FILE"),
        ("TWIN_MQTT_TLS_CERT", "cert.pem", "TWIN_MQTT_TLS_CERT"),
        ("TWIN_BROKER_URL", "none://", "TWIN_BROKER_URL=none://"),
        ("TWIN_TENANT", "wuhan", None),
    ],
)
def test_a_demo_whose_sensors_could_not_publish_is_not_started(
    monkeypatch, tmp_path, name, value, said
):
    started = []
    monkeypatch.setattr(running, "run", lambda *_: started.append(True))
    monkeypatch.setenv(name, value)
    if said is None:
        cli.demo(data_dir=tmp_path)
        assert started == [True]
        return
    with pytest.raises(Conflict) as refused:
        cli.demo(data_dir=tmp_path)
    assert ("demo_has_no_login", said) == (refused.value.code, refused.value.facts["setting"])
    assert started == []


@pytest.mark.parametrize(("allowed", "bounded"), [(8 << 20, True), (212_992, False)])
def test_what_the_kernel_takes_is_bounded_where_a_program_may(
    tmp_path, monkeypatch, allowed, bounded
):
    said = tmp_path / "rmem_max"
    said.write_text(str(allowed))
    monkeypatch.setattr(running, "READ_BOUND", said)
    set_to = []

    class Listening:
        def setsockopt(self, *option):
            set_to.append(option)

    running.bound_receiving(Listening())
    expected = [(socket.SOL_SOCKET, socket.SO_RCVBUF, running.UNREAD_BYTES_MAX)]
    assert (expected if bounded else []) == set_to
