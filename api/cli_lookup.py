"""Small commands: resolve a code, make a token, publish one message."""

import asyncio
import json
import secrets
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from api import remote
from api.bootstrap import open_services
from api.settings import Settings
from api.tokens import line, role_of
from identity.errors import Invalid, Unavailable
from sensors.simulate_client import Link

TOKEN_BYTES = 32
PUBLISH_S_MAX = 20.0

_console = Console()


async def resolve(settings: Settings, text: str, url: str | None, token: str) -> None:
    """Print what a text means, from the local stores or a running server."""
    if url:
        found = await asyncio.to_thread(remote.resolve, url, token, text)
    else:
        services = await open_services(settings, time.time)
        try:
            found = await services.city.resolve(text)
        finally:
            await services.close()
    said: Any = found[0] if len(found) == 1 else found
    _console.print_json(json.dumps(said, ensure_ascii=False, default=str))


def make_token(path: Path | None, name: str, role: str) -> None:
    """Append a token's line to the file (mode 600) and print the token once."""
    if path is None:
        raise Invalid("tokens_file_missing")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    said = line(name, role_of(role), token, secrets.token_bytes(16))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with path.open("a", encoding="utf-8") as file:
        file.write(said + "\n")
    _console.print(token, highlight=False)


async def publish(mqtt: str, topic: str, payload: str) -> None:
    """Publish one message and wait for its acknowledgement; Unavailable when none comes."""
    host, _, port = mqtt.rpartition(":")
    link = Link(host, int(port), f"twin-{secrets.token_hex(4)}")
    try:
        async with asyncio.timeout(PUBLISH_S_MAX):
            await link.send(topic, payload.encode())
            await link.settle()
    except TimeoutError:
        raise Unavailable("broker_not_connected", address=mqtt) from None
    finally:
        await link.close()
    _console.print(f"acknowledged 已确认 {topic}", highlight=False)
