"""Reads single series back out of Parquet files: row groups by their statistics, kept decoded."""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from identity.errors import Unavailable
from twin.stores.cold.parts import RAW, Order, Part
from twin.stores.columns import value

FILES_OPEN = 64  # with what their footers say, about 1 MB each
GROUPS_HELD = 48  # decoded row groups, about 1.5 MB each

Readings = list[tuple[Any, ...]]
"""(observed_at, tie, received_at, value, unit, quality, changed_at), in order."""
_Group = tuple[tuple[str, str], tuple[str, str], tuple[str, str]]  # least and most of each text


class Reader:
    """Answers for several threads; what was decoded last stays in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._files: OrderedDict[str, tuple[pq.ParquetFile, list[_Group]]] = OrderedDict()
        self._groups: OrderedDict[tuple[str, int], pa.Table] = OrderedDict()

    def rows(self, part: Part, series: int, order: Order) -> Readings:
        """Return what a file of readings has of one series.

        Raises FileNotFoundError, and Unavailable("store_failed") for a file that is damaged.
        """
        try:
            return self._rows(part, series, order)
        except pa.ArrowInvalid as broken:
            reason = f"{part.file}: {broken}"
            raise Unavailable("store_failed", store=self._folder.name, reason=reason) from broken

    def _rows(self, part: Part, series: int, order: Order) -> Readings:
        found: Readings = []
        file, groups = self._file(part.file)
        for place, bounds in enumerate(groups):
            if all(low <= text <= high for text, (low, high) in zip(order, bounds, strict=True)):
                found += _of_series(self._group(part.file, file, place), series)
        return found

    def counts(self, part: Part) -> Iterator[tuple[int, int]]:
        """Yield (series, rows) in the order of the file."""
        file, groups = self._file(part.file)
        held, count = -1, 0
        for place in range(len(groups)):
            column = file.read_row_group(place, columns=["series"])["series"].to_numpy()
            starts = np.append(0, np.flatnonzero(column[1:] != column[:-1]) + 1)
            sizes = np.diff(np.append(starts, len(column)))
            for series, size in zip(column[starts].tolist(), sizes.tolist(), strict=True):
                if series != held and count:
                    yield held, count
                    count = 0
                held, count = series, count + size
        if count:
            yield held, count

    def close(self) -> None:
        """Close every file."""
        with self._lock:
            for file, _ in self._files.values():
                file.close()
            self._files.clear()
            self._groups.clear()

    def _file(self, name: str) -> tuple[pq.ParquetFile, list[_Group]]:
        with self._lock:
            known = self._files.get(name)
            if known is None:
                file = pq.ParquetFile(self._folder / name)
                known = self._files[name] = file, _groups(file.metadata)
            self._files.move_to_end(name)
            while len(self._files) > FILES_OPEN:
                self._files.popitem(last=False)
        return known

    def _group(self, name: str, file: pq.ParquetFile, place: int) -> pa.Table:
        key = name, place
        with self._lock:
            if key in self._groups:
                self._groups.move_to_end(key)
                return self._groups[key]
            table = file.read_row_group(place, columns=["series", *RAW], use_threads=False)
            self._groups[key] = table
            while len(self._groups) > GROUPS_HELD:
                self._groups.popitem(last=False)
        return table


def _groups(metadata: Any) -> list[_Group]:
    places = {metadata.schema.column(n).name: n for n in range(metadata.num_columns)}
    found = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        stats = [group.column(places[name]).statistics for name in ("property", "code", "source")]
        bounds = [(_text(stat.min), _text(stat.max)) for stat in stats]
        found.append((bounds[0], bounds[1], bounds[2]))
    return found


def _of_series(table: pa.Table, series: int) -> Readings:
    places = np.flatnonzero(table["series"].to_numpy() == series)
    if not len(places):
        return []
    begin, count = int(places[0]), len(places)  # a series lies together
    told = {name: _values(table[name].slice(begin, count)) for name in RAW}
    forms, numbers = told.pop("form"), told.pop("number")
    exact = told.pop("exact")
    said = numbers if set(forms) == {"f"} else list(map(value, forms, numbers, exact))
    at, tie, received_at, unit, quality, changed_at = told.values()
    return list(zip(at, tie, received_at, said, unit, quality, changed_at, strict=True))


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Return a column as Python values; numbers by way of numpy, five times as fast."""
    if column.null_count or not pa.types.is_primitive(column.type):
        return _few(column)
    return list(column.to_numpy().tolist())


def _few(column: pa.ChunkedArray) -> list[Any]:
    if column.null_count == len(column):
        return [None] * len(column)
    if not pa.types.is_dictionary(column.type):
        return list(column.to_pylist())
    chunk = column.combine_chunks()
    words = chunk.dictionary.to_pylist()
    return [words[place] for place in chunk.indices.to_numpy().tolist()]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
