"""The intake endpoint behind TLS, with a certificate made for the test."""

import asyncio
import ssl
from contextlib import suppress

import pytest

from sensors.brokers.embedded import Endpoint
from sensors.brokers.mqtt_packets import Connect, Publish
from sensors.brokers.mqtt_write import connect, publish
from tests.integration.test_endpoint import bound
from tests.parts import certificate as certificate_part

pytestmark = pytest.mark.anyio


@pytest.fixture
def certificate(tmp_path):
    return certificate_part.made(tmp_path)


async def test_a_device_publishes_through_tls_and_is_acknowledged(certificate):
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(*certificate)
    received = []

    async def sink(messages):
        received.extend(messages)

    endpoint = Endpoint(bound(), clock=lambda: 0.0, tls=server)
    task = asyncio.create_task(endpoint.run(sink))
    count = 2_000
    client = ssl.create_default_context(cafile=str(certificate[0]))
    host, port = endpoint.address.split(":")
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(
            host, port, ssl=client, server_hostname="localhost"
        )
        writer.write(connect(Connect(4, "d")))
        numbers = range(1, count + 1)
        writer.write(b"".join(publish(Publish("t", b"1", n.to_bytes(2))) for n in numbers))
        answers = await reader.readexactly(4 + 4 * count)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert answers[:4] == b"\x20\x02\x00\x00"
    assert len(received) == count
