import asyncio
import socket
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.lowlevel
import pytest

from sensors import simulate, simulate_client
from sensors.brokers.embedded import Endpoint
from sensors.brokers.mqtt_packets import Connect, Disconnect, Publish
from sensors.brokers.mqtt_read import Reader
from sensors.simulate import Device

pytestmark = pytest.mark.anyio

CONNACK = bytes([0x20, 2, 0, 0])
DEVICES = [Device(f"sim-temp-{n}", "temperature", "Cel", "c", "", 60.0, n) for n in range(3)]


class Broker:
    """Acknowledges; hangs up on its first connections after as many messages as ``patience``."""

    def __init__(self, patience=()):
        self.patience = list(patience)
        self.connects: list[Connect] = []
        self.seen: list[Publish] = []
        self.acknowledged: list[bytes] = []
        self.farewells = 0

    async def serve(self, reader, writer):
        with suppress(ConnectionError):  # of a client that is gone
            await self.answer(reader, writer)
        writer.close()

    async def answer(self, reader, writer):
        left = self.patience.pop(0) if self.patience else None
        packets = Reader()
        while data := await reader.read(65_536):
            for packet in packets.feed(data):
                if isinstance(packet, Connect):
                    self.connects.append(packet)
                    writer.write(CONNACK)
                elif isinstance(packet, Disconnect):
                    self.farewells += 1
                elif isinstance(packet, Publish):
                    self.seen.append(packet)
                    if left == 0:
                        writer.close()
                        return
                    left = None if left is None else left - 1
                    self.acknowledged.append(packet.payload)
                    writer.write(bytes([0x40, 2]) + packet.packet_id)


@asynccontextmanager
async def _listening(broker):
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _clock(step=0.5):
    times = iter(range(1_000_000))
    return lambda: 1_795_300_000 + next(times) * step


async def _at_once(_seconds):
    await anyio.lowlevel.checkpoint()


async def _publish(port, **options):
    return await simulate_client.publish(
        "127.0.0.1", port, DEVICES, _clock(), 4, sleep=_at_once, **options
    )


async def test_devices_publish_in_turn_with_qos_1():
    broker = Broker()
    async with _listening(broker) as port:
        count = await _publish(port, limit=10, tenant="t")
    assert count == 10
    assert [c.level for c in broker.connects] == [4]
    assert [p.topic for p in broker.seen] == [
        f"city/t/sim-temp-{n % 3}/temperature" for n in range(10)
    ]
    assert len({p.packet_id for p in broker.seen} - {b""}) == 10


async def test_what_was_not_acknowledged_is_sent_again_after_the_connection_is_lost():
    broker = Broker(patience=[3, 0, 5])
    async with _listening(broker) as port:
        count = await _publish(port, limit=40)
    assert count == 40
    assert len(broker.connects) == 4
    assert len(broker.seen) > 40
    assert {p.payload for p in broker.seen} == set(broker.acknowledged)


async def test_a_broker_that_comes_late_is_waited_for(monkeypatch):
    monkeypatch.setattr(simulate_client, "RETRY_S", (0.02,))
    broker = Broker()
    async with _listening(broker) as port:
        pass
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: _publish(port, limit=3))
        await anyio.sleep(0.1)
        server = await asyncio.start_server(broker.serve, "127.0.0.1", port)
    server.close()
    assert len(broker.acknowledged) == 3


async def test_a_silent_broker_is_left_for_a_new_connection(monkeypatch):
    monkeypatch.setattr(simulate_client, "ANSWER_S_MAX", 0.05)
    answers = Broker()

    class SilentFirst(Broker):
        async def serve(self, reader, writer):
            if not self.connects:
                await reader.read(1024)
                self.connects.append(None)
                writer.write(CONNACK)
                await reader.read(65_536)  # takes, never answers
                while await reader.read(65_536):
                    pass
                writer.close()
                return
            await answers.serve(reader, writer)

    async with _listening(SilentFirst()) as port:
        assert await _publish(port, limit=5) == 5
    assert len(answers.acknowledged) == 5


async def test_cancelling_closes_the_connection_with_a_farewell():
    broker = Broker()
    async with _listening(broker) as port:
        with anyio.move_on_after(0.2) as scope:
            await simulate_client.publish("127.0.0.1", port, DEVICES, _clock(0.0), 1)
        await anyio.sleep(0.05)
    assert scope.cancelled_caught
    assert broker.farewells == 1
    assert [p.topic.split("/")[2] for p in broker.seen] == [d.device for d in DEVICES]


async def test_values_sent_are_those_of_the_time_of_the_clock():
    broker = Broker()
    async with _listening(broker) as port:
        await simulate_client.publish(
            "127.0.0.1", port, DEVICES, lambda: 1_795_300_000.0, 1, limit=3, sleep=_at_once
        )
    expected = [simulate.messages(d, 1_795_300_000.0) for d in DEVICES]
    assert [(p.topic, p.payload) for p in broker.seen] == expected


async def test_our_own_intake_endpoint_takes_what_is_published():
    taken = []

    async def sink(batch):
        taken.extend((m.topic, m.payload) for m in batch)

    port = socket.socket()
    port.bind(("127.0.0.1", 0))
    port.listen()
    endpoint = Endpoint(port, clock=lambda: 0.0)
    async with anyio.create_task_group() as group:
        group.start_soon(endpoint.run, sink)
        port = int(endpoint.address.rpartition(":")[2])
        count = await _publish(port, limit=250)
        group.cancel_scope.cancel()
    assert count == len(taken) == 250
    assert {topic for topic, _ in taken} == {simulate.messages(d, 0)[0] for d in DEVICES}


async def test_a_publisher_ends_at_whichever_moment_it_is_cancelled():
    """A cancellation that meets an answer is not lost with it: it comes once, at the end."""
    broker = Broker()
    async with _listening(broker) as port:
        for steps in range(20):
            publishing = asyncio.create_task(_publish(port))
            while not broker.acknowledged:
                await _at_once(0)
            for _ in range(steps):
                await _at_once(0)
            publishing.cancel()
            done, _ = await asyncio.wait([publishing], timeout=5)
            assert done, f"it goes on, cancelled {steps} steps behind the first answer"
            assert publishing.cancelled()
            broker.acknowledged.clear()
