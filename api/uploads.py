"""A multipart upload goes straight to disk: never held in memory, counted, hashed, fsynced.

request.stream() → parser → [part headers → small field | the one file] → fsync → Upload
"""

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError

from api.resumable import Resumable
from cim import claims
from cim.durable import sync
from identity.errors import Invalid, TooLarge, Unavailable

FILE_FIELD = "file"
FIELDS = frozenset({"project", "document", "placement", "delivered_at", "name"})
SUFFIXES = (".ifc", ".ifczip")
FILENAME_CHARS_MAX = 200
WRITE_BYTES = 1 << 20

_DISPOSITION = re.compile(r'(name|filename)="((?:[^"\\]|\\.)*)"')
_EXTENDED = re.compile(r"filename\*=(?:utf-8|UTF-8)''([^;]+)")


@dataclass(slots=True)
class Upload:
    """A finished upload: a fsynced file, claimed until it is discarded, and the small fields.

    ``origin``: the resumable upload that it was; ``sha256`` is not known of such a one.
    """

    path: Path
    file: BinaryIO
    filename: str = ""
    sha256: str = ""
    size: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    origin: Resumable | None = None

    def discard(self) -> None:
        """Remove the file where nobody adopted it, and end our claim."""
        self.path.unlink(missing_ok=True)
        self.file.close()


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How large the file and each small field may be, in bytes."""

    file_bytes: int
    field_bytes: int


async def receive_upload(
    headers: Mapping[str, str], stream: AsyncIterator[bytes], folder: Path, limits: UploadLimits
) -> Upload:
    """Take the body of a multipart request; durable when this returns.

    Raises Invalid("upload_not_multipart", "upload_incomplete", "upload_without_file",
    "upload_name", "upload_field_unknown"), TooLarge("upload_too_large", "upload_field_too_large"),
    Unavailable("upload_not_stored"). Nothing is left behind then.
    """
    boundary = _boundary(headers.get("content-type", ""))
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limits.file_bytes + WRITE_BYTES:
        raise TooLarge("upload_too_large", limit=limits.file_bytes)
    upload = _begun(folder / f"{secrets.token_hex(16)}.part")
    try:
        await _parse(stream, _Parts(upload, limits), boundary)
        await asyncio.to_thread(_sync, upload.file)
    except OSError as error:
        upload.discard()
        raise _not_stored(error) from error
    except BaseException:
        upload.discard()
        raise
    return upload


def _begun(path: Path) -> Upload:
    try:
        return Upload(path, claims.create(path))
    except OSError as error:
        raise _not_stored(error) from error


def _not_stored(error: OSError) -> Unavailable:
    return Unavailable("upload_not_stored", reason=error.strerror or str(error))


async def _parse(stream: AsyncIterator[bytes], parts: "_Parts", boundary: bytes) -> None:
    parser = MultipartParser(boundary, parts.callbacks())  # type: ignore[arg-type]  # a dict
    try:
        async for chunk in stream:
            if len(chunk) > WRITE_BYTES:
                await asyncio.to_thread(parser.write, chunk)
            else:
                parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise Invalid("upload_incomplete", reason=str(error)) from error
    if not parts.ended:
        raise Invalid("upload_incomplete", reason="the closing boundary is missing")
    if not parts.upload.filename:
        raise Invalid("upload_without_file")
    parts.upload.sha256 = parts.digest.hexdigest()


class _Parts:
    """The parser's callbacks: where each byte of each part goes."""

    def __init__(self, upload: Upload, limits: UploadLimits) -> None:
        self.upload = upload
        self.digest = hashlib.sha256()
        self.ended = False
        self._file = upload.file
        self._limits = limits
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = ""
        self._name = ""
        self._text = bytearray()

    def callbacks(self) -> dict[str, object]:
        """Return what the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._disposition, self._name = "", ""
        self._text.clear()

    def _header_end(self) -> None:
        name, value = self._header
        if name.decode("latin-1").lower() == "content-disposition":
            self._disposition = value.decode("utf-8", "replace")
        self._header = (bytearray(), bytearray())

    def _headers_end(self) -> None:
        said = dict(_DISPOSITION.findall(self._disposition))
        self._name = said.get("name", "")
        if self._name == FILE_FIELD:
            self._file_begins(_filename(self._disposition, said.get("filename", "")))
        elif self._name not in FIELDS:
            known = ", ".join(sorted({FILE_FIELD, *FIELDS}))
            raise Invalid("upload_field_unknown", field=self._name[:80], known=known)

    def _file_begins(self, filename: str) -> None:
        if self.upload.filename:
            raise Invalid("upload_incomplete", reason="one file a request")
        self.upload.filename = check_filename(filename)

    def _data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._name != FILE_FIELD:
            self._text.extend(piece)
            if len(self._text) > self._limits.field_bytes:
                limit = self._limits.field_bytes
                raise TooLarge("upload_field_too_large", field=self._name, limit=limit)
            return
        self.upload.size += len(piece)
        if self.upload.size > self._limits.file_bytes:
            raise TooLarge("upload_too_large", limit=self._limits.file_bytes)
        self.digest.update(piece)
        self._file.write(piece)

    def _end(self) -> None:
        if self._name != FILE_FIELD:
            self.upload.fields[self._name] = self._text.decode("utf-8", "replace")

    def _finish(self) -> None:
        self.ended = True


def _boundary(content_type: str) -> bytes:
    kind, _, rest = content_type.partition(";")
    found = re.search(r'boundary="?([^";,]{1,200})"?', rest)
    if kind.strip().lower() != "multipart/form-data" or found is None:
        raise Invalid("upload_not_multipart", content_type=content_type[:80])
    return found.group(1).encode("latin-1")


def check_filename(filename: str) -> str:
    """Return the name if a model may have it; Invalid("upload_name")."""
    if not filename.lower().endswith(SUFFIXES) or len(filename) > FILENAME_CHARS_MAX:
        known = ", ".join(SUFFIXES)
        raise Invalid("upload_name", filename=filename[:FILENAME_CHARS_MAX], known=known)
    return filename


def _filename(disposition: str, plain: str) -> str:
    """Return the last part of the name: a path in it is never used."""
    from urllib.parse import unquote

    extended = _EXTENDED.search(disposition)
    name = unquote(extended.group(1)) if extended else re.sub(r"\\(.)", r"\1", plain)
    return name.replace("\\", "/").rpartition("/")[2]


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    sync(Path(file.name).parent)
