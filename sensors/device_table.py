"""Devices as a table (CSV): read in batches, every bad row named with its column; written in pages.

What is written can be read again and changes nothing: one row a property, one more for each
calibration of it.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import islice
from typing import IO, Any

from identity.errors import CityError, Invalid, TooLarge
from sensors.bindings import Bind
from sensors.registering import Asked, Registering
from sensors.targets import Target
from twin.channels import Calibration
from twin.times import rfc3339, unix

COLUMNS = (
    *("device", "tenant", "code", "ifc_guid", "project", "address", "lon", "lat", "height_m"),
    *("property", "unit", "name", "interval_s", "low", "high", "owner"),
    *("gain", "offset", "calibrated_since"),
)
BATCH_ROWS = 200  # rows of one activation
ROWS_MAX = 200_000
ERRORS_TOLD = 1_000  # bad rows that are named; all are counted
FIELD_CHARS_MAX = 1_000
_COLUMN_OF = {
    "device_invalid": "device",
    "property_invalid": "property",
    "unit_unknown": "unit",
    "unit_unconvertible": "unit",
    "bounds_invalid": "low",
    "calibration_invalid": "gain",
    "target_missing": "code",
}
"""Which column a refusal is about, where its code says so."""


@dataclass(slots=True)
class Report:
    """What became of a table; ``errors`` have row (the header is 1), column, code and facts."""

    rows: int = 0
    bound: int = 0
    proposed: int = 0
    errors_count: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    devices: list[tuple[str, str]] = field(default_factory=list)

    def refuse(self, row: int, error: CityError, asked: Asked | None) -> None:
        """Name a bad row."""
        self.errors_count += 1
        if len(self.errors) < ERRORS_TOLD:
            column = error.facts.get("column") or _COLUMN_OF.get(error.code) or _way(asked)
            facts = {name: value for name, value in error.facts.items() if name != "column"}
            self.errors.append({"row": row, "column": column, "code": error.code, "facts": facts})


Numbered = tuple[int, Asked | CityError]


async def read(table: IO[str], registering: Registering, *, dry_run: bool) -> Report:
    """Bind every good row, BATCH_ROWS in one activation; ``dry_run``: look everything up only.

    Raises Invalid("table_columns") for a header that is none, TooLarge("table_rows").
    """
    report = Report()
    rows = _rows(table)
    while batch := list(islice(rows, BATCH_ROWS)):
        report.rows += len(batch)
        if report.rows > ROWS_MAX:
            raise TooLarge("table_rows", limit=ROWS_MAX)
        await _take(batch, registering, report, dry_run=dry_run)
    return report


def write(rows: Sequence[Mapping[str, Any]], *, header: bool) -> str:
    """Return devices (as the register lists them) as lines of the table."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    if header:
        writer.writeheader()
    for row in rows:
        for line in _lines(row):
            writer.writerow({name: "" if v is None else v for name, v in line.items()})
    return text.getvalue()


async def _take(
    batch: Sequence[Numbered], registering: Registering, report: Report, *, dry_run: bool
) -> None:
    good = [(number, asked) for number, asked in batch if isinstance(asked, Asked)]
    prepared = await registering.prepare([asked for _, asked in good])
    told = {number: bind for (number, _), bind in zip(good, prepared, strict=True)}
    for number, asked in batch:
        said = told.get(number, asked)
        if isinstance(said, CityError):
            report.refuse(number, said, asked if isinstance(asked, Asked) else None)
    ready = [bind for bind in prepared if isinstance(bind, Bind)]
    if not dry_run:
        await registering.bind_many(ready)
        report.devices += dict.fromkeys((bind.device, bind.tenant) for bind in ready)
    report.proposed += sum(1 for bind in ready if bind.position is not None and not bind.code)
    report.bound += sum(1 for bind in ready if bind.code or bind.position is None)


