"""A filter as SQL: one fixed driver, then fixed conditions; what was asked comes in as parameters.

SQLite has no statistics of a growing graph to choose by, so the order is chosen here: the terms,
then the codes, then the box, then the indexes of grid, IFC class and kind, each already in the
order of codes where it can be.
"""

import sqlite3
from typing import Any

from cim.model import Box, Entity
from cim.ports import Filter, Page
from cim.stores import rows, rules
from cim.stores.sqlite_sql import SQL
from cim.terms import query_terms, searched

_SELECT = """
SELECT f.code, f.kind, f.name, f.lifecycle, f.lon, f.lat, f.height_m,
       f.west, f.south, f.east, f.north, f.grid2d, f.properties
"""
_BY_WORDS = "FROM words CROSS JOIN facts f ON f.id = words.rowid WHERE words MATCH :words"
_BY_BOX = """FROM boxes b CROSS JOIN facts f ON f.id = b.id
WHERE b.west <= :east AND b.east >= :west AND b.south <= :north AND b.north >= :south"""
_COUNT_BOX = """SELECT count(*) FROM (SELECT 1 FROM boxes b
WHERE b.west <= :east AND b.east >= :west AND b.south <= :north AND b.north >= :south
LIMIT :limit)"""
_COUNT_GRID = """SELECT count(*) FROM (SELECT 1 FROM facts f INDEXED BY facts_grid
WHERE f.grid2d >= :grid AND f.grid2d < :grid_end LIMIT :limit)"""
_BY_GRID = "FROM facts f INDEXED BY facts_grid WHERE f.grid2d >= :grid"
_BY_CLASS = "FROM facts f INDEXED BY facts_class WHERE f.ifc_class = :ifc_class"
_BY_KIND = "FROM facts f INDEXED BY facts_kind WHERE f.kind >= ''"
_BY_CODES = """FROM json_each(:codes) c CROSS JOIN facts f INDEXED BY facts_code
ON f.code = c.value WHERE 1"""
_BY_CODE = "FROM facts f INDEXED BY facts_code WHERE f.code > :after"
_VISIBLE = " AND f.code > :after AND f.g_from <= :g AND :g < f.g_to"
_KINDS = " AND f.kind IN (SELECT value FROM json_each(:kinds))"
_ONE_KIND = " AND f.kind = :kind"
_BOX = """ AND ((f.west <= :east AND f.east >= :west AND f.south <= :north AND f.north >= :south)
 OR (f.lon BETWEEN :west AND :east AND f.lat BETWEEN :south AND :north))"""
_CODES = " AND f.code IN (SELECT value FROM json_each(:codes))"
_GRID = " AND f.grid2d >= :grid AND f.grid2d < :grid_end"
_CLASS = " AND f.ifc_class = :ifc_class"
_PROPERTY = " AND EXISTS (SELECT 1 FROM json_each(f.properties) p WHERE p.key = :key{n} AND "
_TEXT = "p.type = 'text' AND p.atom = :value{n})"
_NUMBER = "p.type IN ('integer', 'real') AND p.atom = :value{n})"
_WORD = "p.type = :value{n})"  # true, false, null: the JSON type says it all
_ORDER = " ORDER BY f.code LIMIT :limit"
WORDS_LOOKED_AT = 8  # of a text, before the search: on the event loop
BOX_ROWS = 20_000  # a box or cell with more is walked in the order of codes: sorting costs more
_LAST = "\U0010ffff"
_INT64 = 2**63  # larger numbers are doubles in SQLite


def find(connection: sqlite3.Connection, g: int, where: Filter, limit: int, after: str) -> Page:
    """Return a page of the entities that match (see ``cim.ports.Filter``)."""
    if where.q is not None and not query_terms(where.q):
        return Page([], None)
    sql, parameters = statement(where, crowded=_crowded(connection, where))
    parameters |= {"g": g, "after": after, "limit": limit + 1}
    return page([rows.entity(row) for row in connection.execute(sql, parameters)], limit)


