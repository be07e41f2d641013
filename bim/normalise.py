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
from bim.normalise_guids import count_products, guids
from bim.normalise_header import UTF8_BOM, Header, checked, header_of, refuse_other_formats
from bim.normalise_text import UTF8, choose_encoding, decode, encode
from bim.normalise_zip import SOURCE_BYTES_MAX, opened
from bim.rows import Finding, Severity
from identity.errors import Invalid

SAMPLE_BYTES_MAX = 4 << 20  # of strings with raw bytes, enough to know the encoding
_HEAD_BYTES = 4096
_SAMPLE_CHARACTERS = 40
_STRING = re.compile(STRING)
_STEP_ID = re.compile(rb"#(\d+)\s*=")
_END_WORD = b"END-ISO-10303-21"
_END = re.compile(rb"(?:\A|;)(\s*END-ISO-10303-21\s*;)")
_MILD = {"surrogate", "backslash"}  # repaired without any doubt about what was meant


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
        encoding = _raw_encoding(stream, chunk_bytes)
    repair = _TextRepair(encoding or UTF8)
    with opened(source, limit_bytes=limit_bytes) as stream, target.open("wb") as out:
        header, count = _copy(blocks(stream, chunk_bytes=chunk_bytes), out, repair)
    return Normalised(
        schema=header.schema,
        declared_schema=header.declared_schema,
        declared=count.statements,
        products=count.products,
        encoding=encoding or "ascii",
        findings=[*header.findings, *repair.findings(encoding)],
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


def _raw_encoding(stream: IO[bytes], chunk_bytes: int) -> str | None:
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
    return choose_encoding(samples) if samples else None


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


def _copy(parts: Iterator[bytes], out: IO[bytes], repair: "_TextRepair") -> tuple[Header, _Count]:
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


def _copy_block(block: bytes, out: IO[bytes], repair: "_TextRepair", count: _Count) -> None:
    end = _END.search(block) if _END_WORD in block else None
    if end:
        block = block[: end.end()] + b"\n"
        count.ended = True
    block = repair.block(block)
    count.add(block)
    out.write(block)


class _TextRepair:
    """Rewrites the strings of blocks and remembers what was wrong, once a kind of fault."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._faults: dict[str, tuple[int, int | None, str]] = {}
        self.raw_strings = 0

    def block(self, block: bytes) -> bytes:
        """Return ``block`` with every string that is not plain written in directives."""
        if b"\\" not in block and block.isascii():
            return block
        return _STRING.sub(self._string, block)

    def findings(self, encoding: str | None) -> list[Finding]:
        """Return one finding for the encoding and one for each kind of fault."""
        found = [
            Finding(
                "ifc_text_" + fault,
                Severity.INFO if fault in _MILD else Severity.WARNING,
                {"count": count, "sample": sample},
                step_id=step_id,
            )
            for fault, (count, step_id, sample) in sorted(self._faults.items())
        ]
        if self.raw_strings:
            facts = {"count": self.raw_strings, "encoding": encoding}
            found.insert(0, Finding("ifc_text_raw", Severity.INFO, facts))
        return found

    def _string(self, match: re.Match[bytes]) -> bytes:
        token = match[0]
        if b"\\" not in token and token.isascii():
            return token
        self.raw_strings += not token.isascii()
        text, faults = decode(token[1:-1], self._encoding)
        for fault in faults:
            count, step_id, sample = self._faults.get(fault) or (0, _step_id(match), text)
            self._faults[fault] = (count + 1, step_id, sample[:_SAMPLE_CHARACTERS])
        return b"'" + encode(text) + b"'"


def _step_id(match: re.Match[bytes]) -> int | None:
    """Return the #n of the statement that holds ``match``; None in the header."""
    before = match.string[: match.start()]
    start = before.rfind(b"=")
    found = _STEP_ID.search(before, max(before.rfind(b"#", 0, start), 0)) if start > 0 else None
    return int(found[1]) if found else None
