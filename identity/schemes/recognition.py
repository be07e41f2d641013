"""Recognise: what a text may be, in every scheme whose syntax it has; nothing raises.

Text → full-width characters made narrow → per scheme: does it look like one → read it → ordered by
confidence. Codes written in capitals and digits are compared without blanks and in capitals; IFC
GUIDs, OIDs, Handles and links keep their case. "scheme:text" asks for one scheme alone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from identity.errors import Invalid
from identity.schemes import addresses, beidou, generic, gs1, guids, own, parcels, persons
from identity.schemes.buildings import JGJ246
from identity.schemes.divisions import GB2260, GB10114, STAT12
from identity.schemes.layout import Layout
from identity.schemes.opaque import Opaque
from identity.schemes.opaque import current as known_opaque
from identity.schemes.organisations import ORG_CODE, USCC
from identity.schemes.permits import PERMIT18
from identity.schemes.values import Recognition

TEXT_CHARS_MAX = 2048  # longer texts are no identifiers; Digital Link URIs are the longest
CODE_CHARS_MAX = 64  # of the schemes written in capitals and digits
URN = "urn:uic:cn:"

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_SCHEME_PREFIX = re.compile(r"\s*([A-Za-z0-9_]{2,16}):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one scheme is asked: ``plain`` gives it the text in capitals without blanks."""

    name: str
    looks: Callable[[str], bool]
    read: Callable[[str], Recognition]
    plain: bool = True


def _of(layout: Layout) -> Scheme:
    return Scheme(layout.scheme, layout.looks, layout.read)


SCHEMES: Mapping[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme(own.SCHEME, own.looks, own.read),
        _of(USCC),
        _of(JGJ246),
        _of(parcels.BDCDY28),
        Scheme(parcels.BDCDY26.scheme, parcels.BDCDY26.looks, parcels.read_bridged),
        _of(PERMIT18),
        Scheme(beidou.SCHEME, beidou.looks, beidou.read),
        _of(STAT12),
        _of(GB10114),
        _of(GB2260),
        _of(ORG_CODE),
        Scheme(guids.SCHEME, guids.looks, guids.read, plain=False),
        Scheme(gs1.SCHEME, gs1.looks, gs1.read, plain=False),
        Scheme("oid", generic.looks_oid, generic.read_oid, plain=False),
        Scheme("handle", generic.looks_handle, generic.read_handle, plain=False),
        Scheme("ecode", generic.looks_ecode, generic.read_ecode, plain=False),
        Scheme(addresses.SCHEME, addresses.looks, addresses.read, plain=False),
    )
}


def recognise(text: str, *, opaque: Sequence[Opaque] | None = None) -> list[Recognition]:
    """Return every way of reading ``text``, the surest first; [] where it is no identifier.

    Never raises, also for empty, binary or very long text. An identity number is none of the
    schemes: see ``persons.refuse``, which is to be asked first.
    """
    if len(text) > TEXT_CHARS_MAX * 2:
        return []
    wanted = narrow(text)
    if not 0 < len(wanted) <= TEXT_CHARS_MAX or persons.find(wanted):
        return []
    known = known_opaque() if opaque is None else opaque
    named = _named(wanted, known)
    if named is not None:
        return [named]
    joined = plain(wanted)
    short = len(joined) <= CODE_CHARS_MAX
    found = [s.read(joined) for s in SCHEMES.values() if s.plain and short and s.looks(joined)]
    found += [s.read(wanted) for s in SCHEMES.values() if not s.plain and s.looks(wanted)]
    found += [row.read(wanted) for row in known if row.looks(wanted)]
    return sorted(_worth_telling(found), key=lambda read: (-read.confidence, read.scheme))


def read_as(scheme: str, text: str, *, opaque: Sequence[Opaque] | None = None) -> Recognition:
    """Return ``text`` read in one scheme, whatever it looks like.

    Raises Invalid("scheme_unknown"), Invalid("identity_number_refused").
    """
    persons.refuse(text[: TEXT_CHARS_MAX * 2])
    known = known_opaque() if opaque is None else opaque
    wanted = narrow(text[: TEXT_CHARS_MAX * 2])
    found = _read_as(scheme, wanted, known)
    if found is None:
        names = sorted([*SCHEMES, *(row.scheme for row in known)])
        raise Invalid("scheme_unknown", scheme=scheme, known=names)
    return found


def narrow(text: str) -> str:
    """Return ``text`` stripped, with full-width characters (as Chinese keyboards type) narrow."""
    return text.translate(_FULL_WIDTH).strip()


def plain(text: str) -> str:
    """Return ``text`` without blanks and ``urn:uic:cn:``, ASCII letters in capitals."""
    joined = "".join(text.split())
    joined = joined.upper() if joined.isascii() else joined
    return joined.removeprefix(URN.upper())


def _worth_telling(found: list[Recognition]) -> list[Recognition]:
    """Leave out near misses of the form where the text is a right code of another scheme."""
    if not any(read.valid for read in found):
        return found
    return [read for read in found if not _FORM & {problem.code for problem in read.problems}]


def _named(text: str, known: Sequence[Opaque]) -> Recognition | None:
    """Return the reading of "scheme:text"; None where no scheme is named."""
    found = _SCHEME_PREFIX.fullmatch(text)
    if found is None or found[1].lower() in _OWN_PREFIX:
        return None
    return _read_as(found[1].lower(), found[2].strip(), known)


def _read_as(scheme: str, text: str, known: Sequence[Opaque]) -> Recognition | None:
    way = SCHEMES.get(scheme)
    if way is not None:
        return way.read(plain(text)[: CODE_CHARS_MAX * 4] if way.plain else text)
    row = next((row for row in known if row.scheme == scheme), None)
    return row.read(text) if row else None


_FORM = {"scheme_character", "scheme_length", "scheme_shape"}
_OWN_PREFIX = {"oid", "ecode"}  # their readers know their own prefixes
