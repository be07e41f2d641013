"""``python -m bench query``: 100,000 sensors on 10,000 things, asked as a city brain asks.

Ours is the States port: SQLite with its cold files (every sensor, every five minutes), and the
PostgreSQL adapter. The peer is PostgreSQL with plain SQL. Both PostgreSQL hold the state of all
sensors and one property's history of one day, the same rows. p95 of the filtered query is the
line; the other questions stand in the notes, in milliseconds (median, p95).
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa

from bench.report import line
from tests.parts import postgres_server
from twin.buckets import Buckets
from twin.ports import Commit, Comparison, Projection, States, Where
from twin.reading import Reading
from twin.retention import DAY_S
from twin.stores import sqlite_cold
from twin.stores.cold.writer import RAW_SCHEMA, DayWriter
from twin.stores.postgres import PostgresStates
from twin.stores.sqlite import SqliteStates
from twin.stores.sqlite_roll import file_name

PROPERTIES = tuple(f"p{n}" for n in range(10))
HOT = "p3"
THINGS, BUILDINGS, DISTRICTS, EVERY_S, DAY, SEED = 10_000, 100, 10, 300, 20_000, 20_261_125
PER_DAY = DAY_S // EVERY_S
GROUP_SERIES = 50
Ask = Callable[[int], Awaitable[int]]


def main(argv: list[str]) -> int:
    """Run the bench and print its line."""
    parser = argparse.ArgumentParser(prog="python -m bench query")
    parser.add_argument("--things", type=int, default=THINGS)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--turns", type=int, default=100)
    asked = parser.parse_args(argv)
    asyncio.run(measure(asked.things, asked.days, asked.turns))
    return 0


async def measure(things: int, days: int, turns: int) -> None:
    """Fill the three stores, ask each the same questions, print the line."""
    codes = [f"4201119901010{n:08d}" for n in range(things)]
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        store = await SqliteStates.open(path)
        await fill(store, codes)
        rows = await asyncio.to_thread(cold, store, codes, days)
        ours = await timed("SQLite", questions(store, codes), turns, notes)
        await store.close()
        size = sum(file.stat().st_size for file in path.with_suffix(".history").iterdir())
        notes.append(f"{rows} history rows, {size / 1e9:.2f} GB of files")
    server = postgres_server.start("shared_buffers=512MB", durable=True)
    try:
        adapter = await PostgresStates.open(server.create())
        await fill(adapter, codes)
        seed_history(adapter._connections.url, codes)  # noqa: SLF001 - filled below the port
        await timed("PostgreSQL adapter", questions(adapter, codes), turns, notes)
        await adapter.close()
        with psycopg.connect(server.create(), autocommit=True) as peer:
            plain(peer, codes)
            bare = await timed("plain SQL", plain_questions(peer, codes), turns, notes)
    finally:
        server.kill()
    name = "PostgreSQL 15, plain SQL on the same rows"
    line("query", ours, "ms p95, filtered by place and value", bare, name, turns, "; ".join(notes))


async def fill(store: States, codes: list[str]) -> None:
    """Give every sensor a state and every thing a place."""
    chance = random.Random(SEED)  # noqa: S311 - a sample, no secret
    at = float((DAY + 40) * DAY_S)
    for begin in range(0, len(codes), 500):
        places, readings = {}, []
        for n, code in enumerate(codes[begin : begin + 500], start=begin):
            region = f"42010{n * DISTRICTS // len(codes)}"
            house = f"b{n * BUILDINGS // len(codes)}"
            spot = (114 + chance.random(), 30 + chance.random())
            places[code] = Projection("Space", code, region, house, *spot)
            for name in PROPERTIES:
                value = round(40 * chance.random(), 2)
                readings.append(Reading(code, name, value, at, at, f"{code}-{name}", "Cel"))
        await store.commit(Commit(readings, places))


def cold(store: SqliteStates, codes: list[str], days: int) -> int:
    """Write days of readings through the product's own writer and name them; return the rows."""
    database, files = store._database, store._cold  # noqa: SLF001 - filled below the port
    assert files is not None, "the extra history is needed"
    numbers = dict(
        database.read(
            lambda reads: reads.execute(
                "SELECT t.code || s.property, s.id FROM series s JOIN things t ON t.id = s.thing"
            ).fetchall()
        )
    )
    for day in range(DAY, DAY + days):
        names = iter(range(day * 10_000, (day + 1) * 10_000))
        with DayWriter(
            files.folder,
            day,
            (300, 3_600),
            partial(_named, day, names),
        ) as writer:
            for some in pieces(codes):
                table = readings_of(some, numbers, day)
                writer.put(table, (some[0][1], some[0][0], ""), (some[-1][1], some[-1][0], "~"))
            parts = writer.finish()
        with database._write_connection as connection:  # noqa: SLF001 - as above
            sqlite_cold.put(connection, parts, numbers.values())
            connection.execute("UPDATE cold SET swept = 1")
    return days * len(codes) * len(PROPERTIES) * PER_DAY


