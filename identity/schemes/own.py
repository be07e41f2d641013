"""The universal code itself, and official codes of its shape (CJ/T 553) without our check digit."""

import re

from identity import classes
from identity import code as universal
from identity.errors import Invalid
from identity.schemes.divisions import region
from identity.schemes.values import NOTHING, Problem, Recognition, Segment, Words, judged

SCHEME = "uic"
NAME = Words("统一标识编码", "universal code")
_SURE, _SURE_OFFICIAL = 0.99, 0.6
_LOOKS = re.compile(r"[0-9]{12}[0-9A-Z-]{8,20}")
_ENTITY_LENGTHS, _PART_LENGTHS = (20, 21, 22), (30, 31, 32)
_OFFICIAL = Words("不含本系统校验位的官方编码", "an official code without our check digit")


def looks(text: str) -> bool:
    """Return whether ``text`` is, or nearly is, 21 digits or 31 characters with a hyphen."""
    if not _LOOKS.fullmatch(text):
        return False
    return len(text) in _PART_LENGTHS if "-" in text else len(text) in _ENTITY_LENGTHS


def read(text: str, table: classes.ClassTable | None = None) -> Recognition:
    """Return the parts of a code; a local class must carry our check, official ones need not."""
    known = table or classes.current()
    try:
        parsed = universal.read(text, known)
    except Invalid as wrong:
        return judged(Recognition(SCHEME, NAME, text, "none"), [_problem(wrong)], _SURE)
    told = Recognition(
        SCHEME,
        NAME,
        parsed.text,
        "held" if parsed.checked else "none",
        _segments(parsed, known),
        note=NOTHING if parsed.checked else _OFFICIAL,
    )
    return judged(told, (), _SURE if parsed.checked else _SURE_OFFICIAL)


def _problem(wrong: Invalid) -> Problem:
    facts = wrong.facts
    expected = str(facts.get("expected", ""))
    if wrong.code == "code_check":
        return Problem("scheme_check", facts["position"], expected, facts["found"])
    at = facts["position"]
    found = facts["text"][at - 1 : at]
    if "characters" in expected:
        return Problem("scheme_length", at, expected, str(len(facts["text"])))
    return Problem("scheme_character", at, expected, found)


def _segments(parsed: universal.Code, table: classes.ClassTable) -> tuple[Segment, ...]:
    text, row = parsed.text, table.row(parsed.class_code)
    class_words = Words(row.zh, row.en) if row else NOTHING
    made = [
        Segment("region", text[:6], 1, Words("行政区划", "division of issue"), region(text[:6])),
        Segment("class", text[6:12], 7, Words("分类", "class"), class_words),
        Segment("serial", text[12:20], 13, Words("顺序号", "serial")),
        Segment("check", text[20:21], 21, Words("校验位", "check digit")),
    ]
    if parsed.part:
        made += [
            Segment("part", text[22:23], 23, Words("部分类别", "part"), _PARTS[parsed.part]),
            Segment("part_serial", text[23:30], 24, Words("部分顺序号", "part's serial")),
            Segment("part_check", text[30:], 31, Words("部分校验位", "part's check character")),
        ]
    return tuple(made)


_PARTS = {"S": Words("楼层", "storey"), "R": Words("空间", "space"), "E": Words("构件", "element")}
