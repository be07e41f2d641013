"""The forms in which a text may stand in the register: as an own code, and as an alias."""

from contextlib import suppress

from identity import code as universal
from identity.errors import Invalid
from identity.schemes.recognition import narrow, plain, recognise


def own_forms(text: str) -> list[str]:
    """Return the own codes that a text may be; an official one without our check is itself."""
    joined = plain(narrow(text))
    candidates = [text, joined]
    with suppress(Invalid):
        candidates.append(universal.parse(joined).text)
    return list(dict.fromkeys(candidates))


def alias_forms(text: str) -> list[tuple[str, str]]:
    """Return (scheme, value) of the forms in which the text may be stored, other than as typed."""
    valid = [read for read in recognise(text) if read.valid]
    forms = [(read.scheme, read.canonical) for read in valid]
    forms += [other for read in valid for other in read.also]
    return [form for form in dict.fromkeys(forms) if form[1] != text]