def _named(day: int, numbers: Iterator[int], width: int) -> str:
    return file_name(day, width, next(numbers))


def pieces(codes: list[str]) -> Iterator[list[tuple[str, str]]]:
    """Yield (code, property) in the order of the files, some at once."""
    for name in PROPERTIES:
        for begin in range(0, len(codes), GROUP_SERIES):
            yield [(code, name) for code in codes[begin : begin + GROUP_SERIES]]


def readings_of(some: list[tuple[str, str]], numbers: dict[str, int], day: int) -> pa.Table:
    """Return one day of some series."""
    count, rows = len(some), len(some) * PER_DAY
    turns = np.repeat(np.arange(count, dtype=np.int32), PER_DAY)
    at = np.tile(day * DAY_S + np.arange(PER_DAY) * float(EVERY_S), count)
    chance = np.random.default_rng([SEED, day, numbers[some[0][0] + some[0][1]]])
    value = np.round(20 + np.cumsum(chance.normal(0, 0.1, rows)) % 20, 1)
    words = {
        "property": [name for _, name in some],
        "code": [code for code, _ in some],
        "source": [f"{code}-{name}" for code, name in some],
    }
    same = {"form": "f", "unit": "Cel", "quality": "good"}
    told = {name: pa.DictionaryArray.from_arrays(turns, told) for name, told in words.items()}
    zero = np.zeros(rows, dtype=np.int32)
    told |= {name: pa.DictionaryArray.from_arrays(zero, [word]) for name, word in same.items()}
    told["series"] = np.repeat([numbers[code + name] for code, name in some], PER_DAY)
    told |= {"observed_at": at, "received_at": at + 0.2, "changed_at": at, "number": value}
    told |= {"tie": np.full(rows, -1), "exact": pa.nulls(rows, pa.string())}
    return pa.table({name: told[name] for name in RAW_SCHEMA.names}, schema=RAW_SCHEMA)


def questions(store: States, codes: list[str]) -> dict[str, Ask]:
    """Return what is asked of a States port; each says how many rows it got."""
    chance = random.Random(SEED)  # noqa: S311 - a sample, no secret
    start = float(DAY * DAY_S)

    async def latest(_turn: int) -> int:
        count, after = 0, ""
        while count == 0 or after:
            rows, after = await store.query(Where(properties=(HOT,)), limit=1_000, after=after)
            count += len(rows)
        return count

    async def filtered(_turn: int) -> int:
        house = f"b{chance.randrange(BUILDINGS)}"
        where = Where(building=house, value=Comparison(HOT, ">", 30.0))
        return len((await store.query(where, limit=1_000))[0])

    async def day(_turn: int) -> int:
        code = chance.choice(codes)
        return len(await store.history(code, HOT, start=start, stop=start + DAY_S, limit=1_000))

    async def district(_turn: int) -> int:
        where = Where(region=f"42010{chance.randrange(DISTRICTS)}", properties=(HOT,))
        ask = Buckets(start, start + DAY_S, 300, by="property")
        return len((await store.series(where, ask, limit=1))[0][0].buckets)

    return {"latest of all things": latest, "filtered": filtered, "day": day, "district": district}


