"""What a text may mean: own code, alias of any scheme, grid cell, address; in that order.

A foreign code is looked up as typed and in the canonical form of each scheme it is valid in
(``identity.schemes``). A citizen's identity number is refused before anything is looked up.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from cim import batches, links
from cim.cells import standing
from cim.model import Kind, Verb
from cim.ports import Filter
from identity import code as universal
from identity.errors import Invalid, NotFound
from identity.ports import Alias
from identity.schemes import Recognition, mask, recognise, refuse
from identity.schemes.beidou import SHORTEST
from identity.schemes.forms import alias_forms, own_forms
from identity.schemes.recognition import narrow, plain
from twin.facts import Doors, Facts, gather

MEANINGS_MAX = 50  # things that one text may mean in one answer
TEXT_CHARS_MAX = 512
KEPT = links.MANAGED | {links.GUID}
"""Schemes whose old values go on leading to a thing that lives on."""

_CODE_CHARS = range(18, 36)  # what a mistyped own code may measure
_CODE_DIGITS_MIN = 12  # leading characters that must be digits for a text to be a mistyped code


async def meanings(doors: Doors, g: int, text: str) -> list[Facts]:
    """Return what is known of the things ``text`` may mean at ``g``, the surest first.

    At most MEANINGS_MAX. Raises NotFound("code_unknown") with ``tried`` and, for a malformed own
    code, ``position`` (from 1), ``expected`` and ``reason``; ``recognised`` lists every scheme
    whose form the text has, with what is wrong in each (absent where there is none). Raises
    Invalid("text_too_long"), Invalid("identity_number_refused").
    """
    wanted = asked(text)
    if not wanted:
        raise unknown(wanted, ())
    for own in own_forms(wanted):
        if found := await gather(doors, g, [own]):
            return found
    read = recognise(wanted)
    codes = await _aliased(doors, g, wanted, read) or await searched(doors, g, wanted)
    found = await gather(doors, g, list(dict.fromkeys(codes))[:MEANINGS_MAX])
    if not found:
        raise unknown(wanted, read)
    return found


def asked(text: str) -> str:
    """Return the text as it is looked up; raises what ``meanings`` says of texts themselves."""
    wanted = text.strip()
    if len(wanted) > TEXT_CHARS_MAX:
        raise Invalid("text_too_long", chars=len(wanted), limit=TEXT_CHARS_MAX)
    refuse(wanted)
    return wanted


def unknown(text: str, read: Sequence[Recognition]) -> NotFound:
    """Return the refusal of a text that leads to nothing, with what its form tells (``read``)."""
    tried = ["code", "alias", "beidou", "address"]
    shown = mask(text)
    if shown != text:  # a mistyped identity number is still about a person: not echoed, not read
        return NotFound("code_unknown", text=shown, tried=tried)
    return NotFound("code_unknown", text=text, tried=tried, **_fault(text), **_seen(read))


async def searched(doors: Doors, g: int, text: str) -> list[str]:
    """Return what stands in a cell or at an address: a search of its own for every text."""
    return await _in_cell(doors, g, text) or await _at_address(doors, g, text)


async def _aliased(doors: Doors, g: int, text: str, read: Sequence[Recognition]) -> list[str]:
    """Aliases as typed, of any scheme; other forms of the text only in the scheme they are of."""
    forms = alias_forms(text, read)
    values = [text, *(value for _, value in forms)]
    found = await kept(doors, g, await doors.codes.resolve(g, values, retired=True))
    codes, at_address = meant(text, forms, found)
    return await _located(doors, g, codes) if at_address else codes


async def kept(
    doors: Doors, g: int, found: Mapping[str, Sequence[Alias]]
) -> Mapping[str, Sequence[Alias]]:
    """Leave out foreign codes that were taken from things that live on: they were a mistake.

    What a thing that is gone was called leads to it for ever, and so does an old GUID or tag.
    """
    ended = {a.code for rows in found.values() for a in rows if _unlinked(a)}
    living = await batches.entities(doors.graph, g, sorted(ended)) if ended else {}
    if not living:
        return found
    return {
        value: [a for a in rows if not (_unlinked(a) and a.code in living)]
        for value, rows in found.items()
    }


def _unlinked(alias: Alias) -> bool:
    return alias.retired and alias.scheme not in KEPT


def meant(
    text: str, forms: Sequence[tuple[str, str]], found: Mapping[str, Sequence[Alias]]
) -> tuple[list[str], bool]:
    """Return the codes that aliases lead to, live ones before ended, and whether by an address."""
    rows = list(found.get(text, ()))
    rows += [a for scheme, value in forms for a in found.get(value, ()) if a.scheme == scheme]
    live = [alias for alias in rows if not alias.retired]
    at_address = any(alias.scheme == "address" for alias in live)
    return [alias.code for alias in live or rows], at_address


async def _in_cell(doors: Doors, g: int, text: str) -> list[str]:
    """Things that stand in a Beidou grid cell; of a 3D code those in its span of heights."""
    if len(text) < SHORTEST:  # a single letter, or with a digit, is a word
        return []
    with suppress(Invalid):
        page = await standing(doors.graph, g, Filter(), text, limit=MEANINGS_MAX)
        return [entity.code for entity in page.items]
    return []


async def _at_address(doors: Doors, g: int, text: str) -> list[str]:
    """Things whose address is exactly this text: by the Address entity, else by the property."""
    named = await doors.graph.find(g, Filter(kinds=(Kind.ADDRESS,), q=text), limit=MEANINGS_MAX)
    places = [entity.code for entity in named.items if entity.name == text]
    if places:
        return await _located(doors, g, places)
    same = Filter(q=text, properties={"address": text})
    return [e.code for e in (await doors.graph.find(g, same, limit=MEANINGS_MAX)).items]


async def _located(doors: Doors, g: int, codes: Sequence[str]) -> list[str]:
    """Return the things located at the addresses, or the addresses where nothing is."""
    at = await doors.graph.relations(g, codes, (Verb.LOCATED_AT,), incoming=True)
    return [relation.source for relation in at] or list(codes)


def _seen(read: Sequence[Recognition]) -> dict[str, Any]:
    """Return what a text is by its form, told in both languages; {} for plain words."""
    found = [each.told() for each in read]
    return {"recognised": found} if found else {}


def _joined(text: str) -> str:
    """Return the text without blanks inside and without ``urn:uic:cn:``, in capitals."""
    return plain(narrow(text))


def _fault(text: str) -> dict[str, Any]:
    """Return what is wrong with a text that looks like an own code; {} for anything else."""
    wanted = _joined(text)
    if len(wanted) not in _CODE_CHARS or not wanted[:_CODE_DIGITS_MIN].isdigit():
        return {}
    try:
        universal.read(wanted)
    except Invalid as wrong:
        known = ("position", "expected")
        return {"reason": wrong.code} | {n: wrong.facts[n] for n in known if n in wrong.facts}
    return {}
