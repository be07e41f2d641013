"""Beidou grid codes, GB/T 39409-2020: 2D and 3D cells as identifiers of places."""

import re

from identity import checks, grid
from identity.errors import Invalid
from identity.schemes.values import Problem, Recognition, Segment, Words, judged

SCHEME = "beidou"
SHORTEST = 4  # level 1; a single N or S is a letter, not a place
_NAME_2D = Words("北斗二维网格位置码", "Beidou grid code, 2D")
_NAME_3D = Words("北斗三维网格位置码", "Beidou grid code, 3D")
_FLAT = re.compile(r"[NS](?:[0-9]{2}[A-Z]|000)[0-9A-Z]*")
_SOLID = re.compile(r"[NS][01](?:[0-9]{2}[A-Z]|000)[0-9A-Z]*")
_LONGEST_2D, _LONGEST_3D = grid.LEGAL_CUTS[-1], grid.LEGAL_CUTS_3D[-1]
_LONGEST_AT_POLE = grid.LEGAL_CUTS[grid.POLE_LEVEL_MAX]
_SURE = 0.85
_HEIGHT_CUTS = tuple(b - a for a, b in zip(grid.LEGAL_CUTS, grid.LEGAL_CUTS_3D, strict=True))


def looks(text: str) -> bool:
    """Return whether ``text`` begins as a cell of level 1 or finer and is not too long."""
    if len(text) <= _LONGEST_2D + 1 and _FLAT.fullmatch(text):
        return True
    return len(text) <= _LONGEST_3D + 1 and _SOLID.fullmatch(text) is not None


def read(text: str) -> Recognition:
    """Return the cell's box as words; positions count in the text typed, in both forms."""
    solid = _solid(text)
    name = _NAME_3D if solid else _NAME_2D
    problems = _shape(text, solid=solid)
    if problems:
        return judged(Recognition(SCHEME, name, text, "none"), problems, _SURE)
    try:
        meaning = _box_3d(text) if solid else _box(grid.decode(text))
    except Invalid as wrong:
        problem = _problem(text, wrong, solid=solid)
        return judged(Recognition(SCHEME, name, text, "none"), [problem], _SURE)
    cuts = grid.LEGAL_CUTS_3D if solid else grid.LEGAL_CUTS
    level = str(cuts.index(len(text)))
    segments = (
        Segment("cell", text, 1, Words("网格", "cell"), meaning),
        Segment("level", level, 1, Words("级别", "level")),
    )
    return judged(Recognition(SCHEME, name, text, "none", segments), (), _SURE)


def _solid(text: str) -> bool:
    """Tell 3D by a digit at 4 (2D has its band there; at the poles it ends at six characters)."""
    return len(text) > _LONGEST_AT_POLE and text[3].isdigit()


def _box(cell: grid.Cell) -> Words:
    at = f"{cell.west:.6f}, {cell.south:.6f} … {cell.east:.6f}, {cell.north:.6f}"
    return Words(f"经纬度 {at}", f"lon/lat {at}")


def _box_3d(text: str) -> Words:
    cell, bottom_m, top_m = grid.decode_3d(text)
    flat, span = _box(cell), f"{bottom_m:.2f} … {top_m:.2f} m"
    return Words(f"{flat.zh}，椭球高 {span}", f"{flat.en}, ellipsoidal height {span}")


def _shape(text: str, *, solid: bool) -> list[Problem]:
    """Return what no cell of any level has: a foreign character, else a length between levels."""
    for at, char in enumerate(text[: _LONGEST_3D + 1], start=1):
        if char not in checks.ALPHANUMERIC:
            return [Problem("scheme_character", at, "0-9 A-Z", char)]
    cuts = grid.LEGAL_CUTS_3D if solid else grid.LEGAL_CUTS
    if len(text) in cuts:
        return []
    lengths = " ".join(str(cut) for cut in cuts if cut >= SHORTEST)
    return [Problem("scheme_length", min(len(text), cuts[-1]) + 1, lengths, str(len(text)))]


def _problem(text: str, wrong: Invalid, *, solid: bool) -> Problem:
    if wrong.code != "grid_shape":
        cuts = (
            grid.LEGAL_CUTS_3D if solid else grid.LEGAL_CUTS
        )  # the text of the standard ends here
        last = cuts[grid.POLE_LEVEL_MAX]
        return Problem("scheme_length", last + 1, str(last), str(len(text)))
    at = int(wrong.facts["position"]) - 1
    if solid:
        at = _place(text, wrong.facts["text"], at)
    return Problem("scheme_character", at + 1, str(wrong.facts["expected"]), text[at : at + 1])


def _place(text: str, piece: str, at: int) -> int:
    """Return where the character ``at`` of the 2D or height string stands in the 3D text."""
    level = grid.LEGAL_CUTS_3D.index(len(text))
    flat = len(piece) == grid.LEGAL_CUTS[level] and piece[:1] in "NS"
    cuts, others = (grid.LEGAL_CUTS, _HEIGHT_CUTS) if flat else (_HEIGHT_CUTS, grid.LEGAL_CUTS)
    step = next(i for i, cut in enumerate(cuts) if at < cut)
    before = others[step - 1] if step else 0
    return at + (before if flat else others[step])
