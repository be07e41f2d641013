"""How the raw bytes in a STEP file's strings are encoded: for the file, and for one string of it.

Nothing in the file says so, and most East Asian bytes are valid in more than one encoding. The
file's encoding is chosen from all its strings; a string that reads better otherwise is read so, and
one that reads as well both ways is kept in the file's encoding: both are said.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

UTF8, GB18030, SHIFT_JIS = "utf-8", "gb18030", "cp932"
GB_COMMON_SHARE = 0.25  # of common Chinese characters: ≥ 0.9 in Chinese texts, ≤ 0.16 in Japanese

_KANA = re.compile("[\u3041-\u30fa]")
_HAN_ONLY = re.compile("[\u4e00-\u9fa5\u3000-\u303f\uff00-\uffef]+")
_HALF_WIDTH_KANA = re.compile("[\uff61-\uff9f]")
# Two-byte UTF-8 letters of living Latin, Greek, Cyrillic, Hebrew and Arabic text, and degree signs.
_LIKELY_SHORT_UTF8 = re.compile(
    "(?:[\x00-\u017f\u0370-\u045f\u0490-\u0491\u05d0-\u06ff]"
    "|(?<=[A-Za-z\u00c0-\u017f])[\u0300-\u036f])*"  # accents stand behind a letter
)
_HAN = re.compile("[\u3400-\u9fff]")
_ASCII_WORD = re.compile("[0-9A-Za-z]")
_ASCII = re.compile("[\x00-\x7f]+")


@dataclass(frozen=True, slots=True)
class RawText:
    """The encoding of a file's raw strings.

    ``mixed``: some are certainly in another one; ``han``: it is UTF-8 and some hold Han characters.
    """

    encoding: str = UTF8
    mixed: bool = False
    han: bool = False


def raw_text(samples: Sequence[bytes]) -> RawText:
    """Tell how the raw bytes of a file's strings are encoded, from those with bytes ≥ 0x80."""
    encoding = choose_encoding(samples)
    texts = [attempted(sample, encoding) for sample in samples]
    han = encoding == UTF8 and any(text and _HAN.search(text) for text in texts)
    return RawText(encoding, mixed=None in texts, han=han)


def choose_encoding(samples: Sequence[bytes]) -> str:
    """Return the one encoding that suits the file: many GB18030 strings are UTF-8 by chance ("一").

    Valid UTF-8 throughout, or in half of the strings with letters of three bytes, is UTF-8.
    """
    valid = [text for text in (attempted(sample, UTF8) for sample in samples) if text is not None]
    if len(valid) == len(samples):
        return GB18030 if _gb_by_chance(samples, "".join(valid)) else UTF8
    if 2 * sum(any(c > "\u07ff" for c in text) for text in valid) > len(samples):
        return UTF8
    return SHIFT_JIS if _looks_japanese(samples) else GB18030


def read_raw(body: bytes, raw: RawText) -> tuple[str, str | None]:
    """Return the characters of one string with bytes ≥ 0x80, and what was wrong with it.

    Faults: ``mixed`` (not in the file's encoding), ``ambiguous`` (it may as well be in another
    one), ``undecodable`` (what is in none became U+FFFD).
    """
    text = attempted(body, raw.encoding)
    if text is None:
        return _in_another(body, raw.encoding)
    if raw.encoding == UTF8:
        return text, "ambiguous" if _may_be_gb(body, text, raw) else None
    as_utf8 = attempted(body, UTF8)
    if as_utf8 is not None and all(c > "\u07ff" for c in _ASCII.sub("", as_utf8)):
        return (text, "ambiguous") if _natural(text, raw.encoding) else (as_utf8, "mixed")
    if raw.mixed and as_utf8 is not None:
        return text, "ambiguous"
    if raw.encoding == GB18030 and _looks_japanese([body]):
        return text, "ambiguous"
    return text, None


def attempted(body: bytes, encoding: str) -> str | None:
    """Return ``body`` decoded, None where it is not valid."""
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        return None


def _in_another(body: bytes, encoding: str) -> tuple[str, str]:
    for candidate in (UTF8, SHIFT_JIS if _looks_japanese([body]) else GB18030, GB18030):
        text = attempted(body, candidate)
        if text is not None:
            return text, "mixed"
    return body.decode(encoding, errors="replace"), "undecodable"


def _may_be_gb(body: bytes, text: str, raw: RawText) -> bool:
    """Tell whether a short UTF-8 text reads as plain Han in GB18030 and not as a living script.

    In a file that mixes encodings also what looks like a living script is in doubt, and among Han
    what has no Latin letter or digit beside it (as "10 m²" has).
    """
    if not raw.mixed and not (raw.han and not _ASCII_WORD.search(text)):
        return _gb_by_chance([body], text)
    return not any(c > "\u07ff" for c in text) and _only_han(body)


def _natural(text: str, encoding: str) -> bool:
    """Tell whether a reading has only what is common where its encoding is used."""
    if encoding == GB18030:
        return _encodes(text, "gb2312")
    return _encodes(text, "shift_jis") and not _HALF_WIDTH_KANA.search(text)


def _encodes(text: str, encoding: str) -> bool:
    return len(text.encode(encoding, errors="ignore").decode(encoding)) == len(text)


def _gb_by_chance(samples: Sequence[bytes], as_utf8: str) -> bool:
    """Tell whether valid UTF-8 is more likely GB18030: odd short letters against plain Han."""
    if any(c > "\u07ff" for c in as_utf8) or _LIKELY_SHORT_UTF8.fullmatch(as_utf8):
        return False
    return all(_only_han(sample) for sample in samples)


def _only_han(body: bytes) -> bool:
    text = attempted(body, GB18030)
    return text is not None and _HAN_ONLY.fullmatch(_ASCII.sub("", text) or "一") is not None


def _looks_japanese(samples: Sequence[bytes]) -> bool:
    """Tell Shift-JIS from GB18030: it has kana, or as GB18030 it shows few common characters.

    Common ones (GB 2312) have both bytes ≥ 0xA1; kana in Shift-JIS begin with 0x82 or 0x83, and
    the kanji of its first level with 0x88 to 0x97.
    """
    texts = [attempted(sample, SHIFT_JIS) for sample in samples]
    if any(text is None for text in texts):
        return False
    japanese = _ASCII.sub("", "".join(text or "" for text in texts))
    if 5 * len(_KANA.findall(japanese)) >= len(japanese):
        return True
    chinese = _ASCII.sub("", "".join(s.decode(GB18030, errors="replace") for s in samples))
    common = chinese.encode("gb2312", errors="ignore").decode("gb2312")
    return _natural(japanese, SHIFT_JIS) and len(common) < GB_COMMON_SHARE * len(chinese)
