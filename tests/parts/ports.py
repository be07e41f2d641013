"""A port that nobody listens on."""

import itertools
import random
import socket
from contextlib import suppress

FIRST, END = 10_000, 32_000  # below what the system gives to outgoing connections
_next = itertools.count(random.randrange(END - FIRST))  # another start in every process


def free_port() -> int:
    """Return a TCP port of the loopback that was free a moment ago; none is named twice.

    A port that the system chose could be given away again, to anybody's outgoing connection,
    before the server that it was meant for listens there or while a killed one is restarted.
    """
    for number in itertools.islice(_next, END - FIRST):
        port = FIRST + number % (END - FIRST)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port of the loopback is free")
