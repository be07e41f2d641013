"""What was acknowledged is in history exactly once, however often the listener is killed."""

import pytest

from tests.integration.listening import (
    Publisher,
    applied,
    build_city,
    history,
    kill_thrice,
    listening,
    mosquitto_running,
    wait_until,
)
from tests.parts.ports import free_port

pytestmark = pytest.mark.anyio
COUNTS = [1_200, pytest.param(10_000, marks=pytest.mark.long)]


@pytest.mark.mosquitto
@pytest.mark.adapter
@pytest.mark.parametrize("count", COUNTS)
async def test_readings_acknowledged_by_mosquitto_survive_three_kills_once_each(tmp_path, count):
    """Mosquitto stays up and keeps the listener's session; the listener dies mid-batch."""
    await build_city(tmp_path)
    with (
        mosquitto_running(tmp_path) as port,
        listening(tmp_path, f"mqtt://127.0.0.1:{port}") as listener,
    ):
        publisher = Publisher(port)
        kill_thrice(listener, publisher, count)
        publisher.close()
        wait_until(lambda: applied(tmp_path) >= count, "all readings in history")
    assert sorted(await history(tmp_path)) == list(range(count))


@pytest.mark.parametrize("count", COUNTS)
async def test_readings_acknowledged_by_our_endpoint_survive_its_three_kills(tmp_path, count):
    """The device sends again what was not acknowledged; the endpoint itself is what dies."""
    await build_city(tmp_path)
    port = free_port()
    with listening(tmp_path, f"embedded://127.0.0.1:{port}") as listener:
        publisher = Publisher(port)
        kill_thrice(listener, publisher, count)
        publisher.close()
        wait_until(lambda: applied(tmp_path) >= count, "all readings in history")
    assert sorted(await history(tmp_path)) == list(range(count))
