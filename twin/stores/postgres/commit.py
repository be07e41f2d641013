"""The writing transaction of PostgresStates, step by step.

All writers of one database take turns: the row of ``head`` is locked first. So outbox numbers have
no holes, and two listeners cannot apply one offset twice.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from twin.ports import Commit, Outcome, Projection
from twin.reading import Reading
from twin.retention import day_of
from twin.state import DUPLICATE
from twin.stores.names import Keeping, Key, Names, Settled, settle_all
from twin.stores.postgres.connections import Connection
from twin.stores.postgres.quarantine import quarantine, release_messages
from twin.stores.postgres.rows import HISTORY, STATE, history_row, state_of, state_row

INLINE = 100  # readings that are settled on the event loop: more would hold it for a while

_LOCK = "SELECT sequence, version FROM head FOR UPDATE"
_ADVANCE = (
    "INSERT INTO offsets AS o (journal, position) VALUES (%s, %s) ON CONFLICT (journal)"
    " DO UPDATE SET position = excluded.position WHERE excluded.position > o.position"
    " RETURNING position"
)
_HEAD = "UPDATE head SET sequence = %s, version = %s"
_NEW_THINGS = "INSERT INTO things (code) SELECT * FROM unnest(%s::text[]) ON CONFLICT DO NOTHING"
_THINGS = "SELECT code, id FROM things WHERE code = ANY(%s)"
_PLACE = (
    "UPDATE things SET kind = %s, name = %s, region = %s, building = %s, lon = %s, lat = %s,"
    " grid2d = %s WHERE id = %s"
)
_NEW_SERIES = (
    "INSERT INTO series (thing, property, source)"
    " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[]) ON CONFLICT DO NOTHING"
)
_SERIES = (
    "SELECT s.id, t.code, s.property, s.source FROM series s JOIN things t ON t.id = s.thing"
    " WHERE s.thing = ANY(%s)"
)
_STATES = (
    f"SELECT s.id, t.code, s.property, s.source, {STATE} FROM state x"  # noqa: S608 - constants
    " JOIN series s ON s.id = x.series JOIN things t ON t.id = s.thing WHERE x.series = ANY(%s)"
)
_COPY_FRESH = f"COPY history ({HISTORY}) FROM STDIN"
_COPY_LATE = f"COPY late (place, {HISTORY}) FROM STDIN"
_COPY_MOVED = f"COPY moved (place, series, {STATE}) FROM STDIN"
_PUT_LATE = (
    f"INSERT INTO history ({HISTORY}) SELECT {HISTORY} FROM late ORDER BY place"  # noqa: S608 - constants
    " ON CONFLICT DO NOTHING RETURNING series, observed_at, tie"
)
_PUT_STATE = (
    f"INSERT INTO state (series, {STATE}) SELECT series, {STATE} FROM moved"  # noqa: S608 - constants
    " ON CONFLICT (series) DO UPDATE SET"
    + ",".join(f" {name} = excluded.{name}" for name in STATE.split(", "))
)
_PUT_OUTBOX = (
    f"INSERT INTO outbox (sequence, series, {STATE}) SELECT place, series, {STATE} FROM moved"  # noqa: S608 - constants
)
_DIRTY = "UPDATE rolled SET dirty = true WHERE day = ANY(%s) AND NOT dirty"
_PRUNE = "DELETE FROM outbox WHERE sequence <= %s"


async def write(
    connection: Connection, commit: Commit, names: Names, keeping: Keeping, channel: str
) -> Outcome:
    """Do everything of one commit; the caller holds the transaction."""
    sequence, version = await lock(connection)
    if not await advance(connection, commit):
        return Outcome([DUPLICATE] * len(commit.readings), sequence)
    names.refresh(version)
    await project(connection, commit.projections, names)
    told = await settled(connection, commit.readings, names)
    await remember(connection, told)
    await note_days(connection, told, names)
    await publish(connection, told, sequence, keeping.outbox)
    await quarantine(connection, commit.quarantined, keeping.quarantine)
    await release_messages(connection, commit.released)
    sequence += len(told.moved)
    await release(connection, sequence, version, names)
    await connection.execute("SELECT pg_notify(%s, %s)", (channel, str(sequence)))
    return Outcome(told.results, sequence)


async def lock(connection: Connection) -> tuple[int, int]:
    """Wait for this writer's turn; return the newest outbox number and the version of all rows."""
    found = await (await connection.execute(_LOCK)).fetchone()
    assert found is not None, "the schema made the row of head"
    return found[0], found[1]


async def release(connection: Connection, sequence: int, version: int, names: Names) -> None:
    """Say that rows were written; the turn ends with the transaction."""
    await connection.execute(_HEAD, (sequence, version + 1))
    names.version = version + 1


