r"""Strings of a STEP file: what they say, and a form every reader understands.

``decode`` reads a string's body (the bytes between the apostrophes) leniently and says what was
wrong; ``encode`` writes it in the directives of ISO 10303-21, clause 6.4.3: ASCII as it is,
``\X2\…\X0\`` for the basic plane, ``\X4\…\X0\`` above it. IFC readers drop raw bytes in
silence and stop at unknown directives, so every string that is not plain ASCII takes this way.
"""

import re

from bim.normalise_encoding import GB18030, SHIFT_JIS, RawText, attempted, read_raw

_HEX4, _HEX8 = r"(?:[0-9A-Fa-f]{4})", r"(?:[0-9A-Fa-f]{8})"
_DIRECTIVE = re.compile(
    rf"\\(?P<slash>\\)X2\\(?P<x2s>{_HEX4}+)\\X0\\"  # a lone backslash before \X2\ (seen in xBIM's)
    r"|\\(?P<escaped>\\)"
    rf"|\\X2\\(?P<x2>{_HEX4}+)\\X0\\"
    rf"|\\X4\\(?P<x4>{_HEX8}+)\\X0\\"
    r"|\\X\\(?P<x>[0-9A-Fa-f]{2})"
    r"|\\S\\(?P<s>[ -~])"
    r"|\\P(?P<p>[A-I])\\"
    r"|\\(?P<nf>[NF])\\"
    rf"|\\[Xx]2\\(?P<x2b>{_HEX4}*[0-9A-Fa-f]{{0,3}})(?:\\[Xx]0\\)?"  # unclosed, odd, lower case
    rf"|\\[Xx]4\\(?P<x4b>{_HEX8}*[0-9A-Fa-f]{{0,7}})(?:\\[Xx]0\\)?"
    r"|\\(?P<stray>[Xx]0\\)"
    r"|(?P<lone>\\)"
)
_PLAIN = re.compile(r"[^ -&(-\[\]-~]+|['\\]")
_C1_CONTROL = re.compile("[\x80-\x84\x86-\x9f]")
_FOREIGN_RUN = re.compile("[\xa1-\xff]{3}")
_KANA = re.compile("[\u3041-\u30fa]")
_LAST_POINT = 0x10FFFF  # of Unicode
_UTF8_FILE = RawText()


def decode(body: bytes, raw: RawText = _UTF8_FILE) -> tuple[str, set[str]]:
    """Return the text of a string's body and what was wrong with it.

    Faults: those of ``read_raw``, ``escape`` (a broken directive, or one without a meaning),
    ``backslash`` (one that stands alone), ``surrogate``, ``control`` (NUL), ``code_page`` (letters
    that look like a foreign code page), ``code_page_repaired`` (they were one, and now are text).
    """
    faults: set[str] = set()
    text = _resolved(_characters(body.replace(b"''", b"'"), raw, faults), faults)
    if "\0" in text:
        faults.add("control")
        text = text.replace("\0", "")
    return text, faults


def encode(text: str) -> bytes:
    """Return ``text`` as the body of a STEP string: printable ASCII only; lossless."""
    return _PLAIN.sub(_directive, text).encode("ascii")


def _characters(body: bytes, raw: RawText, faults: set[str]) -> str:
    """Decode raw bytes; directives and backslashes stay (0x5C can be half of a character)."""
    if body.isascii():
        return body.decode("ascii")
    text, fault = read_raw(body, raw)
    if fault is not None:
        faults.add(fault)
    return text


def _resolved(raw: str, faults: set[str]) -> str:
    """Return ``raw`` with its directives replaced by what they mean."""
    if "\\" not in raw:
        return raw
    page = "iso8859_1"
    parts: list[str] = []
    eight_bit = False
    end = 0
    for match in _DIRECTIVE.finditer(raw):
        parts.append(raw[end : match.start()])
        end = match.end()
        kind, value = match.lastgroup or "", match[match.lastgroup or 0]
        if kind == "p":
            page = f"iso8859_{ord(value) - 64}"
            continue
        eight_bit |= kind in ("x", "s")
        parts.append(_meaning(kind, value, page, faults))
    text = _joined("".join([*parts, raw[end:]]), faults)
    return _code_page_checked(text, faults) if eight_bit else text


def _meaning(kind: str, value: str, page: str, faults: set[str]) -> str:
    """Return the characters of one directive."""
    if kind == "x2":
        return _units(value, 4)
    if kind == "x4":
        return _points(value, faults)
    if kind == "x":
        return chr(int(value, 16))
    if kind == "s":
        return _of_page(value, page, faults)
    if kind in ("escaped", "nf"):
        return "\\" if kind == "escaped" else "\n"
    faults.add("backslash" if kind == "lone" else "escape")
    return _guess(kind, value, faults)


def _of_page(value: str, page: str, faults: set[str]) -> str:
    letter = bytes([ord(value) + 128]).decode(page, errors="replace")
    if letter == "\ufffd":  # no letter stands there on this page
        faults.add("escape")
    return letter


def _guess(kind: str, value: str, faults: set[str]) -> str:
    """Return what a broken directive most likely meant; no whole character is lost."""
    if kind == "x2s":
        return "\\" + _units(value, 4)
    if kind == "x2b":
        whole = len(value) - len(value) % 4
        return _units(value[:whole], 4) + ("\ufffd" if len(value) % 4 else "")
    if kind == "x4b":
        whole = len(value) - len(value) % 8
        return _points(value[:whole], faults) + ("\ufffd" if len(value) % 8 else "")
    return "" if kind == "stray" else "\\"


def _units(digits: str, width: int) -> str:
    return "".join(chr(int(digits[i : i + width], 16)) for i in range(0, len(digits), width))


def _points(digits: str, faults: set[str]) -> str:
    points = [int(digits[i : i + 8], 16) for i in range(0, len(digits), 8)]
    if any(point > _LAST_POINT for point in points):
        faults.add("escape")
    return "".join(chr(point) if point <= _LAST_POINT else "\ufffd" for point in points)


def _joined(text: str, faults: set[str]) -> str:
    r"""Join surrogate pairs (UTF-16 in \X2\, which readers drop); a lone half becomes U+FFFD."""
    if not any("\ud800" <= c <= "\udfff" for c in text):
        return text
    faults.add("surrogate")
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _code_page_checked(text: str, faults: set[str]) -> str:
    r"""Undo \X\ and \S\ that carry the bytes of a Windows code page instead of ISO 8859.

    C1 controls never occur in names, so they prove it; letters alone are only suspected.
    """
    if _C1_CONTROL.search(text) and all(c <= "\xff" for c in text):
        raw = text.encode("latin-1")
        japanese = attempted(raw, SHIFT_JIS)
        repaired = japanese if japanese and _KANA.search(japanese) else attempted(raw, GB18030)
        if repaired is not None and not _C1_CONTROL.search(repaired):
            faults.add("code_page_repaired")
            return repaired
    if _C1_CONTROL.search(text) or _FOREIGN_RUN.search(text):
        faults.add("code_page")
    return text


def _directive(match: re.Match[str]) -> str:
    run = match[0]
    if run in ("'", "\\"):
        return run * 2
    return "".join(
        f"\\X4\\{''.join(f'{ord(c):08X}' for c in part)}\\X0\\"
        if part[0] > "\uffff"
        else f"\\X2\\{''.join(f'{ord(c):04X}' for c in part)}\\X0\\"
        for part in re.findall("[\U00010000-\U0010ffff]+|[^\U00010000-\U0010ffff]+", run)
    )
