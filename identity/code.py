"""The universal code: 21 digits for an entity, 31 characters for a part of one.

::

    420111 990101 00000001 K             region (GB/T 2260), class, serial, MOD 11,10 of the 20
    420111990101000000012-R 0000001 K    root, part letter, Crockford base 32 serial, MOD 37,36

The shape of the first is CJ/T 553-2024 (6 + 6 + 9, the last nine assigned locally). Codes are
opaque: the region is that of the day of issue and is never rewritten; nothing else is encoded.
"""

import re
from dataclasses import dataclass

from identity import checks, classes
from identity.errors import Invalid

REGION = "420111"
"""武汉市洪山区, where the demo district lies; ``TWIN_REGION`` replaces it."""

PART_LETTERS = {"Storey": "S", "Space": "R", "Element": "E"}
BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

SERIAL_DIGITS = 8
PART_SERIAL_DIGITS = 7
SERIAL_MAX = 10**SERIAL_DIGITS - 1
PART_SERIAL_MAX = 32**PART_SERIAL_DIGITS - 1
URN = "urn:uic:cn:"

_REGION_DIGITS = 6
_PREFIX_LENGTH = 12
_TEXT_READ = 64  # characters looked at: the longest form with a blank or two
_CODE_LENGTH = 21
_PART_LENGTH = 31
LENGTHS = (_CODE_LENGTH, _PART_LENGTH)
_LETTER_AT = 22
_PART_PREFIX_LENGTH = 23
_CROCKFORD = str.maketrans("ILO", "110")  # Crockford reads what people mistype
_KINDS = {letter: kind for kind, letter in PART_LETTERS.items()}
_PREFIX = re.compile(r"[0-9]{12}")
_PART_PREFIX = re.compile(r"[0-9]{21}-[SRE]")
_WHOLE = re.compile(rf"[0-9]{{21}}(-[SRE][{BASE32}]{{{PART_SERIAL_DIGITS}}}[0-9A-Z])?")


@dataclass(frozen=True, slots=True)
class Code:
    """A code taken apart.

    ``kind`` is the kind that the part letter or the class table names, None for a class of
    somebody else's table; ``serial`` counts from 1. ``checked`` False: an official code that does
    not carry our check digit, where ``parse`` was told to accept those (parts carry their own).
    """

    text: str
    root: str
    region: str
    class_code: str
    serial: int
    kind: str | None
    part: str | None = None
    checked: bool = True


def parse(text: str, *, official: bool = False, table: classes.ClassTable | None = None) -> Code:
    """Take a code apart; blanks around, lower case and the form ``urn:uic:cn:…`` are accepted.

    Raises Invalid("code_shape") with the first wrong ``position`` (from 1) and what is expected
    there, Invalid("code_check") with ``position``, ``expected`` and ``found``. ``official=True``
    accepts 21 digits without our check digit (CJ/T 553 leaves the last nine to the city); a part
    of such a code is accepted always, for its own check character covers all of it.
    ``table`` replaces the class table that names the kind.
    """
    wanted = _canonical(text[:_TEXT_READ])
    _check_shape(wanted)
    root = wanted[:_CODE_LENGTH]
    if len(wanted) == _PART_LENGTH:
        if not _verify(root + wanted[_LETTER_AT:-1], wanted, checks.MOD_37_36, strict=False):
            _verify(root[:-1], root, checks.MOD_11_10, strict=True)  # the root is told first
            _verify(root + wanted[_LETTER_AT:-1], wanted, checks.MOD_37_36, strict=True)
        return _part(wanted, root)
    checked = _verify(root[:-1], root, checks.MOD_11_10, strict=not official)
    row = (table or classes.current()).row(root[_REGION_DIGITS:_PREFIX_LENGTH])
    serial = int(root[_PREFIX_LENGTH:-1])
    return Code(
        wanted,
        root,
        root[:_REGION_DIGITS],
        root[_REGION_DIGITS:_PREFIX_LENGTH],
        serial,
        row.kind if row else None,
        checked=checked,
    )


def read(text: str, table: classes.ClassTable | None = None) -> Code:
    """Take a code apart: one of our local classes must carry our check, official ones need not.

    Raises as ``parse``.
    """
    known = table or classes.current()
    class_ = _canonical(text[:_TEXT_READ])[_REGION_DIGITS:_PREFIX_LENGTH]
    ours = class_.startswith(classes.LOCAL) and known.row(class_) is not None
    return parse(text, official=not ours, table=known)


def check_of(text: str) -> str:
    """Return "held" where a code carries our check, else "none": an official code."""
    try:
        return "held" if parse(text, official=True).checked else "none"
    except Invalid:
        return "none"


def is_shaped(text: str) -> bool:
    """Return whether ``text`` has the canonical form of a code, whatever its check digits say."""
    return _WHOLE.fullmatch(text) is not None


