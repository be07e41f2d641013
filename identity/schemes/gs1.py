"""GS1 keys: bare GTINs (8, 12, 13, 14 digits), element strings "(01)…", Digital Link URIs.

Canonical is the path of a Digital Link from its primary key on, "01/06901234567892/21/A1": GTINs
as 14 digits, attributes in the query dropped (they do not identify). Check digits are mod 10 with
weights 3 and 1 from the right. The application identifiers are those that name things; 8004 (GIAI)
and others beyond 01 are from memory of the GS1 General Specifications.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from identity import checks
from identity.schemes.values import Problem, Recognition, Segment, Words, judged

SCHEME = "gs1dl"
GTIN_LENGTH = 14
GTIN_LENGTHS = (8, 12, 13, 14)
_SHORT = 8
_NAME = Words("GS1 标识（Digital Link）", "GS1 identifier (Digital Link)")
_GTIN_NAME = Words("商品条码（GTIN）", "trade item number (GTIN)")
_SURE, _SURE_SHORT, _SURE_LINK = 0.6, 0.3, 0.95
_LINK = re.compile(r"https?://[^/?#\s]+(/[^?#\s]*)(?:[?#]\S*)?", re.IGNORECASE)
_ELEMENT = re.compile(r"\(([0-9]{2,4})\)([^()]+)")
_ELEMENTS = re.compile(r"(?:\([0-9]{2,4}\)[^()]+)+")
_PATH = re.compile(r"/?(?:[0-9]{2,4}/[^/\s]+)(?:/[0-9]{2,4}/[^/\s]+)*")
_CHARACTERS = checks.ALPHANUMERIC + "abcdefghijklmnopqrstuvwxyz!\"%&'()*+,-./:;<=>?_#"


@dataclass(frozen=True, slots=True)
class Key:
    """An application identifier: ``length`` of its value, whether digits with mod 10 (``checked``).

    ``checked`` counts the leading digits that hold together (0 = no check); ``primary`` keys
    identify alone, the others qualify one.
    """

    label: Words
    length: int
    checked: int = 0
    primary: bool = True


KEYS = {
    "00": Key(Words("物流单元 SSCC", "logistic unit SSCC"), 18, 18),
    "01": Key(Words("贸易项目 GTIN", "trade item GTIN"), 14, 14),
    "253": Key(Words("文件 GDTI", "document GDTI"), 30, 13),
    "401": Key(Words("托运 GINC", "consignment GINC"), 30),
    "402": Key(Words("装运 GSIN", "shipment GSIN"), 17, 17),
    "414": Key(Words("位置 GLN", "location GLN"), 13, 13),
    "417": Key(Words("参与方 GLN", "party GLN"), 13, 13),
    "8003": Key(Words("可回收资产 GRAI", "returnable asset GRAI"), 30, 14),
    "8004": Key(Words("单个资产 GIAI", "individual asset GIAI"), 30),
    "8010": Key(Words("部件 CPID", "component CPID"), 30),
    "8017": Key(Words("服务提供方 GSRN", "service provider GSRN"), 18, 18),
    "8018": Key(Words("服务接受方 GSRN", "service recipient GSRN"), 18, 18),
    "10": Key(Words("批次", "lot"), 20, primary=False),
    "21": Key(Words("序列号", "serial"), 20, primary=False),
    "22": Key(Words("变体", "variant"), 20, primary=False),
    "254": Key(Words("位置扩展", "location extension"), 20, primary=False),
    "8011": Key(Words("部件序列号", "component serial"), 12, primary=False),
}


def check(body: str) -> str:
    """Return the mod 10 check digit: weights 3, 1, 3, … from the right."""
    total = sum(int(c) * (1 if at % 2 else 3) for at, c in enumerate(reversed(body)))
    return str(-total % 10)


def looks(text: str) -> bool:
    """Return whether ``text`` is a GTIN by its length, or carries a known primary key.

    Eight digits are taken for a GTIN only when the check holds: most of them are dates.
    """
    if text.isascii() and text.isdigit():
        if len(text) == _SHORT:
            return check(text[:-1]) == text[-1]
        return len(text) in GTIN_LENGTHS
    pairs = _pairs(text)
    return any(key in KEYS and KEYS[key].primary for key, _ in pairs)


def read(text: str) -> Recognition:
    """Return key and qualifiers; call it on what ``looks``."""
    if text.isascii() and text.isdigit():
        return _read_gtin(text)
    pairs = _pairs(text)
    start = next((i for i, (k, _) in enumerate(pairs) if k in KEYS and KEYS[k].primary), 0)
    canonical, segments, problems = "", [], []
    for key, typed in pairs[start:]:
        canonical += f"{'/' if canonical else ''}{key}/"
        at = len(canonical) + 1
        known, value = KEYS.get(key), _padded(key, typed)
        if known is None:
            problems.append(Problem("scheme_value", at - len(key) - 1, " ".join(KEYS), key))
        else:
            problems += _faults(known, value, at)
            segments.append(Segment(key, value, at, known.label))
        canonical += quote(value, safe="!'()*-._~:,;=+&\"<>")
    if not pairs:
        problems = [Problem("scheme_shape", None, "01/06901234567892", text[:80])]
    checked = any(KEYS[s.name].checked for s in segments)
    read = Recognition(SCHEME, _NAME, canonical or text, "held" if checked else "none",
                       tuple(segments))  # fmt: skip
    return judged(read, problems, _SURE_LINK)


def _read_gtin(text: str) -> Recognition:
    """Positions of a bare GTIN are those of the digits typed, not of the 14 they become."""
    problems = []
    if len(text) not in GTIN_LENGTHS:
        lengths = " ".join(map(str, GTIN_LENGTHS))
        problems = [Problem("scheme_length", len(text) + 1, lengths, str(len(text)))]
    elif check(text[:-1]) != text[-1]:
        problems = [Problem("scheme_check", len(text), check(text[:-1]), text[-1])]
    segments = (
        Segment("item", text[:-1], 1, Words("厂商与项目", "company and item")),
        Segment("check", text[-1:], len(text), Words("校验位", "check digit")),
    )
    canonical = f"01/{text.zfill(GTIN_LENGTH)}"
    sure = _SURE_SHORT if len(text) in {_SHORT, 12} else _SURE
    return judged(Recognition(SCHEME, _GTIN_NAME, canonical, "held", segments), problems, sure)


def _padded(key: str, value: str) -> str:
    gtin = key == "01" and len(value) in GTIN_LENGTHS and value.isascii() and value.isdigit()
    return value.zfill(GTIN_LENGTH) if gtin else value


def _faults(key: Key, value: str, at: int) -> list[Problem]:
    """Return what is wrong with a value that begins at ``at`` (from 1)."""
    for index, char in enumerate(value):
        allowed = checks.DIGITS if index < key.checked else _CHARACTERS
        if char not in allowed:
            named = "0-9" if index < key.checked else "GS1 AI 82"
            return [Problem("scheme_character", at + index, named, char)]
    fixed = key.checked == key.length
    if len(value) > key.length or len(value) < (key.length if fixed else max(key.checked, 1)):
        size = str(key.length) if fixed else f"{max(key.checked, 1)}-{key.length}"
        return [Problem("scheme_length", at + min(len(value), key.length), size, str(len(value)))]
    last = key.checked - 1
    if key.checked and check(value[:last]) != value[last]:
        return [Problem("scheme_check", at + last, check(value[:last]), value[last])]
    return []


def _pairs(text: str) -> list[tuple[str, str]]:
    if _ELEMENTS.fullmatch(text):
        return _ELEMENT.findall(text)
    link = _LINK.fullmatch(text)
    path = link[1] if link else text
    if not link and not _PATH.fullmatch(path):
        return []
    steps = [unquote(step) for step in path.strip("/").split("/")]
    first = next((i for i, s in enumerate(steps) if s in KEYS and KEYS[s].primary), None)
    if first is None or (first and not link):
        return []
    rest = steps[first:]
    return list(zip(rest[::2], rest[1::2], strict=False))
