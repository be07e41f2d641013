"""A running server asked from the command line, with the standard library's HTTP client."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from identity.errors import CityError, Conflict, Denied, Invalid, NotFound, TooLarge, Unavailable

TIMEOUT_S = 120.0
POLL_S = 0.3
PIECE_BYTES = 1 << 20
LISTS = {"csv": "text/csv", "ndjson": "application/x-ndjson"}

_KINDS: dict[int, type[CityError]] = {
    401: Denied,
    403: Denied,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: TooLarge,
    503: Unavailable,
}


def resolve(url: str, token: str, text: str) -> list[dict[str, Any]]:
    """Return the meanings of a text; raises the server's refusal."""
    said = _ask(url, token, "GET", f"/codes/{quote(text, safe='')}")
    return list(said["items"]) if "items" in said else [said]


def resolve_lines(url: str, token: str, lines: bytes) -> bytes:
    """Return the answers of POST /codes/resolve; raises the server's refusal."""
    headers = {"Content-Type": "application/x-ndjson", "Content-Length": str(len(lines))}
    return _asked(url, token, "POST", "/codes/resolve", iter([lines]), headers)


def import_codes(
    url: str, token: str, path: Path, form: str, query: Mapping[str, Any]
) -> dict[str, Any]:
    """Send a list of foreign codes; return its report with every refused row, also of a job."""
    asked = {
        name: str(said).lower() if isinstance(said, bool) else said for name, said in query.items()
    }
    headers = {"Content-Type": LISTS[form], "Content-Length": str(path.stat().st_size)}
    target = f"/codes/import?{urlencode(asked)}"
    said = _ask(url, token, "POST", target, body=_pieces(path, b"", b""), headers=headers)
    if "job" not in said:
        return said
    job = _followed(url, token, said["job"], lambda _: None)
    if job["state"] == "failed":
        raise _refusal(job["error"])
    lines = _asked(url, token, "GET", f"/jobs/{job['id']}/refused", None, {})
    return {**job["result"], "refused": [json.loads(line) for line in lines.splitlines()]}


def ingest(
    url: str, token: str, path: Path, project: str | None, told: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Upload a file, follow its job (``told`` gets each answer) and return the last answer."""
    boundary = secrets.token_hex(16)
    head, tail = _frame(path, project, boundary)
    length = len(head) + path.stat().st_size + len(tail)
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(length),
    }
    said = _ask(url, token, "POST", "/models", body=_pieces(path, head, tail), headers=headers)
    return _followed(url, token, said["job"], told)


def _followed(
    url: str, token: str, job_id: str, told: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    while True:
        job = _ask(url, token, "GET", f"/jobs/{job_id}")
        told(job)
        if job["state"] in {"done", "failed"}:
            return job
        time.sleep(POLL_S)


def _ask(
    url: str,
    token: str,
    method: str,
    path: str,
    *,
    body: Iterator[bytes] | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    said = _read(url, _asked(url, token, method, path, body, headers or {}))
    assert isinstance(said, dict)
    return said


def _asked(  # noqa: PLR0917 - what a request consists of
    url: str,
    token: str,
    method: str,
    path: str,
    body: Iterator[bytes] | None,
    headers: dict[str, str],
) -> bytes:
    """Return the body of a good answer; raise the refusal of any other."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=TIMEOUT_S)
    sent = {**headers, "Authorization": f"Bearer {token}"} if token else headers
    try:
        connection.request(method, parts.path.rstrip("/") + path, body, sent)
        response = connection.getresponse()
        read = response.read()
    except (OSError, HTTPException) as error:
        raise Unavailable("server_unreachable", url=url, reason=str(error)) from error
    finally:
        connection.close()
    if response.status >= 400:  # noqa: PLR2004 - RFC 9110: errors begin here
        raise _refusal({"status": response.status, **_read(url, read)})
    return read


def _refusal(said: Mapping[str, Any]) -> CityError:
    """Return the refusal that a problem document tells."""
    kind = _KINDS.get(int(said.get("status", 0)), Invalid)
    return kind(said.get("code", "http_refused"), **said.get("facts", {}))


def _read(url: str, body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise Unavailable("server_unreachable", url=url, reason=str(error)) from error


def _frame(path: Path, project: str | None, boundary: str) -> tuple[bytes, bytes]:
    field = ""
    if project:
        field = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="project"\r\n\r\n{project}\r\n'
        )
    name = path.name.replace('"', "_")
    head = (
        f'{field}--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"'
        "\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode(), f"\r\n--{boundary}--\r\n".encode()


def _pieces(path: Path, head: bytes, tail: bytes) -> Iterator[bytes]:
    yield head
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
    yield tail
