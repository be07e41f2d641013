"""Which living things texts name: own codes first, then aliases of any scheme; many at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import anyio.to_thread

from cim import batches, redirects
from cim.model import Entity
from cim.ports import LOOKUP_LIMIT, Graph
from identity.ports import Alias, Codes
from identity.schemes.forms import alias_forms, own_forms


@dataclass(frozen=True, slots=True)
class Named:
    """``living``: text → the things it may mean; ``gone``: text → what replaced the thing."""

    living: Mapping[str, Sequence[Entity]]
    gone: Mapping[str, Sequence[str]]


async def named(graph: Graph, codes: Codes, g: int, texts: Sequence[str]) -> Named:
    """Return what each text names at ``g``; a text that names nothing is in neither mapping."""
    own = await anyio.to_thread.run_sync(lambda: {t: own_forms(t) for t in dict.fromkeys(texts)})
    living = await batches.entities(graph, g, _flat(own.values()))
    found = {text: _first(forms, living) for text, forms in own.items()}
    rest = [text for text, things in found.items() if not things]
    aliased = await _aliased(graph, codes, g, rest)
    found = {text: things or aliased.get(text, []) for text, things in found.items()}
    lost = {text: own[text] for text, things in found.items() if not things}
    gone = await _gone(graph, g, lost)
    return Named({text: things for text, things in found.items() if things}, gone)


async def holders(
    codes: Codes, g: int, forms: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[Alias]]:
    """Return the living aliases of each (scheme, value)."""
    found: dict[tuple[str, str], list[Alias]] = {}
    for value, rows in (await _resolved(codes, g, [value for _, value in forms])).items():
        for alias in rows:
            found.setdefault((alias.scheme, value), []).append(alias)
    return found


async def _aliased(
    graph: Graph, codes: Codes, g: int, texts: Sequence[str]
) -> dict[str, list[Entity]]:
    forms = await anyio.to_thread.run_sync(lambda: {text: alias_forms(text) for text in texts})
    values = _flat([text, *(value for _, value in held)] for text, held in forms.items())
    rows = await _resolved(codes, g, values)
    led = {text: _codes(text, held, rows) for text, held in forms.items()}
    living = await batches.entities(graph, g, _flat(led.values()))
    return {text: [living[c] for c in held if c in living] for text, held in led.items()}


def _codes(
    text: str, forms: Sequence[tuple[str, str]], rows: Mapping[str, Sequence[Alias]]
) -> list[str]:
    """Return the codes of a text as typed in any scheme, and of its forms each in its own."""
    found = list(rows.get(text, ()))
    found += [a for scheme, value in forms for a in rows.get(value, ()) if a.scheme == scheme]
    return list(dict.fromkeys(alias.code for alias in found))


async def _gone(graph: Graph, g: int, lost: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return where the redirects of things that were end, of texts that are their codes."""
    ended: dict[str, Entity] = {}
    for piece in batches.pieces(_flat(lost.values()), LOOKUP_LIMIT):
        ended |= {e.code: e for e in await graph.entities(g, piece, ended=True)}
    ends = await redirects.survivors(graph, g, ended)
    return {text: ends.get(c, []) for text, forms in lost.items() for c in forms if c in ended}


async def _resolved(codes: Codes, g: int, values: Sequence[str]) -> dict[str, list[Alias]]:
    found: dict[str, list[Alias]] = {}
    for piece in batches.pieces(list(dict.fromkeys(values)), LOOKUP_LIMIT):
        found |= await codes.resolve(g, piece)
    return found


def _first(forms: Sequence[str], living: Mapping[str, Entity]) -> list[Entity]:
    return [living[code] for code in forms if code in living][:1]


def _flat(lists: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(text for each in lists for text in each))
