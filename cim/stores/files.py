"""Blobs as files: named by content, written beside, fsynced, renamed, folder fsynced.

``<dir>/ab/cd/abcd…`` (64 hex digits of SHA-256): two levels keep folders small at millions of
tiles. A name appears only when its bytes are whole and durable; what a killed writer leaves lies in
``<dir>/incoming``, is never served, and is removed by ``sweep``.
"""

import hashlib
import os
import platform
import re
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from errno import EXDEV
from pathlib import Path
from typing import BinaryIO

import anyio
import anyio.to_thread

from cim import claims
from cim.durable import sync
from identity.errors import CityError, Invalid, NotFound, Unavailable

CHUNK_BYTES = 256 * 1024
INCOMING = "incoming"
_NAME = re.compile(r"[0-9a-f]{64}")


class FileBlobs:
    """Implements ``cim.ports.Blobs`` in a folder; several processes may share it."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    async def put(self, data: bytes) -> str:
        """Store durably and return the name."""
        return await anyio.to_thread.run_sync(self._put, data)

    async def adopt(self, path: Path, name: str) -> None:
        """Move a finished file into the store; Invalid("blob_mismatch") when its bytes differ."""
        check_name(name)
        await anyio.to_thread.run_sync(self._adopt, Path(path), name)

    async def get(self, name: str) -> bytes:
        """Return the bytes; NotFound("blob_unknown")."""
        return await anyio.to_thread.run_sync(_guarded_read, self._known(name))

    async def size(self, name: str) -> int | None:
        """Return the length in bytes, or None when unknown."""
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return None

    async def chunks(
        self, name: str, *, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        """Iterate over the bytes [start, stop) in pieces of at most CHUNK_BYTES."""
        path = self._known(name)
        left = path.stat().st_size - start if stop is None else stop - start
        async with await anyio.open_file(path, "rb") as file:
            await file.seek(start)
            while left > 0 and (piece := await file.read(min(left, CHUNK_BYTES))):
                left -= len(piece)
                yield piece

    async def local(self, name: str) -> Path:
        """Return the blob's own path; read it, never write it."""
        return self._known(name)

    async def remove(self, name: str) -> None:
        """Remove the file of a blob."""
        path = self._path(name)
        await anyio.to_thread.run_sync(lambda: path.unlink(missing_ok=True))

    async def sweep(self) -> int:
        """Remove what writers that died left half done; return how many files."""
        return len(await anyio.to_thread.run_sync(claims.sweep, self._folder / INCOMING))

    def _path(self, name: str) -> Path:
        check_name(name)
        return self._folder / name[:2] / name[2:4] / name

    def _known(self, name: str) -> Path:
        path = self._path(name)
        if not path.is_file():
            raise NotFound("blob_unknown", name=name)
        return path

    def _put(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        target = self._path(name)
        if target.is_file():
            return name
        try:
            _store_durably(self._incoming(name), data, target)
        except OSError as error:
            raise _refused(error) from error
        return name

    def _adopt(self, path: Path, name: str) -> None:
        try:
            self._move(path, name)
        except OSError as error:
            raise _refused(error) from error

    def _move(self, path: Path, name: str) -> None:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != name:
                raise Invalid("blob_mismatch", name=name)
            claims.claim(file.fileno(), path)  # it moves with the file, through ``incoming``
            target = self._path(name)
            if target.is_file():
                path.unlink()
            elif not _published(path, self._incoming(name), target):
                file.seek(0)
                _store_durably(self._incoming(name), file, target)
                path.unlink()

    def _incoming(self, name: str) -> Path:
        """Return a path no live writer uses: one a process and thread and name."""
        folder = self._folder / INCOMING
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{platform.node()}.{os.getpid()}.{threading.get_ident()}.{name}"


def check_name(name: str) -> str:
    """Return ``name`` if it is 64 lower-case hex digits; Invalid("blob_name_invalid") else.

    Names come from URLs, so this is also what keeps a path inside the folder.
    """
    if _NAME.fullmatch(name) is None:
        raise Invalid("blob_name_invalid", name=name[:100])
    return name


def _store_durably(incoming: Path, data: bytes | BinaryIO, target: Path) -> None:
    try:
        with claims.create(incoming) as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                shutil.copyfileobj(data, file, CHUNK_BYTES)
            file.flush()
            os.fsync(file.fileno())
            _publish(incoming, target)
    except OSError:
        with suppress(FileNotFoundError):  # nothing was created: nothing to clean away
            incoming.unlink()
        raise


def _published(path: Path, incoming: Path, target: Path) -> bool:
    """Move a finished file into place; False when it lies on another file system."""
    try:
        path.rename(incoming)
    except OSError as error:
        if error.errno == EXDEV:
            return False
        raise
    sync(incoming)
    _publish(incoming, target)
    return True


def _publish(incoming: Path, target: Path) -> None:
    """Rename into place; the name is durable when every folder on its way is fsynced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    incoming.replace(target)
    for folder in (target.parent, target.parent.parent, target.parent.parent.parent):
        sync(folder)


def _guarded_read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _refused(error) from error


def _refused(error: OSError) -> CityError:
    return Unavailable("blobs_unavailable", reason=error.strerror or str(error))
