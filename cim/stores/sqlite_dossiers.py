"""Dossiers read in one go: one transaction on one connection; all functions are sync.

``few`` bounds each list of a dossier. Where one would be longer the answer is None, and the caller
asks with more in a thread, or puts the dossier together from smaller questions.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from cim import query
from cim.dossiers import WITH_PARTS, counted, documents
from cim.model import Entity, Kind
from cim.ports import Dossier
from cim.stores import rows, rules
from cim.stores.sqlite_sql import SQL
from identity.ports import Alias

Connection = sqlite3.Connection


def dossiers(
    connection: Connection, g: int, codes: Sequence[str], *, few: int
) -> list[Dossier] | None:
    """Return the dossiers of codes; see ``cim.ports.Graph.dossiers``."""
    reader = _Reader(connection, g, few)
    connection.execute("BEGIN")  # one snapshot, and one lock instead of one for each statement
    try:
        found = [_dossier(reader, code) for code in codes]
    except _TooMany:
        return None
    finally:
        connection.execute("ROLLBACK")
    return [dossier for dossier in found if dossier is not None]


def _dossier(read: "_Reader", code: str) -> Dossier | None:
    above, located, known = _above(read, code)
    entity = known.get(code) or read.ended(code)
    if entity is None:
        return None
    way = query.chain(code, above, known)
    places = read.entities(located.values())
    delivered = [rows.relation(row) for row in read.rows("dossier_delivered", code)]
    below = read.rows("dossier_below", code)
    observed = _observed(read, entity, [part for part, _ in below])
    return Dossier(
        entity,
        way,
        query.nearest_address([entity, *way], located, places),
        _aliases(read, code),
        counted(code, below),
        delivered,
        read.entities(documents(entity, delivered)),
        observed,
        read.entities({sensor for held in observed.values() for sensor in held}),
    )


def _above(
    read: "_Reader", code: str
) -> tuple[dict[str, list[str]], dict[str, str], dict[str, Entity]]:
    """Return {code: containers}, {code: where it is located} and the entities on all ways up."""
    above: dict[str, list[str]] = {}
    located: dict[str, str] = {}
    known: dict[str, Entity] = {}
    for row in read.rows("dossier_way", code):
        held, child, place = row[:3]
        if child is not None:
            above.setdefault(child, []).append(held)
        if place is not None:
            located[held] = place
        if row[3] is not None and held not in known:
            known[held] = rows.entity(row[3:])
    return above, located, known


def _observed(read: "_Reader", entity: Entity, below: Sequence[str]) -> dict[str, list[str]]:
    code = entity.code
    if entity.kind is Kind.SENSOR:
        things = [thing for (thing,) in read.rows("dossier_observes", code)]
        return {thing: [code] for thing in things or [code]}
    found = {}
    for thing in (code, *below) if entity.kind in WITH_PARTS else (code,):
        sensors = [sensor for (sensor,) in read.rows("dossier_observers", thing)]
        if sensors:
            found[thing] = sensors
    return found


def _aliases(read: "_Reader", code: str) -> list[Alias]:
    return sorted(
        (Alias(*row) for row in read.rows("dossier_aliases", code)), key=rules.alias_order
    )


class _TooMany(Exception):
    """A list is longer than ``few``."""


class _Reader:
    """Runs the statements of one call."""

    def __init__(self, connection: Connection, g: int, few: int) -> None:
        self._connection = connection
        self._g = g
        self._few = few

    def rows(self, name: str, code: str) -> list[Any]:
        """Return the rows of a statement; raises _TooMany."""
        found = self._connection.execute(SQL[name], (code, self._g, self._few)).fetchall()
        if len(found) >= self._few:
            raise _TooMany
        return found

    def entities(self, codes: Iterable[str]) -> dict[str, Entity]:
        """Return the visible entities by code."""
        found = {}
        for code in codes:
            key = {"code": code, "g": self._g}
            row = self._connection.execute(SQL["entity"], key).fetchone()
            if row is not None:
                found[code] = rows.entity(row)
        return found

    def ended(self, code: str) -> Entity | None:
        """Return the last facts of a code that is gone."""
        key = {"code": code, "g": self._g}
        row = self._connection.execute(SQL["entity_ended"], key).fetchone()
        return None if row is None else rules.gone(rows.entity(row))
