"""City values as JSON of the wire contract (ARCHITECTURE §6, §9). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.jobs import KEPT
from cim.model import Entity, Tile
from identity.errors import render
from twin.live import judged, state_wire
from twin.ports import AuditRow, Job
from twin.properties import default_table
from twin.quarantine import Quarantined
from twin.reading import State
from twin.times import rfc3339


def brief(entity: Entity) -> dict[str, Any]:
    """Return the three words by which a thing is listed."""
    return {"code": entity.code, "kind": entity.kind.value, "name": entity.name}


def hit(entity: Entity, above: Sequence[Entity]) -> dict[str, Any]:
    """Return a thing found: what it is, where it is, and what it is part of (outermost first)."""
    parents = [brief(parent) for parent in reversed(above)]
    return {**brief(entity), **place(entity), "parents": parents}


def place(entity: Entity) -> dict[str, Any]:
    """Return lon, lat (CGCS2000 degrees), height_m and the box of a thing."""
    box = list(entity.box) if entity.box else None
    return {"lon": entity.lon, "lat": entity.lat, "height_m": entity.height_m, "bbox": box}


def thing(entity: Entity) -> dict[str, Any]:
    """Return all that is known of a thing itself."""
    return {
        **brief(entity),
        "lifecycle": entity.lifecycle.value,
        **place(entity),
        "grid2d": entity.grid2d,
        "properties": dict(entity.properties),
    }


def document(entity: Entity) -> dict[str, Any]:
    """Return a model (a document of a project) with its current version."""
    said = entity.properties
    return {
        "id": entity.code,
        "name": entity.name,
        "project": said.get("project"),
        "version": said.get("version"),
        "model": said.get("model"),
        "code": said.get("code"),
        "sha256": said.get("sha256"),
        "schema": said.get("schema"),
        "placement": said.get("placement"),
        "counts": said.get("counts"),
        "findings": said.get("findings_count", 0),
        "valid_from": _time(said.get("valid_from")),
        "withdrawn": bool(said.get("withdrawn", False)),
        "lifecycle": entity.lifecycle.value,
    }


def held(row: Job, *, accepting: bool) -> dict[str, Any]:
    """Return what is held of a model: its import, and what its activation would deliver."""
    result = row.result or {}
    return {
        "job": row.id,
        "sha256": row.payload["sha256"],
        "filename": row.payload["filename"],
        "objects": result["objects"],
        "findings": result["findings"],
        "received_at": _time(row.created_at),
        "held_at": _time(row.finished_at),
        "accepting": accepting,
    }


def version(entity: Entity) -> dict[str, Any]:
    """Return one version of a model: what it brought and changed."""
    said = entity.properties
    kept = ("version", "sha256", "placement", "counts", "schema", "result")
    told = {name: said.get(name) for name in kept}
    valid_from = _time(said.get("valid_from"))
    return {"code": entity.code, "name": entity.name, **told, "valid_from": valid_from}


def tile(entry: Tile) -> dict[str, Any]:
    """Return a tile entry as a list shows it."""
    return {"root": entry.root, "document": entry.document, "blob": entry.blob}


def job(row: Job, now: float, error: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return GET /jobs/{id}; ``eta_s`` is what the fraction so far lets expect."""
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "stage": row.stage,
        "fraction": round(row.fraction, 4),
        "counts": dict(row.counts),
        "created_at": _time(row.created_at),
        "started_at": _time(row.started_at),
        "finished_at": _time(row.finished_at),
        "eta_s": _eta_s(row, now),
        "attempts": row.attempts,
        "cancelled": row.cancelled,
        "result": _told(row.result),
        "error": error,
        "findings": list(row.findings),
        "model": row.payload.get("model"),
    }


def quarantined(row: Quarantined) -> dict[str, Any]:
    """Return a quarantine row; its bytes as text, unreadable ones replaced; the reason in words."""
    said = {lang: render(row.reason, dict(row.facts), lang) for lang in ("zh", "en")}
    return {
        "id": row.id,
        "reason": row.reason,
        "device": row.device,
        "tenant": row.tenant,
        "topic": row.topic,
        "payload": row.payload.decode("utf-8", "replace"),
        "received_at": rfc3339(row.received_at),
        "count": row.count,
        "kept": row.kept,
        "facts": dict(row.facts),
        "text": {lang: text for lang, (text, _) in said.items()},
        "hint": {lang: hint for lang, (_, hint) in said.items()},
    }


def audit(row: AuditRow) -> dict[str, Any]:
    """Return a row of the audit trail."""
    return {
        "id": row.id,
        "at": rfc3339(row.at),
        "who": row.who,
        "role": row.role,
        "action": row.action,
        "target": row.target,
        "outcome": row.outcome,
        "facts": dict(row.facts),
    }


def state_row(row: State, now: float) -> dict[str, Any]:
    """Return one state row of /state/query, with its quality at ``now``."""
    thought = judged(row, now, default_table())
    return {"code": row.code, "property": row.property, **state_wire(row, thought)}


def _told(result: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Leave out of a result where it is kept."""
    if result is None:
        return None
    return {name: said for name, said in result.items() if name not in KEPT}


def _time(at: float | None) -> str | None:
    return rfc3339(at) if at else None


def _eta_s(row: Job, now: float) -> float | None:
    if row.state != "running" or row.started_at is None or not 0 < row.fraction < 1:
        return None
    return round((now - row.started_at) * (1 - row.fraction) / row.fraction, 1)
