"""A listener put together by hand, to be killed: ``python listener_process.py FOLDER URL``.

URL is ``embedded://host:port`` or ``mqtt://host:port``. Prints "connected" once messages can come.
"""

import asyncio
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from cim.stores.sqlite import SqliteGraph
from sensors.brokers.embedded import Endpoint
from sensors.brokers.mqtt import PahoBroker
from sensors.intake import Intake
from sensors.journal import Journal
from twin.stores.sqlite import SqliteStates


def broker_of(url):
    parts = urlsplit(url)
    if parts.scheme == "embedded":
        port = socket.socket()
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port.bind((parts.hostname, parts.port))
        return Endpoint(port, clock=time.time)
    return PahoBroker(url, "wanwu-listener", clock=time.time)


async def tell_when_connected(broker):
    while not broker.connected:  # noqa: ASYNC110 - what is waited for is seen from outside only
        await asyncio.sleep(0.01)
    print("connected", broker.address, flush=True)


async def main(folder: Path, url: str):
    graph = await SqliteGraph.open(folder / "graph.db", time.time)
    states = await SqliteStates.open(folder / "state.db")
    journal = await Journal.open(folder / "journal", "main")
    broker = broker_of(url)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tell_when_connected(broker))
        tasks.create_task(Intake(graph, graph, states, time.time).run(broker, journal))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
