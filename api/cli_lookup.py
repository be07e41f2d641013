"""Small commands: resolve a code, make a token or a device's login, publish one message."""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from api import ndjson, qr, remote
from api.settings import Settings
from api.tokens import line, role_of
from identity.errors import Conflict, Invalid, Unavailable
from sensors import users
from sensors.simulate_client import Link

TOKEN_BYTES = 32
PUBLISH_S_MAX = 20.0

_console = Console()


async def resolve(
    settings: Settings, text: str, image: Path | None, url: str | None, token: str
) -> None:
    """Print what a text means, from the local stores or a running server; draw its QR if asked."""
    found = await resolved(settings, text, url, token)
    if image is not None:
        await asyncio.to_thread(draw, found, image, text, url or f"http://{settings.bind}")
    said: Any = found[0] if len(found) == 1 else found
    _console.print_json(json.dumps(said, ensure_ascii=False, default=str))


async def resolved(
    settings: Settings, text: str, url: str | None, token: str
) -> list[dict[str, Any]]:
    """Return the meanings of a text."""
    if url:
        return await asyncio.to_thread(remote.resolve, url, token, text)
    from api.bootstrap import open_services

    services = await open_services(settings, time.time)
    try:
        return await services.city.resolve(text)
    finally:
        await services.close()


def draw(found: Sequence[dict[str, Any]], path: Path, text: str, base: str) -> None:
    """Write the QR of the one thing found (.svg or .png): the address of its resolver.

    Raises Invalid("qr_format_unknown", "file_unwritable"), Conflict("code_several").
    """
    form = qr.form(path.suffix.removeprefix(".").lower(), "")
    if len(found) > 1:
        raise Conflict("code_several", text=text[:80], codes=[row["code"] for row in found])
    drawn = qr.image(f"{base.rstrip('/')}/codes/{found[0]['code']}", form, qr.SCALE)
    try:
        path.write_bytes(drawn)
    except OSError as error:
        raise Invalid("file_unwritable", path=str(path), reason=str(error.strerror)) from error


async def resolve_file(
    settings: Settings, path: Path, url: str | None, token: str, lang: str
) -> None:
    """Print a line for each line of a file: a JSON text, {"q": text} or the bare text."""
    bodies = await asyncio.to_thread(_calls, path)
    if url:
        for body in bodies:
            _write(await asyncio.to_thread(remote.resolve_lines, url, token, body))
        return
    from api.bootstrap import open_services
    from api.routes import resolve as resolving

    services = await open_services(settings, time.time)
    try:
        g = (await services.graph.head()).generation
        for body in bodies:
            asked = [ndjson.question(line) for line in body.splitlines()]
            async for lines in resolving.told(services, asked, lang, g):
                _write(lines)
    finally:
        await services.close()


def _calls(path: Path) -> list[bytes]:
    """Return the lines of the file as bodies of as many calls as they need."""
    try:
        lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise Invalid("file_unreadable", path=str(path), reason=str(error.strerror)) from error
    asked = [_asked(line.strip()) for line in lines]
    cuts = range(0, len(asked), ndjson.LINES_MAX)
    return [b"\n".join(asked[cut : cut + ndjson.LINES_MAX]) for cut in cuts]


def _asked(line: bytes) -> bytes:
    """Return a line as the API takes it; what is no JSON is the text itself."""
    quoted = line.startswith((b'"', b"{"))
    return line if quoted else json.dumps(line.decode("utf-8", "replace")).encode()


def _write(lines: bytes) -> None:
    """Write to the standard output as it is, for the next program."""
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()


def make_token(path: Path | None, name: str, role: str) -> None:
    """Append a token's line to the file (mode 600) and print the token once."""
    if path is None:
        raise Invalid("tokens_file_missing")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    _append(path, line(name, role_of(role), token, secrets.token_bytes(16)))
    _console.print(token, highlight=False)


def make_login(
    path: Path | None, name: str, publish: Sequence[str], subscribe: Sequence[str]
) -> None:
    """Append an MQTT user's line to the file (mode 600) and print the password once."""
    if path is None:
        raise Invalid("mqtt_users_file_missing")
    password, salt = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_bytes(16)
    _append(path, users.line(name, password, salt, publish=publish, subscribe=subscribe))
    _console.print(password, highlight=False)


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with path.open("a", encoding="utf-8") as file:
        file.write(text + "\n")


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
