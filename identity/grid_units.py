"""Whole units of 1/2048″ and the sizes of the cells of GB/T 39409-2020 (clause 5, table 1).

A degree has 7,372,800 units and every cell size is a whole number of them, so all horizontal
arithmetic is exact. (Floats put 114.3° E into the wrong cell.)
"""

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import NamedTuple

from identity.errors import Invalid

LEGAL_CUTS = (1, 4, 6, 7, 9, 11, 12, 14, 16, 18, 20)
LEGAL_CUTS_3D = (2, 7, 10, 12, 15, 18, 20, 23, 26, 29, 32)
LEVEL_MAX = 10
POLE_LEVEL_MAX = 2
LAT_MAX_DEG = 88.0  # beyond it the text is incomplete (Fig. 10): no cell finer than level 2

Degrees = float | int | str | Decimal

TEXT_READ = 48  # characters looked at: the longest code and some blanks
DEGREE = 3600 * 2048
ZONE = 6 * DEGREE
BAND = 4 * DEGREE
POLE = 88 * DEGREE
SPLITS = ((12, 8), (2, 3), (15, 10), (15, 15), (2, 2), (8, 8), (8, 8), (8, 8), (8, 8))  # 2 … 10
Z_ORDER = ((2, 3), (2, 2))  # these levels are written as one digit, 2b + a
HEX = "0123456789ABCDEF"

# A float times DEGREE is off the product of its shortest decimal form by less than 6e-7 units
# (180° · 7,372,800 · 2^-52, twice), so a product further than this from a whole number is sure.
DOUBT = 2e-6

EXACT = Context(prec=400, traps=[Inexact, InvalidOperation])  # more than a double can need


class Span(NamedTuple):
    """A cell in units, exact: east and north positive; ``west + wide`` may pass 180°."""

    west: int
    south: int
    wide: int
    high: int


def _sizes() -> tuple[tuple[int, int], ...]:
    rows = [(360 * DEGREE, 90 * DEGREE), (ZONE, BAND)]
    for across, up in SPLITS:
        rows.append((rows[-1][0] // across, rows[-1][1] // up))
    return tuple(rows)


SIZES = _sizes()  # (width, height) in units of the cells of levels 0 … 10


def units(axis: str, value: Degrees, largest: int) -> tuple[bool, int, bool]:
    """Return (negative, whole units towards zero, whether that was exact).

    A float counts as its shortest decimal form. Raises Invalid("position_range").
    """
    if type(value) is float and -largest < value < largest:
        scaled = abs(value) * DEGREE
        whole = int(scaled)
        if DOUBT < scaled - whole < 1 - DOUBT:
            return value < 0, whole, False
    degrees = decimal_degrees(axis, value, largest)
    product = EXACT.multiply(degrees, Decimal(DEGREE))
    whole = int(product)
    return degrees < 0, abs(whole), product == whole


def decimal_degrees(axis: str, value: Degrees, largest: int) -> Decimal:
    """Return degrees as the decimal they are written as; Invalid("position_range")."""
    try:
        degrees = Decimal(repr(float(value)) if isinstance(value, float) else value)
        if not (degrees.is_finite() and -largest <= degrees <= largest):
            raise Invalid("position_range", axis=axis, value=str(value), largest=largest)
        EXACT.multiply(degrees, Decimal(DEGREE))  # refuses more digits than can be kept
    except (InvalidOperation, Inexact, TypeError, ValueError):
        raise Invalid("position_range", axis=axis, value=str(value), largest=largest) from None
    return degrees


def snapped(axis: str, value: Degrees, largest: int) -> Decimal:
    """Return units, exact for text and Decimal; a float nearer than DOUBT to a whole unit is it.

    Cell edges are no short decimals (4″ is 1/900°), so a cell's own outline as doubles would reach
    some femtometres into its neighbours. DOUBT is 30 nm. Raises Invalid("position_range").
    """
    product = EXACT.multiply(decimal_degrees(axis, value, largest), Decimal(DEGREE))
    whole = product.to_integral_value()
    if isinstance(value, float) and abs(EXACT.subtract(product, whole)) <= Decimal(DOUBT):
        return whole
    return product


def wrong(text: str, at: int, expected: str) -> Invalid:
    """Return Invalid("grid_shape"); ``at`` counts from 0, the fact ``position`` from 1."""
    return Invalid("grid_shape", text=text, position=at + 1, expected=expected)


def cut_start(cuts: tuple[int, ...], level: int) -> int:
    """Return where the characters of a level start."""
    return cuts[level - 1] if level else 0
