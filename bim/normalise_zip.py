"""The door: a file that is an IFC, or a ZIP that holds exactly one, opened with limits."""

import errno
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from identity.errors import Invalid, TooLarge

SOURCE_BYTES_MAX = 4 << 30  # of the IFC, unpacked
ZIP_RATIO_MAX = 100.0  # real IFC files pack 5 to 20 times
ZIP_ENTRIES_MAX = 1_000
NAMES_SHOWN = 5
_HEAD_BYTES = 4096
_DAMAGE = (  # what zipfile raises on bytes that are none, or are packed by unknown methods
    zipfile.BadZipFile,
    NotImplementedError,
    EOFError,
    UnicodeDecodeError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)
_ENCRYPTED = 0x1  # APPNOTE 4.4.4, bit 0
_TRAVERSAL = re.compile(r"(^|[\\/])\.\.([\\/]|$)|^[\\/]|^[A-Za-z]:|\x00")
_NOISE = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)


@contextmanager
def opened(source: Path, *, limit_bytes: int = SOURCE_BYTES_MAX) -> Iterator[IO[bytes]]:
    """Open the IFC bytes of ``source``; reading stops with TooLarge behind ``limit_bytes``.

    Raises Invalid: ``ifc_empty``, ``ifc_not_ifc`` (fact ``kind``), ``zip_*``.
    """
    size = source.stat().st_size
    if size == 0:
        raise Invalid("ifc_empty", name=source.name)
    with source.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        file.seek(0)
        if not head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            if size > limit_bytes:
                raise TooLarge("ifc_size", size=size, limit=limit_bytes)
            yield file
            return
        with _member(file, limit_bytes) as member:
            yield member


@contextmanager
def _member(file: IO[bytes], limit_bytes: int) -> Iterator[IO[bytes]]:
    try:
        with zipfile.ZipFile(file) as archive:
            entry = _only_ifc(archive)
            _check_size(entry, limit_bytes)
            with archive.open(entry) as member:
                yield member
    except _DAMAGE as damage:
        raise Invalid("zip_damaged", reason=str(damage)) from damage
    except OSError as failure:
        if failure.errno != errno.EINVAL:  # the disk's own troubles are not the file's
            raise
        raise Invalid("zip_damaged", reason="an offset points outside") from failure


def _only_ifc(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > ZIP_ENTRIES_MAX:
        raise TooLarge("zip_entries", entries=len(entries), limit=ZIP_ENTRIES_MAX)
    for entry in entries:
        if _TRAVERSAL.search(entry.filename):
            raise Invalid("zip_traversal", name=entry.filename)
    entries = [entry for entry in entries if not _NOISE.search(entry.filename)]
    found = [entry for entry in entries if entry.filename.lower().endswith(".ifc")]
    if len(found) > 1:
        names = [entry.filename for entry in found[:NAMES_SHOWN]]
        raise Invalid("zip_several", count=len(found), names=names)
    if not found:
        raise _without_ifc([entry.filename for entry in entries])
    return found[0]


def _without_ifc(names: list[str]) -> Invalid:
    suffixes = {name.lower().rsplit(".", 1)[-1] for name in names}
    if suffixes & {"zip", "ifczip"}:
        return Invalid("zip_nested", names=names[:NAMES_SHOWN])
    if suffixes & {"ifcxml", "xml"}:
        return Invalid("ifc_not_ifc", kind="ifcxml")
    return Invalid("zip_without_ifc", names=names[:NAMES_SHOWN])


def _check_size(entry: zipfile.ZipInfo, limit_bytes: int) -> None:
    """Refuse before a byte is unpacked; zipfile never reads past the size declared here."""
    if entry.flag_bits & _ENCRYPTED:
        raise Invalid("zip_encrypted", name=entry.filename)
    if entry.file_size == 0:
        raise Invalid("ifc_empty", name=entry.filename)
    if entry.file_size > limit_bytes:
        raise TooLarge("ifc_size", size=entry.file_size, limit=limit_bytes)
    ratio = entry.file_size / max(entry.compress_size, 1)
    if ratio > ZIP_RATIO_MAX:
        raise TooLarge("zip_ratio", ratio=round(ratio), limit=ZIP_RATIO_MAX)
