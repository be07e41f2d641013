"""Jobs and the audit trail in one SQLite file, durable, shared by any number of processes."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from identity.errors import Conflict, NotFound
from twin.ports import AuditRow, Job
from twin.stores import limits
from twin.stores.database import Database

LATER = (
    ("jobs", "subject TEXT NOT NULL DEFAULT ''"),
    ("jobs", "cancelled INTEGER NOT NULL DEFAULT 0"),
)
ATTEMPTS_MAX = 3  # times a job is begun; one whose worker died so often fails with job_gave_up


class SqliteJobs:
    """The ports Jobs and Audit on SQLite.

    ``attempts`` is the fencing number of a job: it grows with each claim, and a worker that was
    given up (silent for ``stale_s``) can no longer save: Conflict("job_lost").
    """

    def __init__(self, database: Database, attempts_max: int) -> None:
        self._database = database
        self._attempts_max = attempts_max

    @classmethod
    async def open(cls, path: Path, *, attempts_max: int = ATTEMPTS_MAX) -> "SqliteJobs":
        """Open or create the file; Unavailable("store_failed") when it cannot be used."""
        schema = files("twin.stores").joinpath("jobs.sql").read_text(encoding="utf-8")
        return cls(await Database.open(Path(path), schema, LATER), attempts_max)

    async def add(self, job: Job) -> Job:
        """Store a queued job; the same id again returns the stored one unchanged."""
        return await self._database.write(lambda connection: _add(connection, job))

    async def get(self, job_id: str) -> Job:
        """Return a job; NotFound("job_unknown")."""
        return self._database.read(lambda connection: _get(connection, job_id))

    async def claim(self, worker: str, *, now: float, stale_s: float) -> Job | None:
        """Take the oldest queued job, or a running one whose worker is silent for ``stale_s``.

        A job waits while an older one of its subject has not ended. A job begun ATTEMPTS_MAX times
        already is failed instead, and the next one is looked at.
        An idle look takes no write lock.
        """
        if self._database.read(lambda connection: _waiting(connection, now - stale_s)) is None:
            return None
        return await self._database.write(
            lambda connection: _claim(connection, worker, now, now - stale_s, self._attempts_max)
        )

    async def save(self, job: Job, *, now: float) -> None:
        """Store progress or the end of a job; also the worker's sign of life.

        Raises NotFound("job_unknown"), Conflict("job_lost").
        """
        await self._database.write(lambda connection: _save(connection, job, now))

    async def cancel(self, job_id: str, error: Mapping[str, Any], *, now: float) -> Job:
        """End a queued job as failed with ``error``; mark a running one; leave an ended one.

        Raises NotFound("job_unknown").
        """
        return await self._database.write(
            lambda connection: _cancel(connection, job_id, error, now)
        )

    async def recent(self, *, limit: int, subject: str = "", sha256: str = "") -> list[Job]:
        """Return the newest jobs first; of ``subject``, of a payload with ``sha256``, if given."""
        limits.page(limit)
        asked = {_OF_SUBJECT: subject, _OF_BYTES: sha256}
        given = {condition: value for condition, value in asked.items() if value}
        sql = _RECENT.format(where=" AND ".join(given) or "TRUE")
        return await self._database.scan(
            lambda connection: [
                _job(row) for row in connection.execute(sql, (*given.values(), limit))
            ]
        )

    async def record(self, row: AuditRow) -> None:
        """Append one audit row durably."""
        values = (row.at, row.who, row.role, row.action, row.target, row.outcome, _text(row.facts))
        await self._database.write(lambda connection: connection.execute(_RECORD, values))

    async def rows(self, *, limit: int, after: int = 0) -> list[AuditRow]:
        """Return audit rows by id."""
        limits.page(limit)
        return await self._database.scan(
            lambda connection: [_audit(row) for row in connection.execute(_TRAIL, (after, limit))]
        )

    async def ready(self) -> None:
        """Raise Unavailable when the file does not answer."""
        self._database.read(lambda connection: _waiting(connection, 0.0))

    async def close(self) -> None:
        """Finish what was begun and close the file."""
        await self._database.close()


_COLUMNS = (
    "id, kind, payload, state, stage, fraction, counts, created_at, started_at, finished_at,"
    " result, error, findings, attempts, subject, cancelled"
)
_ADD = (
    f"INSERT OR IGNORE INTO jobs ({_COLUMNS})"  # noqa: S608 - constants
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_GET = f"SELECT {_COLUMNS} FROM jobs WHERE id = ?"  # noqa: S608 - constants
_RECENT = (
    f"SELECT {_COLUMNS} FROM jobs"  # noqa: S608 - constants
    " WHERE {where} ORDER BY place DESC LIMIT ?"
)
_OF_SUBJECT = "subject != '' AND subject = ?"
_OF_BYTES = "json_extract(payload, '$.sha256') = ?"
_WAITING = (
    f"SELECT {_COLUMNS} FROM jobs AS job"  # noqa: S608 - constants
    " WHERE (state = 'queued' OR (state = 'running' AND alive_at <= ?))"
    " AND NOT EXISTS (SELECT 1 FROM jobs AS older WHERE older.subject = job.subject"
    "  AND older.subject != '' AND older.place < job.place"
    "  AND older.state IN ('queued', 'running'))"
    " ORDER BY place LIMIT 1"
)
_CANCEL = "UPDATE jobs SET cancelled = 1 WHERE id = ?"
_TAKE = (
    "UPDATE jobs SET state = 'running', worker = ?, alive_at = ?, attempts = attempts + 1,"
    " started_at = coalesce(started_at, ?) WHERE id = ?"
)
_SAVE = (
    "UPDATE jobs SET state = ?, stage = ?, fraction = ?, counts = ?, started_at = ?,"
    " finished_at = ?, result = ?, error = ?, findings = ?, alive_at = ?"
    " WHERE id = ? AND attempts = ?"
)
_RECORD = (
    "INSERT INTO audit (at, who, role, action, target, outcome, facts) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_TRAIL = (
    "SELECT at, who, role, action, target, outcome, facts, id FROM audit"
    " WHERE id > ? ORDER BY id LIMIT ?"
)


def _add(connection: sqlite3.Connection, job: Job) -> Job:
    values = (
        *(job.id, job.kind, _text(job.payload), job.state, job.stage, job.fraction),
        *(_text(job.counts), job.created_at, job.started_at, job.finished_at),
        *(_text(job.result), _text(job.error), _text(list(job.findings)), job.attempts),
        *(job.subject, job.cancelled),
    )
    connection.execute(_ADD, values)
    return _get(connection, job.id)


def _get(connection: sqlite3.Connection, job_id: str) -> Job:
    row = connection.execute(_GET, (job_id,)).fetchone()
    if row is None:
        raise NotFound("job_unknown", job=job_id)
    return _job(row)


def _waiting(connection: sqlite3.Connection, silent_since: float) -> Job | None:
    row = connection.execute(_WAITING, (silent_since,)).fetchone()
    return None if row is None else _job(row)


def _claim(
    connection: sqlite3.Connection,
    worker: str,
    now: float,
    silent_since: float,
    attempts_max: int,
) -> Job | None:
    while (job := _waiting(connection, silent_since)) is not None:
        if job.attempts < attempts_max:
            connection.execute(_TAKE, (worker, now, now, job.id))
            return _get(connection, job.id)
        error = {"code": "job_gave_up", "facts": {"attempts": job.attempts}}
        _save(connection, replace(job, state="failed", error=error, finished_at=now), now)
    return None


def _save(connection: sqlite3.Connection, job: Job, now: float) -> None:
    values = (
        *(job.state, job.stage, job.fraction, _text(job.counts), job.started_at),
        *(job.finished_at, _text(job.result), _text(job.error), _text(list(job.findings))),
        *(now, job.id, job.attempts),
    )
    if connection.execute(_SAVE, values).rowcount == 0:
        _get(connection, job.id)  # says job_unknown where there is none
        raise Conflict("job_lost", job=job.id)


def _cancel(
    connection: sqlite3.Connection, job_id: str, error: Mapping[str, Any], now: float
) -> Job:
    job = _get(connection, job_id)
    if job.state == "queued":
        _save(connection, replace(job, state="failed", error=error, finished_at=now), now)
    elif job.state == "running":
        connection.execute(_CANCEL, (job_id,))
    return _get(connection, job_id)


def _job(row: Sequence[Any]) -> Job:
    return Job(
        id=row[0],
        kind=row[1],
        payload=json.loads(row[2]),
        state=row[3],
        stage=row[4],
        fraction=row[5],
        counts=json.loads(row[6]),
        created_at=row[7],
        started_at=row[8],
        finished_at=row[9],
        result=json.loads(row[10]) if row[10] is not None else None,
        error=json.loads(row[11]) if row[11] is not None else None,
        findings=tuple(json.loads(row[12])),
        attempts=row[13],
        subject=row[14],
        cancelled=bool(row[15]),
    )


def _audit(row: Sequence[Any]) -> AuditRow:
    at, who, role, action, target, outcome, facts, number = row
    return AuditRow(at, who, role, action, target, outcome, json.loads(facts), number)


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
