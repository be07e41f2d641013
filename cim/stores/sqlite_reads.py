"""What is read from the SQLite graph at a generation; all functions are sync.

``few`` bounds what a read on the event loop may cost: when an answer would be longer, the function
returns None and the caller asks again in a thread.
"""

import sqlite3
from collections.abc import Sequence

from cim.model import Entity, Kind, Relation, Tile, Verb
from cim.ports import NEIGHBOUR_LIMIT, Fact, Move, Page
from cim.stores import rows, rules
from cim.stores.sqlite_find import page
from cim.stores.sqlite_sql import SQL
from identity.errors import TooLarge
from identity.ports import Alias, AliasFact

Connection = sqlite3.Connection


def entities(connection: Connection, g: int, codes: Sequence[str], *, ended: bool) -> list[Entity]:
    """Return the entities of ``codes`` in order; see ``cim.ports.Graph.entities``."""
    found = (_entity(connection, g, code, ended=ended) for code in codes)
    return [entity for entity in found if entity is not None]


def children(
    connection: Connection, g: int, code: str, *, kinds: Sequence[Kind], limit: int, after: str
) -> Page:
    """Return a page of what ``code`` CONTAINS directly."""
    parameters = {"g": g, "code": code, "after": after, "limit": limit + 1}
    parameters["kinds"] = rules.encode_list([kind.value for kind in kinds])
    found = connection.execute(SQL["children"], parameters)
    return page([rows.entity(row) for row in found], limit)


def has_children(connection: Connection, g: int, code: str) -> bool:
    """Whether ``code`` CONTAINS anything."""
    return connection.execute(SQL["has_children"], {"g": g, "code": code}).fetchone() is not None


def counts(connection: Connection, g: int, code: str) -> dict[Kind, int]:
    """Return how many of each kind ``code`` CONTAINS, directly or through others."""
    found = connection.execute(SQL["counts"], {"g": g, "code": code})
    return {Kind(kind): count for kind, count in found}


def relations(
    connection: Connection,
    g: int,
    codes: Sequence[str],
    verbs: Sequence[Verb],
    *,
    incoming: bool,
    few: int | None = None,
) -> list[Relation] | None:
    """Return relations by (verb, source, target); more than NEIGHBOUR_LIMIT is TooLarge."""
    sql = SQL["incoming" if incoming else "outgoing"]
    limit = NEIGHBOUR_LIMIT if few is None else few
    found: list[Relation] = []
    for verb in sorted(set(verbs)) or sorted(Verb):
        for code in sorted(set(codes)):
            parameters = {"g": g, "code": code, "verb": verb.value, "limit": limit + 1 - len(found)}
            found += map(rows.relation, connection.execute(sql, parameters))
            if len(found) <= limit:
                continue
            if few is not None:
                return None
            raise TooLarge("neighbour_limit", limit=NEIGHBOUR_LIMIT)
    # A single code's incoming relations come in order; those of several are merged by source.
    return sorted(found, key=_relation_order) if incoming else found


def resolve(
    connection: Connection,
    g: int,
    values: Sequence[str],
    scheme: str | None,
    scope: str | None,
    *,
    retired: bool,
    few: int | None = None,
) -> dict[str, list[Alias]] | None:
    """Return the aliases by value; see ``identity.ports.Codes.resolve``."""
    answer: dict[str, list[Alias]] = {}
    for value in dict.fromkeys(values):
        parameters = {"g": g, "value": value, "limit": -1 if few is None else few + 1}
        read = [
            rows.alias_fact(row) for row in connection.execute(SQL["aliases_of_value"], parameters)
        ]
        if few is not None and len(read) > few:
            return None
        wanted = (
            fact
            for fact in read
            if scheme in (None, fact[2].scheme) and scope in (None, fact[2].scope)
        )
        found = rules.resolved(wanted, g, retired=retired)
        if found:
            answer[value] = found
    return answer


def aliases(
    connection: Connection, g: int, codes: Sequence[str], *, few: int | None = None
) -> dict[str, list[Alias]] | None:
    """Return the visible aliases of each code, in order."""
    answer: dict[str, list[Alias]] = {}
    for code in codes:
        parameters = {"g": g, "code": code, "limit": -1 if few is None else few + 1}
        found = connection.execute(SQL["aliases_of_code"], parameters).fetchall()
        if few is not None and len(found) > few:
            return None
        read = (rows.alias_fact(row)[2] for row in found)
        answer[code] = sorted(read, key=rules.alias_order)
    return answer


def tiles(connection: Connection, g: int) -> list[Tile]:
    """Return all tile entries by (root, document)."""
    return [rows.tile(row) for row in connection.execute(SQL["tiles"], {"g": g})]


def moves(connection: Connection, after: int, limit: int) -> list[Move]:
    """Return the moves of head behind ``after``."""
    found = connection.execute(SQL["moves"], {"after": after, "limit": limit})
    return [Move(g, at, rules.decode_properties(event)) for g, at, event in found]


def generation_at(connection: Connection, at: float) -> int:
    """Return the generation that was visible at a time; 0 before the first."""
    found = connection.execute(SQL["generation_at"], {"at": at}).fetchone()
    return int(found[0]) if found else 0


def dated(
    connection: Connection, after: int, upto: int, valid_until: float, limit: int
) -> list[Move]:
    """Return the moves with a valid_from of their own."""
    asked = {"after": after, "upto": upto, "valid_until": valid_until, "limit": limit}
    found = connection.execute(SQL["dated"], asked)
    return [Move(g, at, rules.decode_properties(event)) for g, at, event in found]


def alias_history(connection: Connection, g: int, code: str, limit: int) -> list[AliasFact]:
    """Return what aliases a code had up to ``g``, newest first."""
    found = connection.execute(SQL["alias_history"], {"g": g, "code": code, "limit": limit})
    return rows.alias_spans(found, g)


def history(
    connection: Connection, g: int, code: str, limit: int, before: int | None
) -> list[Fact]:
    """Return what was known of ``code`` up to ``g``, newest first."""
    last = g + 1 if before is None else min(before, g + 1)
    found = connection.execute(SQL["history"], {"code": code, "last": last, "limit": limit})
    return [Fact(row[0], rules.ended(row[1], g), rows.entity(row[2:])) for row in found]


def _entity(connection: Connection, g: int, code: str, *, ended: bool) -> Entity | None:
    key = {"g": g, "code": code}
    row = connection.execute(SQL["entity"], key).fetchone()
    if row is not None:
        return rows.entity(row)
    last = connection.execute(SQL["entity_ended"], key).fetchone() if ended else None
    return None if last is None else rules.gone(rows.entity(last))


def _relation_order(relation: Relation) -> tuple[str, str, str]:
    return (relation.verb, relation.source, relation.target)
