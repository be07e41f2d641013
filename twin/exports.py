"""History rows as files, piece by piece: CSV, Arrow (IPC stream) and Parquet. Nothing is held.

pyarrow comes with the extra ``history``; CSV needs nothing.
"""

import csv
import io
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from identity.errors import Invalid
from twin.ports import Recorded
from twin.times import rfc3339

COLUMNS = ("observed_at", "received_at", "code", "property", "source", "value", "text", "unit")
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
Rows = AsyncIterator[list[Recorded]]


def encoded(rows: Rows, form: str) -> AsyncIterator[bytes]:
    """Return the file of ``form`` as it grows.

    Numbers and truth values (0, 1) stand under ``value``, texts under ``text``, NA under neither.
    Raises Invalid("export_format_unknown") and Invalid("extra_missing") at once.
    """
    if form not in MEDIA:
        raise Invalid("export_format_unknown", format=form[:40], known=", ".join(MEDIA))
    return _csv(rows) if form == "csv" else _binary(rows, form)


async def _csv(rows: Rows) -> AsyncIterator[bytes]:
    page = io.StringIO()
    table = csv.writer(page)
    table.writerow((*COLUMNS, "quality", "n"))
    async for some in rows:
        for row in some:
            at, received_at, *rest = _told(row)
            table.writerow((rfc3339(at), rfc3339(received_at), *rest))
        yield page.getvalue().encode()
        page.seek(0)
        page.truncate()
    if page.tell():
        yield page.getvalue().encode()


def _binary(rows: Rows, form: str) -> AsyncIterator[bytes]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as missing:
        raise Invalid("extra_missing", extra="history", part=str(missing.name)) from missing
    moment, text = pa.timestamp("us", "UTC"), pa.string()
    types = (moment, moment, text, text, text, pa.float64(), text, text, text, pa.int64())
    schema = pa.schema(list(zip((*COLUMNS, "quality", "n"), types, strict=True)))
    sink = _Growing()
    writer = pa.ipc.new_stream(sink, schema) if form == "arrow" else pq.ParquetWriter(sink, schema)

    def put(some: Sequence[Recorded]) -> None:
        columns = zip(*map(_told, some), strict=True)
        arrays = [
            pa.array([round(at * 1e6) for at in values] if kind is moment else values, kind)
            for kind, values in zip(types, columns, strict=True)
        ]
        writer.write_table(pa.table(arrays, schema=schema))

    return _pieces(rows, sink, put, writer.close)


async def _pieces(
    rows: Rows, sink: "_Growing", put: Callable[[list[Recorded]], None], close: Callable[[], Any]
) -> AsyncIterator[bytes]:
    async for some in rows:
        put(some)
        yield sink.taken()
    close()
    yield sink.taken()


def _told(row: Recorded) -> tuple[Any, ...]:
    sample = row.sample
    text = sample.value if isinstance(sample.value, str) else None
    number = None if sample.value is None or text is not None else float(sample.value)
    times = (sample.observed_at, sample.received_at)
    key = (row.code, row.property, sample.source)
    return (*times, *key, number, text, sample.unit, sample.quality.value, sample.n)


class _Growing(io.RawIOBase):
    """A file that is given away while it is written; it knows how long it is."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Take bytes."""
        self._pieces.append(bytes(data))
        self._length += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        """Return how many bytes came so far."""
        return self._length

    def taken(self) -> bytes:
        """Return what came since the last time."""
        found = b"".join(self._pieces)
        self._pieces.clear()
        return found
