"""The wire answer of GET /codes/{any} (ARCHITECTURE §9), from gathered facts. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from cim import heights, query
from cim.model import Entity, Kind, Lifecycle
from cim.ports import Dossier
from identity import code as universal
from identity import grid
from identity.grid import Height
from identity.ports import Alias
from identity.schemes import own
from twin.channels import channels_of
from twin.facts import SENSOR_ROWS_MAX, Facts, all_channels
from twin.live import ranked
from twin.properties import Table
from twin.reading import Quality, State
from twin.times import rfc3339

CRS = "EPSG:4490"  # CGCS2000, longitude and latitude in degrees


def answer(facts: Facts, now: float, table: Table) -> dict[str, Any]:
    """Return what is known of one code; ``replaced_by`` only for a code that is gone."""
    dossier = facts.dossier
    entity, address = dossier.entity, dossier.address
    way = [entity, *dossier.way]
    told = {
        **brief(entity),
        **flag(entity.code),
        "lifecycle": entity.lifecycle.value,
        "aliases": [_alias(alias) for alias in dossier.aliases],
        "position": position(way, dossier.documents),
        "address": address.text if address else None,
        "address_code": address.code if address else None,
        "parents": parents(dossier.way),
        "building": _named(query.nearest(way, Kind.BUILDING)),
        "storey": _named(query.nearest(way, Kind.STOREY)),
        "children": {kind.value: count for kind, count in sorted(dossier.counts.items())},
        "sensors": sensors(facts, now, table),
        "model": model(dossier),
    }
    if entity.lifecycle is Lifecycle.GONE:
        told["replaced_by"] = facts.replaced_by
    return told


def brief(entity: Entity) -> dict[str, Any]:
    """Return the three words by which a thing is listed."""
    return {"code": entity.code, "kind": entity.kind.value, "name": entity.name}


def flag(code: str) -> dict[str, str]:
    """Return ``{"check": "none"}`` for an official code without our check digit, else nothing."""
    return {"check": "none"} if universal.check_of(code) == "none" else {}


def _alias(alias: Alias) -> dict[str, str]:
    said = {"scheme": alias.scheme, "value": alias.value, "scope": alias.scope}
    return {**said, **flag(alias.value)} if alias.scheme == own.SCHEME else said


def parents(way: Sequence[Entity]) -> list[dict[str, Any]]:
    """Return the path from the outermost container inwards, as people read it."""
    return [brief(entity) for entity in reversed(way)]


def position(way: Sequence[Entity], documents: Mapping[str, Entity]) -> dict[str, Any] | None:
    """Return where the thing is: its own point, else that of the nearest container, named ``of``.

    Degrees (CGCS2000), height in metres of its own datum (null: from before datums were kept).
    ``height_uncertain``: the ellipsoidal height, so ``grid3d`` beyond level 6, is not known surely.
    ``provenance``: declared, confirmed or given.
    """
    held = next((e for e in way if e.lon is not None and e.lat is not None), None)
    if held is None or held.lon is None or held.lat is None:
        return None
    height = heights.of_entity(held)
    told = {
        "lon": held.lon,
        "lat": held.lat,
        "height_m": held.height_m,
        "height_datum": held.properties.get(heights.DATUM),
        "height_provenance": held.properties.get(heights.PROVENANCE),
        "height_uncertain": height is not None and height.uncertain,
        "crs": CRS,
        "grid2d": held.grid2d,
        "grid3d": _grid3d(held, height),
        "provenance": _provenance(held, documents),
    }
    return told if held is way[0] else {**told, "of": held.code}


def sensors(facts: Facts, now: float, table: Table) -> list[dict[str, Any]]:
    """Return the sensors that observe the thing or its parts, with their latest state.

    One row a (sensor, property); ``of`` is the thing observed. A bound sensor that has not been
    heard yet has no value and quality "stale".
    """
    if not facts.observed:
        return []
    code = facts.dossier.entity.code
    rows: list[dict[str, Any]] = []
    channels = all_channels(facts.sensors)
    for thing, held in sorted(facts.observed.items(), key=lambda row: (row[0] != code, row)):
        states = [s for s in facts.states.get(thing, ()) if s.source in held]
        heard = ranked(states, now, table, channels)
        rows += [_sensor(facts, thing, state, judged.quality) for state, judged in heard]
        known = {(state.source, state.property) for state in states}
        rows += [row for s in held for row in _silent(facts.sensors.get(s), thing, known)]
    return rows[:SENSOR_ROWS_MAX]


def model(dossier: Dossier) -> dict[str, Any] | None:
    """Return the document that brought the thing, its current version and the GUID there.

    Several documents may hold one thing (site, building, storey): the one whose facts are kept
    comes first, the others under ``others``.
    """
    entity, documents = dossier.entity, dossier.documents
    said = entity.properties.get("document")
    held = sorted(dossier.delivered, key=lambda r: (r.target != said, r.target))
    rows = [_version(documents, r.target, r.properties.get("key")) for r in held]
    if not rows and isinstance(said, str):
        rows = [_version(documents, said, entity.properties.get("ifc_guid"))]
    if not rows:
        return None
    return {**rows[0], "others": rows[1:]} if len(rows) > 1 else rows[0]


def _version(documents: Mapping[str, Entity], document: str, guid: Any) -> dict[str, Any]:
    known = documents.get(document)
    version = known.properties.get("version") if known else None
    return {"id": document, "version": version, "ifc_guid": guid}


def _named(entity: Entity | None) -> dict[str, Any] | None:
    return None if entity is None else {"code": entity.code, "name": entity.name}


def _sensor(facts: Facts, thing: str, state: State, quality: Quality) -> dict[str, Any]:
    known = facts.sensors.get(state.source)
    return {
        "code": state.source,
        "name": known.name if known else "",
        "of": thing,
        "property": state.property,
        "value": state.value,
        "unit": state.unit,
        "observed_at": rfc3339(state.observed_at),
        "quality": quality.value,
    }


def _silent(sensor: Entity | None, thing: str, heard: set[tuple[str, str]]) -> list[dict[str, Any]]:
    if sensor is None:
        return []
    return [
        {
            "code": sensor.code,
            "name": sensor.name,
            "of": thing,
            "property": name,
            "value": None,
            "unit": sensor.properties.get("unit") or "",
            "observed_at": None,
            "quality": Quality.STALE.value,
        }
        for name in channels_of(sensor)
        if (sensor.code, name) not in heard
    ]


def _provenance(entity: Entity, documents: Mapping[str, Entity]) -> str:
    document = documents.get(str(entity.properties.get("document")))
    placement = document.properties.get("placement") if document else None
    said = placement.get("provenance") if isinstance(placement, Mapping) else None
    return str(said or entity.properties.get("provenance") or "given")


def _grid3d(entity: Entity, height: Height | None) -> str | None:
    """Return the 3D cell: level 10, beyond 88° of latitude level 2."""
    known = entity.properties.get("grid3d")
    if known is not None or height is None or entity.lon is None or entity.lat is None:
        return known if isinstance(known, str) else None
    polar = abs(entity.lat) >= grid.LAT_MAX_DEG
    level = grid.POLE_LEVEL_MAX if polar else grid.LEVEL_MAX
    if entity.grid2d is not None and len(entity.grid2d) == grid.LEGAL_CUTS[level]:
        return grid.lifted(entity.grid2d, height.height_m)  # half the work of encoding both
    return grid.encode_3d(entity.lon, entity.lat, height.height_m, level)
