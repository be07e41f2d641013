"""The header of a STEP file: is it one, which schema, and what readers need in it.

``header_of`` finds it, ``checked`` reads and repairs it. Schema names other than the three that
can be read are aliases (FIELD-NOTES: what rewriting FILE_SCHEMA recovered) or refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bim.normalise_blocks import STRING
from bim.rows import Finding, Severity
from identity.errors import Invalid

SCHEMAS = ("IFC2X3", "IFC4", "IFC4X3_ADD2")
EXACT = {  # corrigenda and addenda that change no entity a reader would miss
    "IFC2X3_TC1": "IFC2X3",
    "IFC4_ADD1": "IFC4",
    "IFC4_ADD2": "IFC4",
    "IFC4_ADD2_TC1": "IFC4",
    "IFC4X3": "IFC4X3_ADD2",
    "IFC4X3_TC1": "IFC4X3_ADD2",
    "IFC4X3_ADD1": "IFC4X3_ADD2",
}
BEST_EFFORT = {
    "IFC2X_FINAL": "IFC2X3",
    "IFC4X3_RC3": "IFC4X3_ADD2",
    "IFC4X3_RC4": "IFC4X3_ADD2",
}
_BOMS = {b"\xff\xfe": "utf16", b"\xfe\xff": "utf16"}
UTF8_BOM = b"\xef\xbb\xbf"
_MAGIC = re.compile(rb"\s*ISO-10303-21\s*;", re.IGNORECASE)
_SNIFFS = (
    (re.compile(rb"\s*(<!doctype html|<html)", re.IGNORECASE), "html"),
    (re.compile(rb"(?is)\s*<(\?xml.*)?[^>]*(ifcxml|iso_10303_28|ifc:)"), "ifcxml"),
    (re.compile(rb"\s*<\?xml", re.IGNORECASE), "xml"),
    (re.compile(rb"\s*[{\[]"), "json"),
    (re.compile(rb"Rar!|7z\xbc\xaf|\x1f\x8b|BZh|\xfd7zXZ"), "archive"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "revit"),  # OLE2: .rvt, .rfa, old Office
    (re.compile(rb"AC10[0-9]{2}"), "dwg"),
    (re.compile(rb"%PDF"), "pdf"),
    (re.compile(rb"\x00*\Z"), "zeros"),
)
_END = re.compile(STRING + rb"|(\bENDSEC\s*;)")
_FILE_SCHEMA = re.compile(STRING + rb"|(\bFILE_SCHEMA\s*\(\s*\(([^()]*)\)\s*\))", re.IGNORECASE)
_ENTITY = re.compile(STRING + rb"|\b(FILE_DESCRIPTION|FILE_NAME)\b", re.IGNORECASE)
_HEADER_WORD = re.compile(rb"\bHEADER\s*;", re.IGNORECASE)
_EMPTY = {
    b"FILE_DESCRIPTION": b"FILE_DESCRIPTION((''),'2;1');",
    b"FILE_NAME": b"FILE_NAME('','',(''),(''),'','','');",
}
_SHOWN_BYTES = 24
HEADER_BYTES_MAX = 8 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """The repaired header bytes (up to ENDSEC;), the schema to read with, and the one declared."""

    text: bytes
    schema: str
    declared_schema: str
    findings: tuple[Finding, ...]


def refuse_other_formats(head: bytes) -> None:
    """Raise Invalid("ifc_not_ifc", kind=…) unless ``head`` (after a BOM) begins a STEP file."""
    if _MAGIC.match(head.removeprefix(UTF8_BOM)):
        return
    kind = _BOMS.get(head[:2]) or next((k for sniff, k in _SNIFFS if sniff.match(head)), "unknown")
    shown = head[:_SHOWN_BYTES].decode("ascii", errors="replace").replace("\ufffd", "?")
    raise Invalid("ifc_not_ifc", kind=kind, begins=shown)


def header_of(parts: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Return the header up to ENDSEC; and the rest of the block it ends in.

    Raises Invalid("ifc_truncated") where there is no end (or none within HEADER_BYTES_MAX).
    """
    start = b""
    for block in parts:
        start += block
        for token in _END.finditer(start):
            if token[1]:
                return start[: token.end()], start[token.end() :]
        if len(start) > HEADER_BYTES_MAX:
            break
    raise Invalid("ifc_truncated", declared=0)


def checked(text: bytes) -> Header:
    """Return the header made readable, or raise Invalid("ifc_schema") with the names declared."""
    findings: list[Finding] = []
    if text.startswith(UTF8_BOM):
        text = text.removeprefix(UTF8_BOM)
        findings.append(Finding("ifc_bom", Severity.INFO))
    text, missing = _completed(text)
    if missing:
        findings.append(Finding("ifc_header", Severity.WARNING, {"missing": missing}))
    start, stop, declared = _schema_clause(text)
    schema = _readable(declared)
    if declared in BEST_EFFORT:
        facts = {"declared": declared, "read_as": schema}
        findings.append(Finding("ifc_schema_alias", Severity.WARNING, facts))
    clause = f"FILE_SCHEMA(('{schema}'))".encode()
    return Header(text[:start] + clause + text[stop:], schema, declared, tuple(findings))


def _completed(text: bytes) -> tuple[bytes, list[str]]:
    """Put in the two header entities a reader insists on (ISO 10303-21, 8.2) where they lack."""
    present = {token[1].upper() for token in _ENTITY.finditer(text) if token[1]}
    missing = [name for name in _EMPTY if name not in present]
    if not missing:
        return text, []
    word = _HEADER_WORD.search(text)
    if word is None:
        raise Invalid("ifc_not_ifc", kind="header", begins="")
    start = word.end()
    if b"FILE_NAME" in missing and b"FILE_DESCRIPTION" in present:  # the order is fixed: behind it
        start = _schema_clause(text)[0]
    added = b"".join(_EMPTY[name] for name in missing)
    return text[:start] + added + text[start:], [name.decode() for name in missing]


def _schema_clause(text: bytes) -> tuple[int, int, str]:
    """Return where FILE_SCHEMA(('…')) stands and the name in it; several are joined by commas."""
    for token in _FILE_SCHEMA.finditer(text):
        if token[1]:
            names = re.findall(rb"'\s*([^']*?)\s*'", token[2])
            return token.start(), token.end(), ",".join(n.decode("latin-1").upper() for n in names)
    raise Invalid("ifc_schema", declared="", readable=list(SCHEMAS))


def _readable(declared: str) -> str:
    schema = declared if declared in SCHEMAS else EXACT.get(declared, BEST_EFFORT.get(declared))
    if schema is None:
        raise Invalid("ifc_schema", declared=declared, readable=list(SCHEMAS))
    return schema
