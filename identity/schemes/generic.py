"""Identifiers of general systems: OID, Handle and DOI, Ecode. None carries a check.

OID: arcs of digits without leading zeros, the first 0-2, the second to 39 below 0 and 1 (ITU-T
X.660); at least three arcs, so that "1.2" stays a number. Handle (RFC 3650): prefix "/" suffix; a
DOI is the Handle whose prefix begins with "10." and compares without case, so it is kept in small
letters. Ecode (GB/T 31866-2023) is V + NSI + MD whose lengths we do not know: it is taken only
when named ("ecode:…") and only V is told apart. China's arcs and prefixes are from memory.
"""

import re

from identity.schemes.values import NOTHING, Problem, Recognition, Segment, Words, judged

_OID = re.compile(r"(?:urn:oid:|oid[:.])?([0-9]+(?:\.[0-9]+){2,})", re.IGNORECASE)
_OID_NAMED = re.compile(r"(?:urn:oid:|oid[:.])(.+)", re.IGNORECASE | re.DOTALL)
_HANDLE = re.compile(
    r"(?:https?://(?:dx\.)?doi\.org/|https?://hdl\.handle\.net/|info:(?:doi|hdl)/|doi:|hdl:)?"
    r"([0-9]+\.[0-9A-Za-z._-]*[0-9A-Za-z])/([!-~¡-￿]+)",
    re.IGNORECASE,
)
_ECODE = re.compile(r"(?:urn:)?ecode:(.*)", re.IGNORECASE | re.DOTALL)
_FIRST_ARC_MAX, _SECOND_ARC_MAX = 2, 39
_SURE_NAMED, _SURE = 0.9, 0.5

_OID_NAME = Words("对象标识符（OID）", "object identifier (OID)")
_HANDLE_NAME = Words("Handle 标识", "Handle")
_DOI_NAME = Words("数字对象标识符（DOI）", "digital object identifier (DOI)")
_ECODE_NAME = Words("物联网统一标识 Ecode", "Ecode")


def looks_oid(text: str) -> bool:
    """Return whether ``text`` is named as an OID or reads as one."""
    return bool(_OID.fullmatch(text) or _OID_NAMED.fullmatch(text))


def read_oid(text: str) -> Recognition:
    """Return the arcs; the canonical form is the dotted one, without "urn:oid:"."""
    named = _OID_NAMED.fullmatch(text)
    dotted = named[1].strip() if named else text
    problems = _arcs(dotted)
    china = dotted.startswith("1.2.156.")
    meaning = Words("ISO 中国成员体", "ISO member body China") if china else NOTHING
    segments = (Segment("arcs", dotted, 1, Words("弧", "arcs"), meaning),)
    read = Recognition("oid", _OID_NAME, dotted, "none", segments)
    return judged(read, problems, _SURE_NAMED if named else _SURE)


def _arcs(dotted: str) -> list[Problem]:
    arcs, at = dotted.split("."), 1
    for number, arc in enumerate(arcs):
        if not (arc.isascii() and arc.isdigit()):
            bad = next((i for i, c in enumerate(arc) if c not in "0123456789"), 0)
            return [Problem("scheme_character", at + bad, "0-9", arc[bad : bad + 1])]
        if len(arc) > 1 and arc[0] == "0":
            return [Problem("scheme_character", at, "1-9", "0")]
        small = arcs[0] in {"0", "1"}
        top = (_FIRST_ARC_MAX, _SECOND_ARC_MAX if small else None, *[None] * len(arcs))[number]
        if top is not None and (len(arc) > len(str(top)) or int(arc) > top):
            return [Problem("scheme_value", at, f"0-{top}", arc)]
        at += len(arc) + 1
    return []


def looks_handle(text: str) -> bool:
    """Return whether ``text`` is prefix "/" suffix with a dot in the prefix, or a link to one."""
    return _HANDLE.fullmatch(text) is not None


def read_handle(text: str) -> Recognition:
    """Return prefix and suffix, a DOI in small letters; call it on what ``looks_handle``."""
    found = _HANDLE.fullmatch(text)
    if found is None:
        wrong = Problem("scheme_shape", None, "10.1000/182", text[:80])
        return judged(Recognition("handle", _HANDLE_NAME, text, "none"), [wrong], _SURE)
    prefix, suffix = found.groups()
    doi = prefix.startswith("10.")
    whole = f"{prefix}/{suffix}".lower() if doi else f"{prefix}/{suffix}"
    china = Words("中国工业互联网", "China's industrial internet")
    segments = (
        Segment("prefix", prefix, 1, Words("前缀", "prefix"), _or_nothing(prefix, "86.", china)),
        Segment("suffix", suffix, len(prefix) + 2, Words("后缀", "suffix")),
    )
    name = _DOI_NAME if doi else _HANDLE_NAME
    sure = _SURE_NAMED if doi or ":" in text[:8] else _SURE
    return judged(Recognition("handle", name, whole, "none", segments), (), sure)


def looks_ecode(text: str) -> bool:
    """Return whether ``text`` is named as an Ecode."""
    return _ECODE.fullmatch(text) is not None


def read_ecode(text: str) -> Recognition:
    """Return V and the rest, which is opaque; call it on what ``looks_ecode``."""
    named = _ECODE.fullmatch(text)
    body = named[1].strip() if named else text
    version, rest = body[:1], body[1:]
    gs1 = Words("保留给 GS1", "reserved for GS1")
    segments = (
        Segment(
            "version", version, 1, Words("版本 V", "version V"), _or_nothing(version, "0", gs1)
        ),
        Segment("content", rest, 2, Words("NSI 与 MD（位数未知）", "NSI and MD (lengths unknown)")),
    )
    problems = []
    for at, char in enumerate(body or " ", start=1):
        allowed = char.isascii() and (
            char.isdigit() if at == 1 else char.isalnum() or char in "._-"
        )
        if not allowed:
            expected = "0-9" if at == 1 else "0-9 A-Z a-z . _ -"
            problems.append(Problem("scheme_character", at, expected, char.strip()))
            break
    return judged(Recognition("ecode", _ECODE_NAME, body, "none", segments), problems, _SURE_NAMED)


def _or_nothing(text: str, start: str, meaning: Words) -> Words:
    return meaning if text.startswith(start) else NOTHING
