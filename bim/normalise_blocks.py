"""A STEP file (ISO 10303-21) as blocks of whole statements, without comments.

Each block ends behind a semicolon that lies outside strings, so what reads blocks keeps no lexical
state. Memory is bounded by one chunk and the longest statement.
"""

import re
from collections.abc import Iterator
from typing import IO

from identity.errors import TooLarge

CHUNK_BYTES = 4 << 20
STATEMENT_BYTES_MAX = 256 << 20  # a statement longer than this is an attack or an open string

STRING = rb"'[^']*(?:''[^']*)*'"
_COMMENT_OR_STRING = re.compile(STRING + rb"|(/\*.*?\*/)", re.DOTALL)
_TOKEN_OR_END = re.compile(STRING + rb"|/\*.*?\*/|(;)|'|/\*", re.DOTALL)


def blocks(stream: IO[bytes], *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Yield ``stream`` as blocks of whole statements; the last one may lack its semicolon."""
    carry: list[bytes] = []
    carried = 0
    while chunk := stream.read(chunk_bytes):
        carry.append(chunk)
        carried += len(chunk)
        if b";" not in chunk and carried <= STATEMENT_BYTES_MAX:
            continue
        data = b"".join(carry)
        cut = _statement_end(data)
        if cut:
            yield without_comments(data[:cut])
        carry, carried = [data[cut:]], len(data) - cut
        if carried > STATEMENT_BYTES_MAX:
            raise TooLarge("ifc_statement_length", limit=STATEMENT_BYTES_MAX)
    if carried:
        yield without_comments(b"".join(carry))


def without_comments(block: bytes) -> bytes:
    """Return ``block`` with every comment replaced by a space; ``/*`` in a string is text."""
    if b"/*" not in block:
        return block
    return _COMMENT_OR_STRING.sub(lambda m: b" " if m[1] else m[0], block)


def _statement_end(data: bytes) -> int:
    """Return the position behind the last semicolon outside strings and comments, or 0."""
    if b"/*" in data:
        return _statement_end_by_tokens(data)
    # Without comments the parity of apostrophes tells whether a place lies in a string.
    cut, quotes = len(data), data.count(b"'")
    while (found := data.rfind(b";", 0, cut)) >= 0:
        quotes -= data.count(b"'", found, cut)
        if quotes % 2 == 0:
            return found + 1
        cut = found
    return 0


def _statement_end_by_tokens(data: bytes) -> int:
    end = 0
    for token in _TOKEN_OR_END.finditer(data):
        if token[1]:
            end = token.end()
        elif token[0] in (b"'", b"/*"):  # a string or comment that goes on in the next chunk
            break
    return end
