"""IFC GlobalIds and UUIDs: one alias form, the 22 case-sensitive characters."""

import re
from contextlib import suppress
from uuid import UUID

from identity import ifcguid
from identity.schemes.values import Problem, Recognition, Segment, Words, judged

SCHEME = "ifc_guid"
_NAME = Words("IFC 全局标识（区分大小写）", "IFC GlobalId (case-sensitive)")
_SURE, _SURE_UUID = 0.75, 0.9
_NEAR = re.compile(r"[0-9A-Za-z_$]{21,23}")
_UUID = re.compile(
    r"(?:urn:uuid:)?\{?([0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12})\}?", re.IGNORECASE
)
_NEAR_UUID = re.compile(
    r"(?:urn:uuid:)?\{?[0-9a-z]{8}(-[0-9a-z]{4}){3}-[0-9a-z]{11,13}\}?", re.IGNORECASE
)
_HEX = "0123456789abcdefABCDEF"


def looks(text: str) -> bool:
    """Return whether ``text`` is, or (in both cases of letters) nearly is, a GlobalId or a UUID."""
    if _UUID.fullmatch(text) or _NEAR_UUID.fullmatch(text):
        return True
    mixed = text.upper() != text and text.lower() != text
    return _NEAR.fullmatch(text) is not None and (mixed or len(text) == ifcguid.LENGTH)


def read(text: str) -> Recognition:
    """Return the GlobalId of either form, with the UUID as a segment."""
    found = _UUID.fullmatch(text)
    if found:
        uuid = UUID(found[1])
        return judged(_read(ifcguid.from_uuid(uuid), uuid), (), _SURE_UUID)
    if "-" in text:
        return judged(Recognition(SCHEME, _NAME, text, "none"), [_uuid_fault(text)], _SURE)
    problems = _faults(text)
    value = None if problems else ifcguid.to_uuid(text)
    return judged(_read(text, value), problems, _SURE)


def _read(guid: str, value: UUID | None) -> Recognition:
    segments = (Segment("uuid", str(value), 1, Words("对应 UUID", "as a UUID")),) if value else ()
    return Recognition(SCHEME, _NAME, guid, "none", segments)


def _faults(text: str) -> list[Problem]:
    if ifcguid.is_guid(text):
        return []
    if len(text) != ifcguid.LENGTH:
        at = min(len(text), ifcguid.LENGTH) + 1
        return [Problem("scheme_length", at, str(ifcguid.LENGTH), str(len(text)))]
    found = []
    if text[0] not in "0123":
        found.append(Problem("scheme_character", 1, "0-3", text[0]))
    for at, char in enumerate(text, start=1):
        if char not in ifcguid.ALPHABET:
            found.append(Problem("scheme_character", at, "0-9 A-Z a-z _ $", char))
    return found


def _uuid_fault(text: str) -> Problem:
    start = len(text) - len(text.lower().removeprefix("urn:uuid:").lstrip("{"))
    with suppress(StopIteration):
        at = next(at for at in range(start, len(text)) if text[at] not in _HEX + "-{}")
        return Problem("scheme_character", at + 1, "0-9 a-f", text[at])
    whole = 36
    body = text[start:].rstrip("}")
    return Problem("scheme_length", start + min(len(body), whole) + 1, str(whole), str(len(body)))
