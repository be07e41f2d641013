"""Blobs in memory: for tests and small tools."""

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

import anyio

from cim.stores.files import CHUNK_BYTES, check_name
from identity.errors import Invalid, NotFound


class MemoryBlobs:
    """Implements ``cim.ports.Blobs``; ``local`` writes into a folder that ends with this object."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._folder: Path | None = None

    async def put(self, data: bytes) -> str:
        """Keep the bytes and return their name."""
        name = hashlib.sha256(data).hexdigest()
        self._blobs[name] = bytes(data)
        return name

    async def adopt(self, path: Path, name: str) -> None:
        """Take the file's bytes and remove it; Invalid("blob_mismatch") when they differ."""
        data = await anyio.Path(path).read_bytes()
        if hashlib.sha256(data).hexdigest() != check_name(name):
            raise Invalid("blob_mismatch", name=name)
        self._blobs[name] = data
        await anyio.Path(path).unlink()

    async def remove(self, name: str) -> None:
        """Forget the bytes."""
        self._blobs.pop(check_name(name), None)

    async def sweep(self) -> int:
        """Return 0: what a dead process held in memory is gone with it."""
        return 0

    async def get(self, name: str) -> bytes:
        """Return the bytes; NotFound("blob_unknown")."""
        try:
            return self._blobs[check_name(name)]
        except KeyError:
            raise NotFound("blob_unknown", name=name) from None

    async def size(self, name: str) -> int | None:
        """Return the length in bytes, or None when unknown."""
        blob = self._blobs.get(check_name(name))
        return None if blob is None else len(blob)

    async def chunks(
        self, name: str, *, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        """Iterate over the bytes [start, stop) in pieces."""
        data = (await self.get(name))[start:stop]
        for at in range(0, len(data), CHUNK_BYTES):
            yield data[at : at + CHUNK_BYTES]

    async def local(self, name: str) -> Path:
        """Return a readable local path of the blob."""
        data = await self.get(name)
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="wanwu-blobs-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        path = self._folder / name
        await anyio.Path(path).write_bytes(data)
        return path
