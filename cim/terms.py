"""Words to search by: pure, the same for every adapter, so that all of them find the same things.

A text is folded (NFKC, case) and cut into words of letters and digits and into runs of CJK.
``A-001`` gives ``a-001`` and its parts ``a`` and ``001``; 光谷广场 gives each character and each
pair of neighbours. A query asks for the whole words and for the pairs, and all must occur; so
``A-001`` finds itself and not ``001-A``, and 谷广 is found inside 光谷广场.
"""

import re
import unicodedata
from collections.abc import Iterator

from cim.model import Entity

TERM_CHARS_MAX = 64  # longer words are cut, in texts and queries alike
QUERY_TERMS_MAX = 256  # terms of one query; the stores refuse more
TEXT_CHARS_MAX = 200  # longer property texts are not searched

_CJK = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_WORD = rf"(?:[^\W{_CJK}]|\$)+"
_RUNS = re.compile(rf"([{_CJK}]+)|({_WORD}(?:[-./:#]{_WORD})*)")
_ASCII_RUNS = re.compile(r"[a-z0-9_$]+(?:[-./:#][a-z0-9_$]+)*")
_PARTS = re.compile(r"[-./:#]")
REFERENCE_CHARS_MIN = 21
# References to other things (own codes, digests) would make every child answer for its parent.
_REFERENCE = re.compile(r"[0-9]{21}(-[A-Z0-9]+)?|[0-9a-f]{64}")


def terms(text: str) -> list[str]:
    """Return the terms of ``text`` to index, each once, in order of appearance."""
    return list(dict.fromkeys(_indexed(text)))


def query_terms(q: str) -> list[str]:
    """Return the terms that must all occur for ``q``; empty when ``q`` holds no word."""
    return list(dict.fromkeys(_asked(q)))


def entity_terms(entity: Entity) -> str:
    """Return the terms of name, code and short top-level text properties, separated by blanks."""
    texts = [entity.name, entity.code]
    texts += [value for value in entity.properties.values() if searched(value)]
    return " ".join(dict.fromkeys(term for text in texts for term in _indexed(text)))


def searched(value: object) -> bool:
    """Whether a top-level property value is searched: a short text that is no reference."""
    if not isinstance(value, str) or len(value) > TEXT_CHARS_MAX:
        return False
    return len(value) < REFERENCE_CHARS_MIN or _REFERENCE.fullmatch(value) is None


def _indexed(text: str) -> list[str]:
    found: list[str] = []
    if text.isascii():  # most texts of a model
        for word in _ASCII_RUNS.findall(text.lower()):
            _add_word(found, word)
        return found
    for cjk, word in _RUNS.findall(fold(text)):
        if word:
            _add_word(found, word)
        found += cjk
        found += _pairs(cjk)
    return found


def _add_word(found: list[str], word: str) -> None:
    found.append(word[:TERM_CHARS_MAX])
    if not word.isalnum():
        found += [part[:TERM_CHARS_MAX] for part in _PARTS.split(word)]


def _asked(q: str) -> Iterator[str]:
    for cjk, word in _RUNS.findall(fold(q)):
        if len(cjk) > 1:
            yield from _pairs(cjk)
        else:
            yield cjk or word[:TERM_CHARS_MAX]


def fold(text: str) -> str:
    """Return ``text`` with width, ligatures and case folded away; folding again changes nothing."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _pairs(run: str) -> Iterator[str]:
    return (run[i : i + 2] for i in range(len(run) - 1))
