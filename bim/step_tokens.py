"""Blocks of whole STEP statements as arrays: instances, their types, spans and references.

No recursion and no regular expression over the bytes: a table says which bytes matter, the parity
of apostrophes which of them lie in strings, and ids are read eight digits at a time. Windows bound
the memory, also where one statement is as long as the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]
Bytes = NDArray[np.uint8]

WINDOW_BYTES = 1 << 20
ID_DIGITS_MAX = 18  # of an int64; longer numbers are cut and so lead nowhere

_QUOTE, _HASH, _EQUALS, _END, _OPEN, _CLOSE = range(1, 7)
_CLASS = bytes(b"'#=;()".find(byte) + 1 for byte in range(256))
_STEP = np.zeros(7, dtype=np.int64)
_STEP[[_OPEN, _CLOSE]] = [1, -1]
_WORD = 8
_ONES = np.uint64(0x0101010101010101)


@dataclass(frozen=True, slots=True)
class Statements:
    """The instances of a block in their order; places count from its first byte.

    ``names`` lie between the equals sign and the parenthesis, ``arguments`` inside the parentheses;
    both are (start, stop). ``counts`` of ``references`` belong to each instance in turn.
    """

    ids: Longs
    names: tuple[Longs, Longs]
    arguments: tuple[Longs, Longs]
    counts: Longs
    references: Longs
    depth: int


def statements(block: bytes) -> Statements:
    """Return the instances of ``block``: ASCII, without comments, strings closed."""
    at, kind, depth = _joined(_windows(block))
    padded = block + bytes(_WORD)
    follows = np.append(kind[1:], _END)
    owner = (kind == _HASH) & (follows == _EQUALS)
    owner[owner] = _adjacent(padded, at, np.flatnonzero(owner))
    owners = np.flatnonzero(owner)
    hashes = np.flatnonzero(kind == _HASH)
    numbers, digits = _numbers(padded, at[hashes])
    whole = np.flatnonzero(digits > 0)
    hashes, numbers = hashes[whole], numbers[whole]
    owned = owner[hashes]
    instance = np.searchsorted(owners, hashes[~owned], side="right") - 1
    inside = instance >= 0
    starts, stops = _arguments(at, kind, owners, len(block))
    return Statements(
        ids=numbers[owned],
        names=(at[owners + 1] + 1, starts - 1),
        arguments=(starts, stops),
        counts=np.bincount(instance[inside], minlength=owners.size),
        references=numbers[~owned][inside],
        depth=depth,
    )


def _windows(block: bytes) -> Iterator[tuple[Longs, Bytes, int]]:
    """Yield where tokens lie outside strings, of which kind, and how deep parentheses go.

    Of the parentheses only those are kept that open and close the arguments of an instance.
    """
    quotes = level = 0
    for start in range(0, len(block), WINDOW_BYTES):
        # Less than half the time of a table lookup and a search for what is not zero in numpy.
        window = block[start : start + WINDOW_BYTES].translate(_CLASS)
        classes = np.frombuffer(window, dtype=np.uint8)
        at = np.flatnonzero(classes != 0)
        kind = classes[at]
        quote = kind == _QUOTE
        parity = (np.cumsum(quote) + quotes) & 1
        quotes = int(parity[-1]) if parity.size else quotes
        outside = ~quote & (parity == 0)
        at, kind = at[outside], kind[outside]
        levels = _levels(kind, level)
        level = int(levels[-1]) if levels.size else level
        deep = ((kind == _OPEN) & (levels != 1)) | ((kind == _CLOSE) & (levels != 0))
        yield at[~deep] + start, kind[~deep], int(levels.max(initial=0))


def _levels(kind: Bytes, level: int) -> Longs:
    """Return how many parentheses are open behind each token; each statement begins at none."""
    levels = np.cumsum(_STEP[kind]) + level
    ends = np.flatnonzero(kind == _END)
    if ends.size:
        base = np.zeros(kind.size, dtype=np.int64)
        base[ends] = np.diff(levels[ends], prepend=0)
        levels -= np.cumsum(base)
    return levels


def _joined(parts: Iterator[tuple[Longs, Bytes, int]]) -> tuple[Longs, Bytes, int]:
    found = list(parts)
    if not found:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint8), 0
    places, kinds, depths = zip(*found, strict=True)
    return np.concatenate(places), np.concatenate(kinds), max(depths)


def _adjacent(padded: bytes, at: Longs, owners: Longs) -> NDArray[np.bool_]:
    """Tell where between # and = stand digits and white space only."""
    _, digits = _numbers(padded, at[owners])
    behind = at[owners] + 1 + digits
    equals = at[owners + 1]
    clean: NDArray[np.bool_] = (digits > 0) & (behind == equals)
    for i in np.flatnonzero(~clean & (digits > 0)):
        clean[i] = padded[behind[i] : equals[i]].isspace()
    return clean


def _arguments(at: Longs, kind: Bytes, owners: Longs, size: int) -> tuple[Longs, Longs]:
    """Return the spans inside the parentheses; an instance without them has an empty one."""
    limits = np.append(at[owners[1:]], size) if owners.size else at[:0]
    ends = np.append(at[kind == _END], size)
    limits = np.minimum(limits, ends[np.searchsorted(ends, at[owners])])
    opens = np.append(at[kind == _OPEN], size)
    closes = np.append(at[kind == _CLOSE], size)
    starts = np.minimum(opens[np.searchsorted(opens, at[owners])], limits - 1) + 1
    stops = np.minimum(closes[np.searchsorted(closes, starts)], limits)
    return starts, stops


def _numbers(padded: bytes, hashes: Longs) -> tuple[Longs, Longs]:
    """Return the numbers behind ``hashes`` and how many digits each has.

    Eight digits are one word, turned into a number by three multiplications.
    """
    words = np.ndarray((len(padded) - _WORD + 1,), dtype="<u8", buffer=padded, strides=(1,))
    x = words[np.minimum(hashes + 1, words.size - 1)] ^ (_ONES * np.uint64(0x30))
    other = (x + _ONES * np.uint64(0x76) | x) & (_ONES * np.uint64(0x80))
    below = (other - np.uint64(1)) & ~other  # the bits before the first byte that is no digit
    digits = np.bitwise_count(below).astype(np.int64) // 8
    x <<= np.uint64(8) * (np.uint64(_WORD) - np.maximum(digits, 1).astype(np.uint64))
    x = ((x & (_ONES * np.uint64(0x0F))) * np.uint64(2561)) >> np.uint64(8)
    x = ((x & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601)) >> np.uint64(16)
    x = ((x & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001)) >> np.uint64(32)
    numbers = x.astype(np.int64)
    for i in np.flatnonzero(digits == _WORD):
        numbers[i], digits[i] = _long_number(padded, int(hashes[i]) + 1)
    return numbers, digits


def _long_number(padded: bytes, start: int) -> tuple[int, int]:
    stop = start
    while padded[stop : stop + 1].isdigit():
        stop += 1
    return int(padded[start : min(stop, start + ID_DIGITS_MAX)]), stop - start
