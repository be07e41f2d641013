"""What a listener's processes say and take over: strange lines and devices that are gone."""

import asyncio
import socket

import pytest

from api.listener import adopt_all
from api.listening import Part, Spare
from sensors.link import pair


class Waiting(Spare):
    """A spare that is never taken."""

    def __init__(self):
        pass

    def renew(self):
        pass


def test_a_line_that_is_not_ours_is_passed_over():
    heard = []
    part = Part("endpoint", Waiting(), heard.append)
    for line in (b"a library warns\n", b"[1]\n", b'{"connected": true}\n'):
        part._hear(line)
    assert heard == [{"connected": True}]


class Host:
    """Refuses the first connection, as the system does for one that is gone, and takes the next."""

    def __init__(self):
        self.taken = asyncio.Event()
        self.asked = 0

    async def adopt(self, accepted):
        self.asked += 1
        if self.asked == 1:
            raise OSError(9, "Bad file descriptor")
        accepted.close()
        self.taken.set()


@pytest.mark.anyio
async def test_a_device_that_is_gone_before_it_is_adopted_ends_nothing():
    (far, doors), host = pair(), Host()
    near, given = socket.socketpair()
    with far, doors, near, given:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            adopt_all(host, doors, tasks)
            socket.send_fds(far, [b"c"], [given.fileno()])
            socket.send_fds(far, [b"c"], [given.fileno()])
            await host.taken.wait()
        asyncio.get_running_loop().remove_reader(doors)
    assert host.asked == 2
