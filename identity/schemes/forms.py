"""The forms in which a text may stand in the register: as an own code, and as an alias."""

from collections.abc import Sequence
from contextlib import suppress

from identity import code as universal
from identity.errors import Invalid
from identity.schemes.recognition import narrow, plain, recognise
from identity.schemes.values import Recognition


def own_forms(text: str) -> list[str]:
    """Return the own codes that a text may be; an official one without our check is itself."""
    if universal.is_shaped(text):
        return [text]
    joined = plain(narrow(text))
    if len(joined) not in universal.LENGTHS:
        return [text]
    forms = [text, joined]
    with suppress(Invalid):
        forms.append(universal.parse(joined).text)
    return list(dict.fromkeys(forms))


def alias_forms(text: str, read: Sequence[Recognition] | None = None) -> list[tuple[str, str]]:
    """Return (scheme, value) of the forms in which the text may be stored, other than as typed.

    ``read``: what it is recognised as, where that is known already.
    """
    valid = [each for each in (recognise(text) if read is None else read) if each.valid]
    forms = [(each.scheme, each.canonical) for each in valid]
    forms += [other for each in valid for other in each.also]
    return [form for form in dict.fromkeys(forms) if form[1] != text]
