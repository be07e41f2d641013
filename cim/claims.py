"""Files and folders that a living process is working on, and the removal of a dead one's.

Whoever makes a file claims it (flock(2)); the system ends the claim with the process, however it
dies. So what is unclaimed in a folder of passing files is a leftover, whichever process or machine
start it comes from, and nobody has to trust a process id.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def create(path: Path) -> BinaryIO:
    """Create an empty file, claimed until it is closed. Raises OSError."""
    while True:
        file = path.open("wb")
        if claim(file.fileno(), path):
            return file
        file.close()  # a sweeper came between the creation and the claim, and removed it


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Make an empty folder, claimed meanwhile and removed after."""
    path.mkdir(parents=True)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        while not claim(descriptor, path):
            os.close(descriptor)
            path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDONLY)
        yield path
    finally:
        os.close(descriptor)
        shutil.rmtree(path, ignore_errors=True)


def claim(descriptor: int, path: Path) -> bool:
    """Claim what is open at ``path``; False when it was taken away from there.

    A claim that the caller's own process holds already (through another descriptor) is one, too.
    """
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def gate(path: Path, *, alone: bool) -> Iterator[None]:
    """Wait at the file ``path`` (made where missing): several go through together, or one alone."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def sweep(place: Path) -> list[Path]:
    """Remove from the folder ``place`` all that nobody claims; return what was removed."""
    if not place.is_dir():
        return []
    return [entry for entry in sorted(place.iterdir()) if _removed(entry)]


def _removed(entry: Path) -> bool:
    try:
        descriptor = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:  # gone meanwhile, or nothing of ours
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        _remove(entry)
        return True
    finally:
        os.close(descriptor)


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)
