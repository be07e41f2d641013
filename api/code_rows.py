"""A list of foreign codes as it comes in: CSV (with a heading) or lines of JSON, taken in pieces.

    bytes → text (UTF-8, else GB18030) → records (quoted fields may hold line ends) → Row or Refusal

CSV: the heading names the columns in any order, in English or Chinese; row numbers are those of a
spreadsheet (the heading is row 1). NDJSON: row numbers are line numbers. Blank rows are counted
and skipped. A record that cannot be read is refused by its row; what makes the rest unreadable
(an unknown heading, another encoding, a quote that never closes) refuses the list.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from cim.links import Refusal, Row, shown
from identity.errors import Invalid
from identity.schemes import Problem

RECORD_CHARS_MAX = 65_536
MEDIA = {"text/csv": "csv", "application/x-ndjson": "ndjson", "application/jsonl": "ndjson"}
SUFFIXES = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
DELIMITERS = ",;\t"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "thing": ("code", "thing", "编码", "统一标识编码", "对象"),
    "scheme": ("scheme", "体系", "编码体系"),
    "value": ("value", "外部编码", "外部代码", "值"),
    "scope": ("scope", "范围"),
    "source": ("source", "来源"),
    "confidence": ("confidence", "可信度"),
}
_OPENING = re.compile(r'(?:^|[,;\t])"')
_CLOSING = re.compile(r'(?:[^"]++|"")*+"')
REQUIRED = ("thing", "value")
_KNOWN = {name: column for column, known in COLUMNS.items() for name in known}

Cell = str | int | float | None
Numbered = tuple[int, Row | Refusal]


class Reader(Protocol):
    """Takes bytes as they come and gives rows as they are whole."""

    def feed(self, chunk: bytes) -> Iterator[Numbered]:
        """Yield the rows that this chunk completes."""
        ...

    def close(self) -> Iterator[Numbered]:
        """Yield the last row, where no line end closed it."""
        ...


def reader(form: str) -> Reader:
    """Return the reader of "csv" or "ndjson"."""
    return CsvRows() if form == "csv" else JsonRows()


def form_of(name: str, known: Mapping[str, str] = MEDIA) -> str:
    """Return "csv" or "ndjson" of a content type or a suffix; Invalid("import_media")."""
    form = known.get(name.partition(";")[0].strip().lower())
    if form is None:
        raise Invalid("import_media", media=name[:80], known=sorted(known))
    return form


@dataclass(slots=True)
class Decoder:
    """UTF-8 until the first byte that is none; there a list may turn out to be GB18030.

    Only one that was plain ASCII up to there: a mixture would be read wrongly and is refused.
    """

    taken: int = 0
    ascii: bool = True
    decoder: codecs.IncrementalDecoder = field(
        default_factory=codecs.getincrementaldecoder("utf-8-sig")
    )

    def decode(self, chunk: bytes, *, final: bool = False) -> str:
        """Return the text of a chunk; Invalid("import_encoding") with the byte (from 0)."""
        held = self.decoder.getstate()[0]
        try:
            text = self.decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            whole = held + chunk
            if not (self.ascii and whole[: error.start].isascii()):
                at = self.taken - len(held) + error.start
                raise Invalid("import_encoding", byte=at) from None
            self.decoder = codecs.getincrementaldecoder("gb18030")()
            self.ascii = False
            self.taken -= len(held)
            return self.decode(whole, final=final)
        self.taken += len(chunk)
        self.ascii = self.ascii and text.isascii()
        return text


@dataclass(slots=True)
class Lines:
    """Cuts text into lines; with ``quoted``, a line end inside quotes does not end the record."""

    quoted: bool
    row: int = 0
    rest: str = ""
    held: list[str] = field(default_factory=list)
    chars: int = 0
    is_open: bool = False

    def feed(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield (number, record) of what the text completes; Invalid("import_record_long")."""
        *whole, self.rest = (self.rest + text).split("\n")
        for line in whole:
            yield from self._add(line + "\n")
        self._check(len(self.rest))

    def close(self) -> Iterator[tuple[int, str]]:
        """Yield what no line end closed; Invalid("import_quote_open")."""
        last, self.rest = self.rest, ""
        if last:
            yield from self._add(last)
        if self.held:
            raise Invalid("import_quote_open", row=self.row + 1)

    def _add(self, line: str) -> Iterator[tuple[int, str]]:
        self.held.append(line)
        self.chars += len(line)
        self._check(self.chars)
        self.is_open = self.quoted and ends_open(line, is_open=self.is_open)
        if not self.is_open:
            self.row += 1
            record, self.held, self.chars = "".join(self.held), [], 0
            yield self.row, record

    def _check(self, chars: int) -> None:
        if chars > RECORD_CHARS_MAX:
            raise Invalid("import_record_long", row=self.row + 1, limit=RECORD_CHARS_MAX)


