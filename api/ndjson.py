"""Lines of JSON that ask and answer: what is asked in each line, and its answer as one line. Pure.

Ask: ``"text"`` or ``{"q": "text"}``. Answer: ``{"q", "answers": [...]}`` or ``{"q", "error":
{"code", "text", "hint", "facts"}}``. Blank lines are no questions.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import msgspec

from identity.errors import CityError, Invalid, TooLarge
from identity.schemes import mask

LINES_MAX = 10_000  # questions a call
PIECE_LINES = 1_000  # looked up together; the answers of a piece are sent as it is ready
SHOWN_CHARS = 80  # of a line that is no question

Question = str | CityError


async def questions(chunks: AsyncIterator[bytes]) -> list[tuple[str, Question]]:
    """Return (what to show, what is asked or why it is no question) of every line.

    Raises TooLarge("lines_limit") as soon as there are more than LINES_MAX.
    """
    found: list[tuple[str, Question]] = []
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        _take(whole, found)
    _take([rest], found)
    return found


def question(line: bytes) -> tuple[str, Question]:
    """Return what one line asks; Invalid("line_unreadable") in place of what is no question."""
    try:
        said = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:  # also what nests without an end
        return _refused(line, str(error))
    text = said.get("q") if isinstance(said, dict) else said
    if not isinstance(text, str):
        return _refused(line, 'neither a text nor {"q": text}')
    return text, text


def pieces(asked: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut the questions into runs that are looked up together."""
    for start in range(0, len(asked), PIECE_LINES):
        yield asked[start : start + PIECE_LINES]


def line(q: str, meant: list[dict[str, Any]] | CityError, lang: str) -> bytes:
    """Return one line of the answer, its texts in ``lang``."""
    told: dict[str, Any] = {"q": q}
    if isinstance(meant, CityError):
        message, hint = meant.text(lang)
        told["q"] = mask(q)
        told["error"] = {"code": meant.code, "text": message, "hint": hint, "facts": meant.facts}
    else:
        told["answers"] = meant
    return msgspec.json.encode(told, enc_hook=str) + b"\n"


def _take(lines: Sequence[bytes], found: list[tuple[str, Question]]) -> None:
    asked = [each for each in lines if each.strip()]
    if len(found) + len(asked) > LINES_MAX:
        raise TooLarge("lines_limit", limit=LINES_MAX)
    found += map(question, asked)


def _refused(line: bytes, reason: str) -> tuple[str, Question]:
    shown = mask(line.decode("utf-8", "replace").strip()[:SHOWN_CHARS])
    return shown, Invalid("line_unreadable", line=shown, reason=reason)