def _rows(table: IO[str]) -> Iterator[Numbered]:
    reader = csv.reader(table)
    header = [name.strip().lower() for name in _next(reader) or ()]
    unknown = sorted(set(header) - set(COLUMNS))
    if "device" not in header or unknown or len(set(header)) != len(header):
        raise Invalid("table_columns", unknown=unknown, known=list(COLUMNS))
    while (cells := _next(reader)) is not None:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, _asked(header, cells)


def _next(reader: Any) -> list[str] | None:
    """Return the next record; the limit of a field is ours: that of ``csv`` is the process's."""
    try:
        cells: list[str] | None = next(reader, None)
    except csv.Error as error:
        raise Invalid("device_table_unreadable", row=reader.line_num, reason=str(error)) from error
    if any(len(cell) > FIELD_CHARS_MAX for cell in cells or ()):
        reason = f"field larger than field limit ({FIELD_CHARS_MAX})"
        raise Invalid("device_table_unreadable", row=reader.line_num, reason=reason)
    return cells


def _asked(header: Sequence[str], cells: Sequence[str]) -> Asked | CityError:
    if len(cells) != len(header):
        return Invalid("table_cells", count=len(cells), wanted=len(header), column=header[-1])
    said = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    try:
        return Asked(_bind(said), _target(said))
    except CityError as error:
        return error


def _bind(said: Mapping[str, str]) -> Bind:
    place = _place(said)
    return Bind(
        said["device"],
        property=said.get("property", ""),
        unit=said.get("unit", ""),
        name=said.get("name", ""),
        tenant=said.get("tenant", ""),
        interval_s=_number(said, "interval_s"),
        owner=said.get("owner", ""),
        low=_number(said, "low"),
        high=_number(said, "high"),
        calibration=_calibration(said),
        position=place,
    )


def _target(said: Mapping[str, str]) -> Target:
    ways = {name: said.get(name, "") for name in ("code", "ifc_guid", "project", "address")}
    named = [name for name in ("code", "ifc_guid", "address") if ways[name]]
    if len(named) > 1:
        raise Invalid("target_missing", column=named[1])
    return Target(**ways, place=None if named else _place(said))


def _place(said: Mapping[str, str]) -> tuple[float, float, float | None] | None:
    lon, lat = _number(said, "lon", 180), _number(said, "lat", 90)
    if (lon is None) != (lat is None):
        raise Invalid("cell_unreadable", text="", column="lat" if lat is None else "lon")
    return None if lon is None or lat is None else (lon, lat, _number(said, "height_m"))


def _calibration(said: Mapping[str, str]) -> Calibration | None:
    gain, offset = _number(said, "gain"), _number(said, "offset")
    if gain is None and offset is None:
        return None
    since = said.get("calibrated_since", "")
    try:
        at = unix(since) if since else 0.0
    except CityError:
        raise Invalid("cell_unreadable", text=since[:64], column="calibrated_since") from None
    return Calibration(at, 1.0 if gain is None else gain, offset or 0.0)


def _number(said: Mapping[str, str], column: str, most: float = 1e15) -> float | None:
    text = said.get(column, "")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not -most <= number <= most:
        raise Invalid("cell_unreadable", text=text[:64], column=column)
    return number


def _way(asked: Asked | None) -> str:
    """Return the column that a target was said in."""
    if asked is None:
        return "device"
    ways = ("code", "ifc_guid", "address")
    return next((name for name in ways if getattr(asked.target, name)), "device")


def _lines(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    lon, lat, height_m = row["position"] or (None, None, None)
    known = {name: row[name] for name in ("device", "tenant", "code", "name", "owner")}
    base = {**known, "lon": lon, "lat": lat, "height_m": height_m}
    channels = row["channels"] or {"": {"unit": row["unit"], "interval_s": row["interval_s"]}}
    for name, channel in channels.items():
        facts = {key: channel.get(key) for key in ("unit", "interval_s", "low", "high")}
        for calibration in channel.get("calibrations") or [{}]:
            since = calibration.get("since")
            yield {
                **base,
                "property": name,
                **facts,
                "gain": calibration.get("gain"),
                "offset": calibration.get("offset"),
                "calibrated_since": None if since is None else rfc3339(since),
            }
