"""What a foreign text was recognised as: frozen values that become plain JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from identity.errors import render

LANGUAGES = ("zh", "en")
_WRONG_SHARE = 0.3  # of a scheme's confidence is left when the text breaks its rules
_WRONG_LENGTH_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Words:
    """One meaning in both languages."""

    zh: str
    en: str

    def told(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"zh": self.zh, "en": self.en}


NOTHING = Words("", "")


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of a code: ``position`` counts from 1 in the canonical form."""

    name: str
    text: str
    position: int
    label: Words
    meaning: Words = NOTHING

    def told(self) -> dict[str, Any]:
        """Return the JSON form; ``meaning`` only where there is one."""
        told = {"name": self.name, "text": self.text, "position": self.position}
        told |= {"label": self.label.told()}
        return told if self.meaning == NOTHING else {**told, "meaning": self.meaning.told()}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text is not a valid code of a scheme.

    ``code`` has its text in identity/texts; ``position`` counts from 1 in the canonical form
    (blanks are not counted), None where no single place is wrong. ``expected`` names characters,
    a range, or the check digit that belongs there.
    """

    code: str
    position: int | None = None
    expected: str = ""
    found: str = ""
    scheme: str = ""

    def facts(self) -> dict[str, Any]:
        """Return what the text of ``code`` may name."""
        return {
            "scheme": self.scheme,
            "position": self.position,
            "expected": self.expected,
            "found": self.found,
        }

    def told(self) -> dict[str, Any]:
        """Return the JSON form with the message in both languages."""
        said = {lang: render(self.code, self.facts(), lang)[0] for lang in LANGUAGES}
        return {"code": self.code, **self.facts(), **said}


@dataclass(frozen=True, slots=True)
class Recognition:
    """One way of reading a text.

    ``canonical`` is the form in which an alias of ``scheme`` is stored; ``check`` is "held",
    "failed", "none" (the scheme, or this code of it, carries none) or "unverified" (there is one,
    but how it is computed is not known). ``also`` names the same thing in other schemes.
    ``confidence`` (0 … 1) only orders; it is our judgement, no standard's.
    """

    scheme: str
    name: Words
    canonical: str
    check: str
    segments: tuple[Segment, ...] = ()
    problems: tuple[Problem, ...] = ()
    also: tuple[tuple[str, str], ...] = ()
    confidence: float = 0.0
    note: Words = field(default=NOTHING)

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong with the text."""
        return not self.problems

    def told(self) -> dict[str, Any]:
        """Return the JSON form, as a refusal or an answer carries it."""
        told: dict[str, Any] = {
            "scheme": self.scheme,
            "name": self.name.told(),
            "canonical": self.canonical,
            "valid": self.valid,
            "check": self.check,
            "confidence": self.confidence,
            "problems": [problem.told() for problem in self.problems],
            "segments": [segment.told() for segment in self.segments],
        }
        if self.also:
            told["also"] = [{"scheme": scheme, "value": value} for scheme, value in self.also]
        return told if self.note == NOTHING else {**told, "note": self.note.told()}


def judged(read: Recognition, problems: Sequence[Problem], sure: float) -> Recognition:
    """Return the reading with its problems (named by scheme) and the confidence they leave."""
    named = tuple(replace(problem, scheme=read.scheme) for problem in problems)
    if any(problem.code == "scheme_length" for problem in named):
        sure *= _WRONG_LENGTH_SHARE
    elif named:
        sure *= _WRONG_SHARE / len(named)
    check = "failed" if any(p.code == "scheme_check" for p in named) else read.check
    return replace(read, problems=named, check=check, confidence=round(sure, 3))
