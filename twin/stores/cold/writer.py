"""Writes one day of history into sorted Parquet files, readings and coarser rows beside them.

A file has its final name only when it is whole and on the disk. The caller names the files and
puts them into its catalogue; until then nobody looks at them.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cim.durable import sync
from twin.buckets import Key
from twin.stores.cold.coarse import coarse
from twin.stores.cold.parts import COARSE, KEY, RAW, Order, Part, order_of

GROUP_ROWS = 16_384  # rows of one row group: what a look at one series has to decode
PART_ROWS = 4_000_000  # rows of one file, about 45 MB of readings

_TEXT = pa.dictionary(pa.int32(), pa.string())
_TYPES = {
    **dict.fromkeys(("property", "code", "source", "form", "unit", "quality"), _TEXT),
    **dict.fromkeys(("unit_low", "unit_high"), _TEXT),
    **dict.fromkeys(("series", "tie", "n", "left_out", "first_tie", "last_tie"), pa.int64()),
    "exact": pa.string(),
}
_SPLIT = ("observed_at", "received_at", "changed_at", "number", "total", "low", "high")


def _schema(names: Sequence[str]) -> pa.Schema:
    return pa.schema([(name, _TYPES.get(name, pa.float64())) for name in names])


RAW_SCHEMA, COARSE_SCHEMA = _schema(KEY + RAW), _schema(KEY + COARSE)


class DayWriter:
    """Takes series in the order of the files (``order_of``), each with its rows in order."""

    def __init__(
        self, folder: Path, day: int, widths: Sequence[int], name: Callable[[int], str]
    ) -> None:
        """``name`` gives the next free name for rows of a width; ``widths``: of coarser rows, s."""
        self.parts: list[Part] = []
        self.series: list[int] = []
        self._files = {width: _File(folder, day, width, name) for width in (0, *widths)}
        self._held: list[tuple[int, Key, Sequence[Sequence[Any]]]] = []
        self._rows = 0

    def add(self, series: int, key: Key, rows: Sequence[Sequence[Any]]) -> None:
        """Take all rows (columns RAW) that one series has on the day."""
        if not rows:
            return
        self.series.append(series)
        self._held.append((series, key, rows))
        self._rows += len(rows)
        if self._rows >= GROUP_ROWS:
            self._flush()

    def finish(self) -> list[Part]:
        """Put the rest on the disk and return every file."""
        self._flush()
        return [part for file in self._files.values() for part in file.finish()]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what is not finished."""
        for file in self._files.values():
            file.discard()

    def _flush(self) -> None:
        if not self._held:
            return
        first, last = (order_of(self._held[place][1]) for place in (0, -1))
        self.put(_table(self._held), first, last)
        self._held, self._rows = [], 0

    def put(self, table: pa.Table, first: Order, last: Order) -> None:
        """Take readings of whole series as a table (RAW_SCHEMA), behind all that came before."""
        self._files[0].put(table, first, last)
        raw = _numbers(table)
        for width, file in self._files.items():
            if width:
                rows = coarse(raw, width)
                told = {name: _column(table, name, rows[name]) for name in KEY + COARSE}
                file.put(pa.table(told, schema=COARSE_SCHEMA), first, last)


