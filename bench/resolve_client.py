"""One client of HTTP/1.1 on one kept connection, as lean as a socket allows."""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

HOST = "127.0.0.1"
READ_BYTES = 1 << 18
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    media_type: str
    body: bytes


class Client:
    """Asks ``GET /codes/{text}`` over and over."""

    def __init__(self, port: int) -> None:
        self._host = f"{HOST}:{port}"
        self._socket = socket.create_connection((HOST, port), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, text: str) -> bytes:
        """Return the bytes of a request."""
        path = quote(text, safe="/$")
        return f"GET /codes/{path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode()

    def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Send a request and return (head, body) of its answer."""
        self._socket.sendall(request)
        told = self._socket.recv(READ_BYTES)
        while (split := told.find(b"\r\n\r\n")) < 0:
            told += self._more()
        head, body = told[:split], told[split + 4 :]
        length = _length(head)
        while len(body) < length:
            body += self._more()
        return head, body

    def answer(self, text: str) -> Answer:
        """Return the answer to a text, taken apart."""
        head, body = self.ask(self.request(text))
        first, *rest = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (row.partition(": ") for row in rest)}
        return Answer(int(first.split()[1]), fields["content-type"], body)

    def times_us(self, texts: Sequence[str]) -> list[float]:
        """Ask every text once; return the microseconds of each."""
        times, now = [], time.perf_counter
        for request in [self.request(text) for text in texts]:
            begun = now()
            self.ask(request)
            times.append((now() - begun) * 1e6)
        return times

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _more(self) -> bytes:
        more = self._socket.recv(READ_BYTES)
        if not more:
            message = "the server closed the connection"
            raise RuntimeError(message)
        return more


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length: ")
    return int(head[at + 16 :].split(b"\r\n", 1)[0])
