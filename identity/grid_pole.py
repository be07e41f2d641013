"""Cells at the poles (|latitude| >= 88°), GB/T 39409-2020 clause 5.3, Fig. 10: levels 1 and 2.

Level 1 is ``N000`` or ``S000``; level 2 a cap from 89.5°, three cells of 120° below it and two
rings of six cells of 60° from 88°. The text for finer levels is incomplete: they are refused.
"""

from identity.errors import Invalid
from identity.grid_units import DEGREE, LEGAL_CUTS, POLE, POLE_LEVEL_MAX, Span, wrong

POLE_ZONE = "000"
_RINGS = ("10", "11", "20", "21", "31", "30")  # 60° sectors eastward, outer ring; inner is +2
_HALF = DEGREE // 2


def encode_pole(hemisphere: str, east: int, y: int, level: int) -> str:
    """Return the code at ``east`` units (0 … 360°) and ``y`` units from the equator."""
    if level > POLE_LEVEL_MAX:
        raise pole_refused(level)
    half = (y - POLE) // _HALF  # half degrees above 88°: 0, 1, 2, 3 (and 4 at 90°)
    if half <= 1:
        ring = _RINGS[east // (60 * DEGREE)]
        cell = f"{ring[0]}{int(ring[1]) + 2 * half}"
    else:
        cell = f"0{1 + east // (120 * DEGREE)}" if half == 2 else "00"  # noqa: PLR2004 - Fig. 10
    return f"{hemisphere}{POLE_ZONE}{cell}"[: LEGAL_CUTS[level]]


def pole_span(text: str) -> Span:
    """Return the cell of a polar code in units."""
    if len(text) > LEGAL_CUTS[POLE_LEVEL_MAX]:
        raise pole_refused(LEGAL_CUTS.index(len(text)))
    cells = _cells()
    if text[4:] not in cells:
        raise wrong(text, 4, "00-03, 10-13, 20-23, 30-33")
    west, wide, low, high = cells[text[4:]]
    west = west if west < 180 else west - 360  # noqa: PLR2004 - half the circle
    y = POLE + low * _HALF
    south = -y - high * _HALF if text[0] == "S" else y
    return Span(west * DEGREE, south, wide * DEGREE, high * _HALF)


def pole_cells(hemisphere: str) -> list[str]:
    """Return the 16 cells of level 2 of a pole."""
    return [f"{hemisphere}{POLE_ZONE}{digits}" for digits in sorted(_cells()) if digits]


def pole_refused(level: int) -> Invalid:
    """Return Invalid("grid_pole")."""
    return Invalid("grid_pole", level=level, largest=POLE_LEVEL_MAX)


def _cells() -> dict[str, tuple[int, int, int, int]]:
    """Return level-2 digits → (west°, width°, half degrees above 88°, height in half degrees)."""
    cells = {"": (-180, 360, 0, 4), "00": (-180, 360, 3, 1)}
    cells |= {f"0{1 + at}": (120 * at, 120, 2, 1) for at in range(3)}
    for at, ring in enumerate(_RINGS):
        for inner in (0, 1):
            cells[f"{ring[0]}{int(ring[1]) + 2 * inner}"] = (60 * at, 60, inner, 1)
    return cells