async def advance(connection: Connection, commit: Commit) -> bool:
    """Move the journal's offset; False when the commit is a replay."""
    if commit.journal is None:
        return True
    if commit.offset <= 0:
        return False
    moved = await connection.execute(_ADVANCE, (commit.journal, commit.offset))
    return await moved.fetchone() is not None


async def project(
    connection: Connection, projections: Mapping[str, Projection], names: Names
) -> None:
    """Write the projections that differ from what is known to be stored."""
    changed = names.differing(projections)
    if not changed:
        return
    await find_things(connection, changed, names)
    rows = [
        (p.kind, p.name, p.region, p.building, p.lon, p.lat, p.grid2d, names.things[code])
        for code, p in sorted(changed.items())
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(_PLACE, rows)
    names.projections.update(changed)


async def settled(connection: Connection, readings: Sequence[Reading], names: Names) -> Settled:
    """Return what the readings do; ``names.states`` moves on."""
    if not readings:
        return Settled()
    series = await find_series(connection, readings, names)
    missing = [number for number in dict.fromkeys(series) if number not in names.states]
    if missing:
        found = await connection.execute(_STATES, (missing,))
        names.states.update({row[0]: state_of(row[1:]) for row in await found.fetchall()})
    if len(readings) <= INLINE:
        return settle_all(readings, series, names.states)
    return await asyncio.to_thread(settle_all, readings, series, names.states)


async def remember(connection: Connection, told: Settled) -> None:
    """Put rows into history; late ones that are there already become duplicates in the results."""
    await copy(connection, _COPY_FRESH, (history_row(*row) for row in told.fresh))
    if not told.older:
        return
    rows = {place: history_row(*row, None) for place, row in told.older.items()}
    await copy(connection, _COPY_LATE, ((place, *row) for place, row in rows.items()))
    found = await (await connection.execute(_PUT_LATE)).fetchall()
    new = set(found)
    for place, row in rows.items():
        key = (row[0], row[2], row[3])
        if key not in new:
            told.results[place] = DUPLICATE
        new.discard(key)  # the same reading again in this commit is a duplicate


async def note_days(connection: Connection, told: Settled, names: Names) -> None:
    """Say of which days that are summed up already there are more rows now."""
    if names.rolled is None:
        found = await connection.execute("SELECT day FROM rolled")
        names.rolled = frozenset(day for (day,) in await found.fetchall())
    if not names.rolled:
        return
    days = {day_of(reading.observed_at) for _, reading, _ in told.fresh}
    days |= {day_of(reading.observed_at) for _, reading in told.older.values()}
    late = sorted(days & names.rolled)
    if late:
        await connection.execute(_DIRTY, (late,))


async def publish(connection: Connection, told: Settled, sequence: int, kept: int) -> None:
    """Write the states, and one outbox row for each that moved."""
    for states, first in ((told.between, 0), (told.moved, sequence + 1)):
        if not states:
            continue
        numbered = enumerate(states.items(), start=first)
        rows = ((place, series, *state_row(state)) for place, (series, state) in numbered)
        await copy(connection, _COPY_MOVED, rows)
        await connection.execute(_PUT_STATE)
        if states is told.moved:
            await connection.execute(_PUT_OUTBOX)
        else:
            await connection.execute("DELETE FROM moved")
    await connection.execute(_PRUNE, (sequence + len(told.moved) - kept,))


async def find_things(connection: Connection, codes: Iterable[str], names: Names) -> None:
    """Make ``names.things`` know every code, inserting the new ones."""
    missing = [code for code in dict.fromkeys(codes) if code not in names.things]
    if not missing:
        return
    await connection.execute(_NEW_THINGS, (missing,))
    names.things.update(await (await connection.execute(_THINGS, (missing,))).fetchall())


async def find_series(
    connection: Connection, readings: Sequence[Reading], names: Names
) -> list[int]:
    """Return the series of each reading, inserting the new ones."""
    keys = [(reading.code, reading.property, reading.source) for reading in readings]
    missing = [key for key in dict.fromkeys(keys) if key not in names.series]
    if missing:
        await _new_series(connection, missing, names)
    return [names.series[key] for key in keys]


async def copy(connection: Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Send rows by COPY: the fastest way in."""
    async with connection.cursor() as cursor, cursor.copy(statement.encode()) as sending:
        for row in rows:
            await sending.write_row(row)


async def _new_series(connection: Connection, missing: Sequence[Key], names: Names) -> None:
    await find_things(connection, (key[0] for key in missing), names)
    things = [names.things[key[0]] for key in missing]
    columns = (things, [key[1] for key in missing], [key[2] for key in missing])
    await connection.execute(_NEW_SERIES, columns)
    found = await connection.execute(_SERIES, (sorted(set(things)),))
    for number, code, name, source in await found.fetchall():
        names.series[code, name, source] = number