async def timed(name: str, asks: dict[str, Ask], turns: int, notes: list[str]) -> float:
    """Ask everything; note the times of each question and return p95 of the filtered one, ms."""
    p95 = {}
    for what, ask in asks.items():
        times_ms = []
        for turn in range(
            max(5, turns // 10) if what in {"latest of all things", "district"} else turns
        ):
            begin = time.perf_counter()
            got = await ask(turn)
            times_ms.append((time.perf_counter() - begin) * 1e3)
        times_ms.sort()
        p95[what] = times_ms[int(len(times_ms) * 0.95)]
        notes.append(f"{name}, {what}: {median(times_ms):.1f} ({p95[what]:.1f}), {got} rows")
        print(notes[-1], flush=True)
    return p95["filtered"]


def history_rows(codes: list[str]) -> Iterator[tuple[str, float, float]]:
    """Yield (code, observed_at, value) of one property's day."""
    chance = random.Random(SEED)  # noqa: S311 - a sample, no secret
    for code in codes:
        for n in range(PER_DAY):
            yield code, float(DAY * DAY_S + n * EVERY_S), round(20 + 20 * chance.random(), 1)


def seed_history(url: str, codes: list[str]) -> None:
    """Copy one property's day into the adapter's own table, below its port."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT t.code, s.id FROM series s JOIN things t ON t.id = s.thing WHERE property = %s",
            (HOT,),
        ).fetchall()
        numbers: dict[str, int] = dict(found)
        columns = "series, day, observed_at, tie, received_at, form, number, unit, quality"
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY history ({columns}) FROM STDIN") as to,
        ):
            for code, at, value in history_rows(codes):
                to.write_row((numbers[code], DAY, at, -1, at, "f", value, "Cel", "good"))
        connection.execute("ANALYZE")


def plain(peer: "psycopg.Connection[Any]", codes: list[str]) -> None:
    """Fill what somebody would write by hand: two tables with the indexes they need."""
    peer.execute(
        "CREATE TABLE latest (code text, property text, region text, building text, at float8,"
        " value float8, PRIMARY KEY (code, property));"
        "CREATE TABLE readings (code text, property text, at float8, value float8)"
    )
    chance = random.Random(SEED)  # noqa: S311 - a sample, no secret
    with peer.cursor() as cursor, cursor.copy("COPY latest FROM STDIN") as to:
        for n, code in enumerate(codes):
            place = (f"42010{n * DISTRICTS // len(codes)}", f"b{n * BUILDINGS // len(codes)}")
            for name in PROPERTIES:
                to.write_row((code, name, *place, 0.0, round(40 * chance.random(), 2)))
    with peer.cursor() as cursor, cursor.copy("COPY readings FROM STDIN") as to:
        for code, at, value in history_rows(codes):
            to.write_row((code, HOT, at, value))
    peer.execute("CREATE INDEX ON latest (building, property, value)")
    peer.execute("CREATE INDEX ON latest (property, code)")
    peer.execute("CREATE INDEX ON readings (property, code, at)")
    peer.execute("ANALYZE")


def plain_questions(peer: "psycopg.Connection[Any]", codes: list[str]) -> dict[str, Ask]:
    """Return the same questions in SQL."""
    chance = random.Random(SEED)  # noqa: S311 - a sample, no secret
    start = float(DAY * DAY_S)

    def asked(query: str, *values: Any) -> int:
        return len(peer.execute(query.encode(), values).fetchall())

    async def latest(_turn: int) -> int:
        return asked("SELECT * FROM latest WHERE property = %s ORDER BY code", HOT)

    async def filtered(_turn: int) -> int:
        query = "SELECT * FROM latest WHERE building = %s AND property = %s AND value > 30"
        return asked(query, f"b{chance.randrange(BUILDINGS)}", HOT)

    async def day(_turn: int) -> int:
        query = (
            "SELECT * FROM readings WHERE property = %s AND code = %s AND at >= %s AND at < %s"
            " ORDER BY at"
        )
        return asked(query, HOT, chance.choice(codes), start, start + DAY_S)

    async def district(_turn: int) -> int:
        query = (
            "SELECT floor((r.at - %s) / 300), count(*), avg(r.value) FROM readings r"
            " JOIN latest l ON l.code = r.code AND l.property = r.property WHERE l.region = %s"
            " AND r.property = %s AND r.at >= %s AND r.at < %s GROUP BY 1 ORDER BY 1"
        )
        region = f"42010{chance.randrange(DISTRICTS)}"
        return asked(query, start, region, HOT, start, start + DAY_S)

    return {"latest of all things": latest, "filtered": filtered, "day": day, "district": district}
