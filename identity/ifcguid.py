"""IFC GlobalIds: a UUID's 128 bits in 22 characters of buildingSMART's own base 64.

The first character holds two bits (0-3), each other one six. Comparison is case-sensitive.
Source: ISO 16739, IfcGloballyUniqueId.
"""

import re
from uuid import UUID

from identity.errors import Invalid

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$"
LENGTH = 22

_GUID = re.compile(r"[0-3][0-9A-Za-z_$]{21}")


def is_guid(text: str) -> bool:
    """Return whether ``text`` has the form of an IFC GlobalId."""
    return _GUID.fullmatch(text) is not None


def from_uuid(value: UUID) -> str:
    """Return the 22 characters of a UUID."""
    return "".join(ALPHABET[value.int >> 6 * at & 63] for at in range(LENGTH - 1, -1, -1))


def to_uuid(guid: str) -> UUID:
    """Return the UUID of 22 characters; Invalid("ifc_guid_shape")."""
    if not is_guid(guid):
        raise Invalid("ifc_guid_shape", guid=guid)
    value = 0
    for char in guid:
        value = value << 6 | ALPHABET.index(char)
    return UUID(int=value)
