"""IfcPostalAddress as one line, in the order of its language."""

import re
from typing import Any

from bim.extract_entities import entity

_HAN = re.compile("[\u4e00-\u9fff]")


def address_line(address: Any) -> str | None:
    """Return the address as people write it: largest first and unspaced in Chinese.

    Attributes: AddressLines, InternalLocation, PostalBox, Town, Region, PostalCode, Country.
    """
    address = entity(address, "IfcPostalAddress")
    if address is None:
        return None
    given = address.AddressLines
    lines = [_text(line) for line in (given if isinstance(given, tuple) else ())]
    inner = [_text(address.InternalLocation), _text(address.PostalBox)]
    town, region, country = _text(address.Town), _text(address.Region), _text(address.Country)
    code = _text(address.PostalCode)
    if _HAN.search("".join([*lines, town, region])):
        whole = "".join(_without_repeats([country, region, town, *lines, *inner]))
        return f"{whole} {code}".strip() or None
    parts = [*lines, *inner, town, region, code, country]
    return ", ".join(part for part in parts if part) or None


def _without_repeats(parts: list[str]) -> list[str]:
    """Drop a part that the following ones begin with (湖北省 + 湖北省武汉市…)."""
    kept: list[str] = []
    for part in reversed(parts):
        if part and not (kept and kept[-1].startswith(part)):
            kept.append(part)
    return kept[::-1]


def _text(value: Any) -> str:
    return " ".join(str(value or "").split())
