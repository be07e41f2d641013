"""Rows that the databases answer with, to values: the same columns in the same order everywhere."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from cim.model import Box, Entity, Kind, Lifecycle, Relation, Tile, Verb
from cim.stores.rules import decode_properties, ended
from identity.ports import Alias, AliasFact

Row = Sequence[Any]
_KINDS = {kind.value: kind for kind in Kind}
_LIFECYCLES = {lifecycle.value: lifecycle for lifecycle in Lifecycle}
VERBS = {verb.value: verb for verb in Verb}


def entity(row: Row) -> Entity:
    """Return the entity of a row in the column order of the statements."""
    code, kind, name, lifecycle, lon, lat, height_m, west, south, east, north, grid2d, text = row
    return Entity(
        code,
        _KINDS[kind],
        name,
        _LIFECYCLES[lifecycle],
        lon,
        lat,
        height_m,
        None if west is None else (west, south, east, north),
        grid2d,
        decode_properties(text),
    )


def extent(e: Entity) -> Box | None:
    """Return the smallest box round the entity's box and point."""
    points = [] if e.lon is None or e.lat is None else [(e.lon, e.lat, e.lon, e.lat)]
    boxes = [box for box in (e.box, *points) if box is not None]
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def relation(row: Row) -> Relation:
    """Return the relation of (verb, source, target, properties)."""
    verb, source, target, text = row
    return Relation(VERBS[verb], source, target, decode_properties(text))


def alias_fact(row: Row) -> tuple[int, int, Alias]:
    """Return (g_from, g_to, alias)."""
    scheme, scope, value, code, source, confidence, g_from, g_to = row
    return g_from, g_to, Alias(scheme, scope, value, code, source, confidence)


def alias_spans(found: Iterable[Row], g: int) -> list[AliasFact]:
    """Return the facts of rows of aliases as they are known at ``g``."""
    read = (alias_fact(row) for row in found)
    return [AliasFact(alias, g_from, ended(g_to, g)) for g_from, g_to, alias in read]


def tile(row: Row) -> Tile:
    """Return the tile of a row whose last column is the entry."""
    return msgspec.json.decode(row[-1], type=Tile)


def tile_entry(entry: Tile) -> str:
    """Return the tile as JSON; doubles survive the way there and back."""
    return msgspec.json.encode(entry).decode()
