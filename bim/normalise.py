"""Uploaded bytes → a safe IFC file: whole, of a readable schema, every character in ASCII.

``source`` may be an .ifc or an .ifczip; ``target`` gets plain IFC without comments, BOM and raw
bytes in strings. What was repaired is said in findings; what can't be is refused with a reason.
Two streaming passes (the first only looks for raw bytes), memory bounded by the longest statement.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bim.normalise_blocks import CHUNK_BYTES, STRING, blocks
from bim.normalise_encoding import RawText, raw_text
from bim.normalise_guids import count_products, guids
from bim.normalise_header import UTF8_BOM, Header, checked, header_of, refuse_other_formats
from bim.normalise_repair import TextRepair
from bim.normalise_zip import SOURCE_BYTES_MAX, opened
from bim.rows import Finding
from identity.errors import Invalid

SAMPLE_BYTES_MAX = 4 << 20  # of strings with raw bytes, enough to know the encoding
_HEAD_BYTES = 4096
_STRING = re.compile(STRING)
_END_WORD = b"END-ISO-10303-21"
_END = re.compile(rb"(?:\A|;)(\s*END-ISO-10303-21\s*;)")


@dataclass(frozen=True, slots=True)
class Normalised:
    """What the file says of itself.

    ``declared`` counts statements (#n=), ``products`` those of them that become rows.
    """

    schema: str
    declared_schema: str
    declared: int
    products: int
    encoding: str
    findings: list[Finding]


def normalise(
    source: Path,
    target: Path,
    *,
    limit_bytes: int = SOURCE_BYTES_MAX,
    chunk_bytes: int = CHUNK_BYTES,
) -> Normalised:
    """Write the safe form of ``source`` to ``target`` and say what was found.

    Raises Invalid (``ifc_empty``, ``ifc_not_ifc``, ``ifc_schema``, ``ifc_truncated``, ``zip_*``) or
    TooLarge (``ifc_size``, ``ifc_statement_length``, ``zip_ratio``, ``zip_entries``).
    """
    with opened(source, limit_bytes=limit_bytes) as stream:
        raw = _raw_text(stream, chunk_bytes)
    repair = TextRepair(raw or RawText())
    with opened(source, limit_bytes=limit_bytes) as stream, target.open("wb") as out:
        header, count = _copy(blocks(stream, chunk_bytes=chunk_bytes), out, repair)
    return Normalised(
        schema=header.schema,
        declared_schema=header.declared_schema,
        declared=count.statements,
        products=count.products,
        encoding=raw.encoding if raw else "ascii",
        findings=[*header.findings, *repair.findings()],
    )


def product_guids(path: Path) -> set[str]:
    """Return the GlobalIds of elements and spaces (not of site, building, storey) by a byte scan.

    Works on .ifc and .ifczip. ``bim.normalise_guids.guids`` gives the spatial ones beside.
    """
    return set(guids(path).products)


@dataclass(slots=True)
class _Count:
    statements: int = 0
    products: int = 0
    ended: bool = False

    def add(self, block: bytes) -> None:
        # Outside strings an equals sign stands in declarations only.
        self.statements += _STRING.sub(b"", block).count(b"=")
        self.products += count_products(block)


def _raw_text(stream: IO[bytes], chunk_bytes: int) -> RawText | None:
    """Return how the strings' raw bytes are encoded; None when all is ASCII (or only a BOM)."""
    head = stream.read(_HEAD_BYTES)
    refuse_other_formats(head)
    raw = not head.removeprefix(UTF8_BOM).isascii()
    while not raw and (chunk := stream.read(chunk_bytes)):
        raw = not chunk.isascii()
    if not raw:
        return None
    stream.seek(0)
    samples = _samples(blocks(stream, chunk_bytes=chunk_bytes))
    return raw_text(samples) if samples else None


def _samples(parts: Iterator[bytes]) -> list[bytes]:
    """Return different strings with raw bytes, as many as tell the encoding."""
    samples: set[bytes] = set()
    size = 0
    for block in parts:
        if block.isascii():
            continue
        new = {s for s in _STRING.findall(block) if not s.isascii()} - samples
        samples |= new
        size += sum(map(len, new))
        if size > SAMPLE_BYTES_MAX:
            break
    return sorted(samples)


def _copy(parts: Iterator[bytes], out: IO[bytes], repair: TextRepair) -> tuple[Header, _Count]:
    """Write header and data with repaired strings, up to END-ISO-10303-21, and count."""
    start, rest = header_of(parts)
    header = checked(repair.block(start))
    out.write(header.text)
    count = _Count()
    _copy_block(rest, out, repair, count)
    while not count.ended and (block := next(parts, b"")):
        _copy_block(block, out, repair, count)
    if not count.ended:
        raise Invalid("ifc_truncated", declared=count.statements)
    return header, count


def _copy_block(block: bytes, out: IO[bytes], repair: TextRepair, count: _Count) -> None:
    end = _END.search(block) if _END_WORD in block else None
    if end:
        block = block[: end.end()] + b"\n"
        count.ended = True
    block = repair.block(block)
    count.add(block)
    out.write(block)
