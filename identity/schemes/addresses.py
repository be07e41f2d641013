"""An address as an identifier: its parts after GB/T 35639-2017, and the form it is stored in."""

from identity import address
from identity.schemes.values import Problem, Recognition, Segment, Words, judged

SCHEME = "address"
_NAME = Words("地址（GB/T 35639）", "address (GB/T 35639)")
_SURE = 0.4  # endings and numbers tell; no check does


def looks(text: str) -> bool:
    """Return whether most of ``text`` reads as the parts of an address."""
    return address.looks(text)


def read(text: str) -> Recognition:
    """Return the parts; wrong where the text has none, with the first place that was not read."""
    found = address.split(text)
    segments = tuple(
        Segment(part.kind.sort, part.text, part.start + 1, Words(part.kind.zh, part.kind.en))
        for part in found.parts
    )
    read_ = Recognition(SCHEME, _NAME, found.text, "none", segments)
    return judged(read_, [] if found.plausible else [_problem(found)], _SURE)


def _problem(found: address.Address) -> Problem:
    unread = next((part for part in found.parts if part.kind.sort == address.OTHER), None)
    at = None if unread is None else unread.start + 1
    return Problem(
        "address_parts", at, "路、号 / 村、组", (unread.text if unread else found.text)[:80]
    )
