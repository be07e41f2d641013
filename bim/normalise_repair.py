"""Rewrites the strings of a STEP file in directives and says of each what was wrong with it."""

import re
from bisect import bisect
from dataclasses import dataclass, field

from bim.normalise_blocks import STRING
from bim.normalise_encoding import RawText
from bim.normalise_text import decode, encode
from bim.rows import Finding, Severity

STATEMENTS_KEPT = 100  # of each kind of fault get a finding of their own; all are counted

_STRING = re.compile(STRING)
_STRING_OR_ID = re.compile(STRING + rb"|#(\d{1,18})\s*=")
_SAMPLE_CHARACTERS = 40
_MILD = {"surrogate", "backslash"}  # repaired without any doubt about what was meant
_HEADER = "HEADER"


@dataclass(slots=True)
class _Told:
    """What one kind of fault did in one statement."""

    sample: str
    texts: int = 0
    replaced: int = 0


@dataclass(slots=True)
class _Kind:
    count: int = 0
    told: dict[int | None, _Told] = field(default_factory=dict)

    def add(self, step_id: int | None, text: str, replaced: int) -> None:
        self.count += 1
        if step_id not in self.told and len(self.told) >= STATEMENTS_KEPT:
            return
        told = self.told.setdefault(step_id, _Told(text[:_SAMPLE_CHARACTERS]))
        told.texts += 1
        told.replaced += replaced


class TextRepair:
    """Rewrites the strings of blocks and remembers what was wrong in which statement."""

    def __init__(self, raw: RawText) -> None:
        self._raw = raw
        self._kinds: dict[str, _Kind] = {}
        self._raw_strings = 0
        self._statements: _Statements | None = None

    def block(self, block: bytes) -> bytes:
        """Return ``block`` with every string that is not plain written in directives."""
        if b"\\" not in block and block.isascii():
            return block
        self._statements = None
        return _STRING.sub(self._string, block)

    def findings(self) -> list[Finding]:
        """Return one finding for the encoding and one a statement for each kind of fault.

        ``count``: texts with this fault in the file; ``texts`` and ``replaced``: texts with it in
        the statement, and the characters of these that are now U+FFFD.
        """
        found = [
            finding for fault, kind in sorted(self._kinds.items()) for finding in _each(fault, kind)
        ]
        if self._raw_strings:
            facts = {"count": self._raw_strings, "encoding": self._raw.encoding}
            found.insert(0, Finding("ifc_text_raw", Severity.INFO, facts))
        return found

    def _string(self, match: re.Match[bytes]) -> bytes:
        token = match[0]
        if b"\\" not in token and token.isascii():
            return token
        self._raw_strings += not token.isascii()
        text, faults = decode(token[1:-1], self._raw)
        if faults:
            self._statements = self._statements or _Statements(match.string)
            step_id, replaced = self._statements.at(match.start()), text.count("\ufffd")
            for fault in faults:
                self._kinds.setdefault(fault, _Kind()).add(step_id, text, replaced)
        return b"'" + encode(text) + b"'"


def _each(fault: str, kind: _Kind) -> list[Finding]:
    return [
        Finding(
            "ifc_text_" + fault,
            Severity.INFO if fault in _MILD and not told.replaced else Severity.WARNING,
            {
                "where": _HEADER if step_id is None else f"#{step_id}",
                "texts": told.texts,
                "replaced": told.replaced,
                "sample": told.sample,
                "count": kind.count,
            },
            step_id=step_id,
        )
        for step_id, told in kind.told.items()
    ]


class _Statements:
    """Which statement a place in a block lies in."""

    def __init__(self, block: bytes) -> None:
        declared = [match for match in _STRING_OR_ID.finditer(block) if match[1]]
        self._starts = [match.start() for match in declared]
        self._ids = [int(match[1]) for match in declared]

    def at(self, place: int) -> int | None:
        """Return the #n of the statement; None before the first (the header)."""
        found = bisect(self._starts, place)
        return self._ids[found - 1] if found else None