class _Records:
    """Cuts bytes into records, and hands each to ``_read`` of the form."""

    def __init__(self, *, quoted: bool) -> None:
        self._text = Decoder()
        self._lines = Lines(quoted=quoted)

    def feed(self, chunk: bytes) -> Iterator[Numbered]:
        """Yield the rows that this chunk completes."""
        for row, record in self._lines.feed(self._text.decode(chunk)):
            yield from self._read(row, record)

    def close(self) -> Iterator[Numbered]:
        """Yield the last row."""
        records = [*self._lines.feed(self._text.decode(b"", final=True)), *self._lines.close()]
        for row, record in records:
            yield from self._read(row, record)

    def _read(self, row: int, record: str) -> Iterator[Numbered]:
        raise NotImplementedError


class CsvRows(_Records):
    """Rows of a CSV with a heading."""

    def __init__(self) -> None:
        super().__init__(quoted=True)
        self._delimiter = ","
        self._columns: list[str] = []

    def close(self) -> Iterator[Numbered]:
        """Yield the last row; Invalid("import_empty") where there was no heading."""
        yield from super().close()
        if not self._columns:
            raise Invalid("import_empty")

    def _read(self, row: int, record: str) -> Iterator[Numbered]:
        if not record.strip():
            return
        if not self._columns:
            self._delimiter = max(DELIMITERS, key=record.count)
            self._columns = heading(self._fields(record))
            return
        try:
            fields = self._fields(record)
        except csv.Error as error:
            yield row, _unreadable(record, str(error))
            return
        if any(fields):
            yield row, self._row(fields, record)

    def _fields(self, record: str) -> list[str]:
        return next(csv.reader([record.rstrip("\r\n")], delimiter=self._delimiter, strict=True))

    def _row(self, fields: list[str], record: str) -> Row | Refusal:
        if len(fields) > len(self._columns) or len(fields) < len(REQUIRED):
            expected, found = str(len(self._columns)), str(len(fields))
            return Refusal("", Problem("import_row_shape", None, expected, found), shown(record))
        return made(dict(zip(self._columns, fields, strict=False)))


class JsonRows(_Records):
    """Rows of one JSON object a line: {"code", "value", "scheme"?, "scope"?, "source"?, …}."""

    def __init__(self) -> None:
        super().__init__(quoted=False)

    def _read(self, row: int, record: str) -> Iterator[Numbered]:
        if record.strip():
            yield row, self._row(record)

    def _row(self, record: str) -> Row | Refusal:
        try:
            said = msgspec.json.decode(record, type=dict[str, Cell])
        except msgspec.DecodeError as error:
            return _unreadable(record, str(error))
        unknown = [name for name in said if name not in _KNOWN]
        missing = [name for name in REQUIRED if COLUMNS[name][0] not in said]
        if unknown or missing:
            wanted = " ".join(known[0] for known in COLUMNS.values())
            return Refusal("", Problem("import_row_keys", None, wanted, " ".join(said)[:80]))
        return made({_KNOWN[name]: _text(value) for name, value in said.items()})


def ends_open(line: str, *, is_open: bool) -> bool:
    """Return whether a quoted field goes on behind a line; each line is looked at once.

    A quote opens a field at its beginning only (a stray one is text), and a doubled one is text.
    """
    at = 0
    while at < len(line):
        if is_open:
            closed = _CLOSING.match(line, at)
            if closed is None:
                return True
            at, is_open = closed.end(), False
        else:
            opened = _OPENING.search(line, at)
            if opened is None:
                return False
            at, is_open = opened.end(), True
    return is_open


def heading(fields: list[str]) -> list[str]:
    """Return the columns a heading names; Invalid("import_heading")."""
    named = [_KNOWN.get(text.strip().lower(), "") for text in fields]
    known = [column for column in named if column]
    if "" in named or len(set(known)) < len(known) or not {*REQUIRED} <= {*known}:
        wanted = {column: names[0] for column, names in COLUMNS.items()}
        shown_ = [shown(text) for text in fields[:20]]
        raise Invalid("import_heading", found=shown_, known=list(wanted.values()))
    return named


def made(said: Mapping[str, str]) -> Row | Refusal:
    """Return the row of named texts; an empty confidence is a whole one."""
    number = said.get("confidence", "").strip()
    texts = (said.get(name, "") for name in ("thing", "value", "scheme", "scope", "source"))
    thing, value, scheme, scope, source = texts
    row = Row(thing, value, scheme, scope, source)
    if not number:
        return row
    try:
        return replace(row, confidence=float(number))
    except ValueError:
        return Refusal("confidence", Problem("link_confidence", None, "0-1", shown(number)))


def _text(value: Cell) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value)


def _unreadable(record: str, reason: str) -> Refusal:
    return Refusal("", Problem("import_row_unreadable", None, "", reason[:200]), shown(record))
