"""Import or check files from the command line, with a bar each and one table at the end."""

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api import holding, remote
from api.bootstrap import open_services
from api.services import Services
from api.settings import Settings
from api.work import options, work_folder
from bim import child, extract, ingest
from bim.door import receive
from bim.findings import said
from bim.rows import Finding
from bim.steps import finding
from identity.errors import CityError, Invalid, TooLarge, Unavailable

FAULTS = frozenset({"child_died", "child_timeout", "child_failed", "internal_error"})
"""Ends of an import that are nobody's refusal: the exit code says so."""

WIDTH_MIN = 150  # columns: names of files and codes are never cut
HEADS = {
    "en": [
        "file",
        "seconds",
        "products",
        "entities",
        "triangles",
        "tiles_MB",
        "findings",
        "result",
    ],
    "zh": ["文件", "秒", "构件", "实体", "三角形", "瓦片MB", "发现", "结果"],
}
_STATEMENT = re.compile(rb"(?:^|;)\s*#\d+\s*=")
MEGABYTE = 1e6

_console = Console()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which files, into which project, and where: here, or at a running server."""

    files: Sequence[Path]
    project: str | None = None
    url: str | None = None
    token: str = ""


@dataclass(slots=True)
class Row:
    """What came of one file."""

    name: str
    seconds: float = 0.0
    counts: dict[str, float] = field(default_factory=dict)
    findings: int = 0
    refused: CityError | None = None
    notes: list[str] = field(default_factory=list)


async def ingest_files(settings: Settings, wanted: Wanted, lang: str) -> int:
    """Import all files one after the other and print the table; return the exit code."""
    _refuse_missing(wanted.files)
    rows: list[Row] = []
    services = None if wanted.url else await open_services(settings, time.time)
    try:
        with _bars() as bars:
            for path in wanted.files:
                bar = bars.add_task(path.name, total=1.0)
                rows.append(await _one(services, wanted, path, _follower(bars, bar, path.name)))
                bars.update(bar, completed=1.0)
    finally:
        if services is not None:
            await services.close()
    _print(rows, lang)
    return int(any(_is_fault(row) for row in rows))


async def check_files(settings: Settings, files: Sequence[Path], lang: str) -> int:
    """Normalise and extract in children and print the findings; return the exit code."""
    _refuse_missing(files)
    rows = [await _checked(settings, path, lang) for path in files]
    _print(rows, lang)
    return int(any(row.refused is not None for row in rows))


async def _one(services: Services | None, wanted: Wanted, path: Path, follow: "Follow") -> Row:
    row, started = Row(path.name), time.perf_counter()
    row.counts["entities"] = await asyncio.to_thread(_statements, path)
    try:
        if services is None:
            await asyncio.to_thread(_remote, wanted, path, row, follow)
        else:
            await _local(services, wanted.project, path, row, follow)
    except CityError as refused:
        row.refused = refused
    row.seconds = time.perf_counter() - started
    return row


async def _local(
    services: Services, project: str | None, path: Path, row: Row, follow: "Follow"
) -> None:
    found: list[Finding] = []
    try:
        async with work_folder(services) as work_dir:
            upload = work_dir / "upload"
            await asyncio.to_thread(shutil.copyfile, path, upload)
            receipt = await receive(
                services.stores,
                upload,
                filename=path.name,
                project=project,
                region=services.settings.region,
            )
            if receipt.version is None:
                result = await ingest.ingest(
                    services.stores,
                    receipt,
                    work_dir=work_dir,
                    options=options(services),
                    progress=follow,
                    found=found,
                )
                row.counts["products"] = result["objects"]
                await holding.replace_older(services, receipt.model)
                await services.city.reproject()
        await _count(services, receipt.model, row)
    finally:
        row.findings = row.findings or len(found)


async def _count(services: Services, model: str, row: Row) -> None:
    """Read what the city holds of the model now: things, findings, tiles."""
    g = (await services.graph.head()).generation
    (document,) = await services.graph.entities(g, [model])
    said = document.properties
    row.findings = int(said.get("findings_count", 0))
    mine = [tile for tile in await services.graph.tiles(g) if tile.document == model]
    version = await services.graph.entities(g, [str(said["model"])])
    objects = version[0].properties["result"]["objects"] if version else 0
    row.counts |= {
        "products": objects,
        "triangles": sum(tile.triangles for tile in mine),
        "tiles_mb": sum(tile.bytes for tile in mine) / MEGABYTE,
    }


def _remote(wanted: Wanted, path: Path, row: Row, follow: "Follow") -> None:
    assert wanted.url is not None

    def told(job: dict[str, Any]) -> None:
        follow(job["stage"], job["fraction"])

    job = remote.ingest(wanted.url, wanted.token, path, wanted.project, told)
    if job["state"] == "failed":
        error = job["error"]
        raise Invalid(error["code"], **error["facts"])
    row.counts["products"] = job["result"]["objects"]
    row.findings = int(job["result"]["findings"])


async def _checked(settings: Settings, path: Path, lang: str) -> Row:
    row, started = Row(path.name), time.perf_counter()
    row.counts["entities"] = await asyncio.to_thread(_statements, path)
    source = str(await asyncio.to_thread(path.resolve))
    limits = child.Limits(settings.child_memory_mb, settings.child_cpu_s, settings.child_wall_s)
    with tempfile.TemporaryDirectory() as folder:
        target, out = Path(folder) / "model.ifc", Path(folder) / "rows.msgpack"
        try:
            door = await child.call("bim.steps:normalise_file", source, str(target), limits=limits)
            _note(row, [finding(fields) for fields in door["findings"]], lang)
            await child.call("bim.extract:extract_file", str(target), str(out), limits=limits)
            read = await asyncio.to_thread(extract.load, str(out))
            _note(row, read.findings, lang)
            row.counts["products"] = len(read.rows)
        except CityError as refused:
            row.refused = refused
    row.seconds = time.perf_counter() - started
    return row


def _note(row: Row, findings: Sequence[Finding], lang: str) -> None:
    row.findings += len(findings)
    for found in findings:
        message, _ = said(found, lang)
        row.notes.append(f"{found.severity.value}: {message}")


Follow = Callable[..., None]


def _follower(bars: Progress, bar: Any, name: str) -> Follow:
    def follow(stage: str, fraction: float, _counts: Mapping[str, int] | None = None) -> None:
        bars.update(bar, completed=fraction, description=f"{name} {stage}")

    return follow


def _table(rows: Sequence[Row], lang: str) -> Table:
    table = Table(box=SIMPLE)
    for number, head in enumerate(HEADS[lang]):
        right = 0 < number < len(HEADS[lang]) - 1
        table.add_column(head, no_wrap=True, justify="right" if right else "left")
    for row in rows:
        counts = [f"{row.counts.get(k, 0):,.0f}" for k in ("products", "entities", "triangles")]
        megabytes = f"{row.counts.get('tiles_mb', 0):.2f}"
        result = "ok" if row.refused is None else row.refused.code
        table.add_row(row.name, f"{row.seconds:.2f}", *counts, megabytes, str(row.findings), result)
    return table


def _print(rows: Sequence[Row], lang: str) -> None:
    """Print the table in its full width, then why files were refused."""
    wide = Console(width=max(_console.width, WIDTH_MIN))
    wide.print(_table(rows, lang))
    for row in rows:
        if row.refused is not None:
            message, hint = row.refused.text(lang)
            row.notes.append(f"{row.refused.code}: {message} {hint}")
        for note in row.notes:
            _console.print(f"{row.name}: {note}", highlight=False, markup=False, soft_wrap=True)


def _statements(path: Path) -> int:
    """Count the STEP statements (#n=…) of a plain file; a zip's are not counted (0)."""
    with path.open("rb") as file:
        return sum(len(_STATEMENT.findall(line)) for line in file)


def _is_fault(row: Row) -> bool:
    if row.refused is None:
        return False
    return row.refused.code in FAULTS or isinstance(row.refused, Unavailable | TooLarge)


def _refuse_missing(files: Sequence[Path]) -> None:
    for path in files:
        if not path.is_file():
            raise Invalid("file_unreadable", path=str(path), reason="no such file")


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=_console
    )