def is_in_vain(connection: sqlite3.Connection, where: Filter) -> bool:
    """Whether a word asked for stands nowhere, in no generation: a text that nothing is called.

    Each word costs one look at the beginning of its list, however long that is.
    """
    terms = query_terms(where.q or "")[:WORDS_LOOKED_AT]
    words = ({"word": _quoted(term)} for term in terms)
    return any(connection.execute(SQL["has_word"], word).fetchone() is None for word in words)


def page(found: list[Entity], limit: int) -> Page:
    """Return the page of ``limit`` entities out of up to ``limit + 1``."""
    return Page(found[:limit], found[limit - 1].code if len(found) > limit else None)


def statement(where: Filter, *, crowded: bool = False) -> tuple[str, dict[str, Any]]:
    """Return the statement of a filter and its parameters (without g, after and limit)."""
    parameters: dict[str, Any] = {}
    sql = _VISIBLE
    for condition, values in _conditions(where):
        sql += condition
        parameters |= values
    words = _words(where)
    if words:
        parameters["words"] = " AND ".join(map(_quoted, words))
    return _SELECT + _driver(where, parameters, crowded=crowded) + sql + _ORDER, parameters


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _crowded(connection: sqlite3.Connection, where: Filter) -> bool:
    """Whether the box, else the cell, holds more than BOX_ROWS rows (of all generations)."""
    if where.box is not None:
        sql, parameters = _COUNT_BOX, _corners(where.box)
    elif where.grid:
        sql, parameters = _COUNT_GRID, _span(where.grid)
    else:
        return False
    (count,) = connection.execute(sql, parameters | {"limit": BOX_ROWS}).fetchone()
    return bool(count >= BOX_ROWS)


def _span(grid: str) -> dict[str, Any]:
    return {"grid": grid, "grid_end": grid + _LAST}


def _corners(box: Box) -> dict[str, Any]:
    return dict(zip(("west", "south", "east", "north"), box, strict=True))


def _driver(where: Filter, parameters: dict[str, Any], *, crowded: bool) -> str:
    if "words" in parameters:
        return _BY_WORDS
    if where.codes:
        return _BY_CODES
    if where.box is not None and not crowded:
        return _BY_BOX
    if where.grid and (where.box is not None or not crowded):
        return _BY_GRID
    if "ifc_class" in parameters:
        return _BY_CLASS
    return _BY_KIND if where.kinds else _BY_CODE


def _conditions(where: Filter) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    if len(where.kinds) == 1:
        found.append((_ONE_KIND, {"kind": where.kinds[0].value}))
    elif where.kinds:
        kinds = ",".join(f'"{kind.value}"' for kind in where.kinds)
        found.append((_KINDS, {"kinds": f"[{kinds}]"}))
    if where.codes:
        found.append((_CODES, {"codes": rules.encode_list(sorted(where.codes))}))
    if where.box is not None:
        found.append((_BOX, _corners(where.box)))
    if where.grid:
        found.append((_GRID, _span(where.grid)))
    return found + [_property(n, *item) for n, item in enumerate(where.properties.items())]


def _property(n: int, name: str, value: Any) -> tuple[str, dict[str, Any]]:
    if name == "ifc_class" and isinstance(value, str):
        return _CLASS, {"ifc_class": value}
    comparison, value = _comparison(value)
    sql = (_PROPERTY + comparison).replace("{n}", str(n))
    return sql, {f"key{n}": name, f"value{n}": value}


def _comparison(value: Any) -> tuple[str, Any]:
    if isinstance(value, str):
        return _TEXT, str(value)
    if value is None or isinstance(value, bool):
        return _WORD, {None: "null", True: "true", False: "false"}[value]
    return _NUMBER, value if abs(value) < _INT64 else float(value)


def _words(where: Filter) -> list[str]:
    """Return the terms that a match must hold: those of q, and of the texts compared with.

    A text property that is searched has its terms in the index, so they narrow an equality too.
    """
    words = query_terms(where.q or "")
    for name, value in where.properties.items():
        if name != "ifc_class" and searched(value):
            words += query_terms(value)
    return list(dict.fromkeys(words))
