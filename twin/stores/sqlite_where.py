"""The conditions of a Where as SQL over things (t), series (s) and state (x): values are bound."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from cim.model import Box
from twin.ports import Comparison, Where


def conditions(connection: sqlite3.Connection, where: Where) -> tuple[str, list[Any]]:
    """Return ``" AND …"`` ("": every row) and its values.

    The walk goes by code so that LIMIT ends it early; an index may narrow it only where that keeps
    the order (one building, region or kind) or where few things are left to sort (codes, a small
    box). A unary + keeps the planner from an index that would make it sort the whole city.
    """
    found = [
        *_one_of(_CODES, where.codes),
        *_placed(where),
        *(_within(connection, where.box) if where.box is not None else ()),
        *(_named(connection, where.properties) if where.properties else ()),
        *(_compared(connection, where.value) if where.value is not None else ()),
        *_one_of(_QUALITIES, where.qualities),
    ]
    values = [value for _, bound in found for value in bound]
    return "".join(f" AND {text}" for text, _ in found), values


FEW_THINGS = 2_000  # things that are sorted (by box or property) rather than met on the walk

_CODES = "t.code IN (SELECT value FROM json_each(?))"
_KINDS = "+t.kind IN (SELECT value FROM json_each(?))"
_QUALITIES = "x.quality IN (SELECT value FROM json_each(?))"
_PROPERTIES = "s.property IN (SELECT value FROM json_each(?))"
_HOLDERS = "SELECT thing FROM series WHERE property IN (SELECT value FROM json_each(?))"
_PLACES = "SELECT id FROM places WHERE west <= ? AND east >= ? AND south <= ? AND north >= ?"

_OPS = {
    ">": "> ?",
    ">=": ">= ?",
    "<": "< ?",
    "<=": "<= ?",
    "=": "= ?",
    "between": "BETWEEN ? AND ?",
}

Condition = tuple[str, tuple[Any, ...]]


def _one_of(text: str, wanted: Sequence[str]) -> list[Condition]:
    return [(text, (json.dumps(wanted),))] if wanted else []


def _placed(where: Where) -> list[Condition]:
    """Let the first of building, region and kind use its index; the others only narrow."""
    asked = [("building", where.building), ("region", where.region)]
    asked += [("kind", where.kinds[0])] if len(where.kinds) == 1 else []
    given = [(name, value) for name, value in asked if value is not None]
    found: list[Condition] = [
        (f"{'+' if place else ''}t.{name} = ?", (value,))
        for place, (name, value) in enumerate(given)
    ]
    return found + (_one_of(_KINDS, where.kinds) if len(where.kinds) > 1 else [])


def _within(connection: sqlite3.Connection, box: Box) -> list[Condition]:
    west, south, east, north = box
    # The R*Tree rounds its numbers outwards, so the exact columns decide.
    exact = ("+t.lon BETWEEN ? AND ? AND +t.lat BETWEEN ? AND ?", (west, east, south, north))
    bounds = (east, west, north, south)
    return [*_few(connection, _PLACES, bounds), exact]


def _named(connection: sqlite3.Connection, properties: Sequence[str]) -> list[Condition]:
    wanted = (json.dumps(properties),)
    return [*_few(connection, _HOLDERS, wanted), (_PROPERTIES, wanted)]


def _compared(connection: sqlite3.Connection, asked: Comparison) -> list[Condition]:
    """SQLite sorts texts behind numbers, so only numbers may be compared."""
    bound = (asked.number,) if asked.high is None else (asked.number, asked.high)
    number = (f"typeof(x.value) IN ('integer', 'real') AND x.value {_OPS[asked.op]}", bound)
    return [*_named(connection, (asked.property,)), number]


def _few(connection: sqlite3.Connection, things: str, values: tuple[Any, ...]) -> list[Condition]:
    """Return the condition that narrows to ``things`` where these are few, else nothing."""
    held = connection.execute(f"{things} LIMIT ?", (*values, FEW_THINGS + 1)).fetchall()
    return [] if len(held) > FEW_THINGS else [(f"t.id IN ({things})", values)]
