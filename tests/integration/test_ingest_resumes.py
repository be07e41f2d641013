"""``twin ingest --url`` goes on by itself when its connection is cut and its server killed."""

import hashlib
import signal
import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from api import remote
from identity.errors import Conflict, Invalid, Unavailable
from tests.parts.twin_process import Twin

MEGABYTE = 1 << 20


class Proxy:
    """Stands before a server and cuts each of its first connections after so many bytes."""

    def __init__(self, port, cuts):
        self.to, self.cuts, self.seen = port, list(cuts), 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def run(self):
        with suppress(OSError):
            while True:
                link, _ = self.listening.accept()
                limit = self.cuts.pop(0) if self.cuts else None
                self.seen += 1
                self._carry(link, limit)

    def _carry(self, link, limit):
        with link, suppress(OSError), socket.create_connection(("127.0.0.1", self.to)) as far:
            back = threading.Thread(target=self._back, args=(far, link))
            back.start()
            while piece := link.recv(64 * 1024 if limit is None else min(limit, 64 * 1024)):
                far.sendall(piece)
                limit = None if limit is None else limit - len(piece)
                if limit == 0:
                    break
            far.shutdown(socket.SHUT_RDWR)
            back.join()

    def _back(self, far, link):
        with suppress(OSError):
            while piece := far.recv(64 * 1024):
                link.sendall(piece)
            link.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(port, cuts):
    proxy = Proxy(port, cuts)
    thread = threading.Thread(target=proxy.run)
    thread.start()
    yield proxy
    proxy.listening.shutdown(socket.SHUT_RDWR)
    proxy.listening.close()
    thread.join()


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    running = Twin(tmp_path_factory.mktemp("resumes")).start()
    yield running
    running.stop()


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "大楼.ifc"
    path.write_bytes(b"ISO-10303-21;\n" * (20 * MEGABYTE // 14))
    return path


def test_a_cut_connection_costs_a_piece_and_nothing_is_lost(twin, big):
    with proxied(twin.http, [None, MEGABYTE, 3 * MEGABYTE, None, 100]) as proxy:
        upload = remote.send(proxy.url, "", big)
    said = twin.ask("POST", "/models", {"upload": upload})
    assert (202, "大楼.ifc") == (said.status, said.json["filename"])
    assert hashlib.sha256(big.read_bytes()).hexdigest() == said.json["sha256"]
    assert proxy.seen == 1 + 3 + 3  # the beginning, three pieces, three cuts


def test_a_server_that_was_killed_goes_on_after_its_next_start(twin, big, monkeypatch):
    pieces, next_start = [], threading.Thread(target=twin.start)

    def appended(url, token, at, offset, piece):
        pieces.append(offset)
        if len(pieces) == 2:
            twin.stop(signal.SIGKILL)
            next_start.start()
        return real(url, token, at, offset, piece)

    real = remote._appended
    monkeypatch.setattr(remote, "_appended", appended)
    upload = remote.send(f"http://127.0.0.1:{twin.http}", "", big)
    next_start.join()
    said = twin.ask("POST", "/models", {"upload": upload})
    assert hashlib.sha256(big.read_bytes()).hexdigest() == said.json["sha256"]
    assert len(pieces) > 3


def test_a_server_that_is_not_there_is_said_at_once(big):
    with pytest.raises(Unavailable, match="server_unreachable"):
        remote.send("http://127.0.0.1:1", "", big)


def test_a_refusal_is_not_tried_again(twin, tmp_path):
    path = tmp_path / "a.exe"
    path.write_bytes(b"x")
    with pytest.raises(Invalid, match="upload_name"):
        remote.send(f"http://127.0.0.1:{twin.http}", "", path)


def test_an_upload_that_goes_elsewhere_meanwhile_is_taken_up_where_it_stands(twin, big):
    url = f"http://127.0.0.1:{twin.http}"
    begun = remote._ask(
        url,
        "",
        "POST",
        "/uploads",
        headers={**remote.TUS, "Upload-Length": "9", "Upload-Metadata": "filename YS5pZmM="},
    )
    at = f"/uploads/{begun['id']}"
    assert remote._appended(url, "", at, 0, b"abc") == 3
    assert remote._appended(url, "", at, 0, b"abc") == 3
    with pytest.raises(Conflict, match="upload_unfinished"):
        remote._posted(url, "", "/models", {"upload": begun["id"]})