class _File:
    """The files of one width: a new one is begun when one is full."""

    def __init__(self, folder: Path, day: int, width: int, name: Callable[[int], str]) -> None:
        self._folder, self._day, self._width, self._name = folder, day, width, name
        self._schema = COARSE_SCHEMA if width else RAW_SCHEMA
        self._parts: list[Part] = []
        self._writer: pq.ParquetWriter | None = None
        self._path = folder
        self._waiting: list[pa.Table] = []
        self._first: Order = ("", "", "")
        self._last: Order = ("", "", "")
        self._rows = 0

    def put(self, table: pa.Table, first: Order, last: Order) -> None:
        """Add rows of whole series."""
        if self._rows == 0:
            self._first = first
        self._last = last
        self._rows += table.num_rows
        self._waiting.append(table)
        if sum(waiting.num_rows for waiting in self._waiting) >= GROUP_ROWS:
            self._write()
        if self._rows >= PART_ROWS:
            self._close()

    def finish(self) -> list[Part]:
        """Return every file, all of them whole and on the disk."""
        if self._rows:
            self._close()
        return self._parts

    def discard(self) -> None:
        """Remove a file that was begun and not finished."""
        if self._writer is not None:
            self._writer.close()
            self._path.unlink(missing_ok=True)
            self._writer = None

    def _write(self) -> None:
        if self._writer is None:
            self._path = self._folder / f"{self._name(self._width)}.begun"
            self._writer = _begin(self._path, self._schema)
        if self._waiting:
            table = pa.concat_tables(self._waiting).unify_dictionaries().combine_chunks()
            self._writer.write_table(table, row_group_size=table.num_rows)
            self._waiting = []

    def _close(self) -> None:
        self._write()
        assert self._writer is not None, "_write begins one"
        self._writer.close()
        self._writer = None
        whole = self._path.with_suffix("")
        sync(self._path)
        self._path.rename(whole)
        sync(self._folder)
        size = whole.stat().st_size
        self._parts.append(
            Part(self._day, self._width, whole.name, self._first, self._last, self._rows, size)
        )
        self._rows = 0


def _begin(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    split = [name for name in schema.names if name in _SPLIT]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in schema.names if name not in split],
        column_encoding=dict.fromkeys(split, "BYTE_STREAM_SPLIT"),
        write_statistics=["property", "code", "source", "observed_at", "begin"],
    )


def _table(held: Sequence[tuple[int, Key, Sequence[Sequence[Any]]]]) -> pa.Table:
    counts = [len(rows) for _, _, rows in held]
    turns = np.repeat(np.arange(len(held), dtype=np.int32), counts)
    told = {
        name: pa.DictionaryArray.from_arrays(turns, [key[place] for _, key, _ in held])
        for name, place in (("property", 1), ("code", 0), ("source", 2))
    }
    told["series"] = np.repeat([series for series, _, _ in held], counts)
    columns = zip(*chain.from_iterable(rows for _, _, rows in held), strict=True)
    told |= {
        name: pa.array(values, _TYPES.get(name, pa.float64()))
        for name, values in zip(RAW, columns, strict=True)
    }
    return pa.table(told, schema=RAW_SCHEMA)


def _numbers(table: pa.Table) -> dict[str, NDArray[Any]]:
    """Return what ``coarse`` wants: texts by their places in the table's dictionaries."""
    told = {name: table[name].to_numpy() for name in ("series", "observed_at", "tie")}
    for name in ("property", "code", "source"):
        told[name] = _chunk(table, name).indices.to_numpy()
    told["unit"] = _ranks(_chunk(table, "unit"))
    quality = _chunk(table, "quality")
    bad = np.isin(quality.indices.to_numpy(), _place(quality, "bad"))
    number = table["number"].fill_null(np.nan).to_numpy().copy()
    number[bad] = np.nan
    return told | {"number": number}


def _column(table: pa.Table, name: str, values: NDArray[Any]) -> Any:
    """Return a column of coarse rows; texts get their words again, NaN is NULL."""
    if name in {"property", "code", "source"}:
        words = _chunk(table, name).dictionary
        return pa.DictionaryArray.from_arrays(values.astype(np.int32), words)
    if name in {"unit_low", "unit_high"}:
        words = sorted(_chunk(table, "unit").dictionary.to_pylist())
        return pa.DictionaryArray.from_arrays(values.astype(np.int32), words)
    return pa.array(values, _TYPES.get(name, pa.float64()), from_pandas=True)


def _chunk(table: pa.Table, name: str) -> pa.DictionaryArray:
    return table[name].combine_chunks()


def _ranks(units: pa.DictionaryArray) -> NDArray[Any]:
    """Return units as numbers that sort as their words do."""
    words = units.dictionary.to_pylist()
    rank = {word: place for place, word in enumerate(sorted(words))}
    ranks = np.array([rank[word] for word in words], dtype=np.int32)
    found: NDArray[Any] = ranks[units.indices.to_numpy()]
    return found


def _place(words: pa.DictionaryArray, wanted: str) -> list[int]:
    return [place for place, word in enumerate(words.dictionary.to_pylist()) if word == wanted]
