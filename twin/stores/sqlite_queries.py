"""The reads of SqliteStates: named statements, parameters only."""

import sqlite3
from collections.abc import Sequence

from twin.ports import Where
from twin.reading import State
from twin.stores import limits
from twin.stores.sqlite_rows import state_of
from twin.stores.sqlite_where import conditions

_COLUMNS = (
    "t.code, s.property, s.source,"
    " x.value, x.unit, x.observed_at, x.received_at, x.changed_at, x.quality, x.tie,"
    " x.before_at, x.before_tie, x.before_value"
)
_OF_CODE = (
    f"SELECT {_COLUMNS} FROM things t JOIN series s ON s.thing = t.id"  # noqa: S608 - constants
    " JOIN state x ON x.series = s.id WHERE t.code = ? ORDER BY s.property, s.source"
)


def of_codes(connection: sqlite3.Connection, codes: Sequence[str]) -> dict[str, list[State]]:
    """Return the rows of each code that has any."""
    found = {}
    for code in dict.fromkeys(codes):
        rows = [state_of(row[:3], row[3:]) for row in connection.execute(_OF_CODE, (code,))]
        if rows:
            found[code] = rows
    return found


def page(
    connection: sqlite3.Connection, where: Where, limit: int, after: str
) -> tuple[list[State], str]:
    """Return a page of rows by (code, property, source) and the next cursor."""
    code, name, source = limits.cursor(after)
    wanted, values = conditions(connection, where)
    # CROSS JOIN keeps the order of the tables: things by code, so that LIMIT ends the walk early.
    sql = (
        f"SELECT {_COLUMNS} FROM things t CROSS JOIN series s ON s.thing = t.id"  # noqa: S608 - fixed texts, values are bound
        " CROSS JOIN state x ON x.series = s.id"
        " WHERE t.code >= ? AND (t.code, s.property, s.source) > (?, ?, ?)"
        f"{wanted}"
        " ORDER BY t.code, s.property, s.source LIMIT ?"
    )
    rows = connection.execute(sql, (code, code, name, source, *values, limit + 1)).fetchall()
    items = [state_of(row[:3], row[3:]) for row in rows[:limit]]
    return items, limits.CURSOR_MARK.join(rows[limit - 1][:3]) if len(rows) > limit else ""
