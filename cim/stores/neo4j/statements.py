"""The named statements of cim/cypher. Parameters only: nothing that is asked becomes Cypher."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from cim.model import Kind, Verb

_NAMED = re.compile(r"^// name: (\w+)\n(.*?);\n", re.MULTILINE | re.DOTALL)


def _named(file: str) -> dict[str, str]:
    text = files("cim").joinpath("cypher", file).read_text(encoding="utf-8")
    return dict(_NAMED.findall(text))


def _find() -> dict[str, str]:
    parts = _named("find.cypher")
    conditions, columns = parts.pop("conditions"), parts.pop("columns")
    return {
        name: text.replace("CONDITIONS", conditions).replace("COLUMNS", columns)
        for name, text in parts.items()
    }


def _dossiers() -> dict[str, str]:
    columns = _named("find.cypher")["columns"]
    return {n: t.replace("COLUMNS", columns) for n, t in _named("dossiers.cypher").items()}


def _schema() -> Iterator[tuple[str, str]]:
    for name, text in _named("schema.cypher").items():
        if name.endswith("VERB"):
            for verb in Verb:
                yield name.replace("VERB", verb), text.replace("VERB", verb)
        else:
            yield name, text


def _each_verb(text: str) -> dict[Verb, str]:
    return {verb: text.replace("VERB", verb.value) for verb in Verb}


SCHEMA = dict(_schema())
"""What makes each index, by its name (a constraint has an index of its name)."""
CYPHER: dict[str, str] = (
    {
        name: text
        for file in (
            "lease.cypher",
            "writes.cypher",
            "undo.cypher",
            "reads.cypher",
            "history.cypher",
        )
        for name, text in _named(file).items()
    }
    | _find()
    | _dossiers()
)
"""Statement by name."""
_CREATE_ANCHORS = CYPHER.pop("create_anchors")
CREATE_ANCHORS: dict[Kind, str] = {
    kind: _CREATE_ANCHORS.replace("KIND", kind.value) for kind in Kind
}
"""Statement by kind: a label in the text costs half of one that is a parameter."""
WRITES_OF_VERB: dict[str, dict[Verb, str]] = {
    name: _each_verb(CYPHER.pop(name))
    for name in (
        "near_relations",
        "end_relations",
        "put_relations",
        "undo_relations",
        "reopen_relations",
    )
}
"""Statement by name and relation type, which cannot be a parameter where an index is used."""


def of_verbs(name: str, verbs: Iterable[Verb]) -> str:
    """Return the statement ``name`` for these relation types; none means all."""
    return _of_verbs(name, tuple(sorted(set(verbs)) or sorted(Verb)))


@cache
def _of_verbs(name: str, verbs: tuple[Verb, ...]) -> str:
    return CYPHER[name].replace("VERBS", "|".join(verb.value for verb in verbs))
