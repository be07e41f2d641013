"""Sums over Parquet files by DuckDB: what buckets need, of readings or of coarser rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from identity.errors import Unavailable
from twin.buckets import Gathered
from twin.stores.slices import Member

MEMORY_MB = 1_024  # what DuckDB may take
THREADS = 2

_READINGS = (
    "SELECT w.part, w.place, h.observed_at AS seen, h.tie, h.unit,"
    " CAST(trunc((h.observed_at - $start) / $every) AS INTEGER) AS turn,"
    " CASE WHEN h.quality <> 'bad' THEN h.number END AS number"
    " FROM read_parquet($files) h JOIN wanted w ON w.series = h.series"
    " WHERE h.observed_at >= $start AND h.observed_at < $stop"
    " AND h.property BETWEEN $property_low AND $property_high"
    " AND h.code BETWEEN $code_low AND $code_high"
)
_COARSE = (
    "SELECT w.part, w.place, h.* EXCLUDE (series),"
    " CAST(trunc((h.begin - $start) / $every) AS INTEGER) AS turn"
    " FROM read_parquet($files) h JOIN wanted w ON w.series = h.series"
    " WHERE h.begin >= $start AND h.begin < $stop"
    " AND h.property BETWEEN $property_low AND $property_high"
    " AND h.code BETWEEN $code_low AND $code_high"
)
_SUMS = {
    False: f"SELECT part, turn, count(number), count(*) - count(number), sum(number), min(number),"  # noqa: S608 - constants
    f" max(number), min(unit), max(unit) FROM ({_READINGS}) GROUP BY part, turn",
    True: f"SELECT part, turn, sum(n), sum(left_out), sum(total), min(low), max(high),"  # noqa: S608 - constants
    f" min(unit_low), max(unit_high) FROM ({_COARSE}) GROUP BY part, turn",
}
_PICKS = {
    (False, "first"): f"SELECT part, turn, min(row(seen, tie, place, number))"  # noqa: S608 - constants
    f" FROM ({_READINGS}) WHERE number IS NOT NULL GROUP BY part, turn",
    (False, "last"): f"SELECT part, turn, max(row(seen, tie, place, number))"  # noqa: S608 - constants
    f" FROM ({_READINGS}) WHERE number IS NOT NULL GROUP BY part, turn",
    (True, "first"): f"SELECT part, turn, min(row(first_at, first_tie, place, first))"  # noqa: S608 - constants
    f" FROM ({_COARSE}) WHERE n > 0 GROUP BY part, turn",
    (True, "last"): f"SELECT part, turn, max(row(last_at, last_tie, place, last))"  # noqa: S608 - constants
    f" FROM ({_COARSE}) WHERE n > 0 GROUP BY part, turn",
}
_MEANS = (
    "SELECT w.place, h.begin, h.total / h.n FROM read_parquet($files) h"
    " JOIN wanted w ON w.series = h.series WHERE h.n > 0"
    " AND h.begin >= $start AND h.begin < $stop ORDER BY w.place, h.begin"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which files, and which series of theirs with their ranks in the answer."""

    files: Sequence[str]
    ranked: Sequence[tuple[int, Member]]


class Sums:
    """One DuckDB in memory that reads the files of a folder; several threads may ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connection = duckdb.connect(
            config={"memory_limit": f"{MEMORY_MB}MB", "threads": THREADS}
        )
        self._connection.execute("SET enable_external_file_cache = true")
        self._connection.execute("SET parquet_metadata_cache = true")

    def gather(self, asked: Asked, told: Gathered, *, coarse: bool) -> None:
        """Take the files' rows into the buckets. Raises FileNotFoundError."""
        told.count(self._rows(_SUMS[coarse], asked, told))
        if told.ask.agg in {"first", "last"}:
            picks = self._rows(_PICKS[coarse, told.ask.agg], asked, told)
            told.pick(
                (part, turn, *(found.values() if isinstance(found, dict) else found))
                for part, turn, found in picks
            )

    def means(
        self, asked: Asked, span: tuple[float, float]
    ) -> dict[int, list[tuple[float, float]]]:
        """Return the means of coarser rows, in order, by the rank of their series."""
        wanted = {
            "series": np.array([series for _, (series, _) in asked.ranked], dtype=np.int64),
            "place": np.array([rank for rank, _ in asked.ranked], dtype=np.int64),
        }
        values = {"files": self._paths(asked), "start": span[0], "stop": span[1]}
        found: dict[int, list[tuple[float, float]]] = {}
        for place, begin, mean in self._run(_MEANS, wanted, values):
            found.setdefault(place, []).append((begin, mean))
        return found

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _rows(self, query: str, asked: Asked, told: Gathered) -> list[tuple[Any, ...]]:
        wide, parts = told.wide, {group: part for part, group in enumerate(told.groups)}
        keys = [key for _, (_, key) in asked.ranked]
        wanted = {
            "series": np.array([series for _, (series, _) in asked.ranked], dtype=np.int64),
            "place": np.array([rank for rank, _ in asked.ranked], dtype=np.int64),
            "part": np.array([parts[wide.group(key)] for key in keys], dtype=np.int64),
        }
        values = {
            "files": self._paths(asked),
            "start": wide.start,
            "every": wide.every_s,
            "stop": wide.stop,
            "property_low": min(key[1] for key in keys),
            "property_high": max(key[1] for key in keys),
            "code_low": min(key[0] for key in keys),
            "code_high": max(key[0] for key in keys),
        }
        return self._run(query, wanted, values)

    def _paths(self, asked: Asked) -> list[str]:
        return [str(self._folder / file) for file in asked.files]

    def _run(
        self, query: str, wanted: Mapping[str, NDArray[Any]], values: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Run one statement over the files; ``wanted`` is a table of that name."""
        with self._connection.cursor() as cursor:
            cursor.register("wanted", dict(wanted))
            try:
                return list(cursor.execute(query, dict(values)).fetchall())
            except duckdb.IOException as missing:
                raise FileNotFoundError(str(missing)) from missing
            except duckdb.Error as failed:
                store, reason = self._folder.name, str(failed)
                raise Unavailable("store_failed", store=store, reason=reason) from failed
