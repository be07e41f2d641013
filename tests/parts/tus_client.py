"""A client of resumable uploads over bare sockets, whose connection is cut where a test says."""

import base64
import socket
import struct
import time
from contextlib import suppress

PIECE = 256 * 1024
WAIT_S = 60.0
UNSENT_BYTES_MAX = 512 * 1024  # what the client's kernel may take before the network does
TUS = {"Tus-Resumable": "1.0.0"}


class TusClient:
    """Sends one file to a Twin, in one request from where the server stands to the end."""

    def __init__(self, twin, path, name="big.ifc"):
        self.twin, self.path = twin, path
        self.length = path.stat().st_size
        said = "filename " + base64.b64encode(name.encode()).decode()
        begun = twin.ask(
            "POST", "/uploads", **TUS, Upload_Length=str(self.length), Upload_Metadata=said
        )
        assert begun.status == 201, begun.body
        self.place = begun.headers["Location"]

    @property
    def id(self):
        return self.place.rpartition("/")[2]

    def stands(self):
        """Return where the server goes on, once the request that was cut has ended there."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            head = self.twin.ask("HEAD", self.place, **TUS)
            offset = head.headers["Upload-Offset"]
            probe = self.twin.ask("PATCH", self.place, b"", **self._appending(offset))
            if probe.status == 204:
                return int(offset)
            assert probe.status in {409, 423}, probe.body
            time.sleep(0.02)
        raise AssertionError(f"the upload stayed in use for {WAIT_S} s")

    def send(self, offset, until, *, at_end):
        """Send bytes up to ``until``, then call ``at_end`` with the socket; return how many went.

        The whole file counts as acknowledged only with the answer 204.
        """
        with self._connected() as link, self.path.open("rb") as file:
            file.seek(offset)
            link.sendall(self._head(offset))
            sent = offset
            while sent < until:
                piece = file.read(min(PIECE, until - sent))
                link.sendall(piece)
                sent += len(piece)
            if until == self.length:
                assert link.recv(12) == b"HTTP/1.1 204"
            at_end(link)
            return sent

    def _connected(self):
        link = socket.create_connection(("127.0.0.1", self.twin.http), timeout=WAIT_S)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT_BYTES_MAX)
        return link

    def _head(self, offset):
        said = {
            "Host": f"127.0.0.1:{self.twin.http}",
            "Content-Length": str(self.length - offset),
            **{name.replace("_", "-"): text for name, text in self._appending(offset).items()},
        }
        lines = "".join(f"{name}: {text}\r\n" for name, text in said.items())
        return f"PATCH {self.place} HTTP/1.1\r\n{lines}\r\n".encode()

    def _appending(self, offset):
        media = "application/offset+octet-stream"
        return {**TUS, "Upload_Offset": str(offset), "Content_Type": media}


def close(link):
    """End the connection as a program does that ends: what was sent still arrives."""
    link.close()


def reset(link):
    """End it as a network does that breaks: what the server has not read yet is lost."""
    with suppress(OSError):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()
