"""A foreign code of a thing as somebody hands it in, and what of it may be linked. Pure.

A row is read in its scheme: a Link, or every fault of it with its place. A foreign code names one
thing, unless its scheme is one that several things share (a permit of several houses, a firm at
several addresses): those aliases carry the thing's code as their scope.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from identity import classes
from identity.ports import Alias
from identity.schemes import (
    SCHEMES,
    Opaque,
    Problem,
    Recognition,
    check_rows,
    mask,
    persons,
    read_as,
    recognise,
)

VALUE_CHARS_MAX = 512  # what GET /codes/{any} takes
THING_CHARS_MAX = 512
SCOPE_CHARS_MAX = 128
SOURCE_CHARS_MAX = 200
SHOWN_CHARS = 80  # of a refused value

SHARED = frozenset({"uscc", "org_code", "permit18", "address"})
"""Schemes whose codes several things may have; a bare item number (GTIN) is shared, too."""

COMPUTED = frozenset({"beidou"})
"""Schemes that follow from a thing's position; they are looked up, never linked."""

MANAGED = frozenset({"device", "tag", "project", "document"})
"""Schemes of bindings and deliveries; they come and go with them."""

OWN = "uic"
GUID = "ifc_guid"  # within a project its GUIDs are the deliveries' (and /models/…/matches')


@dataclass(frozen=True, slots=True)
class Row:
    """One line as it was handed in: the thing by any of its names, and a foreign code of it."""

    thing: str
    value: str
    scheme: str = ""
    scope: str = ""
    source: str = ""
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Link:
    """A checked row: ``value`` is canonical; ``forms``: all names of the same code by scheme."""

    thing: str
    scheme: str
    value: str
    scope: str = ""
    source: str = ""
    confidence: float = 1.0
    forms: tuple[tuple[str, str], ...] = ()

    def key(self, code: str) -> tuple[str, str, str]:
        """Return (scheme, scope, value) under which the thing ``code`` carries it."""
        scope = self.scope or (code if shared(self.scheme, self.value) else "")
        return self.scheme, scope, self.value


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Which code of a thing shall go; ``scope`` None: whichever, where one alone has the code."""

    scheme: str
    value: str
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row is not linked: which column, what is wrong where, and its value (masked)."""

    column: str
    problem: Problem
    value: str = ""

    def told(self, row: int) -> dict[str, Any]:
        """Return the JSON form with its text in both languages."""
        return {"row": row, "column": self.column, "value": self.value, **self.problem.told()}


@dataclass(frozen=True, slots=True)
class Checked:
    """A row of a list: its number, and a link or every reason why there is none."""

    row: int
    link: Link | None = None
    refusals: tuple[Refusal, ...] = ()


def shared(scheme: str, value: str) -> bool:
    """Whether several things may carry this code."""
    return scheme in SHARED or (
        scheme == "gs1dl" and value.startswith("01/") and "/21/" not in value
    )


def read(row: Row, *, opaque: Sequence[Opaque] | None = None) -> Link | tuple[Refusal, ...]:
    """Return the link a row wants, or every fault of it; an identity number leaves masked."""
    faults = tuple(_plain_faults(row))
    if faults:
        return faults
    scheme = row.scheme.strip().lower()
    wanted = (scheme, row.value) if scheme else row.value
    found = [told for _, told in check_rows([wanted], opaque=opaque)]
    problems = [told for told in found if isinstance(told, Problem)]
    if problems:
        return tuple(_refused(problem, row) for problem in problems)
    told = found[0]
    assert isinstance(told, Recognition)
    kept = _kept_from(told, row) or (None if scheme else _open_scheme(row.value, opaque))
    if kept is not None:
        return (_refused(kept, row),)
    said = (row.scope.strip(), row.source.strip(), row.confidence)
    return Link(
        row.thing.strip(), told.scheme, told.canonical, *said, forms(told.scheme, told.canonical)
    )


def forms(scheme: str, value: str) -> tuple[tuple[str, str], ...]:
    """Return every name of a code that is one thing's alone, itself first; of any scheme."""
    if scheme not in SCHEMES:
        return ((scheme, value),)
    also = [form for form in read_as(scheme, value).also if not shared(*form)]
    further = [form for known in also for form in read_as(*known).also]
    return tuple(dict.fromkeys([(scheme, value), *also, *further]))


def managed(alias: Alias) -> bool:
    """Whether the city itself keeps an alias: of a device, a delivery or a document."""
    return alias.scheme in MANAGED or (alias.scheme == GUID and _is_own_code(alias.scope))


def _plain_faults(row: Row) -> Iterator[Refusal]:
    """Yield what is wrong with a row before its code is read; numbers of persons first."""
    for column in ("thing", "value", "scope", "source"):
        number = persons.find(getattr(row, column))
        if number is not None:
            problem = Problem("identity_number_row", None, "", persons.mask(number), row.scheme)
            yield Refusal(_COLUMNS.get(column, column), problem, persons.mask(number))
            return
    if not row.thing.strip():
        yield Refusal("code", Problem("scheme_empty", 1, "1", "0", row.scheme))
    for column, limit in _LIMITS.items():
        length = len(getattr(row, column))
        if length > limit:
            problem = Problem("scheme_length", limit + 1, f"0-{limit}", str(length), row.scheme)
            yield Refusal(_COLUMNS.get(column, column), problem, shown(getattr(row, column)))
    if not 0 <= row.confidence <= 1:
        found = str(row.confidence)
        yield Refusal("confidence", Problem("link_confidence", None, "0-1", found, row.scheme))


def _kept_from(told: Recognition, row: Row) -> Problem | None:
    """Return why a right code is none to be linked by hand: the city makes it itself."""
    if told.scheme in COMPUTED:
        return Problem("link_computed", None, "", told.canonical, told.scheme)
    if told.scheme == OWN and classes.current().row(told.canonical[6:12]) is not None:
        return Problem("link_own_code", None, "", told.canonical, told.scheme)
    if told.scheme == GUID and _is_own_code(row.scope):
        return Problem("link_scope_managed", None, "", row.scope, told.scheme)
    return None


def _open_scheme(text: str, opaque: Sequence[Opaque] | None) -> Problem | None:
    """Return that a text is a right code of several schemes: none is guessed."""
    schemes = {read.scheme for read in recognise(text, opaque=opaque) if read.valid}
    if len(schemes) == 1:
        return None
    return Problem("link_scheme_open", None, " ".join(sorted(schemes)), shown(text))


def _is_own_code(text: str) -> bool:
    return any(read.valid and read.scheme == OWN for read in recognise(text))


def _refused(problem: Problem, row: Row) -> Refusal:
    column = "scheme" if problem.code in {"scheme_unknown", "link_scheme_open"} else "value"
    return Refusal(column, problem, shown(row.scheme if column == "scheme" else row.value))


def shown(text: str) -> str:
    """Return what an answer may repeat of a text: its beginning, identity numbers masked."""
    return mask(text.strip())[:SHOWN_CHARS]


_COLUMNS = {"thing": "code"}
_LIMITS = {
    "thing": THING_CHARS_MAX,
    "value": VALUE_CHARS_MAX,
    "scope": SCOPE_CHARS_MAX,
    "source": SOURCE_CHARS_MAX,
}
