"""Cells above and below a cell: legal prefixes, parent, ancestors, children; 2D and 3D codes."""

from itertools import product

from identity.errors import Invalid, TooLarge
from identity.grid_flat import is_polar, span_of
from identity.grid_height import BITS, Layer, layer_exists, layer_of, layer_text
from identity.grid_pole import POLE_ZONE, pole_cells, pole_refused
from identity.grid_solid import is_3d, join, split
from identity.grid_units import (
    HEX,
    LEGAL_CUTS,
    LEGAL_CUTS_3D,
    LEVEL_MAX,
    POLE_LEVEL_MAX,
    SPLITS,
    TEXT_READ,
    Z_ORDER,
    cut_start,
)

CHILDREN_MAX = 10_000  # the most of any cell below level 0 is 3,600 (3D, level 4)


def canonical(code: str) -> str:
    """Return a 2D or 3D code in capitals without blanks around; Invalid as ``decode`` raises."""
    text = code[:TEXT_READ].strip().upper()
    if not is_3d(text):
        span_of(text)
        return text
    flat, height = split(text)
    span_of(flat)
    layer_of(height)
    return text


def level(code: str) -> int:
    """Return the level 0 … 10 of a 2D or 3D code; Invalid as ``decode`` raises."""
    text = canonical(code)
    return _cuts(text).index(len(text))


def prefixes(code: str) -> list[str]:
    """Return the codes of all cells that hold a cell, from level 0 to itself (2D or 3D)."""
    text = canonical(code)
    return [text[:cut] for cut in _cuts(text) if cut <= len(text)]


def is_legal_prefix(text: str) -> bool:
    """Return whether a text is a whole 2D or 3D code, so cut where a level ends."""
    try:
        canonical(text)
    except Invalid:
        return False
    return True


def ancestors(code: str) -> list[str]:
    """Return the cells above a cell, the nearest first; empty for level 0."""
    return prefixes(code)[-2::-1]


def parent(code: str) -> str | None:
    """Return the cell above, None for level 0."""
    return next(iter(ancestors(code)), None)


def above_of(code: str) -> str:
    """Return the cell above a canonical code, "" for level 0: ``parent`` without checks."""
    cuts = _cuts(code)
    return code[: cut_start(cuts, cuts.index(len(code)))]


def children(code: str, limit: int = CHILDREN_MAX) -> list[str]:
    """Return the cells of the next level in a cell, sorted.

    Raises Invalid("grid_level") at level 10, Invalid("grid_pole") below a polar cell of level 2,
    TooLarge("grid_children_limit").
    """
    text = canonical(code)
    at = _cuts(text).index(len(text))
    if at == LEVEL_MAX:
        raise Invalid("grid_level", level=at + 1, smallest=0, largest=LEVEL_MAX)
    count = children_count(text)
    if count > limit:
        raise TooLarge("grid_children_limit", text=text, count=count, limit=limit)
    if not is_3d(text):
        return _flat(text)
    flat, height = split(text)
    return sorted(join(f, h) for f, h in product(_flat(flat), _heights(height)))


def children_count(code: str) -> int:
    """Return how many children a canonical code has, without making them."""
    flat, height = split(code) if is_3d(code) else (code, "")
    at = LEGAL_CUTS.index(len(flat))
    if at == 0:
        count = 60 * 22 + 1
    elif is_polar(flat):
        count = 16
    else:
        count = SPLITS[at - 1][0] * SPLITS[at - 1][1]
    return count * (len(_heights(height)) if height else 1)


def _flat(flat: str) -> list[str]:
    at = LEGAL_CUTS.index(len(flat))
    if at == 0:
        bands = [f"{flat}{zone:02d}{chr(65 + band)}" for zone in range(1, 61) for band in range(22)]
        return [f"{flat}{POLE_ZONE}", *bands]
    if is_polar(flat):
        if at == POLE_LEVEL_MAX:
            raise pole_refused(at + 1)
        return pole_cells(flat[0])
    columns, rows = SPLITS[at - 1]
    if (columns, rows) in Z_ORDER:
        return [flat + HEX[digit] for digit in range(columns * rows)]
    return [flat + HEX[a] + HEX[b] for a in range(columns) for b in range(rows)]


def _heights(height: str) -> list[str]:
    """Return the height characters of the next level; below ground there is no minus zero."""
    layer = layer_of(height)
    level_below = layer.level + 1
    count = 1 << BITS[level_below]
    if layer.number >= 0:
        below = [Layer(level_below, layer.number * count + at) for at in range(count)]
    else:
        shift = 0 if level_below == LEVEL_MAX else 1
        first = (-layer.number - 1) * count
        below = [Layer(level_below, -(first + at) - shift) for at in range(count)]
        below = below[1:] if below[0].number == 0 else below
    return [layer_text(one) for one in below if layer_exists(one)]


def _cuts(text: str) -> tuple[int, ...]:
    return LEGAL_CUTS_3D if is_3d(text) else LEGAL_CUTS