def issue(prefix_or_part_prefix: str, serial: int) -> str:
    """Return the code of either kind of prefix: 12 digits, or 21 digits, "-" and a part letter."""
    if "-" in prefix_or_part_prefix:
        return format_part(prefix_or_part_prefix, serial)
    return format_code(prefix_or_part_prefix, serial)


def class_code(kind: str, table: classes.ClassTable | None = None) -> str:
    """Return the six digits of ``kind``; Invalid("class_unknown") for parts and unknown words."""
    return (table or classes.current()).code(kind)


def prefix(region: str, kind: str, table: classes.ClassTable | None = None) -> str:
    """Return the 12 digits region + class; Invalid("region_shape") unless six digits."""
    if not re.fullmatch(r"[0-9]{6}", region):
        raise Invalid("region_shape", region=region)
    return region + class_code(kind, table)


def format_code(prefix: str, serial: int) -> str:
    """Return the 21 digits of a serial (1 … ``SERIAL_MAX``) under a 12-digit prefix."""
    if not _PREFIX.fullmatch(prefix):
        raise Invalid("code_prefix", prefix=prefix)
    body = f"{prefix}{_in_range(prefix, serial, SERIAL_MAX):0{SERIAL_DIGITS}d}"
    return body + checks.check(checks.MOD_11_10, body)


def part_prefix(root: str, letter: str) -> str:
    """Return ``<21 digits>-<letter>``; a root of ours must carry our check (``read``)."""
    if letter not in _KINDS:
        raise Invalid("part_letter", letter=letter)
    if len(root) != _CODE_LENGTH:
        raise Invalid("code_prefix", prefix=root)
    return f"{read(root).text}-{letter}"


def format_part(part_prefix: str, serial: int) -> str:
    """Return the 31 characters of a part's serial (1 … ``PART_SERIAL_MAX``)."""
    if not _PART_PREFIX.fullmatch(part_prefix):
        raise Invalid("code_prefix", prefix=part_prefix)
    body = part_prefix + _base32(_in_range(part_prefix, serial, PART_SERIAL_MAX))
    return body + checks.check(checks.MOD_37_36, body.replace("-", ""))


def root_of(code: str) -> str:
    """Return the 21 digits that a code hangs on (itself for an entity), without checking it."""
    return code.partition("-")[0]


def _part(text: str, root: str) -> Code:
    serial = 0
    for char in text[_PART_PREFIX_LENGTH:-1]:
        serial = serial * 32 + BASE32.index(char)
    letter = text[_LETTER_AT]
    region, class_ = root[:_REGION_DIGITS], root[_REGION_DIGITS:_PREFIX_LENGTH]
    return Code(text, root, region, class_, serial, _KINDS[letter], part=letter)


def _canonical(text: str) -> str:
    wanted = text.strip()
    if wanted.lower().startswith(URN):
        wanted = wanted[len(URN) :]
    wanted = wanted.upper()
    serial = wanted[_PART_PREFIX_LENGTH : _PART_LENGTH - 1].translate(_CROCKFORD)
    return wanted[:_PART_PREFIX_LENGTH] + serial + wanted[_PART_LENGTH - 1 :]


def _check_shape(text: str) -> None:
    """Raise at the first character that no code has there."""
    if is_shaped(text):
        return  # the common case, ten times faster than looking for what is wrong
    for at, char in enumerate(text[:_PART_LENGTH]):
        alphabet = _alphabet(at)
        if char not in alphabet:
            raise Invalid("code_shape", text=text, position=at + 1, expected=_named(alphabet))
    if len(text) not in LENGTHS:
        expected = f"{_CODE_LENGTH} / {_PART_LENGTH} characters"
        at = min(len(text), _PART_LENGTH) + 1
        raise Invalid("code_shape", text=text, position=at, expected=expected)


def _alphabet(at: int) -> str:
    if at < _CODE_LENGTH:
        return checks.DIGITS
    if at == _CODE_LENGTH:
        return "-"
    if at == _LETTER_AT:
        return "".join(_KINDS)
    return BASE32 if at < _PART_LENGTH - 1 else checks.ALPHANUMERIC


def _named(alphabet: str) -> str:
    return "0-9" if alphabet == checks.DIGITS else alphabet


def _verify(payload: str, text: str, system: checks.System, *, strict: bool) -> bool:
    expected = checks.check(system, payload)
    if expected == text[-1]:
        return True
    if strict:
        raise Invalid(
            "code_check", text=text, position=len(text), expected=expected, found=text[-1]
        )
    return False


def _in_range(prefix: str, serial: int, largest: int) -> int:
    if not 1 <= serial <= largest:
        raise Invalid("serial_range", prefix=prefix, serial=serial, largest=largest)
    return serial


def _base32(value: int) -> str:
    shifts = range(5 * (PART_SERIAL_DIGITS - 1), -1, -5)
    return "".join(BASE32[value >> shift & 31] for shift in shifts)
