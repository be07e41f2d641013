"""A running server asked from the command line, with the standard library's HTTP client."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from identity.errors import CityError, Conflict, Denied, Invalid, NotFound, TooLarge, Unavailable

TIMEOUT_S = 120.0
POLL_S = 0.3
PIECE_BYTES = 1 << 20
UPLOAD_PIECE_BYTES = 8 << 20  # what a cut may cost
RETRIES = 10
RETRY_S_FIRST = 0.1
RETRY_S_MAX = 10.0
TUS = {"Tus-Resumable": "1.0.0"}
LISTS = {"csv": "text/csv", "ndjson": "application/x-ndjson"}

T = TypeVar("T")

_KINDS: dict[int, type[CityError]] = {
    401: Denied,
    403: Denied,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    413: TooLarge,
    423: Conflict,
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
    said = _ask(url, token, "POST", target, body=_pieces(path), headers=headers)
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
    order = {"upload": send(url, token, path)} | ({"project": project} if project else {})
    said = _patiently(partial(_posted, url, token, "/models", order))
    return _followed(url, token, said["job"], told)


def send(url: str, token: str, path: Path) -> str:
    """Send a file in pieces that are checked one by one; return the id of the whole upload.

    A connection that is cut, or a server that is started again, costs one piece. Raises the
    server's refusal; Unavailable after RETRIES without a step.
    """
    length = path.stat().st_size
    name = base64.b64encode(path.name.encode()).decode()
    said = {**TUS, "Upload-Length": str(length), "Upload-Metadata": f"filename {name}"}
    begun = _ask(url, token, "POST", "/uploads", headers=said)
    offset = 0
    with path.open("rb") as file:
        while offset < length:
            file.seek(offset)
            piece = file.read(UPLOAD_PIECE_BYTES)
            if not piece:
                raise Invalid("file_unreadable", path=str(path), reason="it became shorter")
            at = f"/uploads/{begun['id']}"
            offset = _patiently(partial(_appended, url, token, at, offset, piece))
    return str(begun["id"])


def _appended(url: str, token: str, at: str, offset: int, piece: bytes) -> int:
    """Append a piece; return where the upload stands then, also when another piece was due."""
    digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
    headers = {
        **TUS,
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(len(piece)),
        "Upload-Offset": str(offset),
        "Upload-Checksum": f"sha256 {digest}",
    }
    try:
        _asked(url, token, "PATCH", at, iter([piece]), headers)
    except Conflict as refused:
        if refused.code == "upload_busy":  # the request that was cut has not ended there
            raise Unavailable(refused.code, **refused.facts) from refused
        if refused.code != "upload_offset":
            raise
        return int(refused.facts["offset"])
    return offset + len(piece)


def _patiently(call: Callable[[], T]) -> T:
    """Try again, waiting longer each time, while the server is away or busy."""
    for number in range(RETRIES):
        try:
            return call()
        except Unavailable:
            time.sleep(min(RETRY_S_FIRST * 2**number, RETRY_S_MAX))
    return call()


def _posted(url: str, token: str, path: str, said: Mapping[str, Any]) -> dict[str, Any]:
    body = json.dumps(said).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return _ask(url, token, "POST", path, body=iter([body]), headers=headers)


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


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
