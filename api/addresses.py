"""``host:port`` of a door, and whether it is on this machine alone."""

import ipaddress
import socket
from functools import lru_cache

from identity.errors import Conflict, Invalid

PORT_TRIES = 100  # ports looked at beyond the first when it is taken
BACKLOG = 1_024  # connections that wait to be accepted


def address(text: str) -> tuple[str, int]:
    """Return (host, port) of ``host:port``; Invalid("bind_unreadable")."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65_535:  # noqa: PLR2004 - TCP
        raise Invalid("bind_unreadable", bind=text)
    return host.strip("[]"), int(port)


def shown(host: str, port: int) -> str:
    """Return ``host:port`` as it is written."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@lru_cache(maxsize=1_000)  # every request asks twice
def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def take_port(bind: str, *, strict: bool, taken: str) -> socket.socket:
    """Return a bound socket; a taken port is refused (strict) or the next free one is used.

    IPPROTO_TCP is said, not left out: asyncio sets TCP_NODELAY only on sockets that say it, and
    without that each answer on a kept connection waits 40 ms for the client's acknowledgement.
    Raises Conflict with the code ``taken``.
    """
    host, port = address(bind)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, port + (1 if strict or port == 0 else PORT_TRIES)):
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, candidate))
        except OSError:
            bound.close()
            continue
        return bound
    raise Conflict(taken, host=host, port=port)
