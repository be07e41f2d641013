"""The bytes of one request appended to a part: written, fsynced, counted, in this order."""

import hashlib
import os
import threading
from dataclasses import dataclass
from typing import BinaryIO

from identity.errors import Invalid

SAVE_BYTES = 1 << 20
"""Written between two fsyncs: what a kill may cost beside what is on its way."""

OFFSET_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one request must come to."""

    algorithm: str
    digest: bytes


class Writing:
    """The one writer of a part, from ``offset`` on, until it is closed.

    Bytes with a checksum count only once all of them have come to it.
    """

    def __init__(self, file: BinaryIO, record: int, offset: int, checksum: Checksum | None) -> None:
        self.file = file
        self.offset = offset
        self._record = record
        self._at = offset
        self._checksum = checksum
        self._digest = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
        self._lock = threading.Lock()  # a cancelled request's last write may still go on

    def write(self, piece: bytes) -> None:
        """Append; durable every SAVE_BYTES. Raises OSError."""
        with self._lock:
            _write_at(self.file.fileno(), piece, self._at)
            self._at += len(piece)
            if self._digest is not None:
                self._digest.update(piece)
            elif self._at - self.offset >= SAVE_BYTES:
                self._save()

    def finish(self, *, whole: bool) -> None:
        """Make durable what counts; ``whole``: the request ended as it should.

        Raises Invalid("upload_checksum"); OSError.
        """
        with self._lock:
            if self._digest is None or self._checksum is None:
                self._save()
            elif whole:
                self._check(self._digest.digest(), self._checksum)
                self._save()

    def close(self) -> None:
        """End the claim."""
        with self._lock:
            self.file.close()
            os.close(self._record)

    def let_go(self) -> BinaryIO:
        """Return the file with its claim, which ends when it is closed."""
        os.close(self._record)
        return self.file

    def _check(self, digest: bytes, checksum: Checksum) -> None:
        if digest != checksum.digest:
            algorithm = checksum.algorithm
            raise Invalid("upload_checksum", algorithm=algorithm, offset=self.offset)

    def _save(self) -> None:
        if self._at == self.offset:
            return
        os.fsync(self.file.fileno())
        _write_at(self._record, digits(self._at), 0)
        os.fsync(self._record)
        self.offset = self._at


def digits(offset: int) -> bytes:
    """Return an offset in a form of one length: it is written over the one before."""
    return f"{offset:0{OFFSET_DIGITS}d}".encode()


def _write_at(descriptor: int, content: bytes, at: int) -> None:
    left = memoryview(content)
    while left:
        done = os.pwrite(descriptor, left, at)
        left, at = left[done:], at + done
