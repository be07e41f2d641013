"""Opaque texts that carry a page's end from one request to the next."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from identity.errors import Invalid


def cursor(*parts: str | float) -> str:
    """Return the parts as one text that is safe in a URL."""
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def parts(text: str, *types: type) -> list[Any]:
    """Return the parts of a cursor with these types; Invalid("cursor_invalid") for any other."""
    try:
        found = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError as wrong:
        raise Invalid("cursor_invalid", cursor=text[:200]) from wrong
    if not isinstance(found, list) or [type(part) for part in found] != list(types):
        raise Invalid("cursor_invalid", cursor=text[:200])
    return found
